import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import { Empty } from '../../../ui/Empty'
import { Icon } from '../../../ui/Icon'
import { count, counted } from '../../../ui/format'
import type { LogBuffer } from './LogBuffer'
import { spansOf } from './ansi'

interface Props {
  log: LogBuffer
  length: number
  active: boolean
}

// As in styles/job.css. A million of them is as high as every browser can scroll.
const LINE_PX = 17

/** The log as it comes. Only the lines in sight are in the document. */
export function LogView({ log, length, active }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const [follows, setFollows] = useState(true)
  const [needle, setNeedle] = useState('')
  const [at, setAt] = useState(-1)
  const sought = useDeferredValue(needle)
  const found = useMemo(() => log.find(sought), [log, sought, length]) // eslint-disable-line react-hooks/exhaustive-deps -- the log grows in place
  const errors = useMemo(() => log.errors(), [log, length]) // eslint-disable-line react-hooks/exhaustive-deps
  const marked = useMemo(() => new Set(found), [found])
  const wrong = useMemo(() => new Set(errors), [errors])
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing of it is handed on
  const lines = useVirtualizer({
    count: length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 30,
  })

  useEffect(() => {
    if (follows && length > 0) lines.scrollToIndex(length - 1, { align: 'end' })
  }, [follows, length, lines.scrollRect?.height]) // eslint-disable-line react-hooks/exhaustive-deps

  function goTo(places: number[], step: 1 | -1) {
    const next =
      step > 0
        ? (places.find((one) => one > at) ?? places[0])
        : (places.findLast((one) => one < at) ?? places.at(-1))
    if (next === undefined) return
    setFollows(false)
    setAt(next)
    lines.scrollToIndex(next, { align: 'center' })
  }

  if (length === 0) {
    return (
      <Empty icon="jobs" title={active ? 'No output yet.' : 'No output.'}>
        <p>What the trainer prints appears here, line by line.</p>
      </Empty>
    )
  }
  return (
    <section className="log" aria-label="Log">
      <div className="log-tools">
        <label className="search-box">
          <Icon name="search" />
          <span className="visually-hidden">Search the log</span>
          <input
            type="search"
            value={needle}
            placeholder="Search the log"
            spellCheck={false}
            onChange={({ target }) => {
              setNeedle(target.value)
              setAt(-1)
            }}
            onKeyDown={(event) => {
              if (event.key === 'Enter') goTo(found, event.shiftKey ? -1 : 1)
            }}
          />
        </label>
        <Steps
          what="match"
          disabled={found.length === 0}
          onStep={(step) => {
            goTo(found, step)
          }}
        />
        <span className="detail" role="status">
          {sought !== '' && `${counted(found.length, 'line')} with it`}
        </span>
        <span className="spread" />
        {errors.length > 0 && (
          <button
            type="button"
            className="bad"
            onClick={() => {
              goTo(errors, 1)
            }}
          >
            Next error ({count(errors.length)})
          </button>
        )}
        <label className="check">
          <input
            type="checkbox"
            checked={follows}
            onChange={({ target }) => {
              setFollows(target.checked)
            }}
          />
          Follow
        </label>
        <span className="detail">{counted(length, 'line')}</span>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={box}
        className="log-lines"
        // It scrolls: the keyboard must be able to, too.
        tabIndex={0} // eslint-disable-line jsx-a11y/no-noninteractive-tabindex
        role="region"
        aria-label="Lines of the log"
        onWheel={({ deltaY }) => {
          if (deltaY < 0) setFollows(false)
        }}
        onKeyDown={({ key }) => {
          if (['ArrowUp', 'PageUp', 'Home'].includes(key)) setFollows(false)
          if (key === 'End') setFollows(true)
        }}
      >
        <div className="log-space" style={{ height: `${lines.getTotalSize()}px` }}>
          {lines.getVirtualItems().map(({ index, start }) => (
            <div
              key={index}
              className={`log-line${marked.has(index) ? ' marked' : ''}${wrong.has(index) ? ' wrong' : ''}${index === at ? ' here' : ''}`}
              style={{ transform: `translateY(${start}px)` }}
            >
              <span className="log-number" aria-hidden="true">
                {index + 1}
              </span>
              <Line text={log.line(index)} />
            </div>
          ))}
        </div>
      </div>
    </section>
  )
}

function Line({ text }: { text: string }) {
  return (
    <span>
      {spansOf(text).map((span, index) => (
        <span key={index} className={span.style}>
          {span.text}
        </span>
      ))}
    </span>
  )
}

interface StepsProps {
  what: string
  disabled: boolean
  onStep: (step: 1 | -1) => void
}

function Steps({ what, disabled, onStep }: StepsProps) {
  return (
    <span className="steps">
      <button
        type="button"
        className="icon-only"
        aria-label={`Previous ${what}`}
        disabled={disabled}
        onClick={() => {
          onStep(-1)
        }}
      >
        <Icon name="up" />
      </button>
      <button
        type="button"
        className="icon-only"
        aria-label={`Next ${what}`}
        disabled={disabled}
        onClick={() => {
          onStep(1)
        }}
      >
        <Icon name="down" />
      </button>
    </span>
  )
}
