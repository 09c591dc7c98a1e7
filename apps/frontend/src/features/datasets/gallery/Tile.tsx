import { useRef } from 'react'
import { counted } from '../../../ui/format'
import type { Labels } from './labels'
import type { Picture, Pictures } from './pictures'
import { useDrawing } from './useDrawing'

// What is only scrolled past is not read.
const REST_MS = 120

interface Props {
  pictures: Pictures
  picture: Picture
  marks: boolean
  side: number
  place: { x: number; y: number }
  onOpen: () => void
}

/** One image in the grid, with what is marked on it. */
export function Tile({ pictures, picture, marks, side, place, onOpen }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawn = useDrawing(canvas, pictures, picture, {
    box: { width: side, height: side },
    marks,
    named: false,
    afterMs: REST_MS,
  })
  const error = drawn?.error ?? null
  const name = picture.image.split('/').at(-1) ?? ''
  const told = drawn === null ? '' : tell(drawn.labels, pictures.names)
  return (
    <li
      className="shot"
      style={{ width: `${side}px`, transform: `translate(${place.x}px, ${place.y}px)` }}
    >
      <button
        type="button"
        className="shot-frame"
        style={{ height: `${side}px` }}
        aria-label={`${picture.image}: ${error ?? told}`}
        onClick={onOpen}
      >
        <canvas ref={canvas} hidden={drawn === null || error !== null} />
        {error !== null && <span className="detail">{error}</span>}
      </button>
      <span className="tile-name" title={picture.image}>
        {name}
      </span>
      <span className="detail cut" title={told}>
        {told}
      </span>
    </li>
  )
}

/** What is marked, by class: "2 × cat, dog". */
export function tell(labels: Labels | null, names: readonly string[]): string {
  if (labels === null) return 'labels cannot be read'
  const counts = new Map<number, number>()
  for (const { class: index } of labels.shapes) counts.set(index, (counts.get(index) ?? 0) + 1)
  const told = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([index, count]) => `${count > 1 ? `${count} × ` : ''}${names[index] ?? index}`)
  if (labels.skipped > 0) told.push(`${counted(labels.skipped, 'line')} not drawn`)
  return told.length === 0 ? 'nothing marked' : told.join(', ')
}
