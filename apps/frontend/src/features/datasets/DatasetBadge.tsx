import type { Dataset } from '../../api/client'

const SHOWN: Record<Dataset['status'], { mark: string; like: string }> = {
  uploading: { mark: '↑', like: 'uploading' },
  checking: { mark: '◔', like: 'preparing' },
  ready: { mark: '✓', like: 'succeeded' },
  rejected: { mark: '✕', like: 'failed' },
}

export function DatasetBadge({ status }: { status: Dataset['status'] }) {
  const { mark, like } = SHOWN[status]
  return (
    <span className={`badge ${like}`}>
      <span aria-hidden="true">{mark}</span> {status}
    </span>
  )
}
