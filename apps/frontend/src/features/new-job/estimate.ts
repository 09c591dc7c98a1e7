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
  /** Config fields and resources by which that job differs. */
  apart: string[]
}

// Of its resources, those that change how long an epoch takes.
const RESOURCES = ['gpu', 'nodes'] as const

/** How long the planned job takes, as the most alike of earlier ones on its data took; `yard` reckons the same. */
export function estimateOf(earlier: readonly Job[], plan: Job): Estimate | null {
  let best: Estimate | null = null
  for (const job of earlier) {
    const { started_at: started, first_step_at: first, finished_at: end, epoch } = job
    const isWhole = job.attempt === 1 && job.trainer === plan.trainer
    if (!isWhole || started === null || first === null || end === null || epoch === null) continue
    const settings = Object.keys(job.config).filter(
      (key) =>
        key !== 'epochs' && JSON.stringify(job.config[key]) !== JSON.stringify(plan.config[key]),
    )
    const resources = RESOURCES.filter((key) => job.resources[key] !== plan.resources[key])
    const apart = [...settings, ...resources]
    // The newest of those that are alike.
    if (best !== null && apart.length >= best.apart.length) continue
    const each = (Date.parse(end) - Date.parse(first)) / (epoch + 1)
    const start = Date.parse(first) - Date.parse(started)
    const { epochs } = plan.config
    const total = typeof epochs === 'number' ? start + each * epochs : null
    best = { epoch: each, start, total, like: job, apart }
  }
  return best
}
