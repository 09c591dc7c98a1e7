import type { EpochMetrics, Job } from '../../api/client'
import { elapsedOf, progressOf } from '../jobs/present'

const LATEST = 10

/** Milliseconds until the training is through; `error` is their standard error, where it is known. */
export interface Eta {
  left: number
  error: number | null
}

/**
 * How long the training still takes, or null where nothing tells. The latest epochs tell best: the
 * first one is slower than those that follow, and an interrupted job waited in between. `yard`
 * reckons the same (time_left.py).
 */
export function etaOf(job: Job, metrics: readonly EpochMetrics[], now: number): Eta | null {
  if (job.status !== 'running') return null
  const total = job.config.epochs
  const times = metrics
    .filter(({ attempt }) => attempt === job.attempt)
    .map(({ at }) => Date.parse(at))
    .slice(-LATEST - 1)
  const [first, last] = [times[0], times.at(-1)]
  if (typeof total === 'number' && first !== undefined && last !== undefined && times.length > 1) {
    const spans = times.slice(1).map((time, i) => time - (times[i] ?? time))
    const each = (last - first) / spans.length
    const left = total - 1 - (metrics.at(-1)?.epoch ?? 0)
    return { left: Math.max(0, each * left - (now - last)), error: errorOf(spans, each, left) }
  }
  const progress = progressOf(job)
  const elapsed = elapsedOf(job, now)
  if (progress === null || elapsed === null || progress < 0.02) return null
  return { left: (elapsed * (1 - progress)) / progress, error: null }
}

/** Each epoch to come varies, and all of them by what the mean is wrong. */
function errorOf(spans: readonly number[], mean: number, left: number): number | null {
  if (spans.length < 2) return null
  const squares = spans.reduce((sum, span) => sum + (span - mean) ** 2, 0)
  return Math.sqrt((squares / (spans.length - 1)) * (left + left ** 2 / spans.length))
}
