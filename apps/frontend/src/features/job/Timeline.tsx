import type { EpochMetrics, Job } from '../../api/client'
import { duration } from '../../ui/duration'
import { moment } from '../../ui/format'
import { momentsOf } from './moments'

/** What happened when, as far as it is kept. */
export function Timeline({ job, metrics }: { job: Job; metrics: readonly EpochMetrics[] }) {
  const moments = momentsOf(job, metrics)
  return (
    <section className="card" aria-label="Timeline">
      <ol className="timeline">
        {moments.map(({ at, text, detail }, index) => {
          const before = moments[index - 1]
          const gap = before === undefined ? 0 : Date.parse(at) - Date.parse(before.at)
          return (
            <li key={`${at} ${text}`}>
              <span className="title">{text}</span>
              {detail !== null && <span className="detail">{detail}</span>}
              <time className="detail" dateTime={at}>
                {moment(at)}
                {index > 0 && ` · ${gap < 1000 ? `${gap} ms` : duration(gap)} later`}
              </time>
            </li>
          )
        })}
      </ol>
    </section>
  )
}
