import createClient from 'openapi-fetch'
import { refused, unanswered } from './errors'
import type { components, paths } from './schema'
import { getToken } from './token'

export type Job = components['schemas']['JobOut']
export type JobStatus = components['schemas']['JobStatus']
export type JobPage = components['schemas']['JobList']
export type Readiness = components['schemas']['Readiness']

const TIMEOUT_MS = 10_000

const client = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: (request) => fetch(request),
})

client.use({
  onRequest({ request }) {
    const token = getToken()
    if (token !== null) request.headers.set('Authorization', `Bearer ${token}`)
    return request
  },
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** Jobs, the newest first; `cursor` is the `next_cursor` of the page before. Rejects with ApiError. */
export async function listJobs(cursor: string | null, signal: AbortSignal): Promise<JobPage> {
  const answer = await answered(
    client.GET('/api/v1/jobs', {
      params: { query: cursor === null ? {} : { cursor } },
      signal: limited(signal),
    }),
  )
  return result(answer)
}

/** What the backend leans on; not being ready is an answer too. Rejects with ApiError. */
export async function readiness(signal: AbortSignal): Promise<Readiness> {
  const answer = await answered(client.GET('/readyz', { signal: limited(signal) }))
  const { error } = answer
  if (answer.response.status === 503 && isReadiness(error)) return error
  return result(answer)
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
}

async function answered<T>(request: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await request
  } catch (error) {
    throw unanswered(error)
  }
}

function result<T>({ data, error, response }: Answer<T>): T {
  if (data === undefined) throw refused(response.status, error)
  return data
}

function isReadiness(body: unknown): body is Readiness {
  return typeof body === 'object' && body !== null && 'checks' in body
}
