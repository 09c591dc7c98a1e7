import { expect, test } from 'vitest'
import { tickText } from './format'

test('ticks of a narrow range are told apart', () => {
  const rates = [0.00088, 0.0009, 0.00092, 0.00094]
  expect(rates.map(tickText)).toEqual(['8.8e-4', '9e-4', '9.2e-4', '9.4e-4'])
  expect([0.98765, 0.9877, 0.98775].map(tickText)).toEqual(['0.98765', '0.9877', '0.98775'])
  expect([0, 0.1 + 0.2, -1.5, 120_000].map(tickText)).toEqual(['0', '0.3', '-1.5', '1.2e+5'])
})
