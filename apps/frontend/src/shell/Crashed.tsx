import type { ErrorComponentProps } from '@tanstack/react-router'
import { Notice } from '../ui/Notice'

/** Takes the place of one page that failed; the navigation stays. */
export function Crashed({ error, reset }: ErrorComponentProps) {
  const told = error instanceof Error ? error.message : String(error)
  // After an upgrade, the parts of the old page are gone from the server.
  const outdated = /dynamically imported module|module script/i.test(told)
  return (
    <Notice kind="error" title={outdated ? 'The platform was upgraded.' : 'This page failed.'}>
      <p>
        {outdated
          ? 'Load the page again to get its new version.'
          : `If trying again does not help, report this: ${told}`}
      </p>
      <button
        type="button"
        onClick={() => {
          if (outdated) window.location.reload()
          else reset()
        }}
      >
        {outdated ? 'Load again' : 'Try again'}
      </button>
    </Notice>
  )
}
