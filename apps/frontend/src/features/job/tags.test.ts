import { expect, it } from 'vitest'
import { tagsOf } from './tags'

it('takes tags as people write them', () => {
  expect(tagsOf(' Baseline, lr:0.01  baseline #new ünder_ _x')).toEqual([
    'baseline',
    'lr:0.01',
    'new',
    'nder_',
    'x',
  ])
  expect(tagsOf('x'.repeat(50))[0]).toHaveLength(40)
  expect(tagsOf('')).toEqual([])
})
