import { setToken, useToken } from './api/token'
import { useConfig } from './config/useConfig'
import { HealthPanel } from './features/health/HealthPanel'
import { JobsPanel } from './features/jobs/JobsPanel'

export function App() {
  const tier = useConfig().data?.tier ?? ''
  const token = useToken()
  return (
    <>
      <header>
        <h1>Trainyard</h1>
        {tier !== '' && <span className="tier">{tier}</span>}
        {token !== null && (
          <button
            type="button"
            onClick={() => {
              setToken(null)
            }}
          >
            Forget the API token
          </button>
        )}
      </header>
      <main>
        <JobsPanel />
        <HealthPanel />
      </main>
    </>
  )
}
