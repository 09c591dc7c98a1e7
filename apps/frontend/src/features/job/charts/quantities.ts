import type { EpochMetrics } from '../../../api/client'

/** One line of a chart. */
export interface Line {
  label: string
  metric: string
}

/** What one chart shows: train and validation of a quantity are two lines of one chart. */
export interface Quantity {
  name: string
  group: (typeof GROUPS)[number]
  lines: Line[]
}

const SPLIT = /^(train|val|valid|validation|test)[/_.](.+)$/
export const GROUPS = ['Metrics', 'Losses', 'Learning rate', 'Other', 'System'] as const

/** The charts that these metrics make, in the order in which they are looked at. */
export function quantitiesOf(metrics: readonly EpochMetrics[]): Quantity[] {
  const names = new Set(metrics.flatMap(({ values }) => Object.keys(values)))
  const found = new Map<string, Quantity>()
  for (const metric of [...names].sort(byName)) {
    const { name, label, group } = placeOf(metric)
    const quantity = found.get(name) ?? { name, group, lines: [] }
    quantity.lines.push({ label, metric })
    found.set(name, quantity)
  }
  return [...found.values()].sort(
    (a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || rank(a.name) - rank(b.name),
  )
}

function byName(a: string, b: string): number {
  // train before val.
  return a.localeCompare(b)
}

function placeOf(metric: string): { name: string; label: string; group: Quantity['group'] } {
  const split = SPLIT.exec(metric)
  if (split?.[1] !== undefined && split[2] !== undefined) {
    const label = split[1].startsWith('val') ? 'val' : split[1]
    return { name: split[2], label, group: /loss/i.test(split[2]) ? 'Losses' : 'Metrics' }
  }
  if (metric.startsWith('lr/')) {
    return { name: 'learning rate', label: metric.slice(3), group: 'Learning rate' }
  }
  if (metric.startsWith('system/')) {
    const name = metric
      .slice(7)
      .replaceAll('_', ' ')
      .replace(/^(cpu|gpu)/, (unit) => unit.toUpperCase())
    return { name, label: 'used', group: 'System' }
  }
  const name = metric.replace(/^metrics\//, '').replace(/\(B\)$/, '')
  if (/loss/i.test(name)) return { name, label: 'train', group: 'Losses' }
  const group = metric.startsWith('metrics/') || /map|acc|top|f1/i.test(name) ? 'Metrics' : 'Other'
  return { name, label: group === 'Metrics' ? 'val' : name, group }
}

// The number that people look at first stands first.
function rank(name: string): number {
  const first = ['mAP50', 'mAP50-95', 'accuracy_top1', 'accuracy_top5', 'precision', 'recall']
  const place = first.indexOf(name)
  return place < 0 ? first.length : place
}

/** Each line's value at each epoch; null where there is none. */
export function columnsOf(
  metrics: readonly EpochMetrics[],
  lines: readonly Line[],
): (number | null)[][] {
  return lines.map(({ metric }) => metrics.map(({ values }) => values[metric] ?? null))
}

/** An exponential mean, corrected for its start; gaps stay gaps. `weight` is 0 (as it is) to 1. */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  let mean = 0
  let seen = 0
  return values.map((value) => {
    if (value === null || weight <= 0) return value
    seen++
    mean = weight * mean + (1 - weight) * value
    return mean / (1 - weight ** seen)
  })
}

type Column = (number | null)[]

/** What a chart draws: the epochs, then the lines; a smoothed one behind its measured values. */
export function drawnOf(
  epochs: number[],
  columns: Column[],
  smooth: number,
  logarithmic: boolean,
): [number[], ...Column[]] {
  const drawn = smooth > 0 ? columns.flatMap((one) => [one, smoothed(one, smooth)]) : columns
  const positive = (value: number | null) => (value !== null && value > 0 ? value : null)
  return [epochs, ...(logarithmic ? drawn.map((one) => one.map(positive)) : drawn)]
}
