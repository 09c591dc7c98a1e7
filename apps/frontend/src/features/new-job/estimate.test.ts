// @vitest-environment node
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { Job } from '../../api/client'
import { estimateOf } from './estimate'

interface Case {
  name: string
  earlier: Partial<Job>[]
  plan: Partial<Job>
  found: object | null
}

// `yard train --dry-run` is held to the same: apps/cli/tests/test_time_needed.py.
const { job, cases } = JSON.parse(
  readFileSync('../../tests/contract/time_needed.json', 'utf8'),
) as { job: Job; cases: Case[] }

it.each(cases)('reckons as yard does: $name', ({ earlier, plan, found }) => {
  const among = earlier.map((changes) => ({ ...job, ...changes }))
  const told = estimateOf(among, { ...job, ...plan })
  expect(told === null ? null : { ...told, like: told.like.id }).toEqual(found)
})
