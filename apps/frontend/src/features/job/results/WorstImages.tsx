import { type CSSProperties, useEffect, useRef, useState } from 'react'
import { counted } from '../../../ui/format'
import type { CellChoice } from './Confusion'
import { type Evaluation, type WorstImage, isConfused, tileOf } from './evaluation'

type Worst = NonNullable<Evaluation['worst']>

interface Props {
  worst: Worst
  urls: ReadonlyMap<string, string>
  names: ReadonlyMap<number, string>
  /** Narrows them to the images of one cell of the confusion matrix. */
  cell: CellChoice | null
  background: number | null
  onAll: () => void
}

const AT_FIRST = 15

/** The images that the model judges worst, cut from the trainer's sheets. */
export function WorstImages({ worst, urls, names, cell, background, onAll }: Props) {
  const [all, setAll] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (cell === null) return
    heading.current?.focus({ preventScroll: true })
    heading.current?.scrollIntoView({ block: 'start' })
  }, [cell])
  const name = (index: number) => names.get(index) ?? String(index)
  const found = worst.images
    .map((image, index) => ({ image, index }))
    .filter(
      ({ image }) => cell === null || isConfused(image, cell.truth, cell.predicted, background),
    )
  const shown = all || cell !== null ? found : found.slice(0, AT_FIRST)
  const title =
    cell === null
      ? 'Worst images'
      : `${name(cell.truth)} taken for ${name(cell.predicted)}: ${counted(found.length, 'image')}`
  return (
    <section className="card" aria-labelledby="worst">
      <div className="card-head">
        <h2 id="worst" ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {cell !== null && (
          <button type="button" onClick={onAll}>
            All worst images
          </button>
        )}
      </div>
      {worst.images.length === 0 ? (
        <p className="detail">None has a fault.</p>
      ) : (
        <p className="detail legend">
          <span className="swatch truth" /> true <span className="swatch correct" /> right{' '}
          <span className="swatch false" /> wrong
        </p>
      )}
      {worst.grid === undefined
        ? worst.sheets.map((sheet) => (
            <img
              key={sheet}
              className="sheet"
              src={urls.get(sheet)}
              alt="Worst images, with boxes"
            />
          ))
        : null}
      {(worst.grid !== undefined || cell !== null) && (
        <ul className="tiles">
          {shown.map(({ image, index }) => (
            <Tile key={index} worst={worst} index={index} image={image} urls={urls} name={name} />
          ))}
        </ul>
      )}
      {shown.length < found.length && (
        <button
          type="button"
          onClick={() => {
            setAll(true)
          }}
        >
          Show all {found.length}
        </button>
      )}
    </section>
  )
}

interface TileProps {
  worst: Worst
  index: number
  image: WorstImage
  urls: ReadonlyMap<string, string>
  name: (index: number) => string
  /** In place of the image's name. */
  title?: string
}

/** One image with its boxes, cut from the sheet that it is on. */
export function Tile({ worst, index, image, urls, name, title }: TileProps) {
  const place = tileOf(worst, index)
  const url = place === null ? undefined : urls.get(worst.sheets[place.sheet] ?? '')
  const told = faultsOf(image, name)
  return (
    <li>
      {place !== null && url !== undefined && (
        <a href={url} target="_blank" rel="noreferrer" className="tile">
          <img
            src={url}
            alt={`${image.file}: ${told}`}
            loading="lazy"
            style={
              {
                '--columns': place.columns,
                '--rows': place.rows,
                '--column': place.column,
                '--row': place.row,
              } as CSSProperties
            }
          />
        </a>
      )}
      <span className="tile-name" title={image.file}>
        {title ?? image.file.split('/').at(-1)}
      </span>
      <span className="detail">{told}</span>
    </li>
  )
}

function faultsOf(image: WorstImage, name: (index: number) => string): string {
  if (image.predicted !== undefined && image.true !== undefined) {
    return `${name(image.true)} taken for ${name(image.predicted)}`
  }
  return `${image.missed ?? 0} missed, ${image.false ?? 0} wrong`
}
