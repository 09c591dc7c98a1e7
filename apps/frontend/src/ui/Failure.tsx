import { ApiError } from '../api/errors'
import { TokenForm } from '../features/auth/TokenForm'
import { Notice } from './Notice'

interface Props {
  error: Error
  /** When what is still shown was true; 0 where nothing is. */
  shownSince?: number
  retries?: boolean
}

/** Why something cannot be shown, or not as it is now; asks for a token where that is the reason. */
export function Failure({ error, shownSince = 0, retries = true }: Props) {
  if (error instanceof ApiError && error.status === 401) return <TokenForm />
  return (
    <Notice kind="error" title={error.message}>
      {shownSince > 0 && (
        <>What follows is as it stood at {new Date(shownSince).toLocaleTimeString()}. </>
      )}
      {retries && 'This page tries again by itself.'}
    </Notice>
  )
}
