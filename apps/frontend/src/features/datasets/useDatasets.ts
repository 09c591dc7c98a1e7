import { queryOptions, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type Dataset, getDataset, listDatasets } from '../../api/client'
import { useToken } from '../../api/token'

const WHILE_CHECKING_MS = 2_000
const OTHERWISE_MS = 30_000

export function isPending(dataset: Dataset): boolean {
  return dataset.status === 'checking' || dataset.status === 'uploading'
}

/** digits@3 */
export function datasetTitle({ name, version }: Dataset): string {
  return `${name}@${version}`
}

/** The datasets, the newest first, page by page. */
export function useDatasets() {
  const token = useToken()
  return useInfiniteQuery({
    queryKey: ['datasets', token],
    queryFn: ({ pageParam, signal }) => listDatasets(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    select: ({ pages }) => pages.flatMap((page) => page.items),
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(isPending))
        ? WHILE_CHECKING_MS
        : OTHERWISE_MS,
  })
}

export function datasetQuery(id: string, token: string | null) {
  return queryOptions({
    queryKey: ['dataset', id, token],
    queryFn: ({ signal }) => getDataset(id, signal),
    enabled: id !== '',
    refetchInterval: ({ state }) =>
      state.data !== undefined && isPending(state.data) ? WHILE_CHECKING_MS : false,
  })
}

export function useDataset(id: string) {
  return useQuery(datasetQuery(id, useToken()))
}

/** What people call the newest datasets, by id. */
export function useDatasetNames(): ReadonlyMap<string, string> {
  const { data } = useDatasets()
  return useMemo(() => new Map(data?.map((one) => [one.id, datasetTitle(one)])), [data])
}
