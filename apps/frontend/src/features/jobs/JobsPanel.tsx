import { ApiError } from '../../api/errors'
import type { Job } from '../../api/client'
import { Notice } from '../../ui/Notice'
import { useNow } from '../../ui/useNow'
import { TokenForm } from '../auth/TokenForm'
import { JobRow } from './JobRow'
import { isActive } from './present'
import { useJobs } from './useJobs'

/** The live list of jobs in each of its states: loading, refused, failed, empty, filled. */
export function JobsPanel() {
  const jobs = useJobs()
  const refused = jobs.error instanceof ApiError && jobs.error.status === 401
  return (
    <section aria-labelledby="jobs-heading">
      <h2 id="jobs-heading">Jobs</h2>
      {refused ? (
        <TokenForm />
      ) : (
        <>
          {jobs.isPending && <Notice kind="info" title="Asking the backend for its jobs …" />}
          {jobs.error !== null && (
            <Failure message={jobs.error.message} shownSince={jobs.dataUpdatedAt} />
          )}
          {jobs.data?.length === 0 && <Empty />}
          {jobs.data !== undefined && jobs.data.length > 0 && <JobTable jobs={jobs.data} />}
          {jobs.hasNextPage && (
            <button
              type="button"
              disabled={jobs.isFetchingNextPage}
              onClick={() => void jobs.fetchNextPage()}
            >
              {jobs.isFetchingNextPage ? 'Fetching …' : 'Show older jobs'}
            </button>
          )}
        </>
      )}
    </section>
  )
}

function Failure({ message, shownSince }: { message: string; shownSince: number }) {
  return (
    <Notice kind="error" title={message}>
      {shownSince > 0 && (
        <>The jobs below are as they stood at {new Date(shownSince).toLocaleTimeString()}. </>
      )}
      This page tries again by itself.
    </Notice>
  )
}

function Empty() {
  return (
    <Notice kind="info" title="No jobs yet.">
      Push a dataset with <code>yard dataset push DIR</code>, then train on it with{' '}
      <code>yard train DATASET</code>. The job appears here.
    </Notice>
  )
}

function JobTable({ jobs }: { jobs: Job[] }) {
  const active = jobs.filter(isActive).length
  const now = useNow(active > 0)
  return (
    <>
      <p className="detail" role="status">
        {active === 0 ? 'None is running or waiting.' : `${active} running or waiting.`}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Status</th>
            <th scope="col">Progress</th>
            <th scope="col" className="number">
              Score
            </th>
            <th scope="col" className="number">
              Duration
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} now={now} />
          ))}
        </tbody>
      </table>
    </>
  )
}
