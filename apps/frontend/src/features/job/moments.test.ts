import { expect, it } from 'vitest'
import type { Attempt } from '../../api/client'
import { job } from '../../test/fixtures'
import { momentsOf } from './moments'

function attempt(changes: Partial<Attempt>): Attempt {
  return {
    number: 1,
    executor: 'subprocess',
    cause: null,
    message: null,
    exit_code: null,
    epoch: null,
    system: {},
    created_at: '2026-11-24T12:00:01Z',
    launched_at: '2026-11-24T12:00:01Z',
    heartbeat_at: null,
    stop_requested_at: null,
    ended_at: null,
    ...changes,
  }
}

const told = (...found: Parameters<typeof momentsOf>) =>
  momentsOf(...found).map(({ text, details }) => [text, ...details].join(' | '))

it('tells each attempt, how it ended and why, and what the running one uses', () => {
  const crashed = attempt({
    cause: 'evicted',
    message: 'The node evicted the trainer, usually for lack of memory or disk.',
    exit_code: 137,
    system: { cpu_percent: 97.4, memory_percent: null, swap: 0, rss_bytes: 3.9e9, threads: 12 },
    stop_requested_at: '2026-11-24T12:00:07Z',
    ended_at: '2026-11-24T12:00:08Z',
  })
  const second = attempt({
    number: 2,
    executor: 'kubernetes',
    launched_at: '2026-11-24T12:00:10Z',
    heartbeat_at: '2026-11-24T12:00:30Z',
    system: { gpu_percent: 88 },
  })
  const running = job({ attempt: 2, first_step_at: '2026-11-24T12:00:12Z' })
  const epochs = [2, 3].map((epoch) => {
    return { epoch, attempt: 2, values: {}, at: `2026-11-24T12:00:2${epoch}Z` }
  })
  expect(told(running, [second, crashed], epochs)).toEqual([
    'Submitted',
    'Attempt 1 launched | as a process beside the backend',
    'Attempt 1 told to stop',
    'Attempt 1 ended: Evicted | The node evicted the trainer, usually for lack of memory or disk. | Exit code 137. | At its last heartbeat: CPU 97 %, RSS 3.9 GB, Threads 12',
    'Attempt 2 launched | as a Kubernetes Job',
    'First batch trained | attempt 2',
    'Attempt 2: 2 epochs trained | epoch 3 to 4',
    'Attempt 2 heard of last | At its last heartbeat: GPU 88 %',
  ])
})

it('says once what job and attempt end with, and when a wait for a place was over', () => {
  const message = 'The trainer ended with an error. Its exit code was 1.'
  const only = attempt({
    cause: 'trainer_crashed',
    message,
    exit_code: 1,
    ended_at: '2026-11-24T12:01:00Z',
  })
  const failed = job({
    status: 'failed',
    message: `${message} This was the last of 3 attempts.`,
    started_at: '2026-11-24T12:00:30Z',
    first_step_at: null,
    finished_at: '2026-11-24T12:01:01Z',
  })
  expect(told(failed, [only], [])).toEqual([
    'Submitted',
    'Attempt 1 launched | as a process beside the backend',
    'Started',
    'Attempt 1 ended: Trainer crashed',
    `Failed | ${failed.message}`,
  ])
})
