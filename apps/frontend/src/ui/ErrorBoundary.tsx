import { Component, type ReactNode } from 'react'
import { Notice } from './Notice'

interface Props {
  children: ReactNode
}

/** Says so when the page itself fails, where React would leave it empty. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    const { error } = this.state as { error: Error | null }
    if (error === null) return this.props.children
    return (
      <Notice kind="error" title="This page failed.">
        Load it again. If that does not help, report this: {error.message}
      </Notice>
    )
  }
}
