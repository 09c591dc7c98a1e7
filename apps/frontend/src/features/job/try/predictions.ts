import type { Shape } from '../../datasets/gallery/labels'

export const NAME = 'predictions.json'
// More would be neither seen nor drawn in time.
const MOST_ROWS = 2_000
const MOST_POINTS = 20_000
const LONGEST_NAME = 100

/** Something that the model found, or one of the classes that it takes the image for. */
export interface Finding {
  class: number
  name: string
  confidence: number
  /** Where it is; null for a class of the whole image. */
  shape: Shape | null
}

export interface Predictions {
  /** The surest first. */
  findings: Finding[]
  /** Whether the image as a whole was classified. */
  isClass: boolean
}

/** Read what a trainer wrote; throws with a sentence where it is nothing of this kind. */
export function parsePredictions(found: unknown): Predictions {
  if (!isRecord(found)) throw new Error(`${NAME} is not as the training contract has it.`)
  if (found.format !== 1) {
    throw new Error(`${NAME} has format ${String(found.format)}, which this page does not know.`)
  }
  const { width, height, boxes, classes } = found
  const rows = Array.isArray(boxes) ? boxes : classes
  if (!isSide(width) || !isSide(height) || !Array.isArray(rows)) {
    throw new Error(`${NAME} lacks width, height, and boxes or classes.`)
  }
  const isClass = !Array.isArray(boxes)
  const findings = rows
    .slice(0, MOST_ROWS)
    .map((row) => findingOf(row, isClass ? null : { width, height }))
    .filter((one) => one !== null)
    .sort((a, b) => b.confidence - a.confidence)
  return { findings, isClass }
}

/** What is at least so sure, by class: how often, and how sure at best. */
export function byClass(
  findings: readonly Finding[],
): { class: number; name: string; count: number; best: number }[] {
  const found = new Map<number, { class: number; name: string; count: number; best: number }>()
  for (const { class: index, name, confidence } of findings) {
    const one = found.get(index) ?? { class: index, name, count: 0, best: 0 }
    found.set(index, {
      ...one,
      count: one.count + 1,
      best: Math.max(one.best, confidence),
    })
  }
  return [...found.values()].sort((a, b) => b.count - a.count || b.best - a.best)
}

type Size = Readonly<Record<'width' | 'height', number>>

function findingOf(row: unknown, size: Size | null): Finding | null {
  if (!isRecord(row)) return null
  const { class: index, name, confidence } = row
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0) return null
  if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) return null
  const told = typeof name === 'string' && name !== '' ? name.slice(0, LONGEST_NAME) : String(index)
  const shape = size === null ? null : shapeOf(row, index, size)
  if (size !== null && shape === null) return null
  return { class: index, name: told, confidence, shape }
}

function shapeOf(row: Record<string, unknown>, index: number, size: Size): Shape | null {
  const outline =
    pointsOf(row.polygon, size, 3) ?? pointsOf(row.corners, size, 3) ?? cornersOf(row.xyxy, size)
  if (outline === null) return null
  return { class: index, outline, keypoints: keypointsOf(row.keypoints, size) }
}

function cornersOf(box: unknown, size: Size): number[] | null {
  if (!Array.isArray(box) || box.length !== 4 || !box.every(isNumber)) return null
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box as number[]
  return shares([x1, y1, x2, y1, x2, y2, x1, y2], size)
}

/** x and y in turn, as shares of the image; null where it is no list of `least` points. */
function pointsOf(points: unknown, size: Size, least: number): number[] | null {
  if (!Array.isArray(points) || points.length < least || points.length > MOST_POINTS) return null
  const flat: number[] = []
  for (const point of points as unknown[]) {
    if (!Array.isArray(point) || point.length < 2 || !point.every(isNumber)) return null
    flat.push(...(point as number[]).slice(0, 2))
  }
  return shares(flat, size)
}

/** Those that the model sees: it says (0, 0), or little confidence, for others. */
function keypointsOf(points: unknown, size: Size): number[] {
  if (!Array.isArray(points)) return []
  const seen = points.filter((point): point is number[] => {
    if (!Array.isArray(point) || !point.every(isNumber)) return false
    const [x = 0, y = 0, sure = 1] = point as number[]
    return sure >= 0.5 && (x !== 0 || y !== 0)
  })
  return pointsOf(seen, size, 0) ?? []
}

function shares(values: readonly number[], { width, height }: Size): number[] {
  return values.map((value, at) => value / (at % 2 === 0 ? width : height))
}

const isNumber = (value: unknown) => typeof value === 'number' && Math.abs(value) < 1e6
const isSide = (value: unknown): value is number => typeof value === 'number' && value >= 1

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
