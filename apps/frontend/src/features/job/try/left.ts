import { cancelJob, deleteJob, getJob } from '../../../api/client'
import { ApiError } from '../../../api/errors'
import { kept } from '../../../ui/kept'
import { isActive } from '../../jobs/present'

/** A trial that waits this long in a queue is of no use to whoever has dropped an image. */
export const MOST_S = 900
const LOOK_AGAIN_MS = 1_000
const LOOKS = 120
const GONE = 404
const HAS_ENDED = 409
// In this browser: each trial that has begun, and the time from which on nobody waits for it.
const KEY = 'trainyard.trial.'

/** Have the trial removed at the next visit, should this tab be closed before it has ended. */
export function remember(id: string): void {
  kept.write(KEY + id, String(Date.now() + MOST_S * 1000))
}

export function forget(id: string): void {
  kept.remove(KEY + id)
}

/** The tab is being closed: cancel the trial, which is deleted at the next visit. */
export function leave(id: string): void {
  kept.write(KEY + id, '0')
  void cancelJob(id, { keepalive: true }).catch(() => undefined)
}

/** Give up a trial that nobody waits for any more; what fails of it is tried again at the next visit. */
export async function discard(id: string): Promise<void> {
  try {
    await cancelJob(id)
  } catch (error) {
    // A token that may not cancel, above all: the job goes on, and waiting for its end is in vain.
    if (!isAnswer(error, HAS_ENDED, GONE)) return
  }
  for (let look = 0; look < LOOKS; look += 1) {
    const job = await getJob(id, new AbortController().signal).catch(() => null)
    if (job === null || !isActive(job)) break
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
  await remove(id)
}

/** Delete a trial's job, which has ended. */
export async function remove(id: string): Promise<void> {
  try {
    await deleteJob(id)
    forget(id)
  } catch (error) {
    if (isAnswer(error, GONE)) forget(id)
  }
}

/** Remove the trials that closed tabs of this browser have left. */
export async function sweep(): Promise<void> {
  const left = kept.keys(KEY).filter((key) => Number(kept.read(key)) <= Date.now())
  await Promise.all(left.map((key) => discard(key.slice(KEY.length))))
}

function isAnswer(error: unknown, ...statuses: number[]): boolean {
  return error instanceof ApiError && error.status !== null && statuses.includes(error.status)
}
