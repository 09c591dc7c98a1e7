import { useEffect, useRef, useState } from 'react'
import { tell } from './Tile'
import type { Picture, Pictures } from './pictures'
import { useDrawing } from './useDrawing'

interface Props {
  pictures: Pictures
  picture: Picture
  /** Among the images that are shown. */
  place: string
  marks: boolean
  onMarks: (marks: boolean) => void
  onStep: (step: 1 | -1) => void
  onClose: () => void
}

// Head and foot of the dialog, with its distance from the window's edge.
const AROUND = { width: 48, height: 190 }

/** One image as large as the window, with the names of what is marked; arrow keys lead on. */
export function Viewer({ pictures, picture, place, marks, onMarks, onStep, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [box] = useState(() => ({
    width: window.innerWidth - AROUND.width,
    height: window.innerHeight - AROUND.height,
  }))
  const drawn = useDrawing(canvas, pictures, picture, { box, marks, named: true, afterMs: 0 })
  const error = drawn?.error ?? null
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- its buttons do the same
    <dialog
      ref={dialog}
      className="viewer"
      aria-label={picture.image}
      onClose={onClose}
      onKeyDown={({ key }) => {
        if (key === 'ArrowRight') onStep(1)
        else if (key === 'ArrowLeft') onStep(-1)
      }}
    >
      <div className="card-head">
        <code className="cut">{picture.image}</code>
        <span className="detail">
          {picture.split} · {place}
        </span>
      </div>
      <div className="viewer-frame" style={{ height: `${box.height}px` }}>
        <canvas ref={canvas} hidden={drawn === null || error !== null} />
        {error !== null && <p className="detail">{error}</p>}
      </div>
      <p className="detail" role="status">
        {drawn === null ? ' ' : tell(drawn.labels, pictures.names)}
      </p>
      <div className="actions">
        <label className="check">
          <input
            type="checkbox"
            checked={marks}
            onChange={({ target }) => {
              onMarks(target.checked)
            }}
          />
          Labels
        </label>
        <button
          type="button"
          onClick={() => {
            onStep(-1)
          }}
        >
          Previous
        </button>
        <button
          type="button"
          onClick={() => {
            onStep(1)
          }}
        >
          Next
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  )
}
