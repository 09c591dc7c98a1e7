import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Token, listTokens, revokeToken } from '../../api/client'
import { ApiError } from '../../api/errors'
import { useToken } from '../../api/token'
import { Command } from '../../ui/Command'
import { ConfirmDialog } from '../../ui/Dialog'
import { Loading } from '../../ui/Loading'
import { Notice } from '../../ui/Notice'
import { ago, moment } from '../../ui/format'
import { useNow } from '../../ui/useNow'

const AGAIN_MS = 60_000
/** Nobody asks for tokens here, this token may not see them, or there is none. */
const TELLING = [401, 403, 409]

/** The API tokens, for who may manage them; to others, who that is. */
export function Tokens() {
  const token = useToken()
  const now = useNow(false)
  const [revoked, setRevoked] = useState<string | null>(null)
  const tokens = useQuery({
    queryKey: ['tokens', token],
    queryFn: ({ signal }) => listTokens(signal),
    refetchInterval: ({ state }) => (state.error === null ? AGAIN_MS : false),
    retry: false,
  })
  const { error, data } = tokens
  return (
    <section className="card" aria-labelledby="tokens">
      <h2 id="tokens">API tokens</h2>
      {tokens.isPending && <Loading what="tokens" />}
      {error !== null &&
        (error instanceof ApiError && TELLING.includes(error.status ?? 0) ? (
          <p className="detail">{error.message}</p>
        ) : (
          <Notice kind="error" title={error.message} />
        ))}
      {data?.length === 0 && (
        <p className="detail">None was made yet: whoever uses this page has the platform’s own.</p>
      )}
      {data !== undefined && data.length > 0 && (
        <table className="plain stacked">
          <thead>
            <tr>
              <th scope="col">Token</th>
              <th scope="col">May</th>
              <th scope="col">Made</th>
              <th scope="col">Used</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.map((one) => (
              <Row key={one.name} token={one} now={now} onRevoke={setRevoked} />
            ))}
          </tbody>
        </table>
      )}
      <p className="detail">One for somebody else, whose secret the terminal shows once:</p>
      <Command text="yard token create NAME --expires 90d" />
      {revoked !== null && (
        <RevokeDialog
          name={revoked}
          onClose={() => {
            setRevoked(null)
          }}
        />
      )}
    </section>
  )
}

interface RowProps {
  token: Token
  now: number
  onRevoke: (name: string) => void
}

function Row({ token, now, onRevoke }: RowProps) {
  const { name, access, created_at, created_by, last_used_at } = token
  const [state, isOver] = stateOf(token, now)
  return (
    <tr>
      <th scope="row">{name}</th>
      <td data-label="May">{access}</td>
      <td className="detail" data-label="Made">
        <time dateTime={created_at} title={moment(created_at)}>
          {ago(created_at, now)}
        </time>{' '}
        by {created_by ?? 'the backend’s command'}
      </td>
      <td className="detail" data-label="Used">
        {last_used_at === null ? 'never' : ago(last_used_at, now)}
      </td>
      <td data-label="State">
        <span className={`badge ${isOver ? 'cancelled' : 'succeeded'}`}>{state}</span>
      </td>
      <td className="number row-actions">
        {!isOver && (
          <button
            type="button"
            aria-label={`Revoke ${name}`}
            onClick={() => {
              onRevoke(name)
            }}
          >
            Revoke
          </button>
        )}
      </td>
    </tr>
  )
}

/** How a token stands, and whether it counts no more. */
export function stateOf({ revoked_at, expires_at }: Token, now: number): [string, boolean] {
  if (revoked_at !== null) return ['revoked', true]
  if (expires_at === null) return ['valid', false]
  if (Date.parse(expires_at) <= now) return ['expired', true]
  const days = (Date.parse(expires_at) - now) / 86_400_000
  return [days < 2 ? 'valid, expires soon' : `valid for ${Math.floor(days)} days`, false]
}

function RevokeDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: () => revokeToken(name),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['tokens'] })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      title={`Revoke ${name}?`}
      confirm="Revoke it"
      busy={revoke.isPending}
      onConfirm={() => {
        revoke.mutate()
      }}
      onClose={onClose}
    >
      Within seconds nothing takes it any more, and live views of it end. Its name is not used
      again.
      {revoke.error !== null && (
        <p className="message bad" role="alert">
          {revoke.error.message}
        </p>
      )}
    </ConfirmDialog>
  )
}
