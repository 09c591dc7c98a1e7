import { getRouteApi } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { EpochMetrics } from '../../../api/client'
import { Empty } from '../../../ui/Empty'
import { jobSearch } from '../search'
import { Chart } from './Chart'
import { GROUPS, quantitiesOf } from './quantities'

const route = getRouteApi('/jobs/$jobId')

interface Props {
  metrics: readonly EpochMetrics[]
  active: boolean
}

/** Every quantity by epoch; the crosshair runs over all of them. */
export function Charts({ metrics, active }: Props) {
  const { smooth = 0, scale } = route.useSearch()
  const navigate = route.useNavigate()
  const quantities = useMemo(() => quantitiesOf(metrics), [metrics])
  if (quantities.length === 0) {
    return (
      <Empty
        icon="platform"
        title={active ? 'No epoch is finished yet.' : 'No epoch was finished.'}
      >
        <p>Losses and metrics are drawn here, a point for each epoch.</p>
      </Empty>
    )
  }
  const groups = GROUPS.map(
    (group) => [group, quantities.filter((one) => one.group === group)] as const,
  ).filter(([, members]) => members.length > 0)
  return (
    <>
      <div className="chart-tools">
        <label className="slider">
          Smoothing
          <input
            type="range"
            min={0}
            max={95}
            step={5}
            value={smooth}
            onChange={({ target }) => {
              const weight = Number(target.value)
              void navigate({
                search: (old) => jobSearch({ ...old, smooth: weight }),
                replace: true,
                resetScroll: false,
              })
            }}
          />
          <output>{smooth === 0 ? 'off' : `${smooth} %`}</output>
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={scale === 'log'}
            onChange={({ target }) => {
              void navigate({
                search: (old) => jobSearch({ ...old, scale: target.checked ? 'log' : undefined }),
                replace: true,
                resetScroll: false,
              })
            }}
          />
          Logarithmic losses
        </label>
        <span className="detail">Drag over a chart to zoom; double-click to see all.</span>
      </div>
      {groups.map(([group, members]) => (
        <section key={group} aria-label={group}>
          <h2 className="group">{group}</h2>
          <div className="charts">
            {members.map((quantity) => (
              <Chart
                key={quantity.name}
                quantity={quantity}
                metrics={metrics}
                smooth={smooth / 100}
                logarithmic={scale === 'log' && group === 'Losses'}
              />
            ))}
          </div>
        </section>
      ))}
    </>
  )
}
