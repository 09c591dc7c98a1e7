import { useInfiniteQuery } from '@tanstack/react-query'
import { listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { isActive } from './present'

const WHILE_TRAINING_MS = 2_000
const OTHERWISE_MS = 8_000

/** The jobs, kept current by asking again: often while one trains, else seldom. */
export function useJobs() {
  const token = useToken()
  return useInfiniteQuery({
    queryKey: ['jobs', token],
    queryFn: ({ pageParam, signal }) => listJobs(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    select: ({ pages }) => pages.flatMap((page) => page.items),
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(isActive))
        ? WHILE_TRAINING_MS
        : OTHERWISE_MS,
  })
}
