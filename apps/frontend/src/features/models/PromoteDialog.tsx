import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type ModelVersion, moveAlias } from '../../api/client'
import { ConfirmDialog } from '../../ui/Dialog'
import { LabelledField } from '../../ui/LabelledField'
import { datasetTitle, useDatasets } from '../datasets/useDatasets'
import { useJobsOf } from '../compare/useSides'
import { jobOf } from './useModels'

const SPLITS = ['val', 'test', 'train'] as const

interface Props {
  version: ModelVersion
  onClose: () => void
}

/** Moves an alias to a version that passes the gate; a refusal says both numbers. */
export function PromoteDialog({ version: promoted, onClose }: Props) {
  const { name, version } = promoted
  const [alias, setAlias] = useState('production')
  const [datasetId, setDatasetId] = useState('')
  const [split, setSplit] = useState<(typeof SPLITS)[number]>('val')
  const [least, setLeast] = useState('')
  const made = jobOf(promoted)
  const job = useJobsOf(made === undefined ? [] : [made]).jobs.at(0)
  const ready = (useDatasets().data ?? []).filter(
    ({ status, task }) => status === 'ready' && (job === undefined || task === job.task),
  )
  const usual = ready.find(({ id }) => id === job?.dataset_id) ?? ready[0]
  const dataset = datasetId === '' ? (usual?.id ?? '') : datasetId
  const chosen = ready.find(({ id }) => id === dataset)
  const threshold = least.trim() === '' ? null : Number(least.trim().replace(',', '.'))
  const wrong = Number.isNaN(threshold ?? 0) ? 'It must be a number, such as 0.8.' : undefined
  const queries = useQueryClient()
  const move = useMutation({
    mutationFn: () =>
      moveAlias(name, alias.trim(), { version, dataset_id: dataset, split, threshold }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['models'] })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      title={`Promote ${name}/${version}`}
      confirm="Promote"
      dismiss="Leave it"
      harmless
      busy={move.isPending || alias.trim() === '' || dataset === '' || wrong !== undefined}
      onConfirm={() => {
        move.mutate()
      }}
      onClose={onClose}
    >
      <p>The alias moves if the version was judged on these images and passes.</p>
      <LabelledField label="Alias">
        {(control) => (
          <input
            {...control}
            value={alias}
            onChange={({ target }) => {
              setAlias(target.value)
            }}
          />
        )}
      </LabelledField>
      <LabelledField
        label="Judged on"
        help={
          chosen === undefined
            ? 'There is no dataset for its task.'
            : `In a terminal: yard model eval model:${name}/${version} --data ${datasetTitle(chosen)} --split ${split}`
        }
      >
        {(control) => (
          <select
            {...control}
            value={dataset}
            onChange={({ target }) => {
              setDatasetId(target.value)
            }}
          >
            {ready.map((one) => (
              <option key={one.id} value={one.id}>
                {datasetTitle(one)}
              </option>
            ))}
          </select>
        )}
      </LabelledField>
      <LabelledField label="Split">
        {(control) => (
          <select
            {...control}
            value={split}
            onChange={({ target }) => {
              setSplit(SPLITS.find((one) => one === target.value) ?? 'val')
            }}
          >
            {SPLITS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </LabelledField>
      <LabelledField
        label="Main metric at least"
        error={wrong}
        help="Empty: no worse than the version that it replaces."
      >
        {(control) => (
          <input
            {...control}
            inputMode="decimal"
            value={least}
            onChange={({ target }) => {
              setLeast(target.value)
            }}
          />
        )}
      </LabelledField>
      {move.error !== null && (
        <p className="message bad" role="alert">
          {move.error.message}
        </p>
      )}
    </ConfirmDialog>
  )
}
