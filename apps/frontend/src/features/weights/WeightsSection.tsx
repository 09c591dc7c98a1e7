import { Link } from '@tanstack/react-router'
import { Suspense, lazy, useState } from 'react'
import { Failure } from '../../ui/Failure'
import { FileDrop } from '../../ui/FileDrop'
import { Loading } from '../../ui/Loading'
import { ago, bytes, moment } from '../../ui/format'
import { useNow } from '../../ui/useNow'
import { useWeights } from './useWeights'

// With its hash, which only an upload needs.
const WeightsUpload = lazy(() =>
  import('./WeightsUpload').then(({ WeightsUpload }) => ({ default: WeightsUpload })),
)

/** The weights that trainings can start from, and more of them by a file. */
export function WeightsSection() {
  const weights = useWeights()
  const [file, setFile] = useState<File | null>(null)
  const now = useNow(false)
  const items = weights.data?.items ?? []
  return (
    <section aria-labelledby="weights">
      <h2 id="weights" className="group">
        Weights to start from
      </h2>
      {file === null ? (
        <FileDrop
          label="Upload weights"
          text="Drop a .pt file here, or choose"
          button="a .pt file"
          accept=".pt"
          onPick={setFile}
        />
      ) : (
        <Suspense fallback={<Loading what="upload" />}>
          <WeightsUpload
            key={`${file.name} ${file.size} ${file.lastModified}`}
            file={file}
            onClose={() => {
              setFile(null)
            }}
          />
        </Suspense>
      )}
      {weights.error !== null && <Failure error={weights.error} />}
      {weights.isPending && <Loading what="weights" />}
      {weights.data !== undefined && items.length === 0 && (
        <p className="detail">
          None are kept yet.{' '}
          {weights.data.downloads
            ? 'Official ones are fetched once, when the first job needs them.'
            : 'This platform fetches none by itself: without an upload, trainings begin from random weights.'}
        </p>
      )}
      {items.length > 0 && (
        <div className="card">
          <table className="plain stacked">
            <thead>
              <tr>
                <th scope="col">Weights</th>
                <th scope="col">Task</th>
                <th scope="col">Model</th>
                <th scope="col" className="number">
                  Size
                </th>
                <th scope="col">sha256</th>
                <th scope="col">Kept since</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map(({ sha256, name, task, model, size, created_at }) => (
                <tr key={sha256}>
                  <th scope="row">{name}</th>
                  <td data-label="Task">{task ?? 'not known'}</td>
                  <td data-label="Model">{model ?? 'not known'}</td>
                  <td className="number" data-label="Size">
                    {bytes(size)}
                  </td>
                  <td data-label="sha256">
                    <code title={sha256}>{sha256.slice(0, 12)}</code>
                  </td>
                  <td className="detail">
                    <time dateTime={created_at} title={moment(created_at)}>
                      {ago(created_at, now)}
                    </time>
                  </td>
                  <td className="number row-actions">
                    <Link
                      to="/jobs/new"
                      search={{ weights: sha256 }}
                      className="button"
                      aria-label={`Train from ${name} ${sha256.slice(0, 12)}`}
                    >
                      Train
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
