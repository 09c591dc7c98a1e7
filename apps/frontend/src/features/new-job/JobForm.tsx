import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useCallback, useMemo, useRef, useState } from 'react'
import { type Dataset, type Job, type Trainer, type Weights, createJob } from '../../api/client'
import { ApiError } from '../../api/errors'
import { newKey } from '../../api/key'
import { useToken } from '../../api/token'
import { counted } from '../../ui/format'
import { Command } from '../../ui/Command'
import { LabelledField } from '../../ui/LabelledField'
import { Notice } from '../../ui/Notice'
import { Report } from '../datasets/Report'
import { datasetTitle } from '../datasets/useDatasets'
import { usePlatform } from '../platform/usePlatform'
import { ConfigForm } from './ConfigForm'
import { WeightsField } from './WeightsField'
import { type NewJob, commandOf, requestOf } from './command'
import { Preview } from './Preview'
import { byField, usePlan } from './usePlan'
import { DebugSwitch } from './DebugSwitch'
import { TimeLimit } from './TimeLimit'
import { hoursOf, secondsOf } from './hours'
import { type Draft, configOf, draftOf, fieldsOf, isModified, judgeOf } from './fields'
import { type ResourceDraft, resourceDraftOf, resourcesOf } from './resources'

interface Props {
  trainer: Trainer
  trainers: readonly string[]
  onTrainer: (name: string) => void
  /** Those that are ready; the first is chosen at first. */
  datasets: readonly Dataset[]
  source: Job | null
  /** Weights to start from; the model is theirs. */
  start: Weights | null
}

const RESOURCES = [
  ['cpu', 'CPU cores', 'Also fractions, such as 0.5.'],
  ['memory', 'Memory', 'Such as 4Gi; more for larger images and batches.'],
  ['gpu', 'GPUs', '0 trains on the CPU.'],
  ['nodes', 'Nodes', 'Machines of a cluster that train together, each with all of these.'],
  ['placement', 'Placement', 'One of the places that the platform offers, else empty.'],
  ['priority', 'Priority', 'One of the priorities of the platform’s queues, else empty.'],
] as const

export function JobForm({ trainer, trainers, onTrainer, datasets, source, start: given }: Props) {
  const fields = useMemo(() => fieldsOf(trainer), [trainer])
  const judge = useMemo(() => judgeOf(trainer), [trainer])
  const [draft, setDraft] = useState<Draft>(() =>
    draftOf(fields, {
      ...(source?.trainer === trainer.name ? source.config : {}),
      ...(given?.model == null ? {} : { model: given.model }),
    }),
  )
  const [datasetId, setDatasetId] = useState(datasets[0]?.id ?? '')
  const [name, setName] = useState(source?.name ?? '')
  const [weights, setWeights] = useState(given === null ? '' : `sha256:${given.sha256}`)
  const [limit, setLimit] = useState(hoursOf(source?.max_duration_s))
  const [debug, setDebug] = useState(false)
  const [wanted, setWanted] = useState<ResourceDraft>(() =>
    resourceDraftOf(source?.resources ?? trainer.resources),
  )
  // What the backend refused, until that field is changed.
  const [refused, setRefused] = useState<ReadonlyMap<string, string>>(new Map())
  const forget = useCallback((key: string) => {
    setRefused((old) => new Map([...old].filter(([one]) => one !== key)))
  }, [])
  const change = useCallback(
    (key: string, text: string | null) => {
      forget(key)
      setDraft((old) => {
        const others = Object.entries(old).filter(([one]) => one !== key)
        return Object.fromEntries(text === null ? others : [...others, [key, text]])
      })
    },
    [forget],
  )
  const platform = usePlatform().data
  const offered: Partial<Record<string, string[]>> = {
    placement: platform?.placements,
    priority: platform?.priorities,
  }
  const form = useRef<HTMLFormElement>(null)
  const token = useToken()
  const dataset = datasets.find(({ id }) => id === datasetId)
  const config = configOf(fields, draft)
  const resources = resourcesOf(wanted, trainer.resources)
  const limitS = secondsOf(limit)
  const here = new Map([...judge(config), ...resources.errors])
  if (limitS === undefined)
    here.set('max_duration_s', 'A number of hours, such as 1.5; a year at most.')
  const modified = fields.filter((field) => isModified(field, draft)).length
  const job: NewJob = {
    dataset_id: datasetId,
    trainer: trainer.name,
    name: name.trim() === '' ? null : name.trim(),
    config,
    weights: weights === '' ? null : weights,
    resources: resources.value,
    max_duration_s: limitS ?? null,
    debug,
  }
  const { plan, wrong } = usePlan(job, here.size === 0)
  const errors = new Map([...wrong, ...refused, ...here])
  const start = useStart(job, (found) => {
    setRefused(found)
    focusFirstWrong(form.current)
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (errors.size > 0) focusFirstWrong(form.current)
    else start.mutate()
  }

  return (
    <form ref={form} className="new-job" noValidate onSubmit={submit}>
      <div>
        <section className="card" aria-label="What to train">
          <div className="field-grid">
            <LabelledField label="Dataset" error={errors.get('dataset_id')}>
              {(control) => (
                <select
                  {...control}
                  value={datasetId}
                  onChange={({ target }) => {
                    forget('dataset_id')
                    setDatasetId(target.value)
                  }}
                >
                  {datasets.map((one) => (
                    <option key={one.id} value={one.id}>
                      {datasetTitle(one)} · {one.task}
                    </option>
                  ))}
                </select>
              )}
            </LabelledField>
            <LabelledField
              label="Name"
              help="Shown in lists; may be empty."
              error={errors.get('name')}
            >
              {(control) => (
                <input
                  {...control}
                  type="text"
                  value={name}
                  autoComplete="off"
                  onChange={({ target }) => {
                    forget('name')
                    setName(target.value)
                  }}
                />
              )}
            </LabelledField>
            {trainers.length > 1 && (
              <LabelledField
                label="Trainer"
                help={trainer.description}
                error={errors.get('trainer')}
              >
                {(control) => (
                  <select
                    {...control}
                    value={trainer.name}
                    onChange={({ target }) => {
                      onTrainer(target.value)
                    }}
                  >
                    {trainers.map((one) => (
                      <option key={one}>{one}</option>
                    ))}
                  </select>
                )}
              </LabelledField>
            )}
            <WeightsField
              trainer={trainer}
              task={dataset?.task}
              config={config}
              value={weights}
              error={errors.get('weights')}
              onChange={(value) => {
                forget('weights')
                setWeights(value)
              }}
            />
            <TimeLimit
              hours={limit}
              error={errors.get('max_duration_s')}
              onChange={(hours) => {
                forget('max_duration_s')
                setLimit(hours)
              }}
            />
          </div>
        </section>
        <ConfigForm fields={fields} draft={draft} errors={errors} onChange={change} />
        <section className="card" aria-label="Resources of an attempt">
          <h2>Resources of an attempt</h2>
          <div className="field-grid">
            {RESOURCES.map(([key, label, help]) => (
              <LabelledField
                key={key}
                label={label}
                help={help}
                error={errors.get(`resources.${key}`)}
              >
                {(control) => (
                  <>
                    <input
                      {...control}
                      type="text"
                      autoComplete="off"
                      list={offered[key]?.length ? `${control.id}-offered` : undefined}
                      value={wanted[key]}
                      onChange={({ target }) => {
                        forget(`resources.${key}`)
                        setWanted((old) => ({ ...old, [key]: target.value }))
                      }}
                    />
                    {offered[key]?.length ? (
                      <datalist id={`${control.id}-offered`}>
                        {offered[key].map((one) => (
                          <option key={one}>{one}</option>
                        ))}
                      </datalist>
                    ) : null}
                  </>
                )}
              </LabelledField>
            ))}
          </div>
        </section>
      </div>
      <aside aria-label="The job">
        <section className="card start">
          <h2>
            {modified === 0
              ? 'As the trainer proposes'
              : counted(modified, 'modified config field')}
          </h2>
          <Preview plan={errors.size === 0 ? plan : undefined} />
          {/* A Job would hold its node while it waits. */}
          {platform?.training_mode === 'subprocess' && (
            <DebugSwitch value={debug} onChange={setDebug} />
          )}
          {start.error !== null && <Notice kind="error" title={start.error.message} />}
          <button type="submit" disabled={start.isPending}>
            {start.isPending ? 'Starting …' : 'Start the training'}
          </button>
          {errors.size > 0 && (
            <p className="message bad" role="status">
              {counted(errors.size, 'field is', 'fields are')} to be mended first.
            </p>
          )}
          <p className="detail">The same from a terminal:</p>
          <Command text={commandOf(job, dataset ? datasetTitle(dataset) : datasetId, fields)} />
          <details>
            <summary className="detail">By the API</summary>
            <Command
              text={requestOf(job, window.location.origin, token !== null)}
              label="Copy the request"
            />
          </details>
        </section>
        {dataset?.report != null && (
          <>
            <h2 className="group">{datasetTitle(dataset)}</h2>
            <Report report={dataset.report} />
          </>
        )}
      </aside>
    </form>
  )
}

/** Starts the job, once however often it is asked for, and leads to it. */
function useStart(job: NewJob, onWrong: (fields: ReadonlyMap<string, string>) => void) {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const sent = useRef({ body: '', key: '' })
  return useMutation({
    mutationFn: () => {
      const body = JSON.stringify(job)
      // The same request again, after an answer that was lost, gives the same job.
      if (sent.current.body !== body) sent.current = { body, key: newKey() }
      return createJob(job, sent.current.key)
    },
    onSuccess: ({ id }) => {
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      void navigate({ to: '/jobs/$jobId', params: { jobId: id } })
    },
    onError: (error) => {
      if (!(error instanceof ApiError)) return
      onWrong(byField(error.fields))
    },
  })
}

function focusFirstWrong(form: HTMLFormElement | null): void {
  // Once what is wrong is drawn as such.
  requestAnimationFrame(() => {
    form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  })
}
