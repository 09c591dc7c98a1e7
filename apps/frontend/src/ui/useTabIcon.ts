import { useEffect } from 'react'

export type TabIcon = 'running' | 'succeeded' | 'failed'

/** A mark on the tab's icon, as long as what it tells of is shown; null for none. */
export function useTabIcon(mark: TabIcon | null): void {
  useEffect(() => {
    if (mark === null) return
    const link = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    link?.setAttribute('href', `/icon-${mark}.svg`)
    return () => {
      link?.setAttribute('href', '/icon.svg')
    }
  }, [mark])
}
