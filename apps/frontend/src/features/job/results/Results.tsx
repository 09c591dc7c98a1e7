import { useState } from 'react'
import type { Job } from '../../../api/client'
import { Empty } from '../../../ui/Empty'
import { Failure } from '../../../ui/Failure'
import { Loading } from '../../../ui/Loading'
import { Notice } from '../../../ui/Notice'
import { bytes, count, counted, value } from '../../../ui/format'
import { hasEpochs, isActive } from '../../jobs/present'
import { ClassTable } from './ClassTable'
import { type CellChoice, Confusion } from './Confusion'
import { CurveChart } from './CurveChart'
import { WorstImages } from './WorstImages'
import { Exports } from './Exports'
import { type Evaluation, metricTitle } from './evaluation'
import { useEvaluation } from './useEvaluation'

/** How good the job's best model is, from data. */
export function Results({ job }: { job: Job }) {
  const { data, error, isPending } = useEvaluation(job)
  if (isPending) return <Loading what="results" />
  if (error !== null) return <Failure error={error} retries={isActive(job)} />
  const urls = new Map(data.files.map(({ name, url }) => [name, url]))
  if (data.exports !== null) return <Exports exports={data.exports} urls={urls} />
  if (data.evaluation === null) {
    return (
      <Empty icon="platform" title={isActive(job) ? 'No results yet.' : 'No results.'}>
        <p>
          {isActive(job)
            ? hasEpochs(job)
              ? 'They come with the first epoch that is validated.'
              : 'They come at its end.'
            : 'The job left no evaluation.json: it ended too early, or its trainer writes none.'}
        </p>
      </Empty>
    )
  }
  const best = data.files.find(({ name }) => name === data.evaluation?.weights.name)
  return <Evaluated evaluation={data.evaluation} urls={urls} best={best} />
}

interface Props {
  evaluation: Evaluation
  urls: ReadonlyMap<string, string>
  best: { name: string; size: number; url: string } | undefined
}

function Evaluated({ evaluation, urls, best }: Props) {
  const [cell, setCell] = useState<CellChoice | null>(null)
  const { classes, confusion, curves = [], worst, interim, left_out = [] } = evaluation
  const names = new Map(classes.map(({ index, name }) => [index, name]))
  if (confusion?.background != null) names.set(confusion.background, 'background')
  return (
    <>
      {interim && (
        <Notice kind="info" title="These are the numbers of the best epoch so far.">
          Confusion matrix and worst images come when the training is through.
        </Notice>
      )}
      <Overall evaluation={evaluation} best={best} />
      <ClassTable classes={classes} />
      {confusion !== undefined && (
        <Confusion
          confusion={confusion}
          names={names}
          images={worst?.images ?? []}
          chosen={cell}
          onChoose={setCell}
        />
      )}
      {worst !== undefined && (
        <WorstImages
          worst={worst}
          urls={urls}
          names={names}
          cell={cell}
          background={confusion?.background ?? null}
          onAll={() => {
            setCell(null)
          }}
        />
      )}
      {curves.length > 0 && (
        <section aria-labelledby="curves">
          <h2 id="curves" className="group">
            Curves
          </h2>
          <div className="charts">
            {curves.map((curve) => (
              <CurveChart key={curve.name} curve={curve} names={names} />
            ))}
          </div>
        </section>
      )}
      {left_out.length > 0 && (
        <p className="detail">Shortened by the trainer, to stay small: {left_out.join(', ')}.</p>
      )}
    </>
  )
}

function Overall({ evaluation, best }: Pick<Props, 'evaluation' | 'best'>) {
  const { metrics, data, weights, speed_ms: speed = {} } = evaluation
  const all = Object.keys(metrics)
  const shown = Object.entries(metrics).filter(([name]) => !/fitness|loss/i.test(name))
  const total = Object.values(speed).reduce<number>((sum, one) => sum + (one ?? 0), 0)
  const steps = Object.entries(speed).map(([name, ms]) => `${name} ${(ms ?? 0).toFixed(1)}`)
  return (
    <>
      <dl className="facts">
        {shown.map(([name, at]) => (
          <div key={name}>
            <dt>{metricTitle(name, all)}</dt>
            <dd className={name === evaluation.best.metric ? 'number main-metric' : 'number'}>
              {at === null ? '–' : at.toFixed(3)}
            </dd>
          </div>
        ))}
        {evaluation.best.epoch !== null && (
          <div>
            <dt>Best epoch</dt>
            <dd className="number">{count(evaluation.best.epoch + 1)}</dd>
          </div>
        )}
        {weights.parameters !== undefined && (
          <div>
            <dt>Parameters</dt>
            <dd className="number">
              {SHORT.format(weights.parameters)}
              {weights.gflops != null && (
                <span className="detail"> {value(weights.gflops)} GFLOPs</span>
              )}
            </dd>
          </div>
        )}
        {total > 0 && (
          <div>
            <dt>Time for an image</dt>
            <dd className="number" title={steps.join(', ')}>
              {total.toFixed(1)} ms
            </dd>
          </div>
        )}
      </dl>
      <p className="detail judged">
        {weights.name}, judged on {counted(data.images, 'image')} of {data.split} with{' '}
        {counted(data.instances, 'object')}.{' '}
        {best !== undefined && (
          <a href={best.url} download>
            Download {best.name} ({bytes(best.size)})
          </a>
        )}
      </p>
    </>
  )
}

const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
