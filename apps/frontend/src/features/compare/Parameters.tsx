import { Link } from '@tanstack/react-router'
import { Suspense, lazy, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Job } from '../../api/client'
import { Loading } from '../../ui/Loading'
import { value as format } from '../../ui/format'
import { useDatasetNames } from '../datasets/useDatasets'
import { titlesOf } from './compare'
import { type Axis, type Ranges, axesOf, rangeOf, withRange, within } from './parameters'
import { MOST } from './search'

const ParallelChart = lazy(() => import('./ParallelChart'))

/** How what jobs were told goes with how good their models are: parallel coordinates, and a table. */
export function Parameters({ jobs }: { jobs: readonly Job[] }) {
  const datasets = useDatasetNames()
  const axes = useMemo(() => axesOf(jobs, datasets), [jobs, datasets])
  const [ranges, setRanges] = useState<Ranges>({})
  const onRange = useCallback((key: string, wanted: Ranges[string]) => {
    setRanges((old) => withRange(old, key, wanted))
  }, [])
  const titles = titlesOf(jobs)
  const shown = within(axes, ranges, jobs.length)
  const metric = axes.at(-1)
  const score = (index: number) => metric?.values[index] ?? -Infinity
  const rows = [...shown].sort((a, b) => score(b) - score(a))
  const isNarrowed = Object.keys(ranges).length > 0
  if (axes.length < 2) return null
  return (
    <section className="card" aria-labelledby="parameters">
      <div className="card-head">
        <h2 id="parameters">Parameters and {metric?.key}</h2>
        <div className="tools">
          {isNarrowed && (
            <button
              type="button"
              onClick={() => {
                setRanges({})
              }}
            >
              Show all
            </button>
          )}
          {isNarrowed && jobs.length > rows.length && rows.length > 1 && rows.length <= MOST && (
            <Link
              to="/compare"
              search={{ jobs: rows.map((index) => jobs[index]?.id).join(',') }}
              className="button"
            >
              Compare these {rows.length}
            </Link>
          )}
        </div>
      </div>
      <p className="detail">
        A line is a job, its colour tells {metric?.key}: <span className="ramp" /> low to high. Drag
        along an axis to show only some; the fields of the table do the same.
      </p>
      <Suspense fallback={<Loading what="chart" />}>
        <ParallelChart
          axes={axes}
          count={jobs.length}
          ranges={ranges}
          onRange={onRange}
          inWords={`Parallel coordinates of ${jobs.length} jobs: ${axes.map(({ key }) => key).join(', ')}. The table below has the same.`}
        />
      </Suspense>
      <p className="detail" role="status">
        {isNarrowed ? `${rows.length} of ${jobs.length} jobs` : `${jobs.length} jobs`}
      </p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys scroll it */}
      <div className="scrolls rows" role="group" aria-label="Parameters, table" tabIndex={0}>
        <table className="plain parameters">
          <thead>
            <tr>
              <th scope="col">Job</th>
              {axes.map((axis) => (
                <th key={axis.key} scope="col">
                  {axis.key}
                  <Narrow axis={axis} wanted={ranges[axis.key] ?? []} onRange={onRange} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((index) => (
              <tr key={jobs[index]?.id}>
                <th scope="row">
                  <Link to="/jobs/$jobId" params={{ jobId: jobs[index]?.id ?? '' }}>
                    {titles[index]}
                  </Link>
                </th>
                {axes.map((axis) => (
                  <td key={axis.key} className="number">
                    {textOf(axis, axis.values[index] ?? null, axis === metric)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

interface NarrowProps {
  axis: Axis
  wanted: Ranges[string]
  onRange: (key: string, wanted: Ranges[string]) => void
}

/** What the brush does, by keyboard: a value to choose, or from and to. */
function Narrow({ axis: { key, categories }, wanted, onRange }: NarrowProps) {
  const [first] = wanted
  if (categories !== null) {
    return (
      <select
        aria-label={`${key}, only`}
        value={first?.[0] === first?.[1] && wanted.length === 1 ? first?.[0] : ''}
        onChange={({ target }) => {
          const index = Number(target.value)
          onRange(key, target.value === '' ? [] : [[index, index]])
        }}
      >
        <option value="">{wanted.length === 0 ? 'all' : 'some'}</option>
        {categories.map((text, index) => (
          <option key={text} value={index}>
            {text}
          </option>
        ))}
      </select>
    )
  }
  const [from, to] = [written(first?.[0]), written(first?.[1])]
  const take = (range: Ranges[string] | null) => {
    if (range !== null) onRange(key, range)
    return range !== null
  }
  return (
    <span className="narrow">
      <Bound
        label={`${key} from`}
        text={short(from)}
        onEntered={(text) => take(rangeOf(text, to))}
      />
      <Bound label={`${key} to`} text={short(to)} onEntered={(text) => take(rangeOf(from, text))} />
    </span>
  )
}

interface BoundProps {
  label: string
  text: string
  /** Whether it was a number, or nothing. */
  onEntered: (text: string) => boolean
}

function Bound({ label, text, onEntered }: BoundProps) {
  const field = useRef<HTMLInputElement>(null)
  // The chart's brush changes it too. The field stays, and so does the focus.
  useEffect(() => {
    if (field.current !== null) field.current.value = text
  }, [text])
  const enter = (input: HTMLInputElement) => {
    if (input.value !== text && !onEntered(input.value)) input.value = text
  }
  return (
    <input
      ref={field}
      aria-label={label}
      placeholder={label.endsWith('from') ? 'from' : 'to'}
      inputMode="decimal"
      defaultValue={text}
      onBlur={({ target }) => {
        enter(target)
      }}
      onKeyDown={({ key, currentTarget }) => {
        if (key === 'Enter') enter(currentTarget)
      }}
    />
  )
}

/** An end of a range; an open one is empty. */
function written(bound: number | undefined): string {
  return bound === undefined || !Number.isFinite(bound) ? '' : String(bound)
}

/** As a field of a table has room for. */
function short(bound: string): string {
  return bound === '' ? '' : String(Number(Number(bound).toPrecision(4)))
}

/** What a job was told as it was told; what was measured as far as it matters. */
function textOf({ categories }: Axis, number: number | null, isMeasured: boolean): string {
  if (number === null) return '–'
  if (categories !== null) return categories[number] ?? '–'
  return isMeasured ? format(number) : String(number)
}
