import { oneOf } from '../../shell/url'

export const TABS = ['report', 'images'] as const
export type Tab = (typeof TABS)[number]

/** What the address says of a dataset's page; split and class narrow its images. */
export interface DatasetSearch {
  tab?: Tab | undefined
  split?: 'train' | 'val' | 'test' | undefined
  class?: number | 'none' | undefined
}

export function datasetSearch(search: Record<string, unknown>): DatasetSearch {
  const wanted = search.class
  const isIndex = typeof wanted === 'number' || (typeof wanted === 'string' && /^\d+$/.test(wanted))
  return {
    tab: oneOf(search.tab, TABS),
    split: oneOf(search.split, ['train', 'val', 'test']),
    class: isIndex ? Number(wanted) : oneOf(wanted, ['none'] as const),
  }
}
