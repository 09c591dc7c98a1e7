import { type Dataset, type Job, createJob, listArtifacts } from '../../../api/client'
import { newKey } from '../../../api/key'
import { readStored } from '../../../api/stored'
import { type Encoded, encode } from './encode'
import { MOST_S, discard, leave, remember, remove } from './left'
import { NAME, type Predictions, parsePredictions } from './predictions'
import { trainerOf } from './trainerOf'

const USUAL_SIDE = 640
const LEAST_CONFIDENCE = 0.05

/** An image on its way through a model. */
export interface Trial {
  id: string
  name: string
  image: ImageBitmap
  sent: Encoded
  /** Let its job be, whatever becomes of the trial. */
  keep: () => void
}

/** Submit a job that looks at the image with the job's best model; an abort gives it up, at any time. */
export async function start(
  job: Job,
  dataset: Dataset,
  file: File,
  signal: AbortSignal,
): Promise<Trial> {
  const image = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name || 'This'} is no image that this browser can open.`)
  })
  const { imgsz } = job.config
  const sent = await encode(image, typeof imgsz === 'number' ? imgsz : USUAL_SIDE)
  const name = `try ${file.name}`.replace(/\p{Cc}/gu, ' ').slice(0, 100)
  const body = {
    dataset_id: dataset.id,
    trainer: trainerOf(job.trainer),
    name,
    config: { image: sent.base64, conf: LEAST_CONFIDENCE },
    weights: `job:${job.id}`,
    max_duration_s: MOST_S,
  }
  signal.throwIfAborted()
  // Not aborted itself: a job may have begun whose id nobody would know.
  const { id } = await createJob(body, newKey())
  remember(id)
  const close = () => {
    leave(id)
  }
  const giveUp = () => {
    window.removeEventListener('pagehide', close)
    void discard(id)
  }
  if (signal.aborted) {
    giveUp()
  } else {
    window.addEventListener('pagehide', close)
    signal.addEventListener('abort', giveUp, { once: true })
  }
  const keep = () => {
    window.removeEventListener('pagehide', close)
    signal.removeEventListener('abort', giveUp)
  }
  return { id, name: file.name, image, sent, keep }
}

/** What the model found, once the job has succeeded; the job, which has said all, goes. */
export async function answerOf(id: string, signal: AbortSignal): Promise<Predictions> {
  const files = await listArtifacts(id, signal)
  const file = files.find(({ name }) => name === NAME)
  if (file === undefined) throw new Error(`The job has left no ${NAME}: its log may say why.`)
  const answer = parsePredictions(await readStored(file, signal))
  void remove(id)
  return answer
}

/** What a trial waits for, in words. */
export function waitsFor({ status, phase, message }: Job): string {
  if (status === 'queued') return message ?? 'It waits for its turn.'
  if (status === 'retrying') return message ?? 'It is started again.'
  if (phase === 'validating') return 'The model looks at the image.'
  if (phase === 'uploading') return 'What it found is on its way.'
  return message ?? 'A trainer starts, and fetches the model.'
}
