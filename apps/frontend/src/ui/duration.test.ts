import { expect, it } from 'vitest'
import { duration } from './duration'

it.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [100 * 3_600_000, '4 d 4 h'],
])('says %d ms as %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})
