import { useState } from 'react'
import { Tile } from '../job/results/WorstImages'
import { type Side, worstRows } from './compare'

const AT_FIRST = 8

/** The images that the models judge worst, each as every model sees it. */
export function WorstSideBySide({ sides }: { sides: readonly Side[] }) {
  const [all, setAll] = useState(false)
  const rows = worstRows(sides)
  if (rows.length === 0) return null
  const shown = all ? rows : rows.slice(0, AT_FIRST)
  return (
    <section className="card" aria-labelledby="worst">
      <h2 id="worst">Worst images</h2>
      <p className="detail legend">
        <span className="swatch truth" /> true <span className="swatch correct" /> right{' '}
        <span className="swatch false" /> wrong
      </p>
      <ol className="worst-rows">
        {shown.map(({ file, at }) => (
          <li key={file}>
            <h3>{file}</h3>
            <ul className="tiles">
              {sides.map((side, index) => (
                <One key={side.job.id} side={side} at={at[index] ?? null} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {shown.length < rows.length && (
        <button
          type="button"
          onClick={() => {
            setAll(true)
          }}
        >
          Show all {rows.length}
        </button>
      )}
    </section>
  )
}

function One({ side, at }: { side: Side; at: number | null }) {
  const { evaluation, urls, title } = side
  const worst = evaluation?.worst
  const image = at === null ? undefined : worst?.images[at]
  if (at === null || worst === undefined || image === undefined) {
    return (
      <li className="detail">
        {title}:{' '}
        {worst === undefined
          ? 'tells no worst images'
          : `not among its ${worst.images.length} worst`}
      </li>
    )
  }
  const names = new Map(evaluation?.classes.map(({ index, name }) => [index, name]))
  const name = (index: number) => names.get(index) ?? String(index)
  return <Tile worst={worst} index={at} image={image} urls={urls} name={name} title={title} />
}
