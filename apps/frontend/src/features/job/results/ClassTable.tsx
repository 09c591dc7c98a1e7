import { useState } from 'react'
import { count } from '../../../ui/format'
import { type ClassResult, type Order, columnsOf, metricTitle, sorted } from './evaluation'

const AT_FIRST = 50

/** The classes with their metrics; a column's head sorts by it. */
export function ClassTable({ classes }: { classes: readonly ClassResult[] }) {
  const [order, setOrder] = useState<Order>({ by: 'index', descending: false })
  const [all, setAll] = useState(false)
  const metrics = columnsOf(classes)
  const rows = sorted(classes, order)
  const shown = all ? rows : rows.slice(0, AT_FIRST)
  const head = (by: string, title: string, first: 'up' | 'down') => (
    <th
      key={by}
      scope="col"
      className={by === 'name' ? '' : 'number'}
      aria-sort={order.by === by ? (order.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="sort"
        onClick={() => {
          setOrder(({ by: old, descending }) => ({
            by,
            descending: old === by ? !descending : first === 'down',
          }))
        }}
      >
        {title}
        <span aria-hidden="true">{order.by === by ? (order.descending ? '↓' : '↑') : ''}</span>
      </button>
    </th>
  )
  return (
    <section className="card" aria-labelledby="by-class">
      <h2 id="by-class">By class</h2>
      <table className="plain">
        <thead>
          <tr>
            {head('name', 'Class', 'up')}
            {head('images', 'Images', 'down')}
            {head('instances', 'Objects', 'down')}
            {metrics.map((name) => head(name, metricTitle(name, metrics), 'up'))}
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <tr key={one.index}>
              <th scope="row">
                <span className="detail">{one.index}</span> {one.name}
              </th>
              <td className="number">{count(one.images)}</td>
              <td className="number">{count(one.instances)}</td>
              {metrics.map((name) => {
                const at = one.metrics[name]
                return (
                  <td key={name} className="number">
                    {at == null ? <span className="detail">–</span> : at.toFixed(3)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < rows.length && (
        <button
          type="button"
          onClick={() => {
            setAll(true)
          }}
        >
          Show all {count(rows.length)} classes
        </button>
      )}
    </section>
  )
}
