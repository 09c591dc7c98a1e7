import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type ModelVersion, moveAlias } from '../../api/client'
import { ConfirmDialog } from '../../ui/Dialog'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Loading } from '../../ui/Loading'
import { ago, moment } from '../../ui/format'
import { useNow } from '../../ui/useNow'
import { useTitle } from '../../ui/useTitle'
import { WeightsSection } from '../weights/WeightsSection'
import { PromoteDialog } from './PromoteDialog'
import { type Model, jobOf, moveOf, useModels } from './useModels'

/** The models that were registered, and which version has which alias. */
export function ModelsPage() {
  const models = useModels()
  useTitle('Models')
  return (
    <>
      <div className="page-head">
        <h1>Models</h1>
      </div>
      {models.error !== null && <Failure error={models.error} shownSince={models.dataUpdatedAt} />}
      {models.isPending && <Loading what="models" />}
      {models.data?.length === 0 && (
        <Empty icon="models" title="No registered models yet.">
          <p>
            A job that has succeeded can be registered on its page: its best.pt becomes a version of
            a model, and an alias such as production moves to it once it passes a gate.
          </p>
          <Link to="/" search={{ state: 'succeeded' }} className="button">
            Jobs that succeeded
          </Link>
        </Empty>
      )}
      {models.data?.map((model) => (
        <ModelCard key={model.name} model={model} />
      ))}
      {models.hasNextPage && (
        <button
          type="button"
          disabled={models.isFetchingNextPage}
          onClick={() => void models.fetchNextPage()}
        >
          Show older versions
        </button>
      )}
      <WeightsSection />
    </>
  )
}

function ModelCard({ model }: { model: Model }) {
  const now = useNow(false)
  const [promoted, setPromoted] = useState<ModelVersion | null>(null)
  const [back, setBack] = useState<{ alias: string; to: number } | null>(null)
  return (
    <section className="card" aria-label={model.name}>
      <h2>{model.name}</h2>
      <table className="plain stacked">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Aliases</th>
            <th scope="col">Job</th>
            <th scope="col">Registered</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {model.versions.map((one) => (
            <tr key={one.version}>
              <th scope="row">
                {model.name}/{one.version}
              </th>
              <td>
                {one.aliases.map((alias) => (
                  <AliasTold
                    key={alias}
                    version={one}
                    alias={alias}
                    now={now}
                    onBack={(to) => {
                      setBack({ alias, to })
                    }}
                  />
                ))}
              </td>
              <td data-label="Job">
                <JobLink id={jobOf(one)} />
              </td>
              <td className="detail">
                <time dateTime={one.created_at} title={moment(one.created_at)}>
                  {ago(one.created_at, now)}
                </time>
              </td>
              <td className="number row-actions">
                <TryLink id={jobOf(one)} label={`Try it: ${model.name}/${one.version}`} />
                <button
                  type="button"
                  aria-label={`Promote ${model.name}/${one.version}`}
                  onClick={() => {
                    setPromoted(one)
                  }}
                >
                  Promote
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {promoted !== null && (
        <PromoteDialog
          version={promoted}
          onClose={() => {
            setPromoted(null)
          }}
        />
      )}
      {back !== null && (
        <BackDialog
          name={model.name}
          alias={back.alias}
          to={back.to}
          onClose={() => {
            setBack(null)
          }}
        />
      )}
    </section>
  )
}

function JobLink({ id }: { id: string | undefined }) {
  if (id === undefined) return <span className="detail">–</span>
  return (
    <Link to="/jobs/$jobId" params={{ jobId: id }}>
      <code>{id.slice(0, 8)}</code>
    </Link>
  )
}

function TryLink({ id, label }: { id: string | undefined; label: string }) {
  if (id === undefined) return null
  return (
    <Link
      to="/jobs/$jobId"
      params={{ jobId: id }}
      search={{ tab: 'try' }}
      className="button"
      aria-label={label}
    >
      Try it
    </Link>
  )
}

interface AliasProps {
  version: ModelVersion
  alias: string
  now: number
  onBack: (to: number) => void
}

/** An alias with why it stands here, and the way back. */
function AliasTold({ version, alias, now, onBack }: AliasProps) {
  const { gate, by, at, replaced } = moveOf(version, alias)
  return (
    <div className="alias">
      <span className="badge succeeded">@{alias}</span>{' '}
      {replaced !== null && (
        <button
          type="button"
          className="quiet"
          aria-label={`Roll ${alias} back to ${replaced}`}
          onClick={() => {
            onBack(replaced)
          }}
        >
          back to {replaced}
        </button>
      )}
      {gate !== '' && (
        <p className="detail">
          {gate}
          {by !== '' && `; by ${by}`}
          {at !== '' && `, ${ago(at, now)}`}
        </p>
      )}
    </div>
  )
}

interface BackProps {
  name: string
  alias: string
  to: number
  onClose: () => void
}

function BackDialog({ name, alias, to, onClose }: BackProps) {
  const queries = useQueryClient()
  const move = useMutation({
    mutationFn: () => moveAlias(name, alias, { version: to }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['models'] })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      title={`Move ${name}@${alias} back to version ${to}?`}
      confirm={`Back to version ${to}`}
      dismiss="Leave it"
      harmless
      busy={move.isPending}
      onConfirm={() => {
        move.mutate()
      }}
      onClose={onClose}
    >
      It is the version that the present one replaced. Jobs and services that ask for the alias get
      it from then on.
      {move.error !== null && (
        <p className="message bad" role="alert">
          {move.error.message}
        </p>
      )}
    </ConfirmDialog>
  )
}
