import type { JobStatus } from '../../api/client'

// Shape and word say it; colour only repeats it.
const MARKS: Record<JobStatus, string> = {
  queued: '○',
  preparing: '◔',
  running: '▶',
  retrying: '↻',
  cancelling: '◼',
  succeeded: '✓',
  failed: '✕',
  cancelled: '–',
}

export function StatusBadge({ status }: { status: JobStatus }) {
  return (
    <span className={`badge ${status}`}>
      <span aria-hidden="true">{MARKS[status]}</span> {status}
    </span>
  )
}
