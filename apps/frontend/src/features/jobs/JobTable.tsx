import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { Job } from '../../api/client'
import { useNow } from '../../ui/useNow'
import { JobRow } from './JobRow'
import { isActive } from './present'
import type { Sort, Sortable } from './search'
import { nextSort, sortedJobs } from './sort'
import { useRowKeys } from './useRowKeys'

interface Props {
  jobs: Job[]
  datasets: ReadonlyMap<string, string>
  hasMore: boolean
  canFetchMore: boolean
  fetchMore: () => void
  sort: Sort | undefined
  onSort: (sort: Sort | undefined) => void
  picked: ReadonlySet<string>
  onPick: (id: string, picked: boolean) => void
}

const COLUMNS = [
  ['pick', 'Choose'],
  ['name', 'Job'],
  ['state', 'State'],
  ['progress', 'Progress'],
  ['score', 'Main metric'],
  ['dataset', 'Dataset'],
  ['duration', 'Duration'],
  ['age', 'Age'],
] as const
// As in styles/jobs.css, for telephones too.
const ROW_PX = 64
const AHEAD = 60
// Of so many of the newest jobs a sorted list is made.
const SORTED = 1000

const MARKS = { none: '', ascending: '↑', descending: '↓' } as const

function directionOf(column: Sortable, sort: Sort | undefined): keyof typeof MARKS {
  if (sort === column) return 'ascending'
  return sort === `-${column}` ? 'descending' : 'none'
}

/** Only the rows in sight are in the document; the next page is fetched before its rows are. */
export function JobTable({
  jobs: unsorted,
  datasets,
  hasMore,
  canFetchMore,
  fetchMore,
  sort,
  onSort,
  picked,
  onPick,
}: Props) {
  const now = useNow(useMemo(() => unsorted.some(isActive), [unsorted]))
  // Not with each step of scrolling.
  const jobs = useMemo(
    () => sortedJobs(unsorted, sort, datasets, now),
    [unsorted, sort, datasets, now],
  )
  const body = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const place = () => {
      setTop((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY)
    }
    place()
    window.addEventListener('resize', place)
    return () => {
      window.removeEventListener('resize', place)
    }
  }, [])
  const keys = useRowKeys({ jobs, body, hasMore })
  const rows = useWindowVirtualizer({
    count: jobs.length,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => jobs[index]?.id ?? index,
    rangeExtractor: keys.withFocused,
  })
  const items = rows.getVirtualItems()
  const last = rows.range?.endIndex ?? 0
  // What is sorted must be known first, and so must the oldest to go to it.
  const near =
    hasMore &&
    (last >= jobs.length - AHEAD || keys.toOldest || (sort !== undefined && jobs.length < SORTED))
  const wantsMore = near && canFetchMore
  useEffect(() => {
    if (wantsMore) fetchMore()
  }, [wantsMore, jobs.length]) // eslint-disable-line react-hooks/exhaustive-deps -- once for each page
  return (
    <div className="jobs" role="table" aria-label="Jobs" aria-rowcount={jobs.length + 1}>
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className="job-row job-head">
          {COLUMNS.map(([column, name]) => (
            <span
              key={column}
              role="columnheader"
              className={`job-${column}`}
              {...(column === 'pick' ? {} : { 'aria-sort': directionOf(column, sort) })}
            >
              {column === 'pick' ? (
                <span className="visually-hidden">{name}</span>
              ) : (
                <button
                  type="button"
                  className="sort"
                  onClick={() => {
                    onSort(nextSort(column, sort))
                  }}
                >
                  {name}
                  <span aria-hidden="true">{MARKS[directionOf(column, sort)]}</span>
                </button>
              )}
            </span>
          ))}
        </div>
      </div>
      {/* The links in it have the focus. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        role="rowgroup"
        ref={body}
        className="job-rows"
        style={{ height: `${rows.getTotalSize()}px` }}
        onFocus={keys.onFocus}
        onBlur={keys.onBlur}
        onKeyDown={keys.onKeyDown}
      >
        {items.map(({ index, start, key }) => {
          const job = jobs[index]
          return (
            job && (
              <JobRow
                key={key}
                job={job}
                dataset={datasets.get(job.dataset_id) ?? job.dataset_id}
                index={index}
                offset={start - top}
                now={now}
                picked={picked.has(job.id)}
                onPick={onPick}
              />
            )
          )
        })}
      </div>
      {hasMore && <p className="detail job-more">Fetching older jobs …</p>}
    </div>
  )
}
