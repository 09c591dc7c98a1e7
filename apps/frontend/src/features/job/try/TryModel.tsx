import { useMutation } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { Dataset, Job } from '../../../api/client'
import { Command } from '../../../ui/Command'
import { Empty } from '../../../ui/Empty'
import { FileDrop } from '../../../ui/FileDrop'
import { Loading } from '../../../ui/Loading'
import { Notice } from '../../../ui/Notice'
import { useDataset, useDatasets } from '../../datasets/useDatasets'
import { useTrainers } from '../../trainers/useTrainers'
import { Findings } from './Findings'
import { Waiting } from './Waiting'
import type { Predictions } from './predictions'
import { trainerOf } from './trainerOf'
import { type Trial, start } from './trial'

/** Shows what the job's model finds in an image of one's own. */
export function TryModel({ job }: { job: Job }) {
  const trainers = useTrainers()
  const own = useDataset(job.dataset_id)
  const others = useDatasets()
  if (trainers.isPending || others.isPending || own.isLoading) return <Loading what="trainers" />
  const trainer = trainerOf(job.trainer)
  if (!trainers.data?.some(({ name }) => name === trainer)) {
    return (
      <Empty icon="models" title="This model cannot be tried here.">
        <p>
          The platform has no trainer {trainer}, which would look at an image with a model of{' '}
          {job.trainer}. On a machine of one&apos;s own:
        </p>
        <Command text={`yard model predict ${job.id} IMAGE`} />
      </Empty>
    )
  }
  // A job names a dataset; this one does not look at it.
  const dataset = [own.data, ...(others.data ?? [])].find(
    (one) => one?.status === 'ready' && one.task === job.task,
  )
  if (dataset === undefined) {
    return (
      <Notice kind="info" title={`There is no dataset for ${job.task} any more.`}>
        A job needs one that is ready, also to try a model. Push one of that task.
      </Notice>
    )
  }
  return <Trials job={job} dataset={dataset} />
}

function Trials({ job, dataset }: { job: Job; dataset: Dataset }) {
  const [found, setFound] = useState<{ id: string; answer: Predictions } | null>(null)
  const latest = useRef(new AbortController())
  const begin = useMutation({
    mutationFn: ({ file, signal }: { file: File; signal: AbortSignal }) =>
      start(job, dataset, file, signal),
  })
  const { mutate } = begin
  const pick = useCallback(
    (file: File) => {
      latest.current.abort()
      latest.current = new AbortController()
      mutate({ file, signal: latest.current.signal })
    },
    [mutate],
  )
  useEffect(() => {
    const pasted = ({ clipboardData }: ClipboardEvent) => {
      const file = imageOf(clipboardData?.files)
      if (file !== null) pick(file)
    }
    window.addEventListener('paste', pasted)
    return () => {
      window.removeEventListener('paste', pasted)
    }
  }, [pick])
  useEffect(() => {
    const left = latest
    return () => {
      left.current.abort()
    }
  }, [])
  const take = useCallback((id: string, answer: Predictions) => {
    setFound({ id, answer })
  }, [])
  const trial = begin.data
  const answer = found !== null && found.id === trial?.id ? found.answer : null
  return (
    <>
      <FileDrop
        label="Try the model"
        text={begin.isPending ? 'The image is sent …' : 'Drop or paste an image here, or choose'}
        button="an image"
        accept="image/*"
        onPick={pick}
      />
      {begin.error !== null && <Notice kind="error" title={begin.error.message} />}
      {trial !== undefined && (
        <section className="card" aria-label={trial.name}>
          {answer === null && <Waiting key={trial.id} trial={trial} onAnswer={take} />}
          <Findings key={`${trial.id} found`} trial={trial} answer={answer} />
          <p className="detail">{sentOf(trial, job)}</p>
        </section>
      )}
      <p className="detail">
        Each image is a job of its own that takes its turn beside the trainings, and is deleted once
        its answer is here. Many images, videos, and on a machine of one&apos;s own:
      </p>
      <Command text={`yard model predict ${job.id} IMAGE`} />
    </>
  )
}

function sentOf({ image, sent }: Trial, job: Job): string {
  const size = `${sent.width} × ${sent.height}`
  const loss = sent.compressed
    ? ' It was compressed to fit into a job: confidences can differ a little from those of yard model predict.'
    : ''
  if (!sent.reduced) {
    return sent.width === image.width
      ? `Sent ${sent.compressed ? 'in its own size' : 'as it is'}: ${size} pixels.${loss}`
      : `Sent with ${size} of its ${image.width} × ${image.height} pixels: the model looks at it in that size.${loss}`
  }
  return `Sent with ${size} pixels, fewer than the ${String(job.config.imgsz)} that the model was trained with: a job's config holds 64 KiB. yard model predict has no such limit.`
}

/** The first file: whether it is an image, the browser's decoder says. */
function imageOf(files: FileList | null | undefined): File | null {
  return files?.[0] ?? null
}
