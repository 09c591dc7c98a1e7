import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { scoreOf, titleOf } from '../jobs/present'
import { MANY, withJobs } from './search'

const route = getRouteApi('/compare')

interface Props {
  ids: readonly string[]
  /** Of the first job that is compared. */
  dataset: string | undefined
}

/** The newest jobs that are not compared yet; where there are some, those on the same dataset. */
export function AddJob({ ids, dataset }: Props) {
  const navigate = route.useNavigate()
  const token = useToken()
  const filter = dataset === undefined ? {} : { dataset_id: dataset }
  const { data } = useQuery({
    queryKey: ['jobs', 'to-compare', token, filter],
    queryFn: ({ signal }) => listJobs(filter, null, signal),
  })
  const others = data?.items.filter(({ id }) => !ids.includes(id)) ?? []
  if (others.length === 0 || ids.length >= MANY) return null
  const add = (...added: string[]) => {
    const jobs = withJobs(ids, added)
    void navigate({ search: (old) => ({ ...old, jobs }), replace: true, resetScroll: false })
  }
  return (
    <div className="tools">
      <select
        aria-label="Add a job"
        value=""
        onChange={({ target }) => {
          add(target.value)
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
      {dataset !== undefined && others.length > 1 && (
        <button
          type="button"
          onClick={() => {
            add(...others.slice(0, MANY - ids.length).map(({ id }) => id))
          }}
        >
          Add all {Math.min(others.length, MANY - ids.length)}
        </button>
      )}
    </div>
  )
}
