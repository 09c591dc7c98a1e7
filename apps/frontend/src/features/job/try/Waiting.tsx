import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Failure } from '../../../ui/Failure'
import { Notice } from '../../../ui/Notice'
import { useNow } from '../../../ui/useNow'
import { duration } from '../../../ui/duration'
import { inWords } from '../../../ui/format'
import { isActive } from '../../jobs/present'
import { useJobFeed } from '../useJobFeed'
import { forget } from './left'
import type { Predictions } from './predictions'
import { type Trial, answerOf, waitsFor } from './trial'

interface Props {
  trial: Trial
  onAnswer: (id: string, answer: Predictions) => void
}

/** How a trial stands, until there is an answer; without one its job is kept, for its log. */
export function Waiting({ trial, onAnswer }: Props) {
  const { id } = trial
  const { job, error } = useJobFeed(id)
  const [since] = useState(() => Date.now())
  const now = useNow(job === null || isActive(job))
  const answer = useQuery({
    queryKey: ['predictions', id],
    queryFn: ({ signal }) => answerOf(id, signal),
    enabled: job?.status === 'succeeded',
    staleTime: Infinity,
  })
  const failed = job?.status === 'failed' || job?.status === 'cancelled'
  const isKept = failed || answer.isError
  useEffect(() => {
    if (isKept || answer.isFetched) trial.keep()
    if (isKept) forget(id)
    if (answer.data !== undefined) onAnswer(id, answer.data)
  }, [isKept, answer.isFetched, answer.data, trial, id, onAnswer])
  if (answer.error !== null) return <Failure error={answer.error} retries={false} />
  if (job === null && error !== null) return <Failure error={error} />
  if (failed) {
    return (
      <Notice kind="error" title={job.cause === null ? 'It has failed.' : inWords(job.cause)}>
        {job.message}{' '}
        <Link to="/jobs/$jobId" params={{ jobId: id }} search={{ tab: 'log' }}>
          Its log
        </Link>
      </Notice>
    )
  }
  return (
    <div className="try-waiting">
      <progress aria-label="The trial" />
      <p className="detail" role="status">
        {job === null ? 'It is sent.' : waitsFor(job)}
      </p>
      <p className="detail">{duration(Math.max(0, now - since))}</p>
    </div>
  )
}
