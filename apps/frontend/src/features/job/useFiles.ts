import { useQuery } from '@tanstack/react-query'
import { type Job, listArtifacts } from '../../api/client'
import { useToken } from '../../api/token'
import { isActive } from '../jobs/present'

const WHILE_TRAINING_MS = 10_000

/** What the job left behind, or has so far. */
export function useFiles(job: Job, enabled = true) {
  const token = useToken()
  return useQuery({
    // A finished job's files are asked for anew: they came with its end.
    queryKey: ['artifacts', job.id, token, job.status],
    queryFn: ({ signal }) => listArtifacts(job.id, signal),
    enabled,
    refetchInterval: isActive(job) ? WHILE_TRAINING_MS : false,
    placeholderData: (before) => before,
  })
}
