import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { EpochMetrics, Job } from '../../api/client'
import { duration } from '../../ui/duration'
import { ago, inWords, moment } from '../../ui/format'
import { Notice } from '../../ui/Notice'
import { useNow } from '../../ui/useNow'
import { datasetTitle, useDataset } from '../datasets/useDatasets'
import {
  elapsedOf,
  isActive,
  nodesOf,
  progressOf,
  progressText,
  scoreOf,
  statusOf,
  titleOf,
} from '../jobs/present'
import { useConfig } from '../../config/useConfig'
import { costOf } from '../jobs/cost'
import { StatusBadge } from '../jobs/StatusBadge'
import { Debugger } from './Debugger'
import { EditDialog } from './EditDialog'
import { JobActions } from './JobActions'
import { type Eta, etaOf } from './eta'

interface Props {
  job: Job
  metrics: readonly EpochMetrics[]
  onChange: (job: Job) => void
}

/** What one wants to know first: how it stands, how far, how good, how long still, and why not. */
export function JobHeader({ job, metrics, onChange }: Props) {
  const now = useNow(isActive(job))
  const dataset = useDataset(job.dataset_id)
  const progress = progressOf(job)
  const finished = !isActive(job)
  const config = useConfig()
  const gpus = job.resources.gpu * nodesOf(job.resources)
  const cost = costOf(elapsedOf(job, now), gpus, config.data?.gpuHour ?? null)
  return (
    <section className="job-header" aria-label="Summary">
      <p className="crumbs">
        <Link to="/">Jobs</Link> <span aria-hidden="true">/</span> <code>{job.id}</code>
      </p>
      <div className="page-head">
        <div>
          <h1>{titleOf(job)}</h1>
          <p className="detail">
            {job.trainer} · {job.task} on{' '}
            {job.dataset_id === '' ? (
              'data of its own script'
            ) : (
              <Link to="/datasets/$datasetId" params={{ datasetId: job.dataset_id }}>
                {dataset.data === undefined ? job.dataset_id : datasetTitle(dataset.data)}
              </Link>
            )}{' '}
            ·{' '}
            <span title={moment(job.created_at)}>
              submitted {ago(job.created_at, now)}
              {job.created_by !== null && ` by ${job.created_by}`}
            </span>
          </p>
        </div>
        <JobActions job={job} onChange={onChange} />
      </div>
      <Noted job={job} onChange={onChange} />
      {job.message !== null && job.status !== 'succeeded' && (
        <Notice
          kind={job.status === 'failed' ? 'error' : 'info'}
          title={job.cause === null ? job.message : inWords(job.cause)}
        >
          {job.cause !== null && job.message}
        </Notice>
      )}
      {job.debug_port !== null && !finished && <Debugger job={job} />}
      <dl className="facts">
        <div>
          <dt>State</dt>
          <dd>
            <StatusBadge status={statusOf(job)} />
          </dd>
        </div>
        <div className="fact-progress">
          <dt>Progress</dt>
          <dd>
            {progress !== null && (
              <progress value={progress} max={1} aria-label={`Progress of ${titleOf(job)}`} />
            )}
            <span className="detail">{progressText(job)}</span>
          </dd>
        </div>
        <Score job={job} metrics={metrics} />
        <Fact name="Duration" text={told(elapsedOf(job, now))} />
        {cost !== null && <Fact name={finished ? 'Cost' : 'Cost so far'} text={`≈ ${cost}`} />}
        {!finished && <Fact name="Time left" text={timeLeft(etaOf(job, metrics, now))} />}
      </dl>
    </section>
  )
}

/** What people noted of the job. */
function Noted({ job, onChange }: Pick<Props, 'job' | 'onChange'>) {
  const [editing, setEditing] = useState(false)
  return (
    <div className="noted">
      {job.tags.map((tag) => (
        <Link key={tag} to="/" search={{ tag }} className="tag">
          {tag}
        </Link>
      ))}
      <button
        type="button"
        className="quiet"
        onClick={() => {
          setEditing(true)
        }}
      >
        {job.tags.length === 0 && job.notes === null ? 'Add tags and notes' : 'Edit'}
      </button>
      {job.notes !== null && <p className="notes">{job.notes}</p>}
      {editing && (
        <EditDialog
          job={job}
          onChange={onChange}
          onClose={() => {
            setEditing(false)
          }}
        />
      )}
    </div>
  )
}

function Fact({ name, text }: { name: string; text: string | null }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number">{text ?? <span className="detail">not known yet</span>}</dd>
    </div>
  )
}

function Score({ job, metrics }: { job: Job; metrics: readonly EpochMetrics[] }) {
  const score = scoreOf(job)
  const best = Math.max(
    ...metrics.map(({ values }) => scoreOf({ best: null, metrics: values })?.value ?? -Infinity),
  )
  return (
    <div>
      <dt>{score?.name ?? 'Score'}</dt>
      <dd className="number">
        {score === null ? (
          <span className="detail">after the first validation</span>
        ) : (
          <>
            {score.value.toFixed(3)}
            {job.best === null && Number.isFinite(best) && (
              <span className="detail"> best {best.toFixed(3)}</span>
            )}
          </>
        )}
      </dd>
    </div>
  )
}

function timeLeft(eta: Eta | null): string | null {
  if (eta === null) return null
  return `≈ ${duration(eta.left)}${eta.error === null ? '' : ` ± ${duration(eta.error)}`}`
}

function told(ms: number | null): string | null {
  return ms === null ? null : duration(ms)
}
