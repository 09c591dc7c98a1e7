import { expect, it } from 'vitest'
import { hoursOf, secondsOf } from './hours'

it.each([
  ['', null],
  [' 1,5 ', 5400],
  ['12', 43_200],
  ['0.0003', 1],
  ['0', undefined],
  ['-1', undefined],
  ['9000', undefined],
  ['soon', undefined],
])('takes %j hours for %j seconds', (hours, seconds) => {
  expect(secondsOf(hours)).toBe(seconds)
})

it.each([1, 25, 100, 5400, 43_201, 31_536_000])(
  'writes %i seconds so that they are read again',
  (seconds) => {
    expect(secondsOf(hoursOf(seconds))).toBe(seconds)
  },
)
