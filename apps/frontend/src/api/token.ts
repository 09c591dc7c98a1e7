import { useSyncExternalStore } from 'react'

// Kept for this tab only: closing it forgets the token.
const KEY = 'trainyard.token'
const listeners = new Set<() => void>()

export function getToken(): string | null {
  return sessionStorage.getItem(KEY)
}

export function setToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
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
  return useSyncExternalStore((changed) => {
    listeners.add(changed)
    return () => listeners.delete(changed)
  }, getToken)
}
