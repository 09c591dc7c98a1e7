import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useIsDark } from '../../../shell/theme'
import type { Curve } from './evaluation'

const HEIGHT_PX = 220
const MOST_CLASSES = 20
const LINES = 6

/** A curve of the evaluation: the mean of the classes, and behind it some of them. */
export function CurveChart({ curve, names }: { curve: Curve; names: ReadonlyMap<number, string> }) {
  const box = useRef<HTMLDivElement>(null)
  const dark = useIsDark()
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const made = new uPlot(optionsFor(element, curve, names), dataOf(curve), element)
    const resized = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX })
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
    }
    // Colours are read from the style sheet: another theme draws anew.
  }, [curve, names, dark])
  const title = curve.name.replace(/\(B\)$/, '')
  const top = Math.max(...curve.mean.map((one) => one ?? 0))
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div
        ref={box}
        role="img"
        aria-label={`${title}: ${curve.y_label} by ${curve.x_label}, at most ${top.toFixed(3)} over all classes`}
      />
    </figure>
  )
}

const shownOf = ({ classes }: Curve) => (classes.length > 1 ? classes.slice(0, MOST_CLASSES) : [])

function dataOf(curve: Curve): uPlot.AlignedData {
  const x = curve.x.map((one) => one ?? 0)
  return [x, ...shownOf(curve).map(({ y }) => y), curve.mean]
}

function optionsFor(
  element: HTMLElement,
  curve: Curve,
  names: ReadonlyMap<number, string>,
): uPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--canvas-muted'),
    grid: { stroke: colour('--canvas-line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    labelFont: '11px system-ui, sans-serif',
    labelSize: 16,
  }
  const value = (_: uPlot, at: number | null) => (at === null ? '–' : at.toFixed(3))
  const line = { points: { show: false }, spanGaps: true, value }
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1.02] } },
    axes: [
      { ...axis, size: 26, label: curve.x_label },
      { ...axis, size: 40, label: curve.y_label },
    ],
    series: [
      { label: curve.x_label, value },
      ...shownOf(curve).map(({ index }, place) => ({
        ...line,
        label: names.get(index) ?? String(index),
        stroke: colour(`--line-${(place + 1) % LINES}`),
        alpha: 0.45,
        width: 1,
      })),
      { ...line, label: 'all classes', stroke: colour('--line-0'), width: 2.5 },
    ],
    // Of many classes the names would be longer than the chart is high.
    legend: { show: curve.classes.length <= LINES },
  }
}
