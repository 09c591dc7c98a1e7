import { textOf } from '../../shell/url'

/** What the address says of the form: a dataset to begin with, a job whose config to take, or weights by their sha256. */
export interface NewJobSearch {
  dataset?: string | undefined
  from?: string | undefined
  weights?: string | undefined
}

export function newJobSearch(search: Record<string, unknown>): NewJobSearch {
  const { dataset, from, weights } = search
  return { dataset: textOf(dataset), from: textOf(from), weights: textOf(weights) }
}
