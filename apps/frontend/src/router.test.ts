import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { makeRouter } from './router'

const template = readFileSync('nginx.conf.template', 'utf8')
const served = new RegExp(/location ~ (\^\/\(jobs\S+) \{/.exec(template)?.[1] ?? 'no such location')

it('has a page at every path at which nginx serves it', () => {
  const paths = Object.keys(makeRouter().routesByPath).map((path) => path.replace(/\$\w+/, 'abc'))
  expect(paths.length).toBeGreaterThan(3)
  for (const path of paths) expect(path).toMatch(served)
})

it.each(['/nothing', '/jobs/a/b', '/platform/x', '/index.php', '/jobsx'])(
  'leaves %s to be not found',
  (path) => {
    expect(path).not.toMatch(served)
  },
)
