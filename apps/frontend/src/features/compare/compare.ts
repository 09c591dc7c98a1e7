import type { EpochMetrics, Job } from '../../api/client'
import { quantitiesOf } from '../job/charts/quantities'
import { type Evaluation, metricTitle } from '../job/results/evaluation'
import type { ExportReport } from '../job/results/exports'
import { nodesOf, titleOf } from '../jobs/present'

/** One job of a comparison: what it was told, and how good its model is. */
export interface Side {
  job: Job
  title: string
  /** What people call its dataset. */
  dataset: string
  /** null where the trainer wrote none; unless it exported, the metrics are the last epoch's then. */
  evaluation: Evaluation | null
  exports: ExportReport | null
  epochs: readonly EpochMetrics[]
  /** Links to the job's files, by name. */
  urls: ReadonlyMap<string, string>
}

export interface Row {
  key: string
  title: string
  values: (number | null)[]
  /** Of the best values; empty where all are the same, or where none is better by being more. */
  best: ReadonlySet<number>
}

/** Names that tell the jobs apart: a name that several have gets its id's beginning. */
export function titlesOf(jobs: readonly Job[]): string[] {
  const titles = jobs.map(titleOf)
  return jobs.map((job, index) => {
    const title = titles[index] ?? job.id
    return titles.filter((one) => one === title).length > 1
      ? `${title} ${job.id.slice(0, 6)}`
      : title
  })
}

/** What the job's model was judged on, in words. */
export function judgedOn(side: Side): string {
  const data = dataOf(side)
  if (data === undefined) return `${side.dataset}, as the last epoch said`
  return `${side.dataset} ${data.split}, ${data.images} images`
}

function dataOf({ evaluation, exports }: Side) {
  return (evaluation ?? exports)?.data
}

/** Whether all models were judged on the same images; numbers mean little beside each other else. */
export function isSameData(sides: readonly Side[]): boolean {
  const [first, ...others] = sides
  if (first === undefined) return true
  return others.every((other) => {
    const [a, b] = [dataOf(first), dataOf(other)]
    if ((a?.split ?? 'val') !== (b?.split ?? 'val')) return false
    if (a?.sha256 != null && b?.sha256 != null) return a.sha256 === b.sha256
    return (a?.dataset_id ?? first.job.dataset_id) === (b?.dataset_id ?? other.job.dataset_id)
  })
}

/** The names in any of these tables, each once, in the order of their first sight. */
export function namesOf(tables: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(tables.flatMap((table) => Object.keys(table)))]
}

const resultsOf = ({ evaluation, job }: Side) => evaluation?.metrics ?? job.metrics

/** The metrics over all classes, and what the models cost. */
export function resultRows(sides: readonly Side[]): Row[] {
  const tables = sides.map(resultsOf)
  const names = namesOf(tables).filter(
    (name) => !/loss|fitness|^lr\/|^best\/|^system\//i.test(name),
  )
  const rows = names.map((name) =>
    row(
      name,
      metricTitle(name, names),
      tables.map((table) => table[name] ?? null),
      !/drop$|latency_|size_/.test(name),
    ),
  )
  const costs: Row[] = [
    row('ms', 'Time for an image, ms', sides.map(speedOf), false),
    row(
      'parameters',
      'Parameters, millions',
      sides.map(({ evaluation }) =>
        evaluation?.weights.parameters === undefined ? null : evaluation.weights.parameters / 1e6,
      ),
      false,
    ),
  ]
  return [...rows, ...costs.filter(({ values }) => values.some((one) => one !== null))]
}

function speedOf({ evaluation }: Side): number | null {
  const steps = Object.values(evaluation?.speed_ms ?? {})
  return steps.length === 0 ? null : steps.reduce<number>((sum, ms) => sum + (ms ?? 0), 0)
}

function row(key: string, title: string, values: (number | null)[], moreIsBetter = true): Row {
  const known = values.filter((one) => one !== null)
  const top = moreIsBetter ? Math.max(...known) : Math.min(...known)
  const differ = new Set(known).size > 1
  const best = values.flatMap((one, index) => (differ && one === top ? [index] : []))
  return { key, title, values, best: new Set(best) }
}

/** The metrics that classes can be compared by; the first job's main one first. */
export function classMetrics(sides: readonly Side[]): string[] {
  const main = sides.find(({ evaluation }) => evaluation !== null)?.evaluation?.best.metric
  const names = namesOf(
    sides.flatMap(({ evaluation }) => evaluation?.classes.map(({ metrics }) => metrics) ?? []),
  )
  return names.sort((a, b) => Number(b === main) - Number(a === main))
}

/** One metric of each class. Classes are the same by their names: datasets number them anew. */
export function classRows(sides: readonly Side[], metric: string): Row[] {
  const tables = sides.map(
    ({ evaluation }) => new Map(evaluation?.classes.map(({ name, metrics }) => [name, metrics])),
  )
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))]
  return names.map((name) =>
    row(
      name,
      name,
      tables.map((table) => table.get(name)?.[metric] ?? null),
    ),
  )
}

/** An image, and where it stands among the worst of each job; null where it does not. */
export interface WorstRow {
  file: string
  at: (number | null)[]
}

/** The worst images of all jobs: first those that most of them judge badly. */
export function worstRows(sides: readonly Side[]): WorstRow[] {
  const places = sides.map(({ evaluation }) => {
    const worst = evaluation?.worst
    // Without a grid nobody knows where on the sheets an image is.
    const images = worst?.grid === undefined ? [] : worst.images
    return new Map(images.map(({ file }, index) => [file, index]))
  })
  const files = [...new Set(places.flatMap((one) => [...one.keys()]))]
  const rows = files.map((file) => ({ file, at: places.map((one) => one.get(file) ?? null) }))
  const shared = ({ at }: WorstRow) => at.filter((place) => place !== null).length
  const first = ({ at }: WorstRow) => Math.min(...at.map((place) => place ?? Infinity))
  return rows.sort((a, b) => shared(b) - shared(a) || first(a) - first(b))
}

export interface Difference {
  key: string
  values: string[]
}

/** What the jobs were told that is not the same for all. */
export function differences(sides: readonly Side[]): Difference[] {
  const told = sides.map(({ job, dataset }) => toldOf(job, dataset))
  return namesOf(told)
    .map((key) => ({ key, values: told.map((one) => written(one[key])) }))
    .filter(({ values }) => new Set(values).size > 1)
}

/** Everything that a job was told, by name. */
export function toldOf(job: Job, dataset: string): Readonly<Record<string, unknown>> {
  const { trainer, task, weights, config, resources } = job
  const { cpu, memory, gpu } = resources
  const nodes = nodesOf(resources)
  return {
    dataset,
    trainer,
    task,
    weights: weights?.name ?? 'none',
    cpu,
    memory,
    gpu,
    nodes,
    ...config,
  }
}

export function written(value: unknown): string {
  if (value === undefined) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A metric by epoch, with a line for each job that has it. */
export interface Curves {
  title: string
  epochs: number[]
  lines: { side: number; values: (number | null)[] }[]
}

export function curvesOf(sides: readonly Side[]): Curves[] {
  const quantities = quantitiesOf(sides.flatMap(({ epochs }) => epochs))
  const metrics = quantities.flatMap(({ name, group, lines }) => {
    // The rates of an optimiser's groups of parameters are mostly the same.
    const shown = group === 'Learning rate' ? lines.slice(0, 1) : lines
    return shown.map(({ label, metric }) => ({
      metric,
      title: shown.length > 1 ? `${name}, ${label}` : name,
    }))
  })
  return metrics.map(({ metric, title }) => {
    const having = sides.flatMap(({ epochs }, side) => {
      const at = new Map(epochs.map(({ epoch, values }) => [epoch + 1, values[metric] ?? null]))
      return [...at.values()].some((one) => one !== null) ? [{ side, at }] : []
    })
    const epochs = [...new Set(having.flatMap(({ at }) => [...at.keys()]))].sort((a, b) => a - b)
    const lines = having.map(({ side, at }) => ({
      side,
      values: epochs.map((epoch) => at.get(epoch) ?? null),
    }))
    return { title, epochs, lines }
  })
}
