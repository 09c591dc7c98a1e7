import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import { LabelledField } from '../../../ui/LabelledField'
import { Loading } from '../../../ui/Loading'
import { Notice } from '../../../ui/Notice'
import { bytes, counted } from '../../../ui/format'
import { TASKS, type Task, check, nameOf } from './check'
import type { Pick } from './pick'
import { type Progress, type Sending, send, zipOf } from './send'
import { forget, markOf, unfinishedOf } from './unfinished'

/** What was picked, as it looks; then its way to the platform, which checks it and reports. */
export function UploadPanel({ pick, onClose }: { pick: Pick; onClose: () => void }) {
  const finding = useQuery({
    queryKey: ['picked', pick],
    queryFn: () => ('zip' in pick ? null : check(pick.files)),
    staleTime: Infinity,
    structuralSharing: false,
  })
  const [typed, setName] = useState(nameOf(pick.name))
  const [chosen, setChosen] = useState<Task | null>(null)
  const [progress, setProgress] = useState<Progress | null>(null)
  const [paused, setPaused] = useState(false)
  const sending = useRef<Sending | null>(null)
  const queries = useQueryClient()
  const navigate = useNavigate()
  const found = finding.data ?? null
  const mark = useMemo(() => markOf(pick, found?.files ?? []), [pick, found])
  const [afresh, setAfresh] = useState(false)
  const before = afresh ? null : unfinishedOf(mark)
  const name = before?.name ?? typed
  const task = before?.task ?? chosen ?? found?.task ?? 'detect'
  const start = useMutation({
    mutationFn: async () => {
      const zip = 'zip' in pick ? pick.zip : await zipOf(found?.files ?? [])
      sending.current = send(zip, name, task, mark, setProgress)
      return sending.current.dataset
    },
    onSuccess: (id) => {
      void queries.invalidateQueries({ queryKey: ['datasets'] })
      void navigate({ to: '/datasets/$datasetId', params: { datasetId: id } })
    },
  })
  useLeaveWarning(start.isPending)
  if (finding.isPending) return <Loading what="files" />
  const problems = found?.problems ?? []
  return (
    <section className="card" aria-label="Upload">
      <h2>{pick.name}</h2>
      <p className="detail">
        {'zip' in pick
          ? `${bytes(pick.zip.size)}; the platform looks into it when it is there.`
          : found !== null &&
            `${counted(found.images, 'image')}, ${counted(found.labels, 'label file')}, ${counted(found.classes.length, 'class', 'classes')}${found.classes.length > 0 ? `: ${found.classes.slice(0, 8).join(', ')}${found.classes.length > 8 ? ' …' : ''}` : ''}${found.leftOut > 0 ? ` · ${counted(found.leftOut, 'other file')} left out` : ''}`}
      </p>
      {problems.map((told) => (
        <Notice key={told} kind="error" title={told} />
      ))}
      {before !== null && !start.isPending && (
        <Notice kind="info" title={`An upload of these files as ${name} was interrupted.`}>
          What has arrived is not sent again.{' '}
          <button
            type="button"
            className="quiet"
            onClick={() => {
              forget(mark)
              setAfresh(true)
            }}
          >
            Begin anew
          </button>
        </Notice>
      )}
      {start.error !== null && <Notice kind="error" title={start.error.message} />}
      <div className="field-grid">
        <LabelledField label="Name" help="Each upload of a name is a new version of it.">
          {(control) => (
            <input
              {...control}
              type="text"
              value={name}
              disabled={start.isPending || before !== null}
              onChange={({ target }) => {
                setName(target.value)
              }}
            />
          )}
        </LabelledField>
        <LabelledField label="Task" help={found === null ? '' : 'As its labels look.'}>
          {(control) => (
            <select
              {...control}
              value={task}
              disabled={start.isPending || before !== null}
              onChange={({ target }) => {
                setChosen(TASKS.find((one) => one === target.value) ?? null)
              }}
            >
              {TASKS.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          )}
        </LabelledField>
      </div>
      {start.isPending && (
        <div className="upload-progress">
          <progress
            value={progress?.sent ?? 0}
            max={progress?.total ?? 1}
            aria-label="Progress of the upload"
          />
          <span className="detail" role="status">
            {progress === null
              ? 'Packing …'
              : `${bytes(progress.sent)} of ${bytes(progress.total)}${paused ? ', paused' : ''}`}
          </span>
        </div>
      )}
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={start.isPending || problems.length > 0 || nameOf(name) !== name || name === ''}
          onClick={() => {
            start.mutate()
          }}
        >
          {start.isPending ? 'Uploading …' : before === null ? 'Upload' : 'Go on with the upload'}
        </button>
        {start.isPending && (
          <button
            type="button"
            aria-pressed={paused}
            onClick={() => {
              sending.current?.pause(!paused)
              setPaused(!paused)
            }}
          >
            {paused ? 'Go on' : 'Pause'}
          </button>
        )}
        <button
          type="button"
          onClick={() => {
            sending.current?.cancel()
            onClose()
          }}
        >
          Cancel
        </button>
      </div>
    </section>
  )
}

/** An upload stops with its page, and goes on when the same files are picked again. */
function useLeaveWarning(active: boolean): void {
  useEffect(() => {
    if (!active) return
    const warn = (event: BeforeUnloadEvent) => {
      event.preventDefault()
    }
    window.addEventListener('beforeunload', warn)
    return () => {
      window.removeEventListener('beforeunload', warn)
    }
  }, [active])
}
