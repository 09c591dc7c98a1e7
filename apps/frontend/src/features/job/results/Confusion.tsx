import { type CSSProperties, useMemo } from 'react'
import { count } from '../../../ui/format'
import { type Evaluation, type WorstImage, gridOf, isConfused } from './evaluation'

export interface CellChoice {
  truth: number
  predicted: number
}

interface Props {
  confusion: NonNullable<Evaluation['confusion']>
  names: ReadonlyMap<number, string>
  images: readonly WorstImage[]
  chosen: CellChoice | null
  onChoose: (cell: CellChoice | null) => void
}

/** What was taken for what, in counts. A cell with images of its own leads to them. */
export function Confusion({ confusion, names, images, chosen, onChoose }: Props) {
  const grid = useMemo(() => gridOf(confusion), [confusion])
  const name = (index: number) => names.get(index) ?? String(index)
  return (
    <section className="card" aria-labelledby="confusion">
      <h2 id="confusion">Confusion matrix</h2>
      <p className="detail">
        A row holds the objects of one class, a column what they were taken for.
        {confusion.background !== null &&
          ' Background: missed at the right, seen where nothing is at the bottom.'}{' '}
        {confusion.confidence != null &&
          `Everything of a confidence of ${confusion.confidence} or more counts. `}
        {images.length > 0 && 'An underlined count leads to the images.'}
        {grid.hidden > 0 &&
          ` The ${count(grid.hidden)} classes that are confused least are left out.`}
      </p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys scroll it */}
      <div className="scrolls" role="group" aria-label="Counts" tabIndex={0}>
        <table className="confusion">
          <thead>
            <tr>
              <th scope="col" className="corner">
                true ↓ predicted →
              </th>
              {grid.shown.map((predicted) => (
                <th key={predicted} scope="col">
                  {name(predicted)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grid.shown.map((truth) => (
              <tr key={truth}>
                <th scope="row">{name(truth)}</th>
                {grid.shown.map((predicted) => {
                  const cell = grid.cell(truth, predicted)
                  if (cell.count === 0) return <td key={predicted} />
                  const leads = images.some((one) =>
                    isConfused(one, truth, predicted, confusion.background),
                  )
                  const isChosen = chosen?.truth === truth && chosen.predicted === predicted
                  const words = `${cell.count} × ${name(truth)} taken for ${name(predicted)}`
                  return (
                    <td
                      key={predicted}
                      className={truth === predicted ? 'right' : 'wrong'}
                      style={{ '--share': `${Math.round(cell.share * 45)}%` } as CSSProperties}
                      title={`${words} (${Math.round(cell.share * 100)} %)`}
                    >
                      {leads ? (
                        <button
                          type="button"
                          aria-pressed={isChosen}
                          aria-label={`${words}: show the images`}
                          onClick={() => {
                            onChoose(isChosen ? null : { truth, predicted })
                          }}
                        >
                          {count(cell.count)}
                        </button>
                      ) : (
                        count(cell.count)
                      )}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
