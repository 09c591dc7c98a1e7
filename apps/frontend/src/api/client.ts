import createClient from 'openapi-fetch'
import { refused, unanswered } from './errors'
import type { components, paths } from './schema'
import { getToken } from './token'

type Schemas = components['schemas']
export type Job = Schemas['JobOut']
export type JobStatus = Schemas['JobStatus']
export type JobPage = Schemas['JobList']
export type EpochMetrics = Schemas['MetricsOut']
export type Attempt = Schemas['AttemptOut']
export type Artifact = Schemas['ArtifactOut']
export type Dataset = Schemas['DatasetOut']
export type DatasetPage = Schemas['DatasetList']
export type DatasetReport = Schemas['Report']
export type Token = Schemas['TokenOut']
export type Weights = Schemas['WeightsOut']
export type ModelVersion = Schemas['ModelVersion']
export type Promotion = Partial<Schemas['Promotion']> & { version: number }
export type Trainer = Schemas['TrainerOut']
export type TrainerSummary = Schemas['TrainerSummary']
/** What a new job must say; what is left out is as the backend has it. */
export type JobCreate = Partial<Schemas['JobCreate']> & { dataset_id: string }
export type Platform = Schemas['Platform']
export type Readiness = Schemas['Readiness']

/** Which jobs a list holds; what is left out does not narrow it. */
export interface JobFilter {
  status?: JobStatus[]
  dataset_id?: string
  name?: string
  id_prefix?: string
  tag?: string
}

const TIMEOUT_MS = 10_000
/** Of a new job: the first one of a model waits until its pretrained weights are fetched. */
const FETCH_TIMEOUT_MS = 180_000
export const JOBS_A_PAGE = 100

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

// Every function below rejects with ApiError.

/** Jobs, the newest first; `cursor` is the `next_cursor` of the page before. */
export async function listJobs(
  filter: JobFilter,
  cursor: string | null,
  signal: AbortSignal,
  limit = JOBS_A_PAGE,
): Promise<JobPage> {
  const query = { ...filter, limit, ...(cursor === null ? {} : { cursor }) }
  return result(client.GET('/api/v1/jobs', { params: { query }, signal: limited(signal) }))
}

/** How many jobs there are of a filter, or null where the backend does not say; counting many takes its time. */
export async function countJobs(filter: JobFilter, signal: AbortSignal): Promise<number | null> {
  const query = { ...filter, limit: 1, total: true }
  const request = client.GET('/api/v1/jobs', { params: { query }, signal: limited(signal) })
  return (await result(request)).total ?? null
}

export async function getJob(id: string, signal: AbortSignal): Promise<Job> {
  return result(
    client.GET('/api/v1/jobs/{id}', { params: { path: { id } }, signal: limited(signal) }),
  )
}

/** The metrics of each epoch of a job. */
export async function listMetrics(id: string, signal: AbortSignal): Promise<EpochMetrics[]> {
  const found = await result(
    client.GET('/api/v1/jobs/{id}/metrics', { params: { path: { id } }, signal: limited(signal) }),
  )
  return found.items
}

/** The attempts of a job, the latest first; at most the latest 100. */
export async function listAttempts(id: string, signal: AbortSignal): Promise<Attempt[]> {
  const found = await result(
    client.GET('/api/v1/jobs/{id}/attempts', { params: { path: { id } }, signal: limited(signal) }),
  )
  return found.items
}

/** With `keepalive` it is sent although the tab is being closed. */
export async function cancelJob(id: string, sent: { keepalive?: boolean } = {}): Promise<Job> {
  return result(
    client.POST('/api/v1/jobs/{id}/cancel', {
      params: { path: { id } },
      signal: limited(),
      ...sent,
    }),
  )
}

/** End a training well, after its epoch; its best model counts. */
export async function finishJob(id: string): Promise<Job> {
  return result(
    client.POST('/api/v1/jobs/{id}/finish-early', { params: { path: { id } }, signal: limited() }),
  )
}

export async function retryJob(id: string): Promise<Job> {
  return result(
    client.POST('/api/v1/jobs/{id}/retry', { params: { path: { id } }, signal: limited() }),
  )
}

export async function deleteJob(id: string): Promise<void> {
  const { error, response } = await answered(
    client.DELETE('/api/v1/jobs/{id}', { params: { path: { id } }, signal: limited() }),
  )
  if (!response.ok) throw refused(response.status, error)
}

/** Change name, notes and tags, those that are given. */
export async function editJob(id: string, body: Partial<Schemas['JobEdit']>): Promise<Job> {
  return result(
    client.PATCH('/api/v1/jobs/{id}', {
      params: { path: { id } },
      body: body as Schemas['JobEdit'],
      signal: limited(),
    }),
  )
}

/** What a new job would be; nothing is started. */
export async function planJob(body: JobCreate, signal: AbortSignal): Promise<Job> {
  const query = { dry_run: true }
  const full = body as Schemas['JobCreate']
  return result(
    client.POST('/api/v1/jobs', { params: { query }, body: full, signal: limited(signal) }),
  )
}

/** Start a job; the same `key` again gives the same job. */
export async function createJob(body: JobCreate, key: string): Promise<Job> {
  const header = { 'idempotency-key': key }
  // The generated type asks for what has a default, too.
  const full = body as Schemas['JobCreate']
  const signal = limited(undefined, FETCH_TIMEOUT_MS)
  return result(client.POST('/api/v1/jobs', { params: { header }, body: full, signal }))
}

export async function listArtifacts(id: string, signal: AbortSignal): Promise<Artifact[]> {
  const found = await result(
    client.GET('/api/v1/jobs/{id}/artifacts', {
      params: { path: { id } },
      signal: limited(signal),
    }),
  )
  return found.items
}

/** Datasets, the newest first. */
export async function listDatasets(
  cursor: string | null,
  signal: AbortSignal,
): Promise<DatasetPage> {
  const query = cursor === null ? {} : { cursor }
  return result(client.GET('/api/v1/datasets', { params: { query }, signal: limited(signal) }))
}

/** Announce a zip, and get the links to send its parts to. */
export async function createDataset(
  body: Schemas['DatasetCreate'],
): Promise<Schemas['DatasetCreated']> {
  const request = client.POST('/api/v1/datasets', { body, signal: limited() })
  return result(request as Promise<Answer<Schemas['DatasetCreated']>>)
}

/** What an interrupted upload has and lacks, with new links for that. */
export async function resumeUpload(id: string): Promise<Schemas['Upload']> {
  return result(
    client.POST('/api/v1/datasets/{id}/upload', { params: { path: { id } }, signal: limited() }),
  )
}

/** Say that all parts are there; the platform's check begins. */
export async function completeDataset(
  id: string,
  parts: Schemas['CompletedPart'][],
): Promise<Dataset> {
  return result(
    client.POST('/api/v1/datasets/{id}/complete', {
      params: { path: { id } },
      body: { parts },
      signal: limited(),
    }),
  )
}

export async function getDataset(id: string, signal: AbortSignal): Promise<Dataset> {
  return result(
    client.GET('/api/v1/datasets/{id}', { params: { path: { id } }, signal: limited(signal) }),
  )
}

/** Links to a ready dataset's archive and index, good for a day. */
export async function linksOfDataset(
  id: string,
  signal: AbortSignal,
): Promise<Schemas['DatasetLinks']> {
  return result(
    client.GET('/api/v1/datasets/{id}/links', {
      params: { path: { id } },
      signal: limited(signal),
    }),
  )
}

/** Weights that the platform keeps, the newest 500 first, and whether it fetches official ones. */
export async function listWeights(signal: AbortSignal): Promise<Schemas['WeightsList']> {
  return result(
    client.GET('/api/v1/weights', {
      params: { query: { limit: 500 } },
      signal: limited(signal),
    }),
  )
}

/** Keep the file with this sha256: says where to send it, or, once it is there, what is kept. */
export async function putWeights(
  sha256: string,
  body: Schemas['WeightsPut'],
): Promise<Weights | Schemas['WeightsUpload']> {
  return result(
    client.PUT('/api/v1/weights/{sha256}', {
      params: { path: { sha256 } },
      body,
      // The platform reads what was sent, to compare its sha256.
      signal: limited(undefined, FETCH_TIMEOUT_MS),
    }),
  )
}

/** A page of the versions of registered models, those that changed last first. */
export async function listModels(
  cursor: string,
  signal: AbortSignal,
): Promise<Schemas['ModelVersionList']> {
  const query = { cursor, limit: 200 }
  return result(client.GET('/api/v1/models', { params: { query }, signal: limited(signal) }))
}

/** Make a job's best model the next version of a registered model. */
export async function registerModel(name: string, jobId: string): Promise<ModelVersion> {
  return result(
    client.POST('/api/v1/models/{name}/versions', {
      params: { path: { name } },
      body: { job_id: jobId },
      signal: limited(),
    }),
  )
}

/** Move an alias to a version that passes the gate; without a dataset, back to the one before. */
export async function moveAlias(
  name: string,
  alias: string,
  body: Promotion,
): Promise<ModelVersion> {
  return result(
    client.PUT('/api/v1/models/{name}/aliases/{alias}', {
      params: { path: { name, alias } },
      body: body as Schemas['Promotion'],
      signal: limited(),
    }),
  )
}

export async function listTrainers(signal: AbortSignal): Promise<TrainerSummary[]> {
  const found = await result(client.GET('/api/v1/trainers', { signal: limited(signal) }))
  return found.items
}

export async function getTrainer(name: string, signal: AbortSignal): Promise<Trainer> {
  return result(
    client.GET('/api/v1/trainers/{name}', { params: { path: { name } }, signal: limited(signal) }),
  )
}

/** The newest 500 API tokens, without their secrets; for administrators. */
export async function listTokens(signal: AbortSignal): Promise<Token[]> {
  const query = { limit: 500 }
  const found = await result(
    client.GET('/api/v1/tokens', { params: { query }, signal: limited(signal) }),
  )
  return found.items
}

export async function revokeToken(name: string): Promise<void> {
  const { error, response } = await answered(
    client.DELETE('/api/v1/tokens/{name}', { params: { path: { name } }, signal: limited() }),
  )
  if (!response.ok) throw refused(response.status, error)
}

/** What runs here, and how busy it is. */
export async function getPlatform(signal: AbortSignal): Promise<Platform> {
  return result(client.GET('/api/v1/platform', { signal: limited(signal) }))
}

/** What the backend leans on; not being ready is an answer too. */
export async function readiness(signal: AbortSignal): Promise<Readiness> {
  const answer = await answered(client.GET('/readyz', { signal: limited(signal) }))
  const { error } = answer
  if (answer.response.status === 503 && isReadiness(error)) return error
  return result(Promise.resolve(answer))
}

function limited(signal?: AbortSignal, afterMs = TIMEOUT_MS): AbortSignal {
  const timeout = AbortSignal.timeout(afterMs)
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout])
}

async function answered<T>(request: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await request
  } catch (error) {
    throw unanswered(error)
  }
}

async function result<T>(request: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answered(request)
  if (data === undefined) throw refused(response.status, error)
  return data
}

function isReadiness(body: unknown): body is Readiness {
  return typeof body === 'object' && body !== null && 'checks' in body
}
