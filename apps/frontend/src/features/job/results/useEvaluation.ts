import { queryOptions, useQuery } from '@tanstack/react-query'
import { type Job, listArtifacts } from '../../../api/client'
import { readStored } from '../../../api/stored'
import { useToken } from '../../../api/token'
import { isActive } from '../../jobs/present'
import { parseEvaluation } from './evaluation'

const WHILE_TRAINING_MS = 15_000
const NAME = 'evaluation.json'

/** What a job's model can do, and the job's files; `evaluation` is null where it wrote none (yet). */
export function evaluationQuery(job: Job, token: string | null) {
  return queryOptions({
    queryKey: ['evaluation', job.id, token, job.status],
    queryFn: async ({ signal }) => {
      const files = await listArtifacts(job.id, signal)
      const file = files.find(({ name }) => name === NAME)
      return {
        files,
        evaluation: file === undefined ? null : parseEvaluation(await readStored(file, signal)),
      }
    },
    refetchInterval: isActive(job) ? WHILE_TRAINING_MS : false,
    placeholderData: (before) => before,
  })
}

export function useEvaluation(job: Job) {
  return useQuery(evaluationQuery(job, useToken()))
}
