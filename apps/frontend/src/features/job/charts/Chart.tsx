import { useMemo } from 'react'
import type { EpochMetrics } from '../../../api/client'
import { value as format } from '../../../ui/format'
import { LineChart } from './LineChart'
import { type Quantity, columnsOf, drawnOf } from './quantities'

interface Props {
  quantity: Quantity
  metrics: readonly EpochMetrics[]
  smooth: number
  logarithmic: boolean
}

/** One quantity of a job by epoch. */
export function Chart({ quantity, metrics, smooth, logarithmic }: Props) {
  const { name, lines } = quantity
  const data = useMemo(() => {
    const epochs = metrics.map(({ epoch }) => epoch + 1)
    return drawnOf(epochs, columnsOf(metrics, lines), smooth, logarithmic)
  }, [metrics, lines, smooth, logarithmic])
  return (
    <LineChart
      title={name}
      inWords={inWords(quantity, metrics)}
      lines={lines.map(({ label }, index) => ({
        label,
        colour: label === 'val' ? 1 : label === 'train' ? 0 : index,
      }))}
      data={data}
      isSmooth={smooth > 0}
      logarithmic={logarithmic}
    />
  )
}

function inWords({ name, lines }: Quantity, metrics: readonly EpochMetrics[]): string {
  const last = metrics.at(-1)
  const ends = lines.map(({ label, metric }) => {
    const at = last?.values[metric]
    return `${label} ${typeof at === 'number' ? format(at) : 'unknown'}`
  })
  return `${name} by epoch. At epoch ${(last?.epoch ?? 0) + 1}: ${ends.join(', ')}`
}
