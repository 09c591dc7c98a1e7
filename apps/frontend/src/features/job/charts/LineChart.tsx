import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useIsDark } from '../../../shell/theme'
import { tickText, value as format } from '../../../ui/format'

export interface DrawnLine {
  label: string
  /** Of the colours --line-0 to --line-5; further ones repeat, dashed. */
  colour: number
}

interface Props {
  title: string
  /** What the chart shows, for who cannot see it. */
  inWords: string
  lines: readonly DrawnLine[]
  /** Epochs, counted from 1, then each line's values; a smoothed chart has two for each line. */
  data: uPlot.AlignedData
  isSmooth: boolean
  logarithmic: boolean
}

const HEIGHT_PX = 200
const COLOURS = 6
// All charts of a page share one crosshair.
const SYNC = 'epochs'
const LOGARITHMIC = 3

/** Lines by epoch. A smoothed line has its measured points, faint, before it. */
export function LineChart({ title, inWords, lines, data, isSmooth, logarithmic }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const dark = useIsDark()
  const drawn = lines.map(({ label, colour }) => `${colour} ${label}`).join('\n')
  const latest = useRef(data)

  useEffect(() => {
    latest.current = data
    plot.current?.setData(data, !isZoomed(plot.current))
  }, [data])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const options = optionsFor(element, lines, isSmooth, logarithmic)
    const made = new uPlot(options, latest.current, element)
    plot.current = made
    const resized = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX })
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
      plot.current = null
    }
    // Colours are read from the style sheet: another theme draws anew.
  }, [drawn, isSmooth, logarithmic, dark]) // eslint-disable-line react-hooks/exhaustive-deps

  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={inWords} />
    </figure>
  )
}

function isZoomed({ data, scales }: uPlot): boolean {
  const [epochs] = data
  const { min, max } = scales.x ?? {}
  if (min == null || max == null || epochs.length === 0) return false
  return min > (epochs[0] ?? 0) || max < (epochs.at(-1) ?? 0)
}

function optionsFor(
  element: HTMLElement,
  lines: readonly DrawnLine[],
  isSmooth: boolean,
  logarithmic: boolean,
): uPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--canvas-muted'),
    grid: { stroke: colour('--canvas-line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  const points = { show: (one: uPlot) => one.data[0].length < 40, size: 5 }
  const drawn = lines.flatMap(({ label, colour: of }): uPlot.Series[] => {
    const dash = of < COLOURS ? {} : { dash: [6, 3] }
    const stroke = colour(`--line-${of % COLOURS}`)
    const line = { label, stroke, width: 1.75, spanGaps: true, value: told, ...dash }
    if (!isSmooth) return [{ ...line, points }]
    const faint = { ...line, label: `${label}, measured`, alpha: 0.3, width: 1, points }
    return [faint, { ...line, points: { show: false } }]
  })
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    cursor: { sync: { key: SYNC, setSeries: false }, points: { size: 7 } },
    scales: {
      x: {
        time: false,
        range: (_, min, max) => (min === max ? [min - 0.5, max + 0.5] : [min, max]),
      },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum has no value at run time
      y: logarithmic ? { distr: LOGARITHMIC } : { range: spread },
    },
    axes: [
      { ...axis, size: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
      {
        ...axis,
        size: 52,
        // A logarithmic axis has null where it wants no text.
        values: (_, ticks: (number | null)[]) =>
          ticks.map((tick) => (tick === null ? '' : tickText(tick))),
      },
    ],
    series: [
      {
        label: 'epoch',
        value: (plot, at: number | null) => String(at ?? plot.data[0].at(-1) ?? '–'),
      },
      ...drawn,
    ],
    legend: { live: true },
  }
}

/** What the legend says: the value under the crosshair, else the latest. */
function told(plot: uPlot, at: number | null, series: number, index: number | null): string {
  const shown = index === null ? [...(plot.data[series] ?? [])].findLast((one) => one != null) : at
  return shown == null ? '–' : format(shown)
}

/** The axis of a quantity that never changed, which uPlot would draw from 0 to 100. */
function spread(_: uPlot, min: number | null, max: number | null): [number | null, number | null] {
  if (min === null || max === null) return [0, 1]
  if (min === max) return min === 0 ? [0, 1] : [min - Math.abs(min) / 10, max + Math.abs(max) / 10]
  const [low, high] = uPlot.rangeNum(min, max, 0.1, true)
  return [low, high]
}
