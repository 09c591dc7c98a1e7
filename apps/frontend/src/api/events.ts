import { type EventSourceMessage, createParser } from 'eventsource-parser'
import { type EpochMetrics, JOBS_A_PAGE, type Job, type JobFilter } from './client'
import { refused, unanswered } from './errors'
import { getToken } from './token'

export interface LogPart {
  /** In bytes of the job's whole log. */
  offset: number
  next_offset: number
  text: string
}

/** One event of a job's stream; `cursor` is from where a later connection goes on. */
export type JobEvent = { cursor: string } & (
  | { type: 'state'; data: Job }
  | { type: 'metrics'; data: EpochMetrics }
  | { type: 'log'; data: LogPart }
  | { type: 'end' }
)

// The backend pings each 15 s: a connection that is silent for longer is dead.
const SILENT_MS = 40_000

/** Follow a job from `cursor` on, until its stream ends; rejects with ApiError. */
export async function* followJob(
  id: string,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void, undefined> {
  for await (const { event, data, id: at } of follow(`jobs/${id}/events`, cursor, signal)) {
    const parsed = parse(event, data, at ?? '')
    if (parsed !== null) yield parsed
  }
}

/** The newest page of a list as it stands: `items` are those of its jobs that have changed. */
export interface ListNews {
  ids: string[]
  items: Job[]
  next_cursor: string | null
}

/** Follow the newest page of a list of jobs; rejects with ApiError. */
export async function* followJobs(
  { status = [], ...filter }: JobFilter,
  signal: AbortSignal,
): AsyncGenerator<ListNews, void, undefined> {
  const query = new URLSearchParams(status.map((one) => ['status', one]))
  for (const [key, value] of Object.entries(filter)) query.set(key, value)
  query.set('limit', String(JOBS_A_PAGE))
  for await (const { event, data } of follow(`jobs/events?${query.toString()}`, '', signal)) {
    if (event === 'jobs') yield JSON.parse(data) as ListNews
  }
}

/** The events of a stream. Fetch rather than EventSource, which cannot send the API token. */
async function* follow(
  path: string,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const silence = new AbortController()
  const alarm = () =>
    setTimeout(() => {
      silence.abort(new DOMException('silent', 'TimeoutError'))
    }, SILENT_MS)
  let timer = alarm()
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  try {
    const response = await fetch(`${window.location.origin}/api/v1/${path}`, {
      headers: headers(cursor),
      signal: AbortSignal.any([signal, silence.signal]),
      cache: 'no-store',
    })
    if (!response.ok) {
      throw refused(response.status, await response.json().catch(() => null))
    }
    const decoder = new TextDecoder()
    const reader = response.body?.getReader()
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) return
      clearTimeout(timer)
      timer = alarm()
      parser.feed(decoder.decode(chunk.value, { stream: true }))
      yield* events.splice(0)
    }
  } catch (error) {
    throw error instanceof Error && error.name === 'ApiError' ? error : unanswered(error)
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

function headers(cursor: string): Record<string, string> {
  const token = getToken()
  return {
    Accept: 'text/event-stream',
    ...(cursor === '' ? {} : { 'Last-Event-ID': cursor }),
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
  }
}

function parse(type: string | undefined, data: string, cursor: string): JobEvent | null {
  switch (type) {
    case 'state':
      return { type, cursor, data: JSON.parse(data) as Job }
    case 'metrics':
      return { type, cursor, data: JSON.parse(data) as EpochMetrics }
    case 'log':
      return { type, cursor, data: JSON.parse(data) as LogPart }
    case 'end':
      return { type, cursor }
    default:
      // An event of a newer backend.
      return null
  }
}
