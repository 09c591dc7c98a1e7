import type { Job } from '../../api/client'

export interface Estimate {
  /** Of an epoch, in milliseconds. */
  epoch: number
  /** Until the first batch is trained, once the job's turn has come. */
  start: number
  /** Of the whole job; null where the config does not say how many epochs. */
  total: number | null
  /** That took so long. */
  like: Job
  /** Config fields by which that job differs, of those that this form knows. */
  apart: string[]
}

type Config = Readonly<Record<string, unknown>>

/** How long a job with this config takes, as the most alike of earlier ones on its data took. */
export function estimateOf(
  earlier: readonly Job[],
  trainer: string,
  config: Config,
): Estimate | null {
  let best: Estimate | null = null
  for (const job of earlier) {
    const { started_at: started, first_step_at: first, finished_at: end, epoch } = job
    const isWhole = job.attempt === 1 && job.trainer === trainer
    if (!isWhole || started === null || first === null || end === null || epoch === null) continue
    const apart = Object.keys(job.config).filter(
      (key) => key !== 'epochs' && JSON.stringify(job.config[key]) !== JSON.stringify(config[key]),
    )
    // The newest of those that are alike.
    if (best !== null && apart.length >= best.apart.length) continue
    const each = (Date.parse(end) - Date.parse(first)) / (epoch + 1)
    const start = Date.parse(first) - Date.parse(started)
    const total = typeof config.epochs === 'number' ? start + each * config.epochs : null
    best = { epoch: each, start, total, like: job, apart }
  }
  return best
}
