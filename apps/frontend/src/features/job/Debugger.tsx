import { useQuery } from '@tanstack/react-query'
import { type Job, readiness } from '../../api/client'
import { useConfig } from '../../config/useConfig'
import { Command } from '../../ui/Command'
import { Icon } from '../../ui/Icon'
import { Notice } from '../../ui/Notice'
import { forwardOf, launchOf, placeOf } from './launch'

/** How to attach to a training that waits for it: the port, and the file for the editor. */
export function Debugger({ job }: { job: Job }) {
  const config = useConfig()
  const ready = useQuery({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => readiness(signal),
    staleTime: Infinity,
  })
  const title = `The trainer waits for a debugger on port ${job.debug_port ?? ''}.`
  if (ready.data === undefined || config.isPending) return <Notice kind="info" title={title} />
  const place = placeOf(config.data?.tier ?? '', ready.data.checks)
  const forward = forwardOf(job, place)
  const launch = launchOf(job, place)
  return (
    <>
      <Notice kind="info" title={title} />
      <section className="card debugger" aria-labelledby="debugger">
        <h2 id="debugger">Attach a debugger</h2>
        {forward !== null && (
          <>
            <p>Bring the port to your machine:</p>
            <Command text={forward} />
          </>
        )}
        <p>
          In VS Code with the extension Python Debugger, this is <code>.vscode/launch.json</code> of
          your checkout. Run → Start Debugging lets the training go on.
        </p>
        <details>
          <summary>launch.json</summary>
          <Command text={launch} label="Copy launch.json" />
        </details>
        <a
          className="button"
          download="launch.json"
          href={`data:application/json,${encodeURIComponent(launch)}`}
        >
          <Icon name="download" /> launch.json
        </a>
      </section>
    </>
  )
}
