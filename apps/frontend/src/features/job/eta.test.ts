import { expect, it } from 'vitest'
import type { EpochMetrics } from '../../api/client'
import { job } from '../../test/fixtures'
import { etaOf } from './eta'

const START = Date.parse('2026-01-01T00:00:00Z')

/** Epochs of attempt 2 that took so many seconds; one of attempt 1 came long before. */
function epochsOf(...seconds: number[]): EpochMetrics[] {
  const rows = [{ epoch: 0, attempt: 1, at: new Date(START - 9e6).toISOString(), values: {} }]
  let at = START
  seconds.forEach((span, index) => {
    at += span * 1000
    rows.push({ epoch: index + 1, attempt: 2, at: new Date(at).toISOString(), values: {} })
  })
  return rows
}

const RUNNING = { status: 'running', attempt: 2, config: { epochs: 10 } } as const

it('says how long the epochs that are left take, and how wrong that may be', () => {
  const rows = epochsOf(60, 10, 12, 14)
  const now = Date.parse(rows.at(-1)?.at ?? '') + 2000
  const eta = etaOf(job(RUNNING), rows, now)
  // Five are left, of 12 s each; two seconds of the first are over.
  expect(eta?.left).toBe(58_000)
  expect(eta?.error).toBeCloseTo(2000 * Math.sqrt(5 + 25 / 3))
})

it('knows no error before three epochs, and nothing of epochs of an earlier attempt', () => {
  expect(etaOf(job(RUNNING), epochsOf(60, 10), START + 70_000)).toEqual({
    left: 70_000,
    error: null,
  })
  expect(etaOf(job({ ...RUNNING, progress: null }), epochsOf(60), START + 60_000)).toBeNull()
  expect(etaOf(job({ ...RUNNING, status: 'succeeded' }), epochsOf(60, 10), START)).toBeNull()
})
