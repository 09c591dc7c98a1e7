import { useSyncExternalStore } from 'react'
import { type Job, getJob } from '../../api/client'
import { followJobs } from '../../api/events'
import { ACTIVE } from '../jobs/search'
import { isActive, titleOf } from '../jobs/present'

const AGAIN_MS = 5_000
const awaited = new Set<string>()
const listeners = new Set<() => void>()
let leave: AbortController | null = null

/** A notification of this browser can be asked for: it has them, and they are not refused. */
export function canNotify(): boolean {
  return 'Notification' in window && window.isSecureContext && Notification.permission !== 'denied'
}

/** Have this browser say when the job ends, while the page is open; false: the user refused. */
export async function notifyAtEnd(id: string): Promise<boolean> {
  if ((await Notification.requestPermission()) !== 'granted') return false
  awaited.add(id)
  changed()
  if (leave === null) void follow()
  return true
}

export function forget(id: string): void {
  awaited.delete(id)
  if (awaited.size === 0) leave?.abort()
  changed()
}

export function useIsAwaited(id: string): boolean {
  return useSyncExternalStore(subscribe, () => awaited.has(id))
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function changed() {
  for (const listener of listeners) listener()
}

/** One stream for all jobs that are awaited, whatever page is shown. */
async function follow(): Promise<void> {
  const own = (leave = new AbortController())
  while (awaited.size > 0) {
    try {
      for await (const { ids } of followJobs({ status: ACTIVE }, own.signal)) {
        for (const id of awaited) if (!ids.includes(id)) await look(id, own.signal)
        if (awaited.size === 0) break
      }
    } catch {
      // The backend is away, or nothing is awaited any more.
    }
    if (awaited.size > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
  leave = null
}

/** One that is not among the newest that run has ended, or is older than those. */
async function look(id: string, signal: AbortSignal): Promise<void> {
  const job = await getJob(id, signal)
  if (isActive(job)) return
  forget(id)
  tell(job)
}

function tell(job: Job) {
  const shown = new Notification(`${titleOf(job)} ${job.status}`, {
    body: job.message ?? '',
    icon: job.status === 'succeeded' ? '/icon-succeeded.svg' : '/icon-failed.svg',
    tag: job.id,
  })
  shown.onclick = () => {
    window.focus()
    shown.close()
  }
}
