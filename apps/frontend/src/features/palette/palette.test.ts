import { expect, it } from 'vitest'
import { type Entry, matching } from './entries'

const entry = (title: string, group: Entry['group'], detail?: string): Entry => ({
  key: title,
  group,
  title,
  ...(detail === undefined ? {} : { detail }),
  run: () => undefined,
})

it('finds what has every word, and what begins so first', () => {
  const entries = [
    entry('Datasets', 'Pages'),
    entry('big digits', 'Jobs', 'running'),
    entry('digits@1', 'Datasets'),
    entry('demo', 'Jobs', '3f9a1c0b7d2e'),
  ]
  const titles = (text: string) => matching(entries, text).map(({ title }) => title)
  expect(titles('')).toHaveLength(4)
  expect(titles('DIGITS')).toEqual(['digits@1', 'big digits'])
  expect(titles('digits running')).toEqual(['big digits'])
  expect(titles('3f9a')).toEqual(['demo'])
  expect(titles('nothing')).toEqual([])
})
