import type { Readiness } from '../../api/client'

/** A component as the health panel shows it. */
export interface Part {
  key: string
  name: string
  purpose: string
  /** What its users lose while it is away. */
  without: string
  /** "ok", what is wrong, or null where the backend does not check it. */
  check: string | null
  link: string | null
}

// A check and a link of the same key are one component.
interface Known {
  name: string
  purpose: string
  without: string
}

const part = (name: string, purpose: string, without: string): Known => ({
  name,
  purpose,
  without,
})

const KNOWN: Record<string, Known> = {
  backend: part(
    'Backend',
    'API and Temporal worker',
    'Nothing can be submitted or shown. Trainings go on, and report when it is back.',
  ),
  database: part('Database', 'Jobs and datasets', 'Nothing can be submitted or shown.'),
  store: part(
    'Object store',
    'Datasets, checkpoints and models',
    'No upload, no download, and no training can start.',
  ),
  temporal: part(
    'Temporal',
    'Drives and retries trainings',
    'New jobs wait in the queue; running ones go on.',
  ),
  launcher: part('Launcher', 'Starts trainings as processes', 'New jobs wait until it is back.'),
  kubernetes: part('Kubernetes', 'Runs trainings as Jobs', 'New jobs wait until it answers.'),
  trainers: part(
    'Trainers',
    'Manifests of what jobs can run',
    'A trainer whose manifest is wrong cannot be chosen.',
  ),
  redis: part('Redis', 'Live news between replicas', 'Live views come later; nothing is lost.'),
  mlflow: part('MLflow', 'Runs and their metrics', 'Runs appear there later; nothing is lost.'),
  prometheus: part('Prometheus', 'Series and alerts', 'No new series, and no alert.'),
  grafana: part('Grafana', 'Dashboards', 'No dashboards.'),
}

// The console is the store's page.
const LINK_OF: Record<string, string> = { store: 'minio' }

/** Join what the backend checked with where the tier's pages are; unknown names are shown as such. */
export function partsOf(
  readiness: Readiness | null,
  failure: string | null,
  links: Record<string, string>,
): Part[] {
  const checks: Record<string, string> = readiness?.checks ?? {}
  const backend = failure ?? (readiness === null ? null : 'ok')
  const all: Record<string, string> = backend === null ? checks : { backend, ...checks }
  const linked = new Set(Object.values(LINK_OF))
  const keys = new Set([
    ...Object.keys(all),
    ...Object.keys(links).filter((key) => !linked.has(key)),
  ])
  if ('minio' in links) keys.add('store')
  const order = Object.keys(KNOWN)
  const place = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length)
  return [...keys]
    .sort((a, b) => place(a) - place(b) || a.localeCompare(b))
    .map((key) => ({
      key,
      ...(KNOWN[key] ?? { name: key, purpose: '', without: '' }),
      check: all[key] ?? null,
      link: links[LINK_OF[key] ?? key] ?? null,
    }))
}
