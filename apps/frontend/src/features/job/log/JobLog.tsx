import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Artifact, Job } from '../../../api/client'
import { readStoredText } from '../../../api/stored'
import { Failure } from '../../../ui/Failure'
import { Loading } from '../../../ui/Loading'
import { isActive } from '../../jobs/present'
import { useFiles } from '../useFiles'
import { LogBuffer } from './LogBuffer'
import { LogView } from './LogView'
import { logsOfNodes } from './logsOfNodes'

interface Props {
  job: Job
  log: LogBuffer
  length: number
}

/** The log of the first node as it comes, or of another one as far as it is stored. */
export function JobLog({ job, log, length }: Props) {
  const several = job.resources.nodes > 1
  const files = useFiles(job, several)
  const [chosen, setChosen] = useState('')
  const stored = logsOfNodes(files.data ?? [])
  const file = stored.find(({ name }) => name === chosen)?.file
  return (
    <>
      {several && (
        <p>
          <select
            aria-label="Node"
            value={file === undefined ? '' : chosen}
            onChange={({ target }) => {
              setChosen(target.value)
            }}
          >
            <option value="">Node 0</option>
            {stored.map(({ name, node, attempt }) => (
              <option key={name} value={name}>
                Node {node} in attempt {attempt}
              </option>
            ))}
          </select>
          {files.isSuccess && stored.length === 0 && (
            <span className="detail"> No other node has stored a log.</span>
          )}
        </p>
      )}
      {file === undefined ? (
        <LogView log={log} length={length} active={isActive(job)} />
      ) : (
        <StoredLog key={file.name} job={job} file={file} />
      )}
    </>
  )
}

function StoredLog({ job, file }: { job: Job; file: Artifact }) {
  const { data, error } = useQuery({
    queryKey: ['log', job.id, file.name, file.sha256, file.size],
    // Each is a whole log: only the one that is shown is kept.
    gcTime: 0,
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const log = new LogBuffer()
      log.append(0, 1, await readStoredText(file, signal))
      return log
    },
    placeholderData: (before) => before,
  })
  if (data !== undefined) return <LogView log={data} length={data.length} active={isActive(job)} />
  return error === null ? <Loading what="log" /> : <Failure error={error} retries={false} />
}
