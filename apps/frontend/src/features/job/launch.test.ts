import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { forwardOf, launchOf, placeOf } from './launch'

const GUIDE = resolve(process.cwd(), '../../docs/developing-trainers.md')

it('tells an editor what the guide tells it, in each place', () => {
  const [, block = ''] = /```json\n(.*?)```/s.exec(readFileSync(GUIDE, 'utf8')) ?? []
  const { configurations } = JSON.parse(block) as { configurations: unknown[] }
  const job = { trainer: 'ultralytics', debug_port: 5678 }
  const made = (['backend pod', 'job', 'machine'] as const).flatMap(
    (place) => (JSON.parse(launchOf(job, place)) as { configurations: unknown[] }).configurations,
  )
  expect(made).toEqual(configurations)
})

it('knows nothing of where another trainer’s source lies', () => {
  expect(launchOf({ trainer: 'mine', debug_port: 1 }, 'job')).not.toContain('pathMappings')
  expect(launchOf({ trainer: 'ultralytics-export', debug_port: 1 }, 'job')).toContain('/app')
})

it('forwards the port from where the training runs', () => {
  const job = { id: '3f9a1c0b7d2e', attempt: 2, debug_port: 41000 }
  const place = (tier: string, checks: Record<string, string>) => forwardOf(job, placeOf(tier, checks)) // prettier-ignore
  expect(place('local', { launcher: 'ok' })).toBeNull()
  expect(place('development, subprocess training', { launcher: 'ok' })).toBe(
    'kubectl port-forward -n platform deployment/backend 41000',
  )
  expect(place('production, kubernetes training', { kubernetes: 'ok' })).toBe(
    'kubectl port-forward -n platform job/train-3f9a1c0b7d2e-2 41000',
  )
})
