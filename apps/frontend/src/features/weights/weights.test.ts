import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { hashed, wrongName, wrongSize } from './send'

const REAL = '../trainer-ultralytics/weights/digits-synthetic.pt'

it('reads the sha256 of weights piece by piece', async () => {
  const bytes = readFileSync(REAL)
  const file = await new Response(bytes).blob()
  const told: number[] = []
  const found = await hashed(file, ({ done }) => told.push(done), new AbortController().signal)
  expect(found).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(told.at(-1)).toBe(bytes.length)
})

it('says what is wrong with a name', () => {
  expect(wrongName('best.pt')).toBeNull()
  expect(wrongName('my weights.pt')).toMatch(/must end in \.pt/)
  expect(wrongName('best.onnx')).not.toBeNull()
})

it('refuses what no store takes by its size, before it is read', () => {
  expect(wrongSize(5 * 2 ** 30)).toBeNull()
  expect(wrongSize(6 * 2 ** 30)).toMatch(/^It has 6.+, and weights have at most 5/)
})
