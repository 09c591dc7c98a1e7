import { bytes, counted } from '../../../ui/format'
import { metricTitle } from './evaluation'
import type { ExportReport, Judged } from './exports'

interface Props {
  exports: ExportReport
  urls: ReadonlyMap<string, string>
}

/** The exports beside the weights that they were made of: what each loses, how fast and how large it is. */
export function Exports({ exports, urls }: Props) {
  const { weights, data, metric, device, imgsz, exports: all } = exports
  const title = metricTitle(metric, [metric])
  const row = (format: string, judged: Judged, drop: number | null) => {
    const url = urls.get(judged.file)
    return (
      <tr key={format}>
        <th scope="row">{format}</th>
        <td>
          {url === undefined ? (
            judged.file
          ) : (
            <a href={url} download>
              {judged.file}
            </a>
          )}
        </td>
        <td className="number">{bytes(judged.size)}</td>
        <td className="number">{judged.metrics[metric]?.toFixed(4) ?? '–'}</td>
        <td className="number">{drop?.toFixed(4) ?? '–'}</td>
        <td className="number">{judged.latency_ms.p50.toFixed(1)}</td>
        <td className="number">{judged.latency_ms.p95.toFixed(1)}</td>
      </tr>
    )
  }
  return (
    <section className="card" aria-labelledby="exports">
      <h2 id="exports">Exports</h2>
      <p className="detail">
        {weights.name} and each export, judged on the same {counted(data.images, 'image')} of{' '}
        {data.split}, padded to {imgsz} × {imgsz} pixels. An evaluation pads less, so its {title}{' '}
        can differ a little. Times are of {device}.
      </p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys scroll it */}
      <div className="scrolls" role="group" aria-label="Exports side by side" tabIndex={0}>
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Format</th>
              <th scope="col">File</th>
              <th scope="col" className="number">
                Size
              </th>
              <th scope="col" className="number">
                {title}
              </th>
              <th scope="col" className="number">
                Drop
              </th>
              <th scope="col" className="number">
                p50 ms
              </th>
              <th scope="col" className="number">
                p95 ms
              </th>
            </tr>
          </thead>
          <tbody>
            {row('pt', weights, null)}
            {all.map((one) => (one.error === null ? row(one.format, one, one.drop) : null))}
          </tbody>
        </table>
      </div>
      {all.map((one) =>
        one.error === null ? null : (
          <p key={one.format} className="message bad">
            {one.format} could not be exported: {one.error}
          </p>
        ),
      )}
    </section>
  )
}
