import type { EpochMetrics, Job } from '../../api/client'
import { ApiError } from '../../api/errors'
import { type JobEvent, followJob } from '../../api/events'
import { LogBuffer } from './log/LogBuffer'

export type Connection = 'connecting' | 'live' | 'lost' | 'ended' | 'refused'

/** What the page knows of a job; a new object whenever something in it is new. */
export interface Snapshot {
  connection: Connection
  error: ApiError | null
  job: Job | null
  /** One for each epoch, in order; of the attempt that trained it last. */
  metrics: readonly EpochMetrics[]
  log: LogBuffer
  /** Grows with the log, which is the same object for ever. */
  logLines: number
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
// A finished job may be retried elsewhere, from a terminal or by somebody else.
const LOOK_AGAIN_MS = 20_000
// Events come in bursts: the page is drawn once for each.
const GATHER_MS = 60

/** The live view of one job, over as many connections as it takes. */
export class JobFeed {
  private readonly id: string
  private readonly listeners = new Set<() => void>()
  private readonly epochs = new Map<number, EpochMetrics>()
  private cursor = ''
  private gathering: ReturnType<typeof setTimeout> | null = null
  private wake: (() => void) | null = null
  private snapshot: Snapshot = {
    connection: 'connecting',
    error: null,
    job: null,
    metrics: [],
    log: new LogBuffer(),
    logLines: 0,
  }

  constructor(id: string) {
    this.id = id
  }

  readonly get = (): Snapshot => this.snapshot

  readonly subscribe = (changed: () => void): (() => void) => {
    this.listeners.add(changed)
    return () => this.listeners.delete(changed)
  }

  /** Connect again now: after a retry of the job, or when the tab is looked at again. */
  readonly hurry = (): void => {
    this.wake?.()
  }

  /** Take what an answer of the API said of the job, before its stream says so. */
  readonly take = (job: Job): void => {
    this.update({ job })
    this.hurry()
  }

  /** Follow until `signal`; a lost connection is taken up where it ended. */
  async run(signal: AbortSignal): Promise<void> {
    let wait = FIRST_WAIT_MS
    while (!signal.aborted) {
      let ended = false
      try {
        for await (const event of followJob(this.id, this.cursor, signal)) {
          wait = FIRST_WAIT_MS
          ended ||= event.type === 'end'
          this.apply(event)
        }
        this.update({ connection: ended ? 'ended' : 'lost' })
      } catch (error) {
        // TypeScript does not know that the signal may have been aborted meanwhile.
        if ((signal as { aborted: boolean }).aborted) return
        this.fail(error)
      }
      await this.sleep(ended ? LOOK_AGAIN_MS : wait, signal)
      wait = Math.min(2 * wait, LONGEST_WAIT_MS)
    }
  }

  apply(event: JobEvent): void {
    if (event.cursor !== '') this.cursor = event.cursor
    switch (event.type) {
      case 'state':
        this.later({ connection: 'live', error: null, job: event.data })
        break
      case 'metrics':
        this.epochs.set(event.data.epoch, event.data)
        this.later({ metrics: [] })
        break
      case 'log':
        this.snapshot.log.append(event.data.offset, event.data.next_offset, event.data.text)
        this.later({})
        break
      case 'end':
        break
    }
  }

  private fail(error: unknown) {
    const told = error instanceof ApiError ? error : new ApiError(String(error), null)
    const final = told.status !== null && told.status >= 400 && told.status < 500
    this.update({ connection: final ? 'refused' : 'lost', error: told })
  }

  private pending: Partial<Snapshot> = {}

  private later(changes: Partial<Snapshot>) {
    this.pending = { ...this.pending, ...changes }
    this.gathering ??= setTimeout(() => {
      this.update({})
    }, GATHER_MS)
  }

  private update(changes: Partial<Snapshot>) {
    if (this.gathering !== null) clearTimeout(this.gathering)
    this.gathering = null
    const all = { ...this.pending, ...changes }
    this.pending = {}
    if ('metrics' in all) all.metrics = [...this.epochs.values()].sort((a, b) => a.epoch - b.epoch)
    this.snapshot = { ...this.snapshot, ...all, logLines: this.snapshot.log.length }
    for (const changed of this.listeners) changed()
  }

  private async sleep(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.wake = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      this.wake = done
    })
  }
}
