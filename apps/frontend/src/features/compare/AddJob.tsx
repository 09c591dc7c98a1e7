import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { scoreOf, titleOf } from '../jobs/present'
import type { Side } from './compare'
import { MOST, withJob } from './search'

const route = getRouteApi('/compare')

/** The newest jobs that are not compared yet; where there are some, those on the same dataset. */
export function AddJob({ ids, sides }: { ids: readonly string[]; sides: readonly Side[] }) {
  const navigate = route.useNavigate()
  const token = useToken()
  const dataset = sides[0]?.job.dataset_id
  const filter = dataset === undefined ? {} : { dataset_id: dataset }
  const { data } = useQuery({
    queryKey: ['jobs', 'to-compare', token, filter],
    queryFn: ({ signal }) => listJobs(filter, null, signal),
  })
  const others = data?.items.filter(({ id }) => !ids.includes(id)) ?? []
  if (others.length === 0 || ids.length >= MOST) return null
  return (
    <select
      aria-label="Add a job"
      value=""
      onChange={({ target }) => {
        void navigate({
          search: (old) => ({ ...old, jobs: withJob(ids, target.value) }),
          replace: true,
          resetScroll: false,
        })
      }}
    >
      <option value="">
        {dataset === undefined ? 'Add a job …' : 'Add a job of this dataset …'}
      </option>
      {others.map((job) => (
        <option key={job.id} value={job.id}>
          {titleOf(job)} {job.id.slice(0, 6)} {scoreOf(job)?.value.toFixed(3) ?? job.status}
        </option>
      ))}
    </select>
  )
}
