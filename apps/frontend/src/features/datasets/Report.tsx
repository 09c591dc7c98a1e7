import type { DatasetReport } from '../../api/client'
import { count, counted } from '../../ui/format'

/** What the check found: how much there is, how it is spread, and what is wrong with which file. */
export function Report({ report }: { report: DatasetReport }) {
  const { images, labels, classes, problems, problems_total: total } = report
  return (
    <>
      <dl className="facts">
        {(['train', 'val', 'test'] as const).map((split) => (
          <div key={split}>
            <dt>Images in {split}</dt>
            <dd className="number">{count(images[split])}</dd>
          </div>
        ))}
        <div>
          <dt>Labels</dt>
          <dd className="number">{count(labels)}</dd>
        </div>
        <div>
          <dt>Classes</dt>
          <dd className="number">{count(classes.length)}</dd>
        </div>
      </dl>
      {total > 0 && (
        <section className="card" aria-labelledby="problems">
          <h2 id="problems">{counted(total, 'problem')}</h2>
          <ul className="problems">
            {problems.map(({ severity, file, message }, index) => (
              <li key={index}>
                <span className={`badge ${severity === 'error' ? 'failed' : 'retrying'}`}>
                  <span aria-hidden="true">{severity === 'error' ? '✕' : '▲'}</span> {severity}
                </span>
                <span>
                  {file !== null && <code>{file}</code>} {message}
                </span>
              </li>
            ))}
          </ul>
          {total > problems.length && (
            <p className="detail">The first {count(problems.length)} are shown.</p>
          )}
        </section>
      )}
      {classes.length > 0 && <Balance classes={classes} />}
    </>
  )
}

function Balance({ classes }: { classes: DatasetReport['classes'] }) {
  const most = Math.max(1, ...classes.map(({ train, val }) => Math.max(train, val)))
  return (
    <section className="card" aria-labelledby="balance">
      <h2 id="balance">Instances of each class</h2>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Class</th>
            <th scope="col">Train</th>
            <th scope="col">Val</th>
          </tr>
        </thead>
        <tbody>
          {classes.map(({ index, name, train, val }) => (
            <tr key={index}>
              <th scope="row">
                <span className="detail">{index}</span> {name}
              </th>
              <Bar of={train} most={most} />
              <Bar of={val} most={most} />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Bar({ of, most }: { of: number; most: number }) {
  return (
    <td className="balance">
      <meter value={of} max={most} aria-hidden="true" />
      <span className={of === 0 ? 'number bad' : 'number'}>{count(of)}</span>
    </td>
  )
}
