import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import { axesOf, rangeOf, within, withRange } from './parameters'

const best = (value: number) => ({ metric: 'metrics/mAP50-95(B)', value, epoch: 1 })
const JOBS = [
  job({ config: { lr0: 0.001, epochs: 10, optimizer: 'AdamW' }, best: best(0.4) }),
  job({ config: { lr0: 0.1, epochs: 10, optimizer: 'SGD' }, best: best(0.6) }),
  job({ config: { lr0: 0.01, epochs: 10, cos_lr: true, optimizer: 'SGD' }, metrics: {} }),
]
const AXES = axesOf(JOBS, new Map())

it('has an axis for what differs, and the main metric as the last one', () => {
  expect(AXES).toEqual([
    { key: 'lr0', values: [0.001, 0.1, 0.01], categories: null, isLogarithmic: true },
    { key: 'optimizer', values: [0, 1, 1], categories: ['AdamW', 'SGD'], isLogarithmic: false },
    { key: 'mAP50-95', values: [0.4, 0.6, null], categories: null, isLogarithmic: false },
  ])
  expect(axesOf(JOBS.slice(2), new Map())).toEqual([]) // none is judged yet
})

it('shows datasets by their names, and has no axis of more words than one can tell apart', () => {
  const many = Array.from({ length: 30 }, (_, index) =>
    job({ config: { note: `n${index}` }, best: best(0.5), dataset_id: `d${index % 2}` }),
  )
  const names = new Map([['d0', 'digits@1'], ['d1', 'digits@2']]) // prettier-ignore
  expect(axesOf(many, names).map(({ key, categories }) => [key, categories])).toEqual([
    ['dataset', ['digits@1', 'digits@2']],
    ['mAP50-95', null],
  ])
})

it('lets those through that are within every range; a value that is not there is in none', () => {
  const shown = (ranges: Parameters<typeof within>[1]) => within(AXES, ranges, JOBS.length)
  expect(shown({})).toEqual([0, 1, 2])
  expect(shown({ lr0: [[0.005, 1]] })).toEqual([1, 2])
  expect(shown({ lr0: [[0.005, 1]], 'mAP50-95': [[0, 1]] })).toEqual([1])
  expect(shown({ optimizer: [[0, 0]] })).toEqual([0])
  expect(shown({ lr0: [[0, 0.001], [0.1, 1]] })).toEqual([0, 1]) // prettier-ignore
  expect(shown(withRange({ lr0: [[5, 6]] }, 'lr0', []))).toEqual([0, 1, 2])
})

it('reads a range from two fields, each of which may be empty', () => {
  expect(rangeOf('', ' ')).toEqual([])
  expect(rangeOf('1e-3', '')).toEqual([[0.001, Infinity]])
  expect(rangeOf('0,5', '')).toEqual([[0.5, Infinity]])
  expect(rangeOf('', '7')).toEqual([[-Infinity, 7]])
  expect(rangeOf('much', '7')).toBeNull()
})
