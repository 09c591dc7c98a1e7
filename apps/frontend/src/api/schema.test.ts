// @vitest-environment node
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { generate } from '../../scripts/schema.js'

it('has the types of the backend beside it', { timeout: 60_000 }, async () => {
  const committed = readFileSync(new URL('schema.ts', import.meta.url), 'utf8')
  expect(await generate(), 'run `npm run api` and commit src/api/schema.ts').toBe(committed)
})
