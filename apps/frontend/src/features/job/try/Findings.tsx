import { useEffect, useMemo, useRef, useState } from 'react'
import { counted } from '../../../ui/format'
import { colourOf, draw, fitted } from '../../datasets/gallery/draw'
import { type Predictions, byClass } from './predictions'
import type { Trial } from './trial'

const USUAL_PERCENT = 25
const LEAST_PERCENT = 5
const HIGHEST_PX = 640
const CLASSES = 10

interface Props {
  trial: Trial
  answer: Predictions | null
}

/** The image with what the model found in it, as sure as one wants. */
export function Findings({ trial, answer }: Props) {
  const [percent, setPercent] = useState(USUAL_PERCENT)
  const all = answer?.findings ?? []
  const shown = useMemo(
    () =>
      answer === null || answer.isClass
        ? []
        : answer.findings.filter(({ confidence }) => confidence * 100 >= percent),
    [answer, percent],
  )
  const classes = byClass(shown)
  const told = classes.map(({ name, count }) => (count > 1 ? `${count} × ${name}` : name))
  return (
    <div className="try">
      <Drawn
        trial={trial}
        shown={shown}
        label={`${trial.name}: ${answer === null ? 'not looked at yet' : told.join(', ') || 'nothing marked'}`}
      />
      {answer !== null && (
        <div className="try-found">
          {answer.isClass ? (
            <Table
              caption="Taken for"
              column="Confidence"
              rows={all.slice(0, CLASSES).map((one) => ({ ...one, value: one.confidence }))}
            />
          ) : (
            <>
              <label className="slider">
                At least
                <input
                  type="range"
                  min={LEAST_PERCENT}
                  max={100}
                  value={percent}
                  aria-label="Least confidence"
                  aria-valuetext={`${percent} %`}
                  onChange={({ target }) => {
                    setPercent(Number(target.value))
                  }}
                />
                <output>{percent} %</output>
              </label>
              <p className="detail" role="status">
                {shown.length === 0
                  ? `Nothing is as sure as that${all.length > 0 ? `; ${counted(all.length, 'thing')} less sure` : ''}.`
                  : `${counted(shown.length, 'thing')} of ${all.length}`}
              </p>
              {classes.length > 0 && (
                <Table
                  caption="Found"
                  column="Surest"
                  rows={classes.map((one) => ({ ...one, value: one.best }))}
                />
              )}
            </>
          )}
        </div>
      )}
    </div>
  )
}

interface TableProps {
  caption: string
  column: string
  rows: readonly { class: number; name: string; count?: number; value: number }[]
}

function Table({ caption, column, rows }: TableProps) {
  const isCounted = rows.some(({ count }) => count !== undefined)
  return (
    <table className="plain">
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Class</th>
          {isCounted && (
            <th scope="col" className="number">
              Count
            </th>
          )}
          <th scope="col" className="number">
            {column}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ class: index, name, count, value }) => (
          <tr key={index}>
            <th scope="row">
              <svg className="swatch" viewBox="0 0 10 10" aria-hidden="true">
                <rect width="10" height="10" rx="2" fill={colourOf(index)} />
              </svg>{' '}
              {name}
            </th>
            {isCounted && <td className="number">{count}</td>}
            <td className="number">{(value * 100).toFixed(value < 0.1 ? 1 : 0)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface DrawnProps {
  trial: Trial
  shown: Predictions['findings']
  label: string
}

function Drawn({ trial, shown, label }: DrawnProps) {
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const measured = new ResizeObserver(() => {
      setWidth(element.clientWidth)
    })
    measured.observe(element)
    return () => {
      measured.disconnect()
    }
  }, [])
  useEffect(() => {
    const element = canvas.current
    if (element === null || width === 0) return
    const { image } = trial
    const size = fitted(image, { width, height: HIGHEST_PX })
    const ratio = window.devicePixelRatio
    element.width = Math.round(size.width * ratio)
    element.height = Math.round(size.height * ratio)
    element.style.setProperty('width', `${size.width}px`)
    element.style.setProperty('height', `${size.height}px`)
    const shapes = shown.flatMap(({ shape, name, confidence }) =>
      shape === null ? [] : [{ ...shape, text: `${name} ${Math.round(confidence * 100)}` }],
    )
    // The surest on top.
    draw(element, { image, shapes: shapes.reverse(), names: [] })
  }, [trial, shown, width])
  return (
    <div ref={frame} className="try-frame" role="img" aria-label={label}>
      <canvas ref={canvas} />
    </div>
  )
}
