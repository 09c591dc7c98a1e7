import { queryOptions, useQueries } from '@tanstack/react-query'
import { type Job, getJob, listMetrics } from '../../api/client'
import { useToken } from '../../api/token'
import { datasetQuery, datasetTitle } from '../datasets/useDatasets'
import { evaluationQuery } from '../job/results/useEvaluation'
import { isActive } from '../jobs/present'
import { type Side, titlesOf } from './compare'

const WHILE_TRAINING_MS = 5_000

function jobQuery(id: string, token: string | null) {
  return queryOptions({
    queryKey: ['job', id, token],
    queryFn: ({ signal }) => getJob(id, signal),
    refetchInterval: ({ state }) =>
      state.data !== undefined && isActive(state.data) ? WHILE_TRAINING_MS : false,
  })
}

function metricsQuery({ id, status, epoch }: Job, token: string | null) {
  return queryOptions({
    // Asked for anew with each epoch; what was known is shown until then.
    queryKey: ['metrics', id, token, status, epoch],
    queryFn: ({ signal }) => listMetrics(id, signal),
    placeholderData: (before) => before,
  })
}

/** Only the jobs with these ids, of which there may be many: as they are now, not as they go on. */
export function useJobsOf(ids: readonly string[]) {
  const token = useToken()
  const jobs = useQueries({
    queries: ids.map((id) => ({ ...jobQuery(id, token), refetchInterval: false as const })),
  })
  return {
    jobs: jobs.flatMap(({ data }) => data ?? []),
    isPending: jobs.some((one) => one.isPending),
    errors: jobs.flatMap(({ error }) => error ?? []),
  }
}

/** The jobs with these ids, as far as they are known; `errors` says why one is missing. */
export function useSides(ids: readonly string[]) {
  const token = useToken()
  const jobs = useQueries({ queries: ids.map((id) => jobQuery(id, token)) })
  const found = jobs.flatMap(({ data }) => data ?? [])
  const metrics = useQueries({ queries: found.map((job) => metricsQuery(job, token)) })
  const evaluations = useQueries({ queries: found.map((job) => evaluationQuery(job, token)) })
  const datasets = useQueries({ queries: found.map((job) => datasetQuery(job.dataset_id, token)) })
  const titles = titlesOf(found)
  const sides = found.map((job, index): Side => {
    const dataset = datasets[index]?.data
    return {
      job,
      title: titles[index] ?? job.id,
      dataset: dataset === undefined ? job.dataset_id : datasetTitle(dataset),
      evaluation: evaluations[index]?.data?.evaluation ?? null,
      exports: evaluations[index]?.data?.exports ?? null,
      epochs: metrics[index]?.data ?? [],
      urls: new Map(evaluations[index]?.data?.files.map(({ name, url }) => [name, url])),
    }
  })
  return {
    sides,
    isPending: [...jobs, ...metrics, ...evaluations].some((one) => one.isPending),
    errors: [...jobs, ...metrics, ...evaluations].flatMap(({ error }) => error ?? []),
  }
}
