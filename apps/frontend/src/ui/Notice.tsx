import type { ReactNode } from 'react'

interface Props {
  kind: 'info' | 'error'
  title: string
  children?: ReactNode
}

/** A sentence or two that the user should read; an error is announced at once. */
export function Notice({ kind, title, children }: Props) {
  return (
    <div className={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <strong>{title}</strong>
      {children !== undefined && <div>{children}</div>}
    </div>
  )
}
