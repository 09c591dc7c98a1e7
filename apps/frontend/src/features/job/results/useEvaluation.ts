import { queryOptions, useQuery } from '@tanstack/react-query'
import { type Job, listArtifacts } from '../../../api/client'
import { readStored } from '../../../api/stored'
import { useToken } from '../../../api/token'
import { isActive } from '../../jobs/present'
import { parseEvaluation } from './evaluation'
import { parseExports } from './exports'

const WHILE_TRAINING_MS = 15_000
/** What a job's model can do, or what its exports lost, and the job's files; null is what it wrote not (yet). */
export function evaluationQuery(job: Job, token: string | null) {
  return queryOptions({
    queryKey: ['evaluation', job.id, token, job.status],
    queryFn: async ({ signal }) => {
      const files = await listArtifacts(job.id, signal)
      const read = async <Found>(wanted: string, parse: (found: unknown) => Found) => {
        const file = files.find(({ name }) => name === wanted)
        return file === undefined ? null : parse(await readStored(file, signal))
      }
      return {
        files,
        evaluation: await read('evaluation.json', parseEvaluation),
        exports: await read('export.json', parseExports),
      }
    },
    refetchInterval: isActive(job) ? WHILE_TRAINING_MS : false,
    placeholderData: (before) => before,
  })
}

export function useEvaluation(job: Job) {
  return useQuery(evaluationQuery(job, useToken()))
}
