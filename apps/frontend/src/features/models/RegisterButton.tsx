import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { type Job, registerModel } from '../../api/client'
import { ConfirmDialog } from '../../ui/Dialog'
import { LabelledField } from '../../ui/LabelledField'
import { titleOf } from '../jobs/present'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** Makes the job's best model a version of a registered model. */
export function RegisterButton({ job }: { job: Job }) {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <button
        type="button"
        onClick={() => {
          setAsking(true)
        }}
      >
        Register
      </button>
      {asking && (
        <RegisterDialog
          job={job}
          onClose={() => {
            setAsking(false)
          }}
        />
      )}
    </>
  )
}

function RegisterDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const [name, setName] = useState(job.name?.replace(/[^\w.-]+/g, '-') ?? '')
  const queries = useQueryClient()
  const navigate = useNavigate()
  const register = useMutation({
    mutationFn: () => registerModel(name, job.id),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['models'] })
      void navigate({ to: '/models' })
    },
  })
  return (
    <ConfirmDialog
      title={`Register the model of ${titleOf(job)}`}
      confirm="Register"
      dismiss="Leave it"
      harmless
      busy={register.isPending || !NAME.test(name)}
      onConfirm={() => {
        register.mutate()
      }}
      onClose={onClose}
    >
      <LabelledField
        label="Name"
        help="Its best.pt becomes the next version of the model with this name. Letters, digits and . _ - ; a letter or digit first."
      >
        {(control) => (
          <input
            {...control}
            value={name}
            autoComplete="off"
            onChange={({ target }) => {
              setName(target.value)
            }}
          />
        )}
      </LabelledField>
      {register.error !== null && (
        <p className="message bad" role="alert">
          {register.error.message}
        </p>
      )}
    </ConfirmDialog>
  )
}
