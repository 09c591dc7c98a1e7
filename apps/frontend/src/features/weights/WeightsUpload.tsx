import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { LabelledField } from '../../ui/LabelledField'
import { Loading } from '../../ui/Loading'
import { Notice } from '../../ui/Notice'
import { bytes } from '../../ui/format'
import { inspect, wrongName } from './inspect'
import { type Progress, send } from './send'

const TASKS = ['detect', 'segment', 'classify', 'pose', 'obb'] as const

/** A picked file as it looks, and its way to the platform. */
export function WeightsUpload({ file, onClose }: { file: File; onClose: () => void }) {
  const look = useQuery({
    // A File by itself is {} in a key: each would have the answer for the first.
    queryKey: ['picked weights', file.name, file.size, file.lastModified],
    queryFn: () => inspect(file),
    staleTime: Infinity,
    gcTime: 0,
  })
  const [name, setName] = useState(file.name)
  const [model, setModel] = useState<string | null>(null)
  const [task, setTask] = useState<(typeof TASKS)[number] | null>(null)
  const [progress, setProgress] = useState<Progress | null>(null)
  const stop = useRef(new AbortController())
  const queries = useQueryClient()
  useEffect(() => {
    stop.current = new AbortController()
    return () => {
      stop.current.abort()
    }
  }, [])
  const chosen = {
    task: task ?? look.data?.task ?? 'detect',
    model: model ?? look.data?.model ?? '',
  }
  const sending = useMutation({
    mutationFn: () =>
      send(
        file,
        { name, task: chosen.task, model: chosen.model.trim() || null },
        setProgress,
        stop.current.signal,
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['weights'] })
      onClose()
    },
  })
  if (look.isPending) return <Loading what="file" />
  const wrong = wrongName(name)
  return (
    <section className="card" aria-label="Upload of weights">
      <h3>{file.name}</h3>
      <p className="detail">
        {bytes(file.size)}
        {look.data !== undefined && ', as Ultralytics has written it. No code of it is run.'}
      </p>
      {look.error !== null && <Notice kind="error" title={look.error.message} />}
      {look.data !== undefined && (
        <div className="field-grid">
          <LabelledField label="Name" help="Jobs name them so." error={wrong ?? undefined}>
            {(control) => (
              <input
                {...control}
                type="text"
                value={name}
                disabled={sending.isPending}
                onChange={({ target }) => {
                  setName(target.value)
                }}
              />
            )}
          </LabelledField>
          <LabelledField label="Task" help="As the file says.">
            {(control) => (
              <select
                {...control}
                value={chosen.task}
                disabled={sending.isPending}
                onChange={({ target }) => {
                  setTask(TASKS.find((one) => one === target.value) ?? null)
                }}
              >
                {TASKS.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </LabelledField>
          <LabelledField
            label="Model"
            help="As the file says; empty where it is not known. Jobs of another model do not take them."
          >
            {(control) => (
              <input
                {...control}
                type="text"
                value={chosen.model}
                disabled={sending.isPending}
                onChange={({ target }) => {
                  setModel(target.value)
                }}
              />
            )}
          </LabelledField>
        </div>
      )}
      {sending.error !== null && <Notice kind="error" title={sending.error.message} />}
      {sending.isPending && (
        <div className="upload-progress">
          <progress
            value={progress?.done ?? 0}
            max={file.size}
            aria-label="Progress of the upload"
          />
          <span className="detail" role="status">
            {progress === null || progress.doing === 'hashing'
              ? 'Reading the file …'
              : `${bytes(progress.done)} of ${bytes(file.size)}${progress.done === file.size ? ', the platform compares its sha256 …' : ''}`}
          </span>
        </div>
      )}
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={look.data === undefined || wrong !== null || sending.isPending}
          onClick={() => {
            sending.mutate()
          }}
        >
          {sending.isPending ? 'Uploading …' : 'Upload'}
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </section>
  )
}
