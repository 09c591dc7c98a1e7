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

/** The API token in use, or null where there is none. */
export function useToken(): string | null {
  return useSyncExternalStore((changed) => {
    listeners.add(changed)
    return () => listeners.delete(changed)
  }, getToken)
}
