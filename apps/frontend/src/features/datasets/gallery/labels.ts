import type { Dataset } from '../../../api/client'

/** What a line of a label file marks; coordinates are shares of the image's width and height. */
export interface Shape {
  class: number
  /** x and y in turn: the corners of a box, or of a polygon. */
  outline: number[]
  /** x and y in turn; those that are not marked are left out. */
  keypoints: number[]
  /** Beside it, in place of the class's name. */
  text?: string
}

export interface Labels {
  shapes: Shape[]
  /** Lines that mean nothing, or are more than are drawn. */
  skipped: number
}

/** How the lines of a dataset look. */
export interface Format {
  task: Dataset['task']
  classes: number
  /** How many there are, and how many numbers each has; null without keypoints. */
  keypoints: readonly [number, number] | null
}

const MOST_SHAPES = 2_000
const MOST_NUMBERS = 100_000
const BOX = 5

/** Read a label file as training does; a line that is none of it is skipped and counted. */
export function parseLabels(text: string, format: Format): Labels {
  const shapes: Shape[] = []
  let skipped = 0
  let numbers = 0
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    if (words[0] === '') continue
    numbers += words.length
    const full = shapes.length >= MOST_SHAPES || numbers > MOST_NUMBERS
    const shape = full ? null : shapeOf(words.map(Number), format)
    if (shape === null) skipped += 1
    else shapes.push(shape)
  }
  return { shapes, skipped }
}

function shapeOf(values: number[], { task, classes, keypoints }: Format): Shape | null {
  const [index = -1, ...rest] = values
  if (!Number.isInteger(index) || index < 0 || index >= classes) return null
  // Near the image: what is far off would be no line that a canvas can draw.
  if (!rest.every((one) => Number.isFinite(one) && Math.abs(one) < 1000)) return null
  const points = keypoints === null ? 0 : keypoints[0] * keypoints[1]
  if (rest.length === BOX - 1 || (points > 0 && rest.length === BOX - 1 + points)) {
    return {
      class: index,
      outline: cornersOf(rest),
      keypoints: keypoints === null ? [] : markedOf(rest.slice(BOX - 1), keypoints[1]),
    }
  }
  if (rest.length < 6 || rest.length % 2 !== 0) return null
  const isDrawn = task === 'segment' || task === 'obb'
  return { class: index, outline: isDrawn ? rest : around(rest), keypoints: [] }
}

/** The corners of a box that is told by its middle, width and height. */
function cornersOf([x = 0, y = 0, width = 0, height = 0]: readonly number[]): number[] {
  const [left, right] = [x - width / 2, x + width / 2]
  const [top, bottom] = [y - height / 2, y + height / 2]
  return [left, top, right, top, right, bottom, left, bottom]
}

function around(points: readonly number[]): number[] {
  const x = points.filter((_, at) => at % 2 === 0)
  const y = points.filter((_, at) => at % 2 === 1)
  const [left, right] = [Math.min(...x), Math.max(...x)]
  const [top, bottom] = [Math.min(...y), Math.max(...y)]
  return [left, top, right, top, right, bottom, left, bottom]
}

function markedOf(values: readonly number[], size: number): number[] {
  const found: number[] = []
  for (let at = 0; at + size <= values.length; at += size) {
    const [x = 0, y = 0, visible = 1] = values.slice(at, at + size)
    if (visible > 0 && (x !== 0 || y !== 0)) found.push(x, y)
  }
  return found
}
