import { expect, it } from 'vitest'
import { costOf, rateOf } from './cost'

const HOUR = { price: 2.5, currency: 'EUR' }

it('tells what GPUs cost for a time, where there are any and their price is known', () => {
  expect(costOf(5_400_000, 2, HOUR)).toBe('€7.50')
  expect(rateOf(2, HOUR)).toBe('2 GPUs at €2.50 an hour')
  expect(costOf(5_400_000, 0, HOUR)).toBeNull()
  expect(costOf(null, 2, HOUR)).toBeNull()
  expect(costOf(5_400_000, 2, null)).toBeNull()
})
