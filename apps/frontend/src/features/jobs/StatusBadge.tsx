import type { ShownStatus } from './present'

// Shape and word say it; colour only repeats it.
const MARKS: Record<ShownStatus, string> = {
  queued: '○',
  preparing: '◔',
  running: '▶',
  uploading: '↑',
  retrying: '↻',
  cancelling: '◼',
  succeeded: '✓',
  failed: '✕',
  cancelled: '–',
}

export function StatusBadge({ status }: { status: ShownStatus }) {
  return (
    <span className={`badge ${status}`}>
      <span aria-hidden="true">{MARKS[status]}</span> {status}
    </span>
  )
}
