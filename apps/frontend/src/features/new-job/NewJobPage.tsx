import { useQuery } from '@tanstack/react-query'
import { Link, getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { type Dataset, getJob } from '../../api/client'
import { useToken } from '../../api/token'
import { Command } from '../../ui/Command'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Loading } from '../../ui/Loading'
import { useTitle } from '../../ui/useTitle'
import { useDataset, useDatasets } from '../datasets/useDatasets'
import { trainerOf } from '../job/try/trainerOf'
import { useTrainer, useTrainers } from '../trainers/useTrainers'
import { TRAINER } from './command'
import { useWeights } from '../weights/useWeights'
import { JobForm } from './JobForm'

const route = getRouteApi('/jobs/new')

/** The form of a new job, once there is what it offers; a clone begins with another job's config. */
export function NewJobPage() {
  const { dataset, from, weights } = route.useSearch()
  const token = useToken()
  useTitle('New job')
  const [chosen, setChosen] = useState<string | null>(null)
  const trainers = useTrainers()
  const source = useQuery({
    queryKey: ['job', from, token],
    queryFn: ({ signal }) => getJob(from ?? '', signal),
    enabled: from !== undefined,
  })
  const offered = chosenHere(trainers.data?.map((one) => one.name) ?? [])
  const name = chosen ?? source.data?.trainer ?? offered[0]
  const trainer = useTrainer(name ?? '')
  const datasets = useDatasets()
  const wanted = useDataset(dataset ?? source.data?.dataset_id ?? '')
  const error =
    trainers.error ?? source.error ?? trainer.error ?? datasets.error ?? wanted.error ?? null
  const ready = datasets.data?.filter(({ status }) => status === 'ready')
  const extra = wanted.data?.status === 'ready' ? [wanted.data] : []
  const others = ready?.filter(({ id }) => id !== extra[0]?.id) ?? []
  const stored = useWeights()
  const start = stored.data?.items.find(({ sha256 }) => sha256 === weights) ?? null
  const waits =
    (from !== undefined && source.data === undefined) || (weights !== undefined && stored.isPending)
  const fits = (one: Dataset) => start?.task == null || one.task === start.task
  return (
    <>
      <p className="crumbs">
        <Link to="/">Jobs</Link> <span aria-hidden="true">/</span> new
      </p>
      <div className="page-head">
        <h1>New job</h1>
      </div>
      {error !== null && <Failure error={error} retries={false} />}
      {error === null && (ready === undefined || trainer.data === undefined || waits) && (
        <Loading what="trainers and datasets" />
      )}
      {ready?.length === 0 && extra.length === 0 && <NoDataset />}
      {extra.length + others.length > 0 && trainer.data && !waits && (
        <JobForm
          key={`${trainer.data.name} ${from ?? ''}`}
          trainer={trainer.data}
          trainers={offered}
          onTrainer={setChosen}
          datasets={[...extra, ...others.filter(fits), ...others.filter((one) => !fits(one))]}
          source={source.data ?? null}
          start={start}
        />
      )}
    </>
  )
}

/**
 * Without those that try another one's models on images: that is done on a job's page. The one that
 * `yard train` takes comes first, for nobody is to train with a judge by mistake.
 */
function chosenHere(names: readonly string[]): string[] {
  const found = names.filter((name) => !names.some((other) => name === trainerOf(other)))
  return found.sort((one, other) => Number(other === TRAINER) - Number(one === TRAINER))
}

function NoDataset() {
  return (
    <Empty icon="datasets" title="No dataset is ready to train on.">
      <p>Push a folder of images with their labels; it is checked, and then can be chosen here:</p>
      <Command text="yard dataset push DIR" />
    </Empty>
  )
}
