import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { type Job, cancelJob, deleteJob, finishJob, retryJob } from '../../api/client'
import { ApiError, isAway } from '../../api/errors'
import { ConfirmDialog } from '../../ui/Dialog'
import { Icon } from '../../ui/Icon'
import { isActive, titleOf } from '../jobs/present'
import { RegisterButton } from '../models/RegisterButton'
import { useFiles } from './useFiles'
import { canNotify, forget, notifyAtEnd, useIsAwaited } from './notify'

/** Between two sendings of a cancel that was not taken. */
const AGAIN_MS = 2000

interface Props {
  job: Job
  onChange: (job: Job) => void
}

/** What can be done with a job as it stands. */
export function JobActions({ job, onChange }: Props) {
  const [asking, setAsking] = useState<'cancel' | 'finish' | 'delete' | null>(null)
  const succeeded = job.status === 'succeeded'
  const files = useFiles(job, succeeded)
  const hasModel =
    succeeded &&
    files.data?.some(({ name, sha256 }) => name === 'best.pt' && sha256 !== null) === true
  const queries = useQueryClient()
  const navigate = useNavigate()
  const changed = {
    onSuccess: (now: Job) => {
      setAsking(null)
      onChange(now)
      void queries.invalidateQueries({ queryKey: ['jobs'] })
    },
    onError: () => {
      setAsking(null)
    },
  }
  // Without its database the backend takes no cancel: it is sent again until its dialog is closed.
  const isWanted = useRef(false)
  const cancel = useMutation({
    mutationFn: async () => {
      if (!isWanted.current) throw new ApiError('The job was not cancelled.', null)
      return cancelJob(job.id)
    },
    retry: (_, error) => isWanted.current && isAway(error),
    retryDelay: AGAIN_MS,
    networkMode: 'always',
    ...changed,
  })
  const finish = useMutation({ mutationFn: () => finishJob(job.id), ...changed })
  const retry = useMutation({ mutationFn: () => retryJob(job.id), ...changed })
  const remove = useMutation({
    mutationFn: () => deleteJob(job.id),
    onError: changed.onError,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      void navigate({ to: '/' })
    },
  })
  const error = cancel.error ?? finish.error ?? retry.error ?? remove.error
  return (
    <div className="job-actions">
      <div className="actions">
        <Link to="/jobs/new" search={{ from: job.id }} className="button">
          Clone
        </Link>
        <Link to="/compare" search={{ jobs: job.id }} className="button">
          Compare
        </Link>
        {hasModel && <RegisterButton job={job} />}
        {isActive(job) && canNotify() && <NotifyButton id={job.id} />}
        {job.status === 'running' && (
          <button
            type="button"
            disabled={finish.isSuccess}
            onClick={() => {
              setAsking('finish')
            }}
          >
            {finish.isSuccess ? 'Finishing …' : 'Finish now'}
          </button>
        )}
        {isActive(job) ? (
          <button
            type="button"
            disabled={job.status === 'cancelling'}
            onClick={() => {
              setAsking('cancel')
            }}
          >
            {job.status === 'cancelling' ? 'Cancelling …' : 'Cancel'}
          </button>
        ) : (
          <>
            {!succeeded && (
              <button
                type="button"
                disabled={retry.isPending}
                onClick={() => {
                  retry.mutate()
                }}
              >
                Retry
              </button>
            )}
            <button
              type="button"
              onClick={() => {
                setAsking('delete')
              }}
            >
              Delete
            </button>
          </>
        )}
      </div>
      {error !== null && (
        <p className="message bad" role="alert">
          {error.message}
        </p>
      )}
      {asking === 'cancel' && (
        <ConfirmDialog
          title={`Cancel ${titleOf(job)}?`}
          confirm="Cancel the job"
          dismiss="Let it train"
          busy={cancel.isPending}
          onConfirm={() => {
            isWanted.current = true
            cancel.mutate()
          }}
          onClose={() => {
            isWanted.current = false
            setAsking(null)
          }}
        >
          The training stops. Its last checkpoint is kept: a retry goes on from there.
          {cancel.failureReason !== null && cancel.isPending && (
            <p className="message bad" role="alert">
              Not cancelled yet: {cancel.failureReason.message} It is sent again until it is taken.
            </p>
          )}
        </ConfirmDialog>
      )}
      {asking === 'finish' && (
        <ConfirmDialog
          title={`Finish ${titleOf(job)} now?`}
          confirm="Finish after this epoch"
          dismiss="Let it train"
          harmless
          busy={finish.isPending}
          onConfirm={() => {
            finish.mutate()
          }}
          onClose={() => {
            setAsking(null)
          }}
        >
          The training ends after its current epoch. Its best model is evaluated and kept, and the
          job succeeds.
        </ConfirmDialog>
      )}
      {asking === 'delete' && (
        <ConfirmDialog
          title={`Delete ${titleOf(job)}?`}
          confirm="Delete the job"
          busy={remove.isPending}
          onConfirm={() => {
            remove.mutate()
          }}
          onClose={() => {
            setAsking(null)
          }}
        >
          Its metrics, its log and its files, the model among them, are deleted for good.
        </ConfirmDialog>
      )}
    </div>
  )
}

/** Whether this browser shall say when the job ends. */
function NotifyButton({ id }: { id: string }) {
  const isAwaited = useIsAwaited(id)
  const [refused, setRefused] = useState(false)
  return (
    <button
      type="button"
      aria-pressed={isAwaited}
      disabled={refused}
      title="A notification of this browser, while the page is open"
      onClick={() => {
        if (isAwaited) forget(id)
        else
          void notifyAtEnd(id).then((granted) => {
            setRefused(!granted)
          })
      }}
    >
      <Icon name="bell" />
      {refused ? 'The browser refuses' : isAwaited ? 'Will notify' : 'Notify me'}
    </button>
  )
}
