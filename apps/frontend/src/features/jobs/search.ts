import type { JobFilter, JobStatus } from '../../api/client'
import { oneOf, textOf } from '../../shell/url'

export const STATES = ['active', 'succeeded', 'failed', 'cancelled'] as const
export type StateFilter = (typeof STATES)[number]

/** What the address says of the list. */
export interface JobsSearch {
  state?: StateFilter | undefined
  /** What a job's name or notes have in them, or its id begins with. */
  q?: string | undefined
  dataset?: string | undefined
  tag?: string | undefined
  /** A column, with a minus before it from the highest down; without it the newest come first. */
  sort?: Sort | undefined
}

export const SORTABLE = [
  'name',
  'state',
  'progress',
  'score',
  'dataset',
  'duration',
  'age',
] as const
export type Sortable = (typeof SORTABLE)[number]
export type Sort = Sortable | `-${Sortable}`
const SORTS: readonly Sort[] = SORTABLE.flatMap((one): Sort[] => [one, `-${one}`])

export function jobsSearch(search: Record<string, unknown>): JobsSearch {
  return {
    state: oneOf(search.state, STATES),
    q: textOf(search.q),
    dataset: textOf(search.dataset),
    tag: textOf(search.tag),
    sort: oneOf(search.sort, SORTS),
  }
}

export const ACTIVE: JobStatus[] = ['queued', 'preparing', 'running', 'retrying', 'cancelling']

/** What the API is asked for. */
export function filterOf({ state, q, dataset, tag }: JobsSearch): JobFilter {
  const text = q?.trim() ?? ''
  return {
    ...(state === undefined ? {} : { status: state === 'active' ? ACTIVE : [state] }),
    ...(dataset === undefined ? {} : { dataset_id: dataset }),
    ...(tag === undefined ? {} : { tag }),
    ...(text === '' ? {} : { q: text }),
  }
}
