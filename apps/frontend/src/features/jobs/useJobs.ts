import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { type JobFilter, listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { areApart, merged } from './merge'
import { isActive } from './present'

const WHILE_TRAINING_MS = 2_000
const OTHERWISE_MS = 8_000

/**
 * The jobs of a filter, page by page as they are asked for. The newest page is asked for again
 * every few seconds; the older ones only while a job in them still runs.
 */
export function useJobs(filter: JobFilter) {
  const token = useToken()
  const newest = useQuery({
    queryKey: ['jobs', 'newest', token, filter],
    queryFn: ({ signal }) => listJobs(filter, null, signal),
    refetchInterval: ({ state }) =>
      state.data?.items.some(isActive) ? WHILE_TRAINING_MS : OTHERWISE_MS,
  })
  const older = useInfiniteQuery({
    queryKey: ['jobs', 'older', token, filter],
    queryFn: ({ pageParam, signal }) => listJobs(filter, pageParam, signal),
    // From the newest on, too: jobs that come later push others out of the newest page.
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: newest.data !== undefined && newest.data.next_cursor !== null,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(isActive)) ? OTHERWISE_MS : false,
  })
  const pages = older.data?.pages
  const apart = pages !== undefined && newest.data !== undefined && areApart(pages, newest.data)
  const { refetch } = older
  useEffect(() => {
    if (apart) void refetch()
  }, [apart, refetch])
  const jobs = useMemo(() => merged(pages ?? [], newest.data), [pages, newest.data])
  return {
    jobs,
    isPending: newest.isPending,
    error: newest.error ?? older.error,
    updatedAt: newest.dataUpdatedAt,
    hasMore: older.hasNextPage,
    isFetchingMore: older.isFetchingNextPage,
    fetchMore: () => {
      if (!older.isFetching) void older.fetchNextPage()
    },
  }
}
