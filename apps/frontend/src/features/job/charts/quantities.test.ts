import { expect, it } from 'vitest'
import { quantitiesOf, smoothed } from './quantities'

const epoch = (values: Record<string, number | null>) => ({
  epoch: 0,
  attempt: 1,
  values,
  at: '2026-11-24T12:00:00Z',
})

it('puts train and validation of a quantity into one chart, the main metric first', () => {
  const found = quantitiesOf([
    epoch({ 'val/box_loss': 1, 'train/box_loss': 2, 'lr/pg0': 0.1, 'lr/pg1': 0.1 }),
    epoch({ 'metrics/recall(B)': 0.1, 'metrics/mAP50(B)': 0.2 }),
  ])
  expect(found.map(({ name, lines }) => [name, lines.map(({ label }) => label)])).toEqual([
    ['mAP50', ['val']],
    ['recall', ['val']],
    ['box_loss', ['train', 'val']],
    ['learning rate', ['pg0', 'pg1']],
  ])
})

it('takes the names of any script', () => {
  const found = quantitiesOf([
    epoch({ loss: 1, val_loss: 2, speed: 3, 'system/gpu_memory_megabytes': 900 }),
  ])
  expect(found.map(({ name, group, lines }) => [name, group, lines.length])).toEqual([
    ['loss', 'Losses', 2],
    ['speed', 'Other', 1],
    ['GPU memory megabytes', 'System', 1],
  ])
})

it('smooths without a bias at the start, and keeps gaps', () => {
  expect(smoothed([1, 2], 0)).toEqual([1, 2])
  const [first, gap, last] = smoothed([4, null, 4], 0.9)
  expect(first).toBeCloseTo(4)
  expect(gap).toBeNull()
  expect(last).toBeCloseTo(4)
})
