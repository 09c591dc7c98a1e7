import type { CSSProperties, ReactNode } from 'react'
import type { Row } from './compare'

export interface Line {
  key: string
  title: ReactNode
  cells: ReactNode[]
  /** Of the cells that are marked as best. */
  best?: ReadonlySet<number>
}

interface Props {
  id: string
  title: string
  tools?: ReactNode
  heads: { key: string; head: ReactNode }[]
  lines: Line[]
}

/** A table with a column for each job; the names of its lines stay in sight. */
export function Comparison({ id, title, tools, heads, lines }: Props) {
  return (
    <section className="card" aria-labelledby={id}>
      <div className="card-head">
        <h2 id={id}>{title}</h2>
        {tools}
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys scroll it */}
      <div className="scrolls" role="group" aria-label={`${title}, table`} tabIndex={0}>
        <table className="plain compared" style={{ '--jobs': heads.length } as CSSProperties}>
          <thead>
            <tr>
              <td />
              {heads.map(({ key, head }) => (
                <th key={key} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.length === 0 && (
              <tr>
                <td colSpan={heads.length + 1}>None.</td>
              </tr>
            )}
            {lines.map(({ key, title: name, cells, best }) => (
              <tr key={key}>
                <th scope="row">{name}</th>
                {heads.map((one, index) => (
                  <td
                    key={one.key}
                    className={best?.has(index) === true ? 'number best' : 'number'}
                  >
                    {cells[index]}
                    {best?.has(index) === true && <span className="visually-hidden"> (best)</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

/** A line of numbers, each with its distance from the first job's. */
export function numbers({ key, title, values, best }: Row, marksBest: boolean): Line {
  const [first] = values
  const cells = values.map((one, index) => {
    if (one === null) return <span className="detail">–</span>
    const apart = index > 0 && first != null && one !== first ? one - first : null
    return (
      <>
        {one.toFixed(3)}
        {apart !== null && <span className="detail"> {signed(apart)}</span>}
      </>
    )
  })
  return { key, title, cells, ...(marksBest ? { best } : {}) }
}

function signed(number: number): string {
  return `${number > 0 ? '+' : '−'}${Math.abs(number).toFixed(3)}`
}
