import type { Job, Readiness } from '../../api/client'

/** Where a training runs, as far as a debugger must know. */
export type Place = 'machine' | 'backend pod' | 'job'

const TRAINER = '${workspaceFolder}/apps/trainer-ultralytics'
const PACKAGES = 'lib/python3.11/site-packages'

const NAMES: Record<Place, string> = {
  machine: 'Training under yard dev',
  'backend pod': 'Training in tier 1',
  job: 'Training as a Job (tier 2)',
}
/** Where the trainer's source lies in a pod: mounted, or built into its image. */
const SOURCES = { 'backend pod': '/src/src', job: '/app' }

/** Where trainings run, by what /config.json and the backend say. */
export function placeOf(tier: string, checks: Readiness['checks']): Place {
  if (tier === 'local') return 'machine'
  return 'launcher' in checks ? 'backend pod' : 'job'
}

/** What `.vscode/launch.json` must hold; docs/developing-trainers.md has the same for port 5678. */
export function launchOf(job: Pick<Job, 'trainer' | 'debug_port'>, place: Place): string {
  const configuration = {
    name: NAMES[place],
    type: 'debugpy',
    request: 'attach',
    connect: { host: '127.0.0.1', port: job.debug_port },
    justMyCode: false,
    subProcess: false,
    ...mappings(job.trainer, place),
  }
  return JSON.stringify({ version: '0.2.0', configurations: [configuration] }, null, 2)
}

/** Where an editor finds the source; nobody but its author knows that of another trainer. */
function mappings(trainer: string, place: Place) {
  if (place === 'machine' || !/^ultralytics(-|$)/.test(trainer)) return {}
  const pathMappings = [
    { localRoot: `${TRAINER}/src`, remoteRoot: SOURCES[place] },
    { localRoot: `${TRAINER}/.venv/${PACKAGES}`, remoteRoot: `/opt/venv/${PACKAGES}` },
  ]
  return { pathMappings }
}

/** The command that brings the port to the user's machine; null where it is there. */
export function forwardOf(
  job: Pick<Job, 'id' | 'attempt' | 'debug_port'>,
  place: Place,
): string | null {
  if (place === 'machine') return null
  const target = place === 'job' ? `job/train-${job.id}-${job.attempt}` : 'deployment/backend'
  return `kubectl port-forward -n platform ${target} ${job.debug_port ?? ''}`
}
