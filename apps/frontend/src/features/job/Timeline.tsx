import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type EpochMetrics, type Job, listAttempts } from '../../api/client'
import { useToken } from '../../api/token'
import { Failure } from '../../ui/Failure'
import { duration } from '../../ui/duration'
import { counted, moment } from '../../ui/format'
import { isActive } from '../jobs/present'
import { momentsOf } from './moments'

// Only while it is looked at; what else is new comes by the job's stream.
const HEARD_MS = 5_000

/** What happened when: each attempt with its cause in words, and its epochs. */
export function Timeline({ job, metrics }: { job: Job; metrics: readonly EpochMetrics[] }) {
  const token = useToken()
  const { data: attempts = [], error } = useQuery({
    queryKey: ['attempts', job.id, token, job.attempt, job.status],
    queryFn: ({ signal }) => listAttempts(job.id, signal),
    placeholderData: keepPreviousData,
    refetchInterval: isActive(job) ? HEARD_MS : false,
  })
  const moments = momentsOf(job, attempts, metrics)
  const leftOut = (attempts.at(-1)?.number ?? 1) - 1
  return (
    <section className="card" aria-label="Timeline">
      {error !== null && <Failure error={error} />}
      {leftOut > 0 && (
        <p className="detail">{counted(leftOut, 'earlier attempt')} not shown here.</p>
      )}
      <ol className="timeline">
        {moments.map(({ at, text, details }, index) => {
          const before = moments[index - 1]
          const gap = before === undefined ? 0 : Date.parse(at) - Date.parse(before.at)
          return (
            <li key={`${at} ${text}`}>
              <span className="title">{text}</span>
              {details.map((one) => (
                <span key={one} className="detail">
                  {one}
                </span>
              ))}
              <time className="detail" dateTime={at}>
                {moment(at)}
                {index > 0 && ` · ${gap < 1000 ? `${gap} ms` : duration(gap)} later`}
              </time>
            </li>
          )
        })}
      </ol>
    </section>
  )
}
