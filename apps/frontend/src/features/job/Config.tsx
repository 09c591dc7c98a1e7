import { useTrainer } from '../trainers/useTrainers'
import type { Job } from '../../api/client'
import { Failure } from '../../ui/Failure'
import { Notice } from '../../ui/Notice'
import { type ConfigField, configFieldsOf } from './configFields'

/** What the job was told: first what differs from the trainer's defaults, then all of it. */
export function Config({ job }: { job: Job }) {
  const trainer = useTrainer(job.trainer)
  const fields = configFieldsOf(job.config, trainer.data?.config_schema ?? null)
  const changed = fields.filter(({ differs }) => differs)
  const { cpu, memory, gpu, nodes, placement, priority } = job.resources
  return (
    <>
      {trainer.error !== null && <Failure error={trainer.error} retries={false} />}
      <section className="card" aria-labelledby="changed">
        <h2 id="changed">Differs from the defaults</h2>
        {trainer.data !== undefined && changed.length === 0 ? (
          <Notice kind="info" title="Nothing: it trains as the trainer proposes." />
        ) : (
          <Fields fields={changed} />
        )}
      </section>
      <section className="card" aria-labelledby="resources">
        <h2 id="resources">Resources of an attempt</h2>
        <p>
          {cpu} CPU · {memory} memory · {gpu} GPU
          {nodes > 1 && ` on each of ${nodes} nodes`}
          {placement != null && ` · ${placement}`}
          {priority != null && ` · priority ${priority}`} · at most {job.max_attempts} attempts
          {job.max_duration_s !== null && ` · at most ${job.max_duration_s} s`}
        </p>
      </section>
      <details className="card">
        <summary>All {fields.length} config fields</summary>
        <Fields fields={fields} />
      </details>
    </>
  )
}

function Fields({ fields }: { fields: readonly ConfigField[] }) {
  return (
    <table className="plain">
      <thead>
        <tr>
          <th scope="col">Config field</th>
          <th scope="col">Value</th>
          <th scope="col">Default</th>
        </tr>
      </thead>
      <tbody>
        {fields.map(({ key, title, value, fallback, differs }) => (
          <tr key={key} className={differs ? 'differs' : ''}>
            <th scope="row">
              <code>{key}</code> {title !== key && <span className="detail">{title}</span>}
            </th>
            <td>
              <code>{value}</code>
            </td>
            <td className="detail">
              <code>{fallback}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
