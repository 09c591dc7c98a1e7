import { useSyncExternalStore } from 'react'
import { kept } from '../ui/kept'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'trainyard.theme'
const listeners = new Set<() => void>()

function stored(): Theme {
  const value = kept.read(KEY)
  return value === 'light' || value === 'dark' ? value : 'system'
}

/** Show the theme that was chosen here before; without a choice, the system's. */
export function applyTheme(): void {
  const theme = stored()
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  for (const changed of listeners) changed()
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') kept.remove(KEY)
  else kept.write(KEY, theme)
  applyTheme()
}

function subscribe(changed: () => void) {
  listeners.add(changed)
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  system.addEventListener('change', changed)
  return () => {
    listeners.delete(changed)
    system.removeEventListener('change', changed)
  }
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, stored)
}

/** What is drawn on a canvas must know it: light or dark, whoever chose. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => {
    const theme = stored()
    if (theme !== 'system') return theme === 'dark'
    return window.matchMedia('(prefers-color-scheme: dark)').matches
  })
}
