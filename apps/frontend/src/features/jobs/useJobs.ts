import { skipToken, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { type JobFilter, type JobPage, countJobs, listJobs } from '../../api/client'
import { ApiError } from '../../api/errors'
import { followJobs } from '../../api/events'
import { useToken } from '../../api/token'
import { areApart, merged, withNews } from './merge'
import { isActive } from './present'

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 8_000
// More would take longer to read than a frame of the screen lasts.
const OLDER_A_PAGE = 250
// For each page: however many there are, one is asked for at a time.
const OLDER_MS = 8_000
const TOTAL_MS = 30_000

/**
 * The jobs of a filter, page by page as they are asked for. The newest page is followed by one
 * stream; the older ones are asked for again only while a job in them still runs.
 */
export function useJobs(filter: JobFilter) {
  const token = useToken()
  const { newest, error, updatedAt } = useNewest(filter)
  const older = useInfiniteQuery({
    queryKey: ['jobs', 'older', token, filter],
    queryFn: ({ pageParam, signal }) => listJobs(filter, pageParam, signal, OLDER_A_PAGE),
    // From the newest on, too: jobs that come later push others out of the newest page.
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: newest !== undefined && newest.next_cursor !== null,
    refetchInterval: ({ state }) =>
      state.data?.pages.slice(1).some((page) => page.items.some(isActive))
        ? OLDER_MS * state.data.pages.length
        : false,
  })
  const pages = older.data?.pages
  const apart = pages !== undefined && newest !== undefined && areApart(pages, newest)
  const { refetch } = older
  useEffect(() => {
    if (apart) void refetch()
  }, [apart, refetch])
  const jobs = useMemo(() => merged(pages ?? [], newest), [pages, newest])
  // Before the first of the older pages is there, the newest one knows.
  const hasMore = pages === undefined ? newest?.next_cursor != null : older.hasNextPage
  // By itself: who has all of them needs no count, and no job waits for it.
  const total = useQuery({
    queryKey: ['jobs', 'total', token, filter],
    queryFn: ({ signal }) => countJobs(filter, signal),
    enabled: hasMore,
    refetchInterval: TOTAL_MS,
  })
  // Jobs may have come since they were counted: while there are more, that is no count of them.
  const counted = total.data ?? 0
  return {
    jobs,
    /** Of the filter; null where that is not known (yet). */
    total: hasMore ? (counted > jobs.length ? counted : null) : jobs.length,
    isPending: newest === undefined && error === null,
    error: error ?? older.error,
    updatedAt,
    hasMore,
    canFetchMore: older.hasNextPage && !older.isFetching && older.error === null,
    fetchMore: () => void older.fetchNextPage(),
  }
}

/** The newest page, live, over as many connections as it takes. */
function useNewest(filter: JobFilter) {
  const token = useToken()
  const queries = useQueryClient()
  const written = JSON.stringify(filter)
  // Kept by the cache, so that who comes back sees at once what was there.
  const key = useMemo(() => ['jobs', 'newest', token, written], [token, written])
  const { data: newest, dataUpdatedAt: updatedAt } = useQuery<JobPage>({
    queryKey: key,
    queryFn: skipToken,
  })
  const [failed, setFailed] = useState<{ key: unknown; error: ApiError | null }>()
  useEffect(() => {
    const leave = new AbortController()
    const run = async () => {
      let wait = FIRST_WAIT_MS
      while (!leave.signal.aborted) {
        try {
          for await (const news of followJobs(JSON.parse(written) as JobFilter, leave.signal)) {
            wait = FIRST_WAIT_MS
            setFailed({ key, error: null })
            queries.setQueryData<JobPage>(key, (old) => withNews(old, news))
          }
        } catch (error) {
          // An aborted stream fails, too; TypeScript does not know that it may have been meanwhile.
          if ((leave.signal as { aborted: boolean }).aborted) return
          const told = error instanceof ApiError ? error : new ApiError(String(error), null)
          setFailed({ key, error: told })
        }
        await pause(wait, leave.signal)
        wait = Math.min(2 * wait, LONGEST_WAIT_MS)
      }
    }
    void run()
    return () => {
      leave.abort()
    }
  }, [key, written, queries])
  return { newest, updatedAt, error: failed?.key === key ? failed.error : null }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
