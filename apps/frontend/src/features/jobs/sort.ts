import type { Job } from '../../api/client'
import { elapsedOf, progressOf, scoreOf, statusOf, titleOf } from './present'
import type { Sort, Sortable } from './search'

type Value = string | number | null

/** Jobs by a column; those without a value stand last, whichever way. */
export function sortedJobs(
  jobs: Job[],
  sort: Sort | undefined,
  datasets: ReadonlyMap<string, string>,
  now: number,
): Job[] {
  if (sort === undefined) return jobs
  const sign = sort.startsWith('-') ? -1 : 1
  const column = sort.replace('-', '') as Sortable
  const of: Record<Sortable, (job: Job) => Value> = {
    name: titleOf,
    state: statusOf,
    progress: progressOf,
    score: (job) => scoreOf(job)?.value ?? null,
    dataset: ({ dataset_id: id }) => datasets.get(id) ?? id,
    duration: (job) => elapsedOf(job, now),
    age: (job) => now - Date.parse(job.created_at),
  }
  const keyed = jobs.map((job) => ({ job, key: of[column](job) }))
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null)
    if (typeof a === 'string')
      return sign * a.localeCompare(String(b), undefined, { numeric: true })
    return sign * (a - Number(b))
  })
  return keyed.map(({ job }) => job)
}

/** What a click on a column's head asks for: numbers from the highest down first, then the other way, then none. */
export function nextSort(column: Sortable, sort: Sort | undefined): Sort | undefined {
  const down: Sort = `-${column}`
  const first = ['progress', 'score', 'duration'].includes(column) ? down : column
  const second = first === down ? column : down
  return sort === first ? second : sort === second ? undefined : first
}
