import { useQuery } from '@tanstack/react-query'
import { type Job, type Trainer, type Weights, listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { LabelledField } from '../../ui/LabelledField'
import { bytes } from '../../ui/format'
import { titleOf } from '../jobs/present'
import { jobOf, useModels } from '../models/useModels'
import { useWeights } from '../weights/useWeights'
import { pretrainedOf, suitable } from './weights'

interface Props {
  trainer: Trainer
  task: string | undefined
  config: Readonly<Record<string, unknown>>
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

/** What the training starts from: pretrained or other stored weights, an earlier job's or a registered model, nothing. */
export function WeightsField({ trainer, task, config, value, error, onChange }: Props) {
  const { stored, downloads, jobs } = useStartingPoints(trainer.name)
  const { data: models = [] } = useModels()
  const taskOf = new Map(jobs.map((one) => [one.id, one.task]))
  const pretrained = pretrainedOf(trainer, task, config)
  const fits = suitable(stored, trainer, task, config)
  const isKept = fits.some(({ name }) => name === pretrained)
  const isFetched = !isKept && downloads && pretrained !== null && pretrained in trainer.assets
  const help =
    pretrained === null || isKept || isFetched
      ? 'Also the best model of an earlier job or a registered model, of the same task and model.'
      : `The platform does not keep ${pretrained}, so the default is random weights. Push it once: yard weights push ${pretrained}`
  return (
    <LabelledField label="Start from" help={help} error={error}>
      {(control) => (
        <select
          {...control}
          value={value}
          onChange={({ target }) => {
            onChange(target.value)
          }}
        >
          <option value="">
            {isKept || isFetched
              ? `${pretrained ?? ''}, pretrained${isFetched ? ', fetched once' : ''}`
              : 'random weights: none are kept for it'}
          </option>
          {(isKept || isFetched) && <option value="none">nothing: random weights</option>}
          {fits.length > 0 && (
            <optgroup label="Stored weights">
              {fits.map((one) => (
                <option key={one.sha256} value={`sha256:${one.sha256}`}>
                  {one.name} · {bytes(one.size)} · {one.sha256.slice(0, 8)}
                </option>
              ))}
            </optgroup>
          )}
          {jobs.length > 0 && (
            <optgroup label="Best model of a job">
              {jobs
                .filter((one) => one.task === task)
                .map((one) => (
                  <option key={one.id} value={`job:${one.id}`}>
                    {titleOf(one)} · {one.id.slice(0, 8)}
                  </option>
                ))}
            </optgroup>
          )}
          {models.map(({ name, versions }) => (
            <optgroup key={name} label={`Registered model ${name}`}>
              {versions
                .filter((one) => (taskOf.get(jobOf(one) ?? '') ?? task) === task)
                .map((one) => (
                  <option key={one.version} value={`model:${name}/${one.version}`}>
                    {name}/{one.version} {one.aliases.map((alias) => `@${alias}`).join(' ')}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      )}
    </LabelledField>
  )
}

function useStartingPoints(trainer: string): {
  stored: readonly Weights[]
  downloads: boolean
  jobs: readonly Job[]
} {
  const token = useToken()
  const jobs = useQuery({
    queryKey: ['jobs', 'succeeded', token],
    queryFn: ({ signal }) => listJobs({ status: ['succeeded'] }, null, signal),
  })
  const stored = useWeights()
  return {
    stored: stored.data?.items ?? [],
    downloads: stored.data?.downloads ?? false,
    jobs: jobs.data?.items.filter((one) => one.trainer === trainer) ?? [],
  }
}
