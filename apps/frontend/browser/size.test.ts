import { readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'

const DIST = new URL('../dist/', import.meta.url)
const LIMIT_BYTES = 250_000

it('loads less than 250 kB of script at first, and its charts later', () => {
  const html = readFileSync(new URL('index.html', DIST), 'utf8')
  const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((found) => found[1])
  expect(first.length).toBeGreaterThan(0)
  const size = first
    .map((name) => gzipSync(readFileSync(new URL(name ?? '', DIST))).length)
    .reduce((sum, one) => sum + one, 0)
  expect(size).toBeLessThan(LIMIT_BYTES)
  const charts = readdirSync(new URL('assets/', DIST)).find((name) => /^Charts.*\.js$/.test(name))
  expect(charts).toBeDefined()
  expect(html).not.toContain(charts)
})
