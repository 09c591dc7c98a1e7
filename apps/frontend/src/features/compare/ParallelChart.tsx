import { ParallelChart as Parallel } from 'echarts/charts'
import { ParallelComponent, VisualMapContinuousComponent } from 'echarts/components'
import { type EChartsType, init, use as register } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useRef } from 'react'
import { useIsDark } from '../../shell/theme'
import { value as format } from '../../ui/format'
import type { Axis, Ranges } from './parameters'

register([Parallel, ParallelComponent, VisualMapContinuousComponent, CanvasRenderer])

interface Props {
  axes: readonly Axis[]
  /** How many jobs there are. */
  count: number
  ranges: Ranges
  /** What it shows, for who cannot see it. */
  inWords: string
  onRange: (key: string, wanted: Ranges[string]) => void
}

interface Selected {
  parallelAxisId: string
  intervals: [number, number][]
}

const HEIGHT_PX = 340
const AXIS_PX = 72
/** On a phone the axes lie below each other. */
const NARROW_PX = 600
const LONGEST_LABEL = 16

/** A line for each job across an axis for each parameter; its colour tells the main metric. */
export default function ParallelChart({ axes, count, ranges, inWords, onRange }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<EChartsType | null>(null)
  const drawnRanges = useRef<Ranges>({})
  const latest = useRef({ ranges, onRange })
  const dark = useIsDark()
  const drawn = JSON.stringify(axes)

  useEffect(() => {
    latest.current = { ranges, onRange }
    if (chart.current !== null) mark(chart.current, axes, drawnRanges, ranges)
  })

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const made = init(element)
    chart.current = made
    const draw = () => {
      const isNarrow = element.clientWidth < NARROW_PX
      const height = isNarrow ? axes.length * AXIS_PX + 24 : HEIGHT_PX
      made.resize({ width: element.clientWidth, height })
      made.setOption(optionsFor(element, axes, count, isNarrow), { notMerge: true })
      drawnRanges.current = {}
      mark(made, axes, drawnRanges, latest.current.ranges)
    }
    made.on('axisareaselected', (event) => {
      const { parallelAxisId, intervals } = event as Selected
      latest.current.onRange(parallelAxisId, intervals)
    })
    let width = 0
    const resized = new ResizeObserver(() => {
      if (element.clientWidth === width) return
      width = element.clientWidth
      draw()
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.dispose()
      chart.current = null
    }
    // Colours are read from the style sheet: another theme draws anew.
  }, [drawn, count, dark]) // eslint-disable-line react-hooks/exhaustive-deps

  return <div ref={box} className="parallel" role="img" aria-label={inWords} />
}

/** Draw the ranges that the chart does not show yet; an open end is the end of its axis. */
function mark(
  chart: EChartsType,
  axes: readonly Axis[],
  drawn: { current: Ranges },
  wanted: Ranges,
): void {
  const select = (parallelAxisId: string, intervals: number[][]) => {
    chart.dispatchAction({ type: 'axisAreaSelect', parallelAxisId, intervals }, { silent: true })
  }
  let isChanged = false
  for (const { key, values } of axes) {
    const [before, now] = [drawn.current[key] ?? [], wanted[key] ?? []]
    if (JSON.stringify(before) === JSON.stringify(now)) continue
    drawn.current = { ...drawn.current, [key]: now }
    const known = values.filter((one) => one !== null)
    const [low, high] = [Math.min(...known), Math.max(...known)]
    const intervals = now.map(([from, to]) => [Math.max(from, low), Math.min(to, high)])
    select(key, intervals)
    isChanged = true
  }
  // An axis is not drawn anew by what selects on itself; by what selects on none, all are.
  if (isChanged) select('', [])
  paint(chart)
}

/** Draw the chosen ranges in the page's colours: ECharts has one grey for both themes. */
function paint(chart: EChartsType): void {
  const fill = getComputedStyle(chart.getDom()).getPropertyValue('--line-0').trim()
  for (const shape of chart.getZr().storage.getDisplayList(true)) {
    if (shape.name === 'main') shape.attr('style', { fill, stroke: fill, opacity: 0.3 })
  }
}

function optionsFor(element: HTMLElement, axes: readonly Axis[], count: number, isNarrow: boolean) {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const metric = axes.length - 1
  const known = (axes[metric]?.values ?? []).filter((one) => one !== null)
  const text = {
    color: colour('--canvas-muted'),
    fontFamily: 'system-ui, sans-serif',
    fontSize: 11,
  }
  const name = { ...text, color: colour('--canvas-text'), fontSize: 12 }
  return {
    animation: false,
    parallel: isNarrow
      ? { layout: 'vertical' as const, left: 20, right: 28, top: 28, bottom: 28 }
      : { left: 48, right: 72, top: 40, bottom: 20 },
    parallelAxis: axes.map((axis, dim) => ({
      dim,
      id: axis.key,
      name: shortened(axis.key),
      ...scaleOf(axis),
      nameLocation: isNarrow ? ('start' as const) : ('end' as const),
      nameGap: isNarrow ? 0 : 14,
      nameTextStyle: isNarrow
        ? {
            ...name,
            align: 'left' as const,
            verticalAlign: 'bottom' as const,
            padding: [0, 0, 5, 0],
          }
        : name,
      axisLine: { lineStyle: { color: colour('--canvas-muted') } },
      axisTick: { lineStyle: { color: colour('--canvas-muted') } },
      axisLabel: { ...text, hideOverlap: true, formatter: shownAs(axis) },
      splitLine: { show: false },
      realtime: false,
      areaSelectStyle: {
        width: 18,
        borderWidth: 1,
        borderColor: colour('--line-0'),
        color: colour('--line-0'),
        opacity: 0.25,
      },
    })),
    visualMap: {
      type: 'continuous' as const,
      show: false,
      dimension: metric,
      min: known.length === 0 ? 0 : Math.min(...known),
      max: known.length === 0 ? 1 : Math.max(...known),
      inRange: { color: [colour('--line-1'), colour('--line-3'), colour('--line-2')] },
    },
    series: [
      {
        type: 'parallel' as const,
        lineStyle: { width: 1.75, opacity: 0.8 },
        inactiveOpacity: 0.08,
        activeOpacity: 0.9,
        data: Array.from({ length: count }, (_, index) =>
          axes.map(({ values }) => values[index] ?? '-'),
        ),
      },
    ],
  }
}

function scaleOf({ categories, isLogarithmic }: Axis) {
  if (categories !== null) return { type: 'category' as const, data: [...categories] }
  return { type: isLogarithmic ? ('log' as const) : ('value' as const), scale: true }
}

function shownAs({ categories }: Axis) {
  return (shown: string | number) =>
    categories === null && typeof shown === 'number'
      ? String(Number(format(shown)))
      : shortened(String(shown))
}

function shortened(text: string): string {
  return text.length <= LONGEST_LABEL ? text : `${text.slice(0, LONGEST_LABEL - 1)}…`
}
