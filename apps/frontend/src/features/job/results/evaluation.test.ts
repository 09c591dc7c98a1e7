import { expect, it } from 'vitest'
import {
  type Box,
  type ClassResult,
  gridOf,
  isConfused,
  metricTitle,
  parseEvaluation,
  sorted,
  tileOf,
} from './evaluation'

it.each([
  [null, 'not as the training contract'],
  [{ format: 2 }, 'format 2'],
  [{ format: 1, weights: {}, data: {}, best: {} }, 'lacks metrics, classes'],
])('says what is wrong with %j', (found, told) => {
  expect(() => parseEvaluation(found)).toThrow(told)
})

it('names metrics as people do, and their kind only where there are several', () => {
  const title = (...all: string[]) => all.map((one) => metricTitle(one, all))
  expect(title('metrics/mAP50(B)', 'metrics/F1(B)')).toEqual(['mAP50', 'F1'])
  expect(title('metrics/mAP50(B)', 'metrics/mAP50(M)')).toEqual(['box mAP50', 'mask mAP50'])
  expect(title('metrics/accuracy_top1')).toEqual(['top-1'])
})

it('sorts classes by a metric, and those without one last either way', () => {
  const of = (index: number, mAP: number | null): ClassResult => ({
    index,
    name: `c${index}`,
    images: index,
    instances: 1,
    metrics: mAP === null ? {} : { mAP },
  })
  const classes = [of(0, 0.5), of(1, null), of(2, 0.9)]
  const order = (by: string, descending: boolean) =>
    sorted(classes, { by, descending }).map(({ index }) => index)
  expect(order('mAP', false)).toEqual([0, 2, 1])
  expect(order('mAP', true)).toEqual([2, 0, 1])
  expect(order('images', true)).toEqual([2, 1, 0])
  expect(order('name', false)).toEqual([0, 1, 2])
})

it('draws the classes that are confused most, with counts and shares of the true class', () => {
  const small = gridOf({ size: 3, background: 2, cells: [[0, 0, 6], [1, 0, 2], [0, 2, 1]] }) // prettier-ignore
  expect(small.shown).toEqual([0, 1, 2])
  expect(small.cell(0, 1)).toEqual({ count: 2, share: 0.25 })
  expect(small.cell(1, 0)).toEqual({ count: 0, share: 0 })
  const large = gridOf({ size: 81, background: 80, cells: [[70, 75, 3], [1, 1, 9]] }) // prettier-ignore
  expect(large.shown).toHaveLength(31)
  expect(large.shown).toEqual(expect.arrayContaining([70, 75, 80]))
  expect(large.hidden).toBe(50)
})

it('finds the images of a cell by their boxes', () => {
  const box = (kind: Box['kind'], of: number, left: number): Box => ({
    kind,
    class: of,
    points: [left, 0, left + 0.1, 0.1],
  })
  const BACKGROUND = 9
  const boxes = [
    box('truth', 1, 0.1),
    box('false', 2, 0.11),
    box('truth', 3, 0.5),
    box('false', 4, 0.8),
  ]
  const has = (truth: number, predicted: number) =>
    isConfused({ file: 'a.png', boxes }, truth, predicted, BACKGROUND)
  expect(has(1, 2)).toBe(true)
  expect(has(3, BACKGROUND), 'missed').toBe(true)
  expect(has(BACKGROUND, 4), 'nothing is there').toBe(true)
  expect(has(1, BACKGROUND), 'seen, as something else').toBe(false)
  expect(has(BACKGROUND, 2)).toBe(false)
  expect(has(1, 4)).toBe(false)
  const classified = { file: 'b.png', true: 1, predicted: 2, boxes: [] }
  expect(isConfused(classified, 1, 2, null)).toBe(true)
  expect(isConfused(classified, 2, 1, null)).toBe(false)
})

it('finds a tile on its sheet, of which the last has fewer rows', () => {
  const images = Array.from({ length: 32 }, (_, index) => ({ file: `${index}`, boxes: [] }))
  const worst = { sheets: ['1', '2'], grid: { columns: 5, rows: 5 }, images }
  expect(tileOf(worst, 7)).toEqual({ sheet: 0, column: 2, row: 1, columns: 5, rows: 5 })
  expect(tileOf(worst, 31)).toEqual({ sheet: 1, column: 1, row: 1, columns: 5, rows: 2 })
  expect(tileOf({ sheets: ['1'], images }, 0)).toBeNull()
})
