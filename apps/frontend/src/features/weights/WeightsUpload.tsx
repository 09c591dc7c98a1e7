import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { LabelledField } from '../../ui/LabelledField'
import { Notice } from '../../ui/Notice'
import { bytes } from '../../ui/format'
import { type About, type Progress, TASKS, send, wrongName, wrongSize } from './send'

/** A picked file, and its way to the platform. */
export function WeightsUpload({ file, onClose }: { file: File; onClose: () => void }) {
  const [name, setName] = useState(file.name)
  const [model, setModel] = useState('')
  const [task, setTask] = useState<About['task']>(null)
  const [progress, setProgress] = useState<Progress | null>(null)
  const stop = useRef(new AbortController())
  const queries = useQueryClient()
  useEffect(() => {
    stop.current = new AbortController()
    return () => {
      stop.current.abort()
    }
  }, [])
  const sending = useMutation({
    mutationFn: () =>
      send(file, { name, task, model: model.trim() || null }, setProgress, stop.current.signal),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['weights'] })
      onClose()
    },
  })
  const wrong = wrongName(name)
  const tooLarge = wrongSize(file.size)
  return (
    <section className="card" aria-label="Upload of weights">
      <h3>{file.name}</h3>
      <p className="detail">
        {bytes(file.size)}. The platform reads task and model in it, and runs no code of it.
      </p>
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
        <LabelledField label="Task" help="Only where the file does not say it.">
          {(control) => (
            <select
              {...control}
              value={task ?? ''}
              disabled={sending.isPending}
              onChange={({ target }) => {
                setTask(TASKS.find((one) => one === target.value) ?? null)
              }}
            >
              <option value="">as the file says</option>
              {TASKS.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          )}
        </LabelledField>
        <LabelledField
          label="Model"
          help="Only where the file does not say it. Jobs of another model do not take them."
        >
          {(control) => (
            <input
              {...control}
              type="text"
              value={model}
              disabled={sending.isPending}
              onChange={({ target }) => {
                setModel(target.value)
              }}
            />
          )}
        </LabelledField>
      </div>
      {tooLarge !== null && <Notice kind="error" title={tooLarge} />}
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
              : `${bytes(progress.done)} of ${bytes(file.size)}${progress.done === file.size ? ', the platform judges it …' : ''}`}
          </span>
        </div>
      )}
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={wrong !== null || tooLarge !== null || sending.isPending}
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
