import { beforeEach, expect, it, vi } from 'vitest'
import { kept, keptInTab } from './kept'

const both = { localStorage: kept, sessionStorage: keptInTab }
const names = ['localStorage', 'sessionStorage'] as const

beforeEach(() => {
  for (const name of names) window[name].clear()
})

it.each(names)('keeps text in %s', (name) => {
  both[name].write('a.1', 'one')
  expect(window[name].getItem('a.1')).toBe('one')
  expect(both[name].keys('a.')).toEqual(['a.1'])
  both[name].remove('a.1')
  expect(both[name].read('a.1')).toBeNull()
  expect(window[name]).toHaveLength(0)
})

it.each(names)('goes on with a %s that is full', (name) => {
  both[name].write('a.1', 'one')
  const full = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  both[name].write('a.1', 'two')
  both[name].write('a.2', 'three')
  expect(both[name].read('a.1')).toBe('two')
  expect(both[name].keys('a.').sort()).toEqual(['a.1', 'a.2'])
  full.mockRestore()
  both[name].write('a.1', 'four')
  expect(window[name].getItem('a.1')).toBe('four')
  both[name].remove('a.1')
  both[name].remove('a.2')
  expect(both[name].keys('a.')).toEqual([])
})

it.each(names)('goes on where %s is forbidden', (name) => {
  vi.spyOn(window, name, 'get').mockImplementation(() => {
    throw new DOMException('forbidden', 'SecurityError')
  })
  expect(both[name].read('a.1')).toBeNull()
  both[name].write('a.1', 'one')
  expect(both[name].read('a.1')).toBe('one')
  both[name].remove('a.1')
  expect(both[name].keys('a.')).toEqual([])
})
