import type { JobStatus, Platform } from '../../api/client'
import { Failure } from '../../ui/Failure'
import { count } from '../../ui/format'
import { usePlatform } from './usePlatform'

const EVERY_MS = 5_000

const MODES = {
  subprocess: 'Processes',
  kubernetes: 'Kubernetes Jobs',
} as const

/** What runs here: how, on what, how much of it, and which version. */
export function Overview() {
  const { data, error } = usePlatform(EVERY_MS)
  if (error !== null) return <Failure error={error} />
  const sum = (...states: JobStatus[]) =>
    data && count(states.reduce((all, state) => all + (data.jobs[state] ?? 0), 0))
  const facts = [
    ['Trainings are', data && MODES[data.training_mode]],
    ['Running', sum('running', 'cancelling')],
    ['Waiting', sum('queued', 'preparing', 'retrying')],
    ['GPUs', data && gpusOf(data)],
    ['Version', __VERSION__],
  ] as const
  return (
    <dl className="facts" aria-label="What runs here">
      {facts.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text ?? '…'}</dd>
        </div>
      ))}
    </dl>
  )
}

function gpusOf({ gpus, training_mode: mode }: Platform): string {
  if (gpus !== null) return count(gpus)
  return mode === 'kubernetes' ? 'As the cluster has' : 'Not known now'
}
