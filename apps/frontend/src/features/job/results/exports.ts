import type { Metrics } from './evaluation'

/** export.json, as docs/export.schema.json has it. */
export interface ExportReport {
  weights: Judged & { name: string }
  data: { dataset_id: string; sha256?: string | null; split: string; images: number }
  metric: string
  device: string
  imgsz: number
  exports: Export[]
}

export interface Judged {
  file: string
  size: number
  metrics: Metrics
  latency_ms: { p50: number; p95: number }
}

/** One that could not be made has an error, and nothing else. */
export type Export = { format: string } & (
  { error: string } | ({ error: null; drop: number | null } & Judged)
)

/** Read what a trainer wrote; throws with a sentence where it is nothing of this kind. */
export function parseExports(found: unknown): ExportReport {
  const told = Object(found) as Partial<Record<string, unknown>>
  if (told.format !== 1) {
    throw new Error('export.json is not as the training contract has it, or newer than this page.')
  }
  const missing = ['weights', 'data', 'metric', 'device', 'imgsz', 'exports'].filter(
    (key) => told[key] === undefined,
  )
  if (missing.length > 0) throw new Error(`export.json lacks ${missing.join(', ')}.`)
  const report = told as unknown as ExportReport
  const judged: Partial<Judged>[] = [
    report.weights,
    ...report.exports.flatMap((one) => (one.error === null ? [one] : [])),
  ]
  if (judged.some((one) => [one.size, one.metrics, one.latency_ms].includes(undefined))) {
    throw new Error('export.json lacks a size, a time or the metrics of an export.')
  }
  return report
}
