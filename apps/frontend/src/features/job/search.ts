import { oneOf } from '../../shell/url'

export const TABS = ['charts', 'results', 'try', 'log', 'config', 'files', 'timeline'] as const
export type Tab = (typeof TABS)[number]

/** What the address says of a job's page. */
export interface JobSearch {
  tab?: Tab | undefined
  /** Weight of the smoothing, in percent. */
  smooth?: number | undefined
  scale?: 'log' | undefined
}

export function jobSearch(search: Record<string, unknown>): JobSearch {
  const smooth = Number(search.smooth)
  return {
    tab: oneOf(search.tab, TABS),
    smooth: smooth > 0 && smooth < 100 ? Math.round(smooth) : undefined,
    scale: oneOf(search.scale, ['log']),
  }
}
