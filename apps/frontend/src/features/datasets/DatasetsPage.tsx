import { Link } from '@tanstack/react-router'
import type { Dataset } from '../../api/client'
import { Command } from '../../ui/Command'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Loading } from '../../ui/Loading'
import { ago, bytes, count, moment } from '../../ui/format'
import { useNow } from '../../ui/useNow'
import { useTitle } from '../../ui/useTitle'
import { DatasetBadge } from './DatasetBadge'
import { DropZone } from './upload/DropZone'
import { datasetTitle, useDatasets } from './useDatasets'

export function DatasetsPage() {
  const datasets = useDatasets()
  const now = useNow(false)
  useTitle('Datasets')
  return (
    <>
      <div className="page-head">
        <h1>Datasets</h1>
      </div>
      <DropZone />
      {datasets.error !== null && (
        <Failure error={datasets.error} shownSince={datasets.dataUpdatedAt} />
      )}
      {datasets.isPending && <Loading what="datasets" />}
      {datasets.data?.length === 0 && (
        <Empty icon="datasets" title="No datasets yet.">
          <p>
            A dataset is a folder of images with their labels and a data.yaml. Each push is a new
            version, checked before anything trains on it:
          </p>
          <Command text="yard dataset push DIR" />
        </Empty>
      )}
      {datasets.data !== undefined && datasets.data.length > 0 && (
        <section className="card" aria-label="All datasets">
          <table className="plain stacked">
            <thead>
              <tr>
                <th scope="col">Dataset</th>
                <th scope="col">State</th>
                <th scope="col">Task</th>
                <th scope="col" className="number">
                  Images
                </th>
                <th scope="col" className="number">
                  Classes
                </th>
                <th scope="col" className="number">
                  Size
                </th>
                <th scope="col">Pushed</th>
              </tr>
            </thead>
            <tbody>
              {datasets.data.map((dataset) => (
                <Row key={dataset.id} dataset={dataset} now={now} />
              ))}
            </tbody>
          </table>
          {datasets.hasNextPage && (
            <button
              type="button"
              disabled={datasets.isFetchingNextPage}
              onClick={() => void datasets.fetchNextPage()}
            >
              Show older datasets
            </button>
          )}
        </section>
      )}
    </>
  )
}

function Row({ dataset, now }: { dataset: Dataset; now: number }) {
  const { id, report, task, size, created_at } = dataset
  const images =
    report === null ? null : report.images.train + report.images.val + report.images.test
  return (
    <tr>
      <th scope="row">
        <Link to="/datasets/$datasetId" params={{ datasetId: id }}>
          {datasetTitle(dataset)}
        </Link>
      </th>
      <td>
        <DatasetBadge status={dataset.status} />
      </td>
      <td>{task}</td>
      <td className="number" data-label="Images">
        {images === null ? '–' : count(images)}
      </td>
      <td className="number" data-label="Classes">
        {report === null ? '–' : count(report.classes.length)}
      </td>
      <td className="number" data-label="Size">
        {bytes(size)}
      </td>
      <td className="detail">
        <time dateTime={created_at} title={moment(created_at)}>
          {ago(created_at, now)}
        </time>
      </td>
    </tr>
  )
}
