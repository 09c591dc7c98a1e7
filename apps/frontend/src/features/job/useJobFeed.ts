import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { useToken } from '../../api/token'
import { JobFeed } from './JobFeed'

/** The live view of a job, for as long as the page shows it. */
export function useJobFeed(id: string) {
  const token = useToken()
  // Another token may see another job: it starts anew.
  const feed = useMemo(() => new JobFeed(id), [id, token]) // eslint-disable-line react-hooks/exhaustive-deps
  useEffect(() => {
    const leave = new AbortController()
    void feed.run(leave.signal)
    const looked = () => {
      if (document.visibilityState === 'visible') feed.hurry()
    }
    document.addEventListener('visibilitychange', looked)
    return () => {
      leave.abort()
      document.removeEventListener('visibilitychange', looked)
    }
  }, [feed])
  return { feed, ...useSyncExternalStore(feed.subscribe, feed.get) }
}
