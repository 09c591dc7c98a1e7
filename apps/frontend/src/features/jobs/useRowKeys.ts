import { type Range, defaultRangeExtractor } from '@tanstack/react-virtual'
import { type FocusEvent, type KeyboardEvent, type RefObject, useEffect, useState } from 'react'
import type { Job } from '../../api/client'

interface Rows {
  jobs: readonly Job[]
  body: RefObject<HTMLElement | null>
  hasMore: boolean
}

// Not the id of a job, which is hexadecimal.
const OLDEST = 'oldest'

/**
 * Arrow keys, Home and End go from job to job, End to the oldest however many pages that takes.
 * The row that has the focus stays in the document, out of sight too.
 */
export function useRowKeys({ jobs, body, hasMore }: Rows) {
  // By id: a job that comes moves the others.
  const [focused, setFocused] = useState<string | null>(null)
  const [goal, setGoal] = useState<string | null>(null)
  const toOldest = goal === OLDEST && hasMore
  const wanted = toOldest ? null : goal === OLDEST ? (jobs.at(-1)?.id ?? null) : goal
  const kept = wanted ?? focused
  const at = kept === null ? -1 : jobs.findIndex(({ id }) => id === kept)
  useEffect(() => {
    if (wanted === null) return
    const row = body.current?.querySelector(`[aria-rowindex="${at + 2}"]`)
    row?.querySelector<HTMLElement>('.row-link')?.focus({ preventScroll: true })
    row?.scrollIntoView({ block: 'nearest' })
  }, [wanted, at, body])
  return {
    toOldest,
    withFocused: (range: Range) => {
      const shown = defaultRangeExtractor(range)
      if (at < 0 || shown.includes(at)) return shown
      return [...shown, at].sort((a, b) => a - b)
    },
    onFocus: ({ target }: FocusEvent) => {
      const index = target.closest('[aria-rowindex]')?.getAttribute('aria-rowindex')
      setFocused(jobs[Number(index) - 2]?.id ?? null)
      setGoal(null)
    },
    onBlur: ({ currentTarget, relatedTarget }: FocusEvent) => {
      if (currentTarget.contains(relatedTarget)) return
      setFocused(null)
      setGoal(null)
    },
    onKeyDown: (event: KeyboardEvent) => {
      const { key, altKey, ctrlKey, metaKey, shiftKey } = event
      if (altKey || ctrlKey || metaKey || shiftKey || at < 0) return
      const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: jobs.length - 1 }[key]
      if (step === undefined) return
      event.preventDefault()
      const to = key === 'End' ? OLDEST : jobs[step]?.id
      if (to !== undefined) setGoal(to)
    },
  }
}
