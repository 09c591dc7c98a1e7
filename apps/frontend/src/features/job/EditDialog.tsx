import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Job, editJob } from '../../api/client'
import { ConfirmDialog } from '../../ui/Dialog'
import { LabelledField } from '../../ui/LabelledField'
import { titleOf } from '../jobs/present'
import { tagsOf } from './tags'

interface Props {
  job: Job
  onChange: (job: Job) => void
  onClose: () => void
}

/** Changes what people call a job, and what they note of it. */
export function EditDialog({ job, onChange, onClose }: Props) {
  const [name, setName] = useState(job.name ?? '')
  const [notes, setNotes] = useState(job.notes ?? '')
  const [tags, setTags] = useState(job.tags.join(' '))
  const queries = useQueryClient()
  const edit = useMutation({
    mutationFn: () =>
      editJob(job.id, {
        name: name.trim() === '' ? null : name.trim(),
        notes: notes.trim() === '' ? null : notes.trim(),
        tags: tagsOf(tags),
      }),
    onSuccess: (now) => {
      onChange(now)
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      title={`Edit ${titleOf(job)}`}
      confirm="Save"
      dismiss="Leave it"
      harmless
      busy={edit.isPending}
      onConfirm={() => {
        edit.mutate()
      }}
      onClose={onClose}
    >
      <LabelledField label="Name">
        {(control) => (
          <input
            {...control}
            value={name}
            maxLength={100}
            autoComplete="off"
            onChange={({ target }) => {
              setName(target.value)
            }}
          />
        )}
      </LabelledField>
      <LabelledField label="Tags" help="Words between spaces, at most 20; the list filters by one.">
        {(control) => (
          <input
            {...control}
            value={tags}
            autoComplete="off"
            onChange={({ target }) => {
              setTags(target.value)
            }}
          />
        )}
      </LabelledField>
      <LabelledField label="Notes">
        {(control) => (
          <textarea
            {...control}
            rows={6}
            value={notes}
            maxLength={4000}
            onChange={({ target }) => {
              setNotes(target.value)
            }}
          />
        )}
      </LabelledField>
      {edit.error !== null && (
        <p className="message bad" role="alert">
          {edit.error.message}
        </p>
      )}
    </ConfirmDialog>
  )
}
