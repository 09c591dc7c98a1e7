import { type SubmitEvent, useId } from 'react'
import { setToken, useToken } from '../../api/token'
import { useConfig } from '../../config/useConfig'
import { Notice } from '../../ui/Notice'

/** Asks for the API token that the backend wants. */
export function TokenForm() {
  const id = useId()
  const refused = useToken() !== null
  const local = useConfig().data?.tier === 'local'

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const token = new FormData(event.currentTarget).get('token')
    if (typeof token === 'string' && token.trim() !== '') setToken(token.trim(), true)
  }

  return (
    <form className="token" onSubmit={submit}>
      {refused && (
        <Notice kind="error" title="The backend refused this token.">
          It may be mistyped or revoked. Enter another one.
        </Notice>
      )}
      <label htmlFor={id}>API token</label>
      <p id={`${id}-help`}>
        {local ? (
          <>
            <code>yard dev</code> shows the address of this page that brings it along: open that
            one. Each start makes a new token.
          </>
        ) : (
          <>
            This backend wants one. Whoever runs it makes yours with{' '}
            <code>
              kubectl exec -n platform deployment/backend -- python -m backend token create NAME
            </code>
            .
          </>
        )}{' '}
        It is kept in this tab only.
      </p>
      <div className="field">
        <input
          id={id}
          name="token"
          type="password"
          required
          autoComplete="off"
          spellCheck={false}
          aria-describedby={`${id}-help`}
        />
        <button type="submit">Use this token</button>
      </div>
    </form>
  )
}
