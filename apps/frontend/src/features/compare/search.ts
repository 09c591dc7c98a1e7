import { textOf } from '../../shell/url'

/** What the address says of a comparison: ?jobs=a,b,c. */
export interface CompareSearch {
  jobs?: string | undefined
  /** By which the classes are compared. */
  metric?: string | undefined
}

/** More columns and lines than these cannot be told apart. */
export const MOST = 10
/** As many as their parameters are drawn of; an address holds no more. */
export const MANY = 100
const ID = /^[0-9a-f]{12}$/

export function compareSearch(search: Record<string, unknown>): CompareSearch {
  return { jobs: textOf(search.jobs), metric: textOf(search.metric) }
}

/** The ids that the address names, each once; the first is what the others are compared with. */
export function idsOf({ jobs = '' }: CompareSearch): string[] {
  const ids = jobs.split(',').map((id) => id.trim())
  return [...new Set(ids.filter((id) => ID.test(id)))].slice(0, MANY)
}

export function withJobs(ids: readonly string[], added: readonly string[]): string {
  return [...ids, ...added].join(',')
}

export function withoutJob(ids: readonly string[], id: string): string | undefined {
  return ids.filter((one) => one !== id).join(',') || undefined
}
