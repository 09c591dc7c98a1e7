import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { Job } from '../../api/client'
import { duration } from '../../ui/duration'
import { ago, moment } from '../../ui/format'
import {
  elapsedOf,
  isActive,
  progressOf,
  progressText,
  scoreOf,
  statusOf,
  titleOf,
} from './present'
import { StatusBadge } from './StatusBadge'

interface Props {
  job: Job
  dataset: string
  index: number
  offset: number
  now: number
  picked: boolean
  onPick: (id: string, picked: boolean) => void
}

/** Drawn anew only when what it shows has changed: scrolling moves many. */
export const JobRow = memo(function JobRow(props: Props) {
  const { job, dataset, index, offset, now, picked, onPick } = props
  const title = titleOf(job)
  const progress = progressOf(job)
  const score = scoreOf(job)
  const elapsed = elapsedOf(job, now)
  const why = job.status === 'succeeded' ? null : job.message
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className="job-row"
      style={{ transform: `translateY(${offset}px)` }}
    >
      <span role="cell" className="job-pick">
        <input
          type="checkbox"
          aria-label={`Choose ${title}`}
          checked={picked}
          onChange={({ target }) => {
            onPick(job.id, target.checked)
          }}
        />
      </span>
      <span role="rowheader" className="job-name">
        <Link to="/jobs/$jobId" params={{ jobId: job.id }} className="row-link">
          {title}
        </Link>
        <span className="detail">
          {job.name !== null && <code>{job.id.slice(0, 8)}</code>} {job.trainer} · {job.task}
          {job.tags.map((tag) => ` #${tag}`)}
        </span>
      </span>
      <span role="cell" className="job-state">
        <StatusBadge status={statusOf(job)} />
        {why !== null && (
          <span className="detail cut" title={why}>
            {why}
          </span>
        )}
      </span>
      <span role="cell" className="job-progress">
        {progress !== null && (
          <progress value={progress} max={1} aria-label={`Progress of ${title}`} />
        )}
        <span className="detail cut">{progressText(job)}</span>
      </span>
      <span role="cell" className="job-score number">
        {score === null ? (
          <span className="detail">–</span>
        ) : (
          <>
            {score.value.toFixed(3)} <span className="detail">{score.name}</span>
          </>
        )}
      </span>
      <span role="cell" className="job-dataset cut">
        {dataset}
      </span>
      <span role="cell" className="job-duration number">
        {elapsed !== null ? (
          duration(elapsed)
        ) : (
          <span className="detail">
            {isActive(job)
              ? `waits ${duration(now - Date.parse(job.created_at))}`
              : 'never started'}
          </span>
        )}
      </span>
      <span role="cell" className="job-age detail">
        <time dateTime={job.created_at} title={moment(job.created_at)}>
          {ago(job.created_at, now)}
        </time>
      </span>
    </div>
  )
})
