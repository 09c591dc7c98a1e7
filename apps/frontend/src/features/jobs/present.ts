import type { Job, JobStatus } from '../../api/client'
import { count, counted } from '../../ui/format'

const FINISHED: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled'])

export function isActive(job: Job): boolean {
  return !FINISHED.has(job.status)
}

export type ShownStatus = JobStatus | 'uploading'

/** The status; of a job that has nothing left to do but its uploads, that. */
export function statusOf(job: Job): ShownStatus {
  return job.status === 'running' && job.phase === 'uploading' ? 'uploading' : job.status
}

/** How many nodes an attempt has; a replica of a version before several nodes does not say. */
export function nodesOf({ nodes }: Partial<Job['resources']>): number {
  return nodes ?? 1
}

/** How far the job is, 0 to 1, or null where it has not said. */
export function progressOf(job: Job): number | null {
  return job.status === 'succeeded' ? 1 : job.progress
}

/** Whether it goes by epochs, as trainings do; evaluations and exports work on a model that is there. */
export function hasEpochs(job: Job): boolean {
  return job.epoch !== null || typeof job.config.epochs === 'number'
}

/** "3 of 10 epochs", with what it does right now. */
export function progressText(job: Job): string {
  const total = job.config.epochs
  const done = (job.epoch ?? -1) + 1
  const parts: string[] = []
  if (job.epoch === null && job.attempt === 0) parts.push('not started')
  else if (hasEpochs(job)) {
    parts.push(typeof total === 'number' ? `${done} of ${total} epochs` : `${done} epochs`)
  }
  if (isActive(job)) {
    if (job.phase !== null && (hasEpochs(job) || job.phase !== 'training')) parts.push(job.phase)
    if (job.speed !== null && job.speed > 0) parts.push(`${Math.round(job.speed)} images/s`)
  }
  if (job.attempt > 1) parts.push(`attempt ${job.attempt} of ${job.max_attempts}`)
  return parts.join(' · ')
}

// Ultralytics' names: metrics/mAP50-95(B), metrics/accuracy_top1; the first one found is shown. Of a
// model with several kinds of results the masks or keypoints count, as in the trainer's manifest.
const SCORES: readonly (readonly [RegExp, string])[] = [
  [/mAP50-95\([MP]\)/, 'mAP50-95'],
  [/mAP50-95/i, 'mAP50-95'],
  [/mAP50/i, 'mAP50'],
  [/top1/i, 'top-1 accuracy'],
]

export interface Score {
  name: string
  value: number
}

/** The one number by which jobs of its task are compared, or null before the first validation. */
export function scoreOf(job: Pick<Job, 'metrics' | 'best'>): Score | null {
  if (job.best?.value != null) {
    const { metric, value } = job.best
    const [, name = metric] = SCORES.find(([pattern]) => pattern.test(metric)) ?? []
    return { name: name.replace(/^metrics\//, ''), value }
  }
  for (const [pattern, name] of SCORES) {
    for (const [metric, value] of Object.entries(job.metrics)) {
      if (pattern.test(metric) && value !== null) return { name, value }
    }
  }
  return null
}

/** "3 jobs", "100 of 5,060 jobs"; before they are counted "100 jobs so far". */
export function shownText(known: number, total: number | null, isSorted: boolean): string {
  if (total === known) return counted(known, 'job')
  const text =
    total === null
      ? `${counted(known, 'job')} so far`
      : `${count(known)} of ${counted(total, 'job')}`
  return isSorted ? `${text}, sorted among these` : text
}

/** What a person calls the job by. */
export function titleOf(job: Job): string {
  return job.name ?? job.id
}

/** Milliseconds of training so far, retries included, or null before its start. */
export function elapsedOf(job: Job, now: number): number | null {
  const earlier = job.earlier_duration_s * 1000
  if (job.started_at === null) return earlier || null
  const end = job.finished_at === null ? now : Date.parse(job.finished_at)
  return earlier + end - Date.parse(job.started_at)
}
