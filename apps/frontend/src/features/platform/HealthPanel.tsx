import { useQuery } from '@tanstack/react-query'
import { readiness } from '../../api/client'
import { useConfig } from '../../config/useConfig'
import { Notice } from '../../ui/Notice'
import { type Part, partsOf } from './parts'

const EVERY_MS = 5_000

/** Each component: whether the backend finds it well, and where its own page is. */
export function HealthPanel() {
  const config = useConfig()
  const ready = useQuery({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => readiness(signal),
    refetchInterval: EVERY_MS,
  })
  // What was true before the backend fell silent is not known to be true now.
  const known = ready.error === null ? (ready.data ?? null) : null
  const parts = partsOf(known, ready.error?.message ?? null, config.data?.links ?? {})
  return (
    <section className="card" aria-labelledby="health-heading">
      <h2 id="health-heading">Components</h2>
      {config.error !== null && (
        <Notice kind="error" title={config.error.message}>
          The links are missing until the file is mended and the page loaded again.
        </Notice>
      )}
      {ready.isPending && <Notice kind="info" title="Asking the backend how it is …" />}
      {known?.status === 'degraded' && (
        <Notice kind="info" title="Jobs are accepted, and wait for what is missing." />
      )}
      {known?.status === 'unavailable' && (
        <Notice kind="error" title="The backend cannot serve until what is marked below is back." />
      )}
      <ul className="parts">
        {parts.map((part) => (
          <PartItem key={part.key} part={part} />
        ))}
      </ul>
    </section>
  )
}

function PartItem({ part }: { part: Part }) {
  const well = part.check === 'ok'
  return (
    <li>
      <div className="part">
        <span className="title">
          {part.link === null ? (
            part.name
          ) : (
            <a href={part.link} target="_blank" rel="noreferrer">
              {part.name}
              <span className="visually-hidden"> (opens in a new tab)</span>
            </a>
          )}
        </span>
        {part.check === null ? (
          <span className="detail">not checked</span>
        ) : (
          <span className={`badge ${well ? 'succeeded' : 'failed'}`}>
            <span aria-hidden="true">{well ? '✓' : '✕'}</span> {well ? 'ok' : 'not ok'}
          </span>
        )}
      </div>
      <p className="detail">{part.purpose}</p>
      {part.check !== null && !well && (
        <p className="message">
          <span>{part.check}</span> {part.without}
        </p>
      )}
    </li>
  )
}
