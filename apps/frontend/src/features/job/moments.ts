import type { EpochMetrics, Job } from '../../api/client'
import { counted, inWords } from '../../ui/format'
import { isActive } from '../jobs/present'

export interface Moment {
  at: string
  text: string
  detail: string | null
}

/** The moments that the job and its epochs tell of, in order. */
export function momentsOf(job: Job, metrics: readonly EpochMetrics[]): Moment[] {
  const found: Moment[] = [{ at: job.created_at, text: 'Submitted', detail: null }]
  const again = job.earlier_duration_s > 0
  const add = (at: string | null, text: string, detail: string | null = null) => {
    if (at !== null) found.push({ at, text, detail })
  }
  add(job.started_at, again ? 'Started after a retry' : 'Started')
  add(job.first_step_at, 'First batch trained', job.attempt > 1 ? `attempt ${job.attempt}` : null)
  for (const attempt of new Set(metrics.map((one) => one.attempt))) {
    const epochs = metrics.filter((one) => one.attempt === attempt)
    const [first, last] = [epochs[0], epochs.at(-1)]
    if (first === undefined || last === undefined) continue
    const span = `epoch ${first.epoch + 1}${first === last ? '' : ` to ${last.epoch + 1}`}`
    add(last.at, `Attempt ${attempt}: ${counted(epochs.length, 'epoch')} trained`, span)
  }
  if (!isActive(job)) add(job.finished_at, inWords(job.status), job.message)
  return found.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}
