import { useMemo } from 'react'
import { value as format } from '../../ui/format'
import { LineChart } from '../job/charts/LineChart'
import { drawnOf } from '../job/charts/quantities'
import { type Curves, type Side, curvesOf } from './compare'

/** Each metric by epoch, the jobs on the same axes. */
export default function CompareCharts({ sides }: { sides: readonly Side[] }) {
  const curves = useMemo(() => curvesOf(sides), [sides])
  const titles = sides.map(({ title }) => title)
  return (
    <section aria-labelledby="curves">
      <h2 id="curves" className="group">
        By epoch
      </h2>
      {curves.length === 0 && <p className="detail">No epoch is finished yet.</p>}
      <div className="charts">
        {curves.map((one) => (
          <One key={one.title} curves={one} titles={titles} />
        ))}
      </div>
    </section>
  )
}

function One({ curves, titles }: { curves: Curves; titles: readonly string[] }) {
  const { title, epochs, lines } = curves
  const data = useMemo(
    () => drawnOf(epochs, lines.map(({ values }) => values), 0, false), // prettier-ignore
    [epochs, lines],
  )
  const drawn = lines.map(({ side }) => ({ label: titles[side] ?? '', colour: side }))
  const ends = lines.map(({ side, values }) => {
    const last = values.findLast((one) => one !== null)
    return `${titles[side] ?? ''} ${last == null ? 'unknown' : format(last)}`
  })
  return (
    <LineChart
      title={title}
      inWords={`${title} by epoch. At the end: ${ends.join(', ')}`}
      lines={drawn}
      data={data}
      isSmooth={false}
      logarithmic={false}
    />
  )
}
