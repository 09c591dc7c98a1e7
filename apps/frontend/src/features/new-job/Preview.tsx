import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Job } from '../../api/client'
import { listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { duration } from '../../ui/duration'
import { useConfig } from '../../config/useConfig'
import { costOf, rateOf } from '../jobs/cost'
import { nodesOf, titleOf } from '../jobs/present'
import { estimateOf } from './estimate'

const AMONG = 50

/** What the platform would make of the job, and how long earlier ones on its data took. */
export function Preview({ plan }: { plan: Job | undefined }) {
  const token = useToken()
  const config = useConfig()
  const dataset = plan?.dataset_id ?? ''
  const earlier = useQuery({
    queryKey: ['jobs', 'like', token, dataset],
    queryFn: ({ signal }) =>
      listJobs({ dataset_id: dataset, status: ['succeeded'] }, null, signal, AMONG),
    enabled: dataset !== '',
  })
  if (plan === undefined) return null
  const { cpu, memory, gpu } = plan.resources
  const nodes = nodesOf(plan.resources)
  const hour = config.data?.gpuHour ?? null
  const gpus = gpu * nodes
  const found = estimateOf(earlier.data?.items ?? [], plan)
  return (
    <dl className="preview" aria-label="What it would be">
      <dt>Starts from</dt>
      <dd>
        {plan.weights?.name ?? 'random weights'}
        {plan.weights?.sha256 === '' && ', fetched first'}
      </dd>
      <dt>Takes</dt>
      <dd>
        {cpu} CPU · {memory} · {gpu} GPU
        {nodes > 1 && ` on each of ${nodes} nodes`}
      </dd>
      <dt>Lasts</dt>
      <dd>
        {found === null ? (
          'not known: no job on this dataset has succeeded'
        ) : (
          <>
            {found.total !== null && `≈ ${duration(found.total)}: `}
            {duration(found.epoch)} an epoch, the first after {duration(found.start + found.epoch)},
            as{' '}
            <Link to="/jobs/$jobId" params={{ jobId: found.like.id }}>
              {titleOf(found.like)}
            </Link>{' '}
            took
            {found.apart.length > 0 && `, with other ${found.apart.slice(0, 4).join(', ')}`}
          </>
        )}
      </dd>
      {hour !== null && gpus > 0 && (
        <>
          <dt>Costs</dt>
          <dd>
            {found?.total == null
              ? `not known how much: ${rateOf(gpus, hour)}`
              : `≈ ${costOf(found.total, gpus, hour) ?? ''}: ${rateOf(gpus, hour)}`}
          </dd>
        </>
      )}
    </dl>
  )
}
