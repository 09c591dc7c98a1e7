import { useSyncExternalStore } from 'react'
import { keptInTab } from '../ui/kept'

// Kept for this tab only: closing it forgets the token.
const KEY = 'trainyard.token'
// A person entered it, and may want to take it back.
const ENTERED = 'trainyard.token-entered'
const listeners = new Set<() => void>()

export function getToken(): string | null {
  return keptInTab.read(KEY)
}

export function setToken(token: string | null, entered = false): void {
  if (token === null) keptInTab.remove(KEY)
  else keptInTab.write(KEY, token)
  if (token !== null && entered) keptInTab.write(ENTERED, 'yes')
  else keptInTab.remove(ENTERED)
  for (const changed of listeners) changed()
}

/** Take the token that the start address of `yard dev` brings behind its #, and take it out of there. */
export function takeToken(): void {
  const found = /^#token=([\w-]+)$/.exec(window.location.hash)?.[1]
  if (found === undefined) return
  window.history.replaceState(null, '', window.location.pathname + window.location.search)
  setToken(found)
}

/** The API token in use, or null where there is none. */
export function useToken(): string | null {
  return useSyncExternalStore(listen, getToken)
}

/** Whether there is one that a person entered; that of `yard dev` comes and goes by itself. */
export function useIsTokenEntered(): boolean {
  return useSyncExternalStore(listen, () => keptInTab.read(ENTERED) !== null)
}

function listen(changed: () => void): () => void {
  listeners.add(changed)
  return () => listeners.delete(changed)
}
