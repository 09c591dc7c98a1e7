import type { Job } from '../../api/client'
import type { Field } from './fields'

/** The trainer that the API, and so `yard train`, takes where none is named. */
export const TRAINER = 'ultralytics'

/** What POST /jobs takes of this form. */
export interface NewJob {
  dataset_id: string
  trainer: string
  name: string | null
  config: Record<string, unknown>
  weights: string | null
  resources: Job['resources'] | null
  /** Seconds from its first launch on. */
  max_duration_s: number | null
  /** Whether the trainer waits for a debugger. */
  debug: boolean
}

/** The command line that starts the same job. */
export function commandOf(job: NewJob, dataset: string, fields: readonly Field[]): string {
  const words = ['yard', 'train', dataset]
  if (job.trainer !== TRAINER) words.push('--trainer', job.trainer)
  if (job.name !== null) words.push('--name', job.name)
  if (job.weights !== null) words.push('--weights', job.weights)
  for (const [key, value] of Object.entries(job.config)) {
    const isText = fields.some((field) => field.key === key && field.isText)
    words.push('--set', `${key}=${isText ? String(value) : inYaml(value)}`)
  }
  if (job.resources !== null) {
    const { cpu, memory, gpu, nodes, placement, priority } = job.resources
    words.push('--cpu', String(cpu), '--memory', memory, '--gpu', String(gpu))
    if (nodes > 1) words.push('--nodes', String(nodes))
    if (placement != null) words.push('--placement', placement)
    if (priority != null) words.push('--priority', priority)
  }
  if (job.max_duration_s !== null) words.push('--max-duration', lasting(job.max_duration_s))
  if (job.debug) words.push('--debug')
  return words.map(quoted).join(' ')
}

/** The request that starts the same job; `token` where the platform wants one. */
export function requestOf(job: NewJob, origin: string, token: boolean): string {
  const isGiven = ([, value]: [string, unknown]) => value !== null && value !== false
  const given = Object.fromEntries(Object.entries(job).filter(isGiven))
  const authorization = token ? ' -H "Authorization: Bearer $YARD_TOKEN"' : ''
  return `curl ${origin}/api/v1/jobs${authorization} --json ${quoted(JSON.stringify(given))}`
}

function lasting(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`
}

// `yard` reads these words of YAML as something else than text.
const TAKEN = /^(true|false|yes|no|on|off|null|y|n)$/i

function inYaml(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[A-Za-z][\w.-]*$/.test(value)
  return isPlain && !TAKEN.test(value) ? value : JSON.stringify(value)
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
