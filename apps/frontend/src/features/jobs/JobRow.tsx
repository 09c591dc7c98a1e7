import type { Job } from '../../api/client'
import { duration } from '../../ui/duration'
import { elapsedOf, isActive, progressOf, progressText, scoreOf, statusOf } from './present'
import { StatusBadge } from './StatusBadge'

export function JobRow({ job, now }: { job: Job; now: number }) {
  const title = job.name ?? job.id
  const progress = progressOf(job)
  const score = scoreOf(job)
  const elapsed = elapsedOf(job, now)
  return (
    <tr>
      <th scope="row">
        <span className="title">{title}</span>
        <span className="detail">
          {job.name !== null && <code>{job.id}</code>} {job.trainer} · {job.task}
        </span>
      </th>
      <td data-label="Status">
        <StatusBadge status={statusOf(job)} />
        {job.message !== null && job.status !== 'succeeded' && (
          <p className="message">{job.message}</p>
        )}
      </td>
      <td data-label="Progress">
        {progress !== null && (
          <progress value={progress} max={1} aria-label={`Progress of ${title}`}>
            {Math.round(progress * 100)} %
          </progress>
        )}
        <span className="detail">{progressText(job)}</span>
      </td>
      <td data-label="Score" className="number">
        {score === null ? (
          <span className="detail">none yet</span>
        ) : (
          <>
            {score.value.toFixed(3)} <span className="detail">{score.name}</span>
          </>
        )}
      </td>
      <td data-label="Duration" className="number">
        {elapsed !== null ? (
          duration(elapsed)
        ) : (
          <span className="detail">
            {isActive(job)
              ? `waits ${duration(now - Date.parse(job.created_at))}`
              : 'never started'}
          </span>
        )}
      </td>
    </tr>
  )
}
