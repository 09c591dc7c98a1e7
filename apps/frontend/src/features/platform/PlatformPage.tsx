import { useTitle } from '../../ui/useTitle'
import { HealthPanel } from './HealthPanel'
import { Overview } from './Overview'
import { Tokens } from './Tokens'

/** What a platform engineer looks at: each component, and what its absence means for users. */
export function PlatformPage() {
  useTitle('Platform')
  return (
    <>
      <div className="page-head">
        <h1>Platform</h1>
      </div>
      <Overview />
      <HealthPanel />
      <Tokens />
    </>
  )
}
