import { textOf } from '../../shell/url'

/** What the address says of the form: a dataset to begin with, or a job whose config to take. */
export interface NewJobSearch {
  dataset?: string | undefined
  from?: string | undefined
}

export function newJobSearch(search: Record<string, unknown>): NewJobSearch {
  return { dataset: textOf(search.dataset), from: textOf(search.from) }
}
