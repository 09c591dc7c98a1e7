import { Link, getRouteApi } from '@tanstack/react-router'
import { Suspense, lazy } from 'react'
import type { Job } from '../../api/client'
import { Failure } from '../../ui/Failure'
import { Loading } from '../../ui/Loading'
import { Notice } from '../../ui/Notice'
import { type TabIcon, useTabIcon } from '../../ui/useTabIcon'
import { useTitle } from '../../ui/useTitle'
import { hasEpochs, isActive, progressOf, titleOf } from '../jobs/present'
import { useTrainers } from '../trainers/useTrainers'
import { Config } from './Config'
import { Files } from './Files'
import { JobHeader } from './JobHeader'
import { Timeline } from './Timeline'
import { JobLog } from './log/JobLog'
import { TABS, type Tab } from './search'
import { trainerOf } from './try/trainerOf'
import { useJobFeed } from './useJobFeed'

const Charts = lazy(() => import('./charts/Charts').then(({ Charts }) => ({ default: Charts })))
const Results = lazy(() =>
  import('./results/Results').then(({ Results }) => ({ default: Results })),
)
const TryModel = lazy(() =>
  import('./try/TryModel').then(({ TryModel }) => ({ default: TryModel })),
)
const route = getRouteApi('/jobs/$jobId')

const TITLES: Record<Tab, string> = {
  charts: 'Charts',
  results: 'Results',
  try: 'Try it',
  log: 'Log',
  config: 'Config',
  files: 'Files',
  timeline: 'Timeline',
}

/** One job, live. */
export function JobPage() {
  const { jobId } = route.useParams()
  return <LiveJob key={jobId} id={jobId} />
}

function LiveJob({ id }: { id: string }) {
  const { tab: asked } = route.useSearch()
  const { feed, job, metrics, log, logLines, connection, error } = useJobFeed(id)
  const trainers = useTrainers()
  const canBeTried =
    job !== null && trainers.data?.some(({ name }) => name === trainerOf(job.trainer)) === true
  useTitle(job === null ? `Job ${id.slice(0, 8)}` : tabTitle(job))
  useTabIcon(job === null ? null : iconOf(job.status))
  if (job === null) {
    if (error === null) return <Loading what="job" />
    return <Failure error={error} retries={connection === 'lost'} />
  }
  const tab = asked ?? (hasEpochs(job) ? 'charts' : 'results')
  const isOffered = { charts: hasEpochs(job), try: canBeTried } as Partial<Record<Tab, boolean>>
  return (
    <>
      <JobHeader job={job} metrics={metrics} onChange={feed.take} />
      {connection === 'lost' && (
        <Notice kind="error" title={error?.message ?? 'The connection was lost.'}>
          What follows is as it was then. This page connects again by itself.
        </Notice>
      )}
      {connection === 'refused' && error !== null && <Failure error={error} retries={false} />}
      <nav className="tabs" aria-label="Parts of the job">
        {TABS.filter((one) => one === tab || (isOffered[one] ?? true)).map((one) => (
          <Link
            key={one}
            from="/jobs/$jobId"
            to="."
            search={(old) => ({ ...old, tab: one })}
            aria-current={one === tab ? 'page' : undefined}
            replace
            resetScroll={false}
          >
            {TITLES[one]}
          </Link>
        ))}
      </nav>
      {tab === 'charts' && (
        <Suspense fallback={<Loading what="charts" />}>
          <Charts metrics={metrics} active={isActive(job)} />
        </Suspense>
      )}
      {tab === 'results' && (
        <Suspense fallback={<Loading what="results" />}>
          <Results job={job} />
        </Suspense>
      )}
      {tab === 'try' && (
        <Suspense fallback={<Loading what="trial" />}>
          <TryModel job={job} />
        </Suspense>
      )}
      {tab === 'log' && <JobLog job={job} log={log} length={logLines} />}
      {tab === 'config' && <Config job={job} />}
      {tab === 'files' && <Files job={job} />}
      {tab === 'timeline' && <Timeline job={job} metrics={metrics} />}
    </>
  )
}

function iconOf(status: Job['status']): TabIcon | null {
  if (status === 'succeeded' || status === 'failed') return status
  return status === 'cancelled' ? null : 'running'
}

const MARKS = { succeeded: '✓', failed: '✕', cancelled: '–' } as const

/** How it goes, for whoever looks at another tab. */
function tabTitle(job: Job): string {
  const { status } = job
  if (status === 'succeeded' || status === 'failed' || status === 'cancelled') {
    return `${MARKS[status]} ${titleOf(job)}`
  }
  const progress = progressOf(job)
  return `${progress === null ? status : `${Math.round(progress * 100)} %`} · ${titleOf(job)}`
}
