import { Link, getRouteApi } from '@tanstack/react-router'
import { Suspense, lazy } from 'react'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Icon } from '../../ui/Icon'
import { Loading } from '../../ui/Loading'
import { Notice } from '../../ui/Notice'
import { useTitle } from '../../ui/useTitle'
import { metricTitle } from '../job/results/evaluation'
import { StatusBadge } from '../jobs/StatusBadge'
import { statusOf } from '../jobs/present'
import { AddJob } from './AddJob'
import { Comparison, type Line, numbers } from './Comparison'
import {
  type Side,
  classMetrics,
  classRows,
  differences,
  isSameData,
  judgedOn,
  resultRows,
} from './compare'
import { WorstSideBySide } from './WorstSideBySide'
import { Parameters } from './Parameters'
import { MOST, idsOf, withoutJob } from './search'
import { useJobsOf, useSides } from './useSides'

const CompareCharts = lazy(() => import('./CompareCharts'))
const route = getRouteApi('/compare')

/** Jobs side by side: how good their models are, what they were told, how they learned. */
export function ComparePage() {
  const ids = idsOf(route.useSearch())
  const many = useJobsOf(ids.length > MOST ? ids : [])
  const { sides, ...few } = useSides(ids.length > MOST ? [] : ids)
  const isPending = many.isPending || few.isPending
  const errors = [...many.errors, ...few.errors]
  const titles = sides.map(({ title }) => title)
  useTitle(titles.length > 1 ? titles.join(' · ') : 'Compare')
  return (
    <>
      <p className="crumbs">
        <Link to="/">Jobs</Link> <span aria-hidden="true">/</span> compare
      </p>
      <div className="page-head">
        <h1>Compare jobs</h1>
        <AddJob ids={ids} dataset={(sides[0]?.job ?? many.jobs[0])?.dataset_id} />
      </div>
      {errors[0] !== undefined && <Failure error={errors[0]} retries={false} />}
      {ids.length < 2 && (
        <Empty icon="compare" title={ids.length === 0 ? 'Which jobs?' : 'One more, at least.'}>
          <p>
            Choose jobs by the boxes in <Link to="/">the list</Link>, or add one above.
          </p>
        </Empty>
      )}
      {isPending && <Loading what="jobs" />}
      {sides.length > 0 && !isPending && <Compared ids={ids} sides={sides} />}
      {many.jobs.length > 0 && !isPending && (
        <>
          <Notice kind="info" title={`${many.jobs.length} jobs by their parameters.`}>
            Narrow them to {MOST} or fewer to see results, classes and curves side by side.
          </Notice>
          <Parameters jobs={many.jobs} />
        </>
      )}
    </>
  )
}

function Compared({ ids, sides }: { ids: string[]; sides: Side[] }) {
  const { metric: wanted } = route.useSearch()
  const navigate = route.useNavigate()
  const metrics = classMetrics(sides)
  const metric = metrics.find((one) => one === wanted) ?? metrics[0]
  const different = differences(sides)
  const same = isSameData(sides)
  const plain = sides.map((side, index) => ({
    key: side.job.id,
    head: <Head side={side} index={index} />,
  }))
  const heads = sides.map((side, index) => ({
    key: side.job.id,
    head: <Head side={side} index={index} rest={withoutJob(ids, side.job.id) ?? ''} />,
  }))
  const results: Line[] = [
    {
      key: 'state',
      title: 'State',
      cells: sides.map(({ job }) => <StatusBadge key={job.id} status={statusOf(job)} />),
    },
    { key: 'judged', title: 'Judged on', cells: sides.map(judgedOn) },
    { key: 'epoch', title: 'Best epoch', cells: sides.map(bestEpoch) },
  ]
  return (
    <>
      {!same && (
        <Notice kind="error" title="Not comparable: these models were judged on different data.">
          A higher number here need not mean a better model. Judge them on the same version of a
          dataset: <code>yard model eval JOB --data DIR</code>
        </Notice>
      )}
      <Comparison
        id="results"
        title="Results"
        heads={heads}
        lines={[...results, ...resultRows(sides).map((row) => numbers(row, same))]}
      />
      <Comparison
        id="differences"
        title="Config fields that differ"
        heads={plain}
        lines={different.map(({ key, values }) => ({
          key,
          title: <code>{key}</code>,
          cells: values.map((value, index) => <code key={index}>{value}</code>),
        }))}
      />
      <Parameters jobs={sides.map(({ job }) => job)} />
      {metric !== undefined && (
        <Comparison
          id="classes"
          title="By class"
          heads={plain}
          lines={classRows(sides, metric).map((row) => numbers(row, same))}
          tools={
            <select
              aria-label="Metric of the classes"
              value={metric}
              onChange={({ target }) => {
                void navigate({
                  search: (old) => ({ ...old, metric: target.value }),
                  replace: true,
                  resetScroll: false,
                })
              }}
            >
              {metrics.map((one) => (
                <option key={one} value={one}>
                  {metricTitle(one, metrics)}
                </option>
              ))}
            </select>
          }
        />
      )}
      {same && sides.length > 1 && <WorstSideBySide sides={sides} />}
      <Suspense fallback={<Loading what="charts" />}>
        <CompareCharts sides={sides} />
      </Suspense>
    </>
  )
}

/** A job's name in the colour of its lines; `rest` is what stays without it. */
function Head({ side, index, rest }: { side: Side; index: number; rest?: string }) {
  const { job, title } = side
  return (
    <span className="compared-head">
      <span className={`swatch line-${index % 6}`} aria-hidden="true" />
      <Link to="/jobs/$jobId" params={{ jobId: job.id }}>
        {title}
      </Link>
      {rest !== undefined && (
        <Link
          to="/compare"
          search={(old) => ({ ...old, jobs: rest })}
          replace
          className="button quiet icon-only"
          aria-label={`Take ${title} out`}
        >
          <Icon name="close" />
        </Link>
      )}
    </span>
  )
}

function bestEpoch({ evaluation, job }: Side): string {
  const epoch = evaluation?.best.epoch ?? job.best?.epoch
  return epoch == null ? '–' : String(epoch + 1)
}
