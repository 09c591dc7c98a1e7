import type { Readiness } from '../../api/client'

/** A component as the health panel shows it. */
export interface Part {
  key: string
  name: string
  purpose: string
  /** "ok", what is wrong, or null where the backend does not check it. */
  check: string | null
  link: string | null
}

// A check and a link of the same key are one component.
const KNOWN: Record<string, { name: string; purpose: string }> = {
  backend: { name: 'Backend', purpose: 'API and Temporal worker' },
  database: { name: 'Database', purpose: 'Jobs and datasets' },
  store: { name: 'Object store', purpose: 'Datasets, checkpoints and models' },
  temporal: { name: 'Temporal', purpose: 'Drives and retries trainings' },
  launcher: { name: 'Launcher', purpose: 'Starts trainings as processes' },
  kubernetes: { name: 'Kubernetes', purpose: 'Runs trainings as Jobs' },
  trainers: { name: 'Trainers', purpose: 'Manifests of what jobs can run' },
  redis: { name: 'Redis', purpose: 'Live news between replicas' },
  mlflow: { name: 'MLflow', purpose: 'Runs and their metrics' },
  prometheus: { name: 'Prometheus', purpose: 'Series and alerts' },
  grafana: { name: 'Grafana', purpose: 'Dashboards' },
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
      ...(KNOWN[key] ?? { name: key, purpose: '' }),
      check: all[key] ?? null,
      link: links[LINK_OF[key] ?? key] ?? null,
    }))
}
