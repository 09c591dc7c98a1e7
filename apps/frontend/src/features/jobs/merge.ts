import type { Job, JobPage } from '../../api/client'
import type { ListNews } from '../../api/events'

/**
 * The pages that were scrolled to, with the newest page as it is now in place of what it covers:
 * jobs that are new since then come in front, and deleted ones go.
 */
export function merged(pages: readonly JobPage[], newest: JobPage | undefined): Job[] {
  const known = pages.flatMap((page) => page.items)
  if (newest === undefined) return known
  const last = newest.items.at(-1)
  if (last === undefined || newest.next_cursor === null) return newest.items
  const covered = new Set(newest.items.map(({ id }) => id))
  const end = Date.parse(last.created_at)
  const older = known.filter(
    ({ id, created_at }) => !covered.has(id) && Date.parse(created_at) <= end,
  )
  return [...newest.items, ...older]
}

/** Whether so many jobs came that the newest page and the known ones no longer touch. */
export function areApart(pages: readonly JobPage[], newest: JobPage): boolean {
  const first = pages[0]?.items[0]
  const last = newest.items.at(-1)
  if (first === undefined || last === undefined || newest.next_cursor === null) return false
  return Date.parse(last.created_at) > Date.parse(first.created_at)
}

/** The page as its stream tells it now; a connection begins with all of its jobs. */
export function withNews(old: JobPage | undefined, { ids, items, next_cursor }: ListNews): JobPage {
  const known = new Map([...(old?.items ?? []), ...items].map((job) => [job.id, job]))
  return { items: ids.flatMap((id) => known.get(id) ?? []), next_cursor }
}
