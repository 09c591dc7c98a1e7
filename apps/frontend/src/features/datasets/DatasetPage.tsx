import { Link, getRouteApi } from '@tanstack/react-router'
import { Suspense, lazy } from 'react'
import { Failure } from '../../ui/Failure'
import { Loading } from '../../ui/Loading'
import { Notice } from '../../ui/Notice'
import { bytes, moment } from '../../ui/format'
import { useTitle } from '../../ui/useTitle'
import { DatasetBadge } from './DatasetBadge'
import { Report } from './Report'
import { TABS } from './search'
import { datasetTitle, useDataset } from './useDatasets'

const Gallery = lazy(() =>
  import('./gallery/Gallery').then(({ Gallery }) => ({ default: Gallery })),
)
const TITLES = { report: 'Report', images: 'Images' } as const
const route = getRouteApi('/datasets/$datasetId')

export function DatasetPage() {
  const { datasetId } = route.useParams()
  const search = route.useSearch()
  const { data, error } = useDataset(datasetId)
  useTitle(data === undefined ? 'Dataset' : datasetTitle(data))
  if (data === undefined) {
    return error === null ? <Loading what="dataset" /> : <Failure error={error} retries={false} />
  }
  const tab = data.status === 'ready' ? (search.tab ?? 'report') : 'report'
  return (
    <>
      <p className="crumbs">
        <Link to="/datasets">Datasets</Link> <span aria-hidden="true">/</span>{' '}
        <code>{data.id}</code>
      </p>
      <div className="page-head">
        <div>
          <h1>{datasetTitle(data)}</h1>
          <p className="detail">
            <DatasetBadge status={data.status} /> · {data.task} · {bytes(data.size)} · pushed{' '}
            {moment(data.created_at)}
            {data.created_by !== null && ` by ${data.created_by}`}
          </p>
        </div>
        <div className="actions">
          <Link to="/" search={{ dataset: data.id }} className="button">
            Jobs on it
          </Link>
          {data.status === 'ready' && (
            <Link to="/jobs/new" search={{ dataset: data.id }} className="button primary">
              Train on it
            </Link>
          )}
        </div>
      </div>
      {data.status === 'uploading' && (
        <Notice kind="info" title="It is being uploaded. The check follows by itself." />
      )}
      {data.status === 'checking' && <Notice kind="info" title="It is being checked …" />}
      {data.status === 'rejected' && (
        <Notice kind="error" title="Nothing can train on it.">
          Mend the errors below, then push the folder again: it becomes a new version.
        </Notice>
      )}
      {data.status === 'ready' && (
        <nav className="tabs" aria-label="Parts of the dataset">
          {TABS.map((one) => (
            <Link
              key={one}
              from="/datasets/$datasetId"
              to="."
              search={(old) => ({ ...old, tab: one })}
              aria-current={one === tab ? 'page' : undefined}
              replace
              resetScroll={false}
            >
              {TITLES[one]}
            </Link>
          ))}
        </nav>
      )}
      {tab === 'images' && (
        <Suspense fallback={<Loading what="images" />}>
          <Gallery dataset={data} search={search} />
        </Suspense>
      )}
      {tab === 'report' && data.report !== null && <Report report={data.report} />}
    </>
  )
}
