import type { Attempt, EpochMetrics, Job } from '../../api/client'
import { bytes, counted, inWords, value } from '../../ui/format'
import { isActive } from '../jobs/present'

export interface Moment {
  at: string
  text: string
  /** What is to be known of it, a line each. */
  details: string[]
}

const RUNS_AS: Record<string, string> = {
  subprocess: 'as a process beside the backend',
  kubernetes: 'as a Kubernetes Job',
  attached: 'in a script of its own',
}
// A job's start is its attempt's launch, unless that waited for a place to run.
const SAME_MS = 2_000

/** The moments that the job, its attempts and its epochs tell of, in order. */
export function momentsOf(
  job: Job,
  attempts: readonly Attempt[],
  metrics: readonly EpochMetrics[],
): Moment[] {
  const found: Moment[] = []
  const add = (at: string | null, text: string, ...details: (string | null)[]) => {
    const told = details.filter((one) => one !== null && one !== '') as string[]
    if (at !== null) found.push({ at, text, details: told })
  }
  add(job.created_at, 'Submitted')
  const isLaunch = attempts.some((one) => areClose(one.launched_at, job.started_at))
  if (!isLaunch)
    add(job.started_at, job.earlier_duration_s > 0 ? 'Started after a retry' : 'Started')
  add(job.first_step_at, 'First batch trained', job.attempt > 1 ? `attempt ${job.attempt}` : null)
  for (const number of new Set(metrics.map(({ attempt }) => attempt))) {
    const epochs = metrics.filter(({ attempt }) => attempt === number)
    const [first, last] = [epochs[0], epochs.at(-1)]
    if (first === undefined || last === undefined) continue
    const span = `epoch ${first.epoch + 1}${first === last ? '' : ` to ${last.epoch + 1}`}`
    add(last.at, `Attempt ${number}: ${counted(epochs.length, 'epoch')} trained`, span)
  }
  for (const attempt of attempts) {
    const name = `Attempt ${attempt.number}`
    add(attempt.launched_at, `${name} launched`, RUNS_AS[attempt.executor] ?? attempt.executor)
    add(attempt.stop_requested_at, `${name} told to stop`)
    const used = usedBy(attempt)
    if (attempt.ended_at === null) add(attempt.heartbeat_at, `${name} heard of last`, used)
    else add(attempt.ended_at, endOf(attempt), ...reasonsOf(attempt, job), used)
  }
  if (!isActive(job)) add(job.finished_at, inWords(job.status), job.message)
  return found.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

function areClose(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && Math.abs(Date.parse(a) - Date.parse(b)) < SAME_MS
}

function endOf({ number, cause }: Attempt): string {
  return `Attempt ${number} ended${cause === null ? '' : `: ${inWords(cause)}`}`
}

/** What happened and what to do, unless the job says it at its end; and the exit code, unless that tells nothing. */
function reasonsOf({ message, exit_code: code }: Attempt, job: Job): string[] {
  const isTold = message === null || (!isActive(job) && job.message?.startsWith(message) === true)
  const isNews = code !== null && code !== 0 && message?.includes('exit code') !== true
  return [...(isTold ? [] : [message]), ...(isNews ? [`Exit code ${code}.`] : [])]
}

/** "At its last heartbeat: CPU 97 %, Memory 61 %, RSS 1.2 GB". */
function usedBy({ system }: Attempt): string {
  const used = Object.entries(system).flatMap(([name, number]) =>
    // The last one may be sent when all has left.
    number === null || number === 0 ? [] : [amount(name, number)],
  )
  return used.length === 0 ? '' : `At its last heartbeat: ${used.join(', ')}`
}

function amount(name: string, number: number): string {
  const [, what, unit] = /^(.+)_(percent|bytes)$/.exec(name) ?? []
  if (what === undefined) return `${inWords(name)} ${value(number)}`
  return `${inWords(what)} ${unit === 'bytes' ? bytes(number) : `${Math.round(number)} %`}`
}
