/** evaluation.json, as docs/evaluation.schema.json has it; what a trainer may leave out may be missing. */
export interface Evaluation {
  interim: boolean
  weights: { name: string; sha256: string | null; parameters?: number; gflops?: number | null }
  data: {
    dataset_id?: string
    sha256?: string | null
    split: string
    images: number
    instances: number
  }
  best: { epoch: number | null; metric: string; value: number | null }
  metrics: Metrics
  classes: ClassResult[]
  curves?: Curve[]
  confusion?: {
    size: number
    background: number | null
    confidence?: number | null
    cells: [number, number, number][]
  }
  speed_ms?: Metrics
  worst?: { sheets: string[]; grid?: { columns: number; rows: number }; images: WorstImage[] }
  left_out?: string[]
}

export type Metrics = Record<string, number | null>

export interface ClassResult {
  index: number
  name: string
  images: number
  instances: number
  metrics: Metrics
}

export interface Curve {
  name: string
  x_label: string
  y_label: string
  x: (number | null)[]
  mean: (number | null)[]
  classes: { index: number; y: (number | null)[] }[]
}

export interface WorstImage {
  file: string
  missed?: number
  false?: number
  true?: number
  predicted?: number
  boxes: Box[]
}

export interface Box {
  kind: 'truth' | 'correct' | 'false'
  class: number
  points: number[]
}

/** Read what a trainer wrote; throws with a sentence where it is nothing of this kind. */
export function parseEvaluation(found: unknown): Evaluation {
  if (typeof found !== 'object' || found === null || !('format' in found)) {
    throw new Error('evaluation.json is not as the training contract has it.')
  }
  if (found.format !== 1) {
    throw new Error(
      `evaluation.json has format ${String(found.format)}, which is newer than this page.`,
    )
  }
  const missing = ['weights', 'data', 'best', 'metrics', 'classes'].filter((key) => !(key in found))
  if (missing.length > 0) throw new Error(`evaluation.json lacks ${missing.join(', ')}.`)
  return found as unknown as Evaluation
}

const PARTS: Record<string, string> = { B: 'box', M: 'mask', P: 'pose' }

/** metrics/mAP50(B) → mAP50; where a model has several kinds of results, box mAP50. */
export function metricTitle(metric: string, all: readonly string[]): string {
  const name = metric.replace(/^metrics\//, '')
  const [, plain = name, part] = /^(.+)\(([A-Z])\)$/.exec(name) ?? []
  const several = new Set(all.map((one) => /\(([A-Z])\)$/.exec(one)?.[1]).filter(Boolean)).size > 1
  const shown = plain.replace(/^accuracy_top/, 'top-').replaceAll('_', ' ')
  return several && part !== undefined ? `${PARTS[part] ?? part} ${shown}` : shown
}

/** Columns of the table of classes, in the order in which metrics come first. */
export function columnsOf(classes: readonly ClassResult[]): string[] {
  return [...new Set(classes.flatMap(({ metrics }) => Object.keys(metrics)))]
}

export interface Order {
  by: string
  descending: boolean
}

/** Classes by a column; those without a value stand last, whichever way. */
export function sorted(classes: readonly ClassResult[], { by, descending }: Order): ClassResult[] {
  const sign = descending ? -1 : 1
  const of = (one: ClassResult) =>
    by === 'images' || by === 'instances' || by === 'index' ? one[by] : (one.metrics[by] ?? null)
  return [...classes].sort((a, b) => {
    if (by === 'name') return sign * a.name.localeCompare(b.name)
    const [left, right] = [of(a), of(b)]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return sign * (left - right) || a.index - b.index
  })
}

export interface Cell {
  count: number
  /** Of all objects of the true class, 0 to 1. */
  share: number
}

/** The part of a confusion matrix that is drawn. */
export interface Grid {
  /** Indices of classes, the same down (true) and across (predicted). */
  shown: number[]
  cell: (truth: number, predicted: number) => Cell
  /** How many classes there are beside the shown ones. */
  hidden: number
}

const MOST = 30

/** The grid; of many classes those that are confused most. */
export function gridOf({ size, background, cells }: NonNullable<Evaluation['confusion']>): Grid {
  const counts = new Map(cells.map(([predicted, truth, count]) => [`${truth} ${predicted}`, count]))
  const totals = new Map<number, number>()
  const wrong = new Map<number, number>()
  const add = (to: Map<number, number>, key: number, count: number) =>
    to.set(key, (to.get(key) ?? 0) + count)
  for (const [predicted, truth, count] of cells) {
    add(totals, truth, count)
    if (predicted === truth) continue
    add(wrong, predicted, count)
    add(wrong, truth, count)
  }
  const all = Array.from({ length: size }, (_, index) => index)
  const kept = new Set(
    all
      .filter((index) => index !== background)
      .sort((a, b) => (wrong.get(b) ?? 0) - (wrong.get(a) ?? 0))
      .slice(0, MOST),
  )
  if (background !== null) kept.add(background)
  return {
    shown: all.filter((index) => kept.has(index)),
    hidden: size - kept.size,
    cell: (truth, predicted) => {
      const count = counts.get(`${truth} ${predicted}`) ?? 0
      return { count, share: count === 0 ? 0 : count / (totals.get(truth) ?? count) }
    },
  }
}

// As the confusion matrix matches a prediction to an object.
const OVERLAP = 0.45

/** Whether the image has an object of class `truth` that was predicted as `predicted`. */
export function isConfused(
  image: WorstImage,
  truth: number,
  predicted: number,
  background: number | null,
): boolean {
  if (image.predicted !== undefined) return image.predicted === predicted && image.true === truth
  const objects = image.boxes.filter(({ kind }) => kind === 'truth')
  const wrong = image.boxes.filter(({ kind }) => kind === 'false')
  const right = image.boxes.filter(({ kind }) => kind === 'correct')
  const touches = (a: Box) => (b: Box) => overlap(a.points, b.points) >= OVERLAP
  if (predicted === background) {
    return objects.some((one) => one.class === truth && ![...right, ...wrong].some(touches(one)))
  }
  const those = wrong.filter((one) => one.class === predicted)
  if (truth === background) return those.some((one) => !objects.some(touches(one)))
  const meant = objects.filter((one) => one.class === truth)
  return predicted !== truth && those.some((one) => meant.some(touches(one)))
}

/** Intersection over union of the upright boxes around two boxes. */
function overlap(a: readonly number[], b: readonly number[]): number {
  const [left, top, right, bottom] = around(a)
  const [left2, top2, right2, bottom2] = around(b)
  const width = Math.min(right, right2) - Math.max(left, left2)
  const height = Math.min(bottom, bottom2) - Math.max(top, top2)
  if (width <= 0 || height <= 0) return 0
  const both = width * height
  return both / ((right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - both)
}

function around(points: readonly number[]): [number, number, number, number] {
  const x = points.filter((_, index) => index % 2 === 0)
  const y = points.filter((_, index) => index % 2 === 1)
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)]
}

/** Where the image at `index` stands on the sheets, or null where the trainer does not say. */
export function tileOf(
  worst: NonNullable<Evaluation['worst']>,
  index: number,
): { sheet: number; column: number; row: number; columns: number; rows: number } | null {
  if (worst.grid === undefined) return null
  const { columns, rows } = worst.grid
  const each = columns * rows
  const sheet = Math.floor(index / each)
  if (sheet >= worst.sheets.length) return null
  const place = index % each
  const on = Math.min(each, worst.images.length - sheet * each)
  return {
    sheet,
    column: place % columns,
    row: Math.floor(place / columns),
    columns,
    rows: Math.ceil(on / columns),
  }
}
