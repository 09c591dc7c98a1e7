import type { EpochMetrics, Job } from '../../api/client'
import { elapsedOf, progressOf } from '../jobs/present'

const LATEST = 10

/**
 * Milliseconds until the training is through, or null where nothing tells. The latest epochs tell
 * best: the first one is slower than those that follow, and an interrupted job waited in between.
 */
export function etaOf(job: Job, metrics: readonly EpochMetrics[], now: number): number | null {
  if (job.status !== 'running') return null
  const total = job.config.epochs
  const times = metrics
    .filter(({ attempt }) => attempt === job.attempt)
    .map(({ at }) => Date.parse(at))
    .slice(-LATEST - 1)
  const [first, last] = [times[0], times.at(-1)]
  if (typeof total === 'number' && first !== undefined && last !== undefined && times.length > 1) {
    const each = (last - first) / (times.length - 1)
    const left = total - 1 - (metrics.at(-1)?.epoch ?? 0)
    return Math.max(0, each * left - (now - last))
  }
  const progress = progressOf(job)
  const elapsed = elapsedOf(job, now)
  if (progress === null || elapsed === null || progress < 0.02) return null
  return (elapsed * (1 - progress)) / progress
}
