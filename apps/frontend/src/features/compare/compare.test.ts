import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import type { Evaluation } from '../job/results/evaluation'
import { type Side, classRows, curvesOf, differences, isSameData, judgedOn, resultRows, titlesOf, worstRows } from './compare' // prettier-ignore
import { idsOf, withoutJob } from './search'

const evaluation = (mAP: number, data: Partial<Evaluation['data']> = {}): Evaluation => ({
  interim: false,
  weights: { name: 'best.pt', sha256: null, parameters: 2_500_000 },
  data: { dataset_id: 'd', sha256: 'abc', split: 'val', images: 8, instances: 8, ...data },
  best: { epoch: 3, metric: 'metrics/mAP50(B)', value: mAP },
  metrics: { 'metrics/mAP50(B)': mAP, fitness: mAP },
  classes: [
    { index: 0, name: 'cat', images: 1, instances: 1, metrics: { 'metrics/mAP50(B)': mAP } },
  ],
})

const side = (changes: Partial<Side> = {}): Side => ({
  job: job(),
  title: 'digits',
  dataset: 'digits@1',
  evaluation: evaluation(0.5),
  exports: null,
  epochs: [],
  urls: new Map(),
  ...changes,
})

it('reads the ids of an address, each once, and no other text', () => {
  const [a, b] = ['3f9a1c0b7d2e', '0a1b2c3d4e5f']
  expect(idsOf({ jobs: `${a}, ${b},${a},x,` })).toEqual([a, b])
  expect(idsOf({})).toEqual([])
  expect(withoutJob([a], a)).toBeUndefined()
})

it.each<[string, Side, boolean]>([
  ['the same archive under another id', side({ evaluation: evaluation(1, { dataset_id: 'e' }) }), true], // prettier-ignore
  ['another archive', side({ evaluation: evaluation(1, { sha256: 'def' }) }), false],
  ['another split', side({ evaluation: evaluation(1, { split: 'test' }) }), false],
  ['the last epoch on the same dataset', side({ evaluation: null, job: job({ dataset_id: 'd' }) }), true], // prettier-ignore
  ['the last epoch on another dataset', side({ evaluation: null }), false],
])('knows whether models were judged on the same data: %s', (_, other, same) => {
  expect(isSameData([side(), other])).toBe(same)
})

it('sets results side by side and knows the best', () => {
  const sides = [side(), side({ evaluation: evaluation(0.75) })]
  const [mAP, size, ...others] = resultRows(sides)
  expect(mAP).toMatchObject({ title: 'mAP50', values: [0.5, 0.75], best: new Set([1]) })
  expect(size).toMatchObject({ values: [2.5, 2.5], best: new Set() })
  expect(others).toEqual([])
  expect(classRows([...sides, side({ evaluation: null })], 'metrics/mAP50(B)')).toMatchObject([
    { title: 'cat', values: [0.5, 0.75, null] },
  ])
})

it('compares an export by what it costs', () => {
  const judged = { file: 'model.onnx', size: 1, metrics: {}, latency_ms: { p50: 1, p95: 2 } }
  const exported = side({
    job: job({ metrics: { 'metrics/mAP50(B)': 0.5, 'onnx/drop': 0.1, 'onnx/latency_p50_ms': 7 } }),
    evaluation: null,
    exports: {
      weights: { name: 'best.pt', ...judged },
      data: { dataset_id: 'd', sha256: 'abc', split: 'val', images: 8 },
      metric: 'metrics/mAP50(B)',
      device: 'cpu',
      imgsz: 96,
      exports: [],
    },
  })
  const faster = side({ ...exported, job: job({ metrics: { 'onnx/latency_p50_ms': 5 } }) })
  expect(judgedOn(exported)).toBe('digits@1 val, 8 images')
  expect(isSameData([side(), exported])).toBe(true)
  const best = resultRows([exported, faster]).find(({ key }) => key === 'onnx/latency_p50_ms')?.best
  expect(best).toEqual(new Set([1]))
})

it('tells what was set otherwise, and only that', () => {
  const other = side({ job: job({ config: { epochs: 20, imgsz: 96, seed: 1 } }) })
  expect(differences([side(), other])).toEqual([
    { key: 'epochs', values: ['10', '20'] },
    { key: 'seed', values: ['–', '1'] },
  ])
})

it('lays the curves of jobs of different length on the same epochs', () => {
  const epoch = (number: number, values: Record<string, number>) => ({
    epoch: number,
    attempt: 1,
    values,
    at: '2026-11-24T12:00:00Z',
  })
  const short = [epoch(0, { 'metrics/mAP50(B)': 0.1 })]
  const long = [epoch(0, { 'metrics/mAP50(B)': 0.2, 'val/loss': 1 }), epoch(1, { 'metrics/mAP50(B)': 0.3 })] // prettier-ignore
  expect(curvesOf([side({ epochs: short }), side({ epochs: long })])).toEqual([
    { title: 'mAP50', epochs: [1, 2], lines: [{ side: 0, values: [0.1, null] }, { side: 1, values: [0.2, 0.3] }] }, // prettier-ignore
    { title: 'loss', epochs: [1, 2], lines: [{ side: 1, values: [1, null] }] },
  ])
})

it('sets the worst images side by side, those that several judge badly first', () => {
  const worst = (files: string[]) => ({
    sheets: ['worst.jpg'],
    grid: { columns: 4, rows: 4 },
    images: files.map((file) => ({ file, boxes: [] })),
  })
  const sides = [['a', 'b', 'c'], ['c', 'd'], []].map((files) =>
    side({ evaluation: { ...evaluation(0.5), worst: worst(files) } }),
  )
  expect(worstRows(sides)).toEqual([
    { file: 'c', at: [2, 0, null] },
    { file: 'a', at: [0, null, null] },
    { file: 'b', at: [1, null, null] },
    { file: 'd', at: [null, 1, null] },
  ])
  const unknown = { ...worst(['a']), grid: undefined } as never
  expect(worstRows([side({ evaluation: { ...evaluation(0.5), worst: unknown } })])).toEqual([])
})

it('tells jobs of one name apart', () => {
  expect(titlesOf([job(), job({ id: '0a1b2c3d4e5f' }), job({ name: 'x' })])).toEqual([
    'digits 3f9a1c',
    'digits 0a1b2c',
    'x',
  ])
})
