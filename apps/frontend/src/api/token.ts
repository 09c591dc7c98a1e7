import { useSyncExternalStore } from 'react'

// Kept for this tab only: closing it forgets the token.
const KEY = 'trainyard.token'
// A person entered it, and may want to take it back.
const ENTERED = 'trainyard.token-entered'
const listeners = new Set<() => void>()

export function getToken(): string | null {
  return sessionStorage.getItem(KEY)
}

export function setToken(token: string | null, entered = false): void {
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
  if (token !== null && entered) sessionStorage.setItem(ENTERED, 'yes')
  else sessionStorage.removeItem(ENTERED)
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
  return useSyncExternalStore(listen, () => sessionStorage.getItem(ENTERED) !== null)
}

function listen(changed: () => void): () => void {
  listeners.add(changed)
  return () => listeners.delete(changed)
}
