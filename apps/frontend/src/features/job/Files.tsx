import type { Job } from '../../api/client'
import { Command } from '../../ui/Command'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Icon } from '../../ui/Icon'
import { Loading } from '../../ui/Loading'
import { bytes } from '../../ui/format'
import { useFiles } from './useFiles'

/** What the job left behind; links go straight to the store. */
export function Files({ job }: { job: Job }) {
  const files = useFiles(job)
  if (files.isPending) return <Loading what="files" />
  if (files.data === undefined) return <Failure error={files.error} />
  if (files.data.length === 0) {
    return (
      <Empty icon="download" title="No files yet.">
        <p>The best model, the last checkpoint and the results appear here as they are uploaded.</p>
      </Empty>
    )
  }
  return (
    <section className="card" aria-label="Files">
      <table className="plain stacked">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col">sha256</th>
          </tr>
        </thead>
        <tbody>
          {files.data.map(({ name, size, sha256, url }) => (
            <tr key={name}>
              <th scope="row">
                <a href={url} download className="file">
                  <Icon name="download" /> {name}
                </a>
              </th>
              <td className="number" data-label="Size">
                {bytes(size)}
              </td>
              <td className="hash" data-label="sha256">
                {sha256 === null ? <span className="detail">–</span> : <code>{sha256}</code>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="detail">All of them, checksums compared:</p>
      <Command text={`yard model pull ${job.id}`} />
    </section>
  )
}
