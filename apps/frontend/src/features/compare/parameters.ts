import type { Job } from '../../api/client'
import { scoreOf } from '../jobs/present'
import { namesOf, toldOf, written } from './compare'

/** One axis of the parallel coordinates: something that the jobs were told, or their main metric. */
export interface Axis {
  key: string
  /** Of each job: a number, or the index of its category; null where it has none. */
  values: (number | null)[]
  /** What the numbers stand for, where they are no numbers themselves. */
  categories: readonly string[] | null
  /** Whether it spans so much that its logarithm tells more. */
  isLogarithmic: boolean
}

/** Which values are shown, by axis; an axis that is not in it shows all. */
export type Ranges = Readonly<Record<string, readonly (readonly [number, number])[]>>

const SPANS_MUCH = 100
/** More categories cannot be told apart on an axis. */
const MOST_CATEGORIES = 24
/** More axes cannot be followed. */
const MOST_AXES = 20

/** What differs between the jobs, and their main metric as the last axis; none before one is judged. */
export function axesOf(jobs: readonly Job[], datasets: ReadonlyMap<string, string>): Axis[] {
  const told = jobs.map((job) => toldOf(job, datasets.get(job.dataset_id) ?? job.dataset_id))
  const axes = namesOf(told).flatMap((key) => {
    const values = told.map((one) => one[key])
    // A job of another trainer has not the field at all: that is no value of it.
    if (new Set(values.filter((one) => one !== undefined).map(written)).size < 2) return []
    const axis = axisOf(key, values)
    return (axis.categories?.length ?? 0) > MOST_CATEGORIES ? [] : [axis]
  })
  const scores = jobs.map(scoreOf)
  const metric = scores.find((score) => score !== null)?.name
  if (metric === undefined) return []
  const values = scores.map((score) => (score?.name === metric ? score.value : null))
  return [
    ...axes.slice(0, MOST_AXES),
    { key: metric, values, categories: null, isLogarithmic: false },
  ]
}

function axisOf(key: string, values: readonly unknown[]): Axis {
  const known = values.filter((value) => value !== null && value !== undefined)
  if (known.every((value) => typeof value === 'number')) {
    const [low, high] = [Math.min(...known), Math.max(...known)]
    return {
      key,
      values: values.map((value) => (typeof value === 'number' ? value : null)),
      categories: null,
      isLogarithmic: low > 0 && high / low >= SPANS_MUCH,
    }
  }
  const words = values.map((value) => (value === undefined ? null : written(value)))
  const categories = [...new Set(words.filter((word) => word !== null))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  return {
    key,
    values: words.map((word) => (word === null ? null : categories.indexOf(word))),
    categories,
    isLogarithmic: false,
  }
}

/** The jobs, by index, that every range lets through. */
export function within(axes: readonly Axis[], ranges: Ranges, count: number): number[] {
  const indexes = Array.from({ length: count }, (_, index) => index)
  return indexes.filter((index) =>
    axes.every(({ key, values }) => {
      const wanted = ranges[key] ?? []
      const value = values[index] ?? null
      if (wanted.length === 0) return true
      return value !== null && wanted.some(([low, high]) => value >= low && value <= high)
    }),
  )
}

/** The ranges with those of one axis changed; none there shows all. */
export function withRange(ranges: Ranges, key: string, wanted: Ranges[string]): Ranges {
  const others = Object.fromEntries(Object.entries(ranges).filter(([one]) => one !== key))
  return wanted.length === 0 ? others : { ...others, [key]: wanted }
}

/** A range as its two fields say it; an empty one is open. Null where it is no number. */
export function rangeOf(from: string, to: string): Ranges[string] | null {
  if (from.trim() === '' && to.trim() === '') return []
  const low = from.trim() === '' ? -Infinity : Number(from.replace(',', '.'))
  const high = to.trim() === '' ? Infinity : Number(to.replace(',', '.'))
  return Number.isNaN(low) || Number.isNaN(high) ? null : [[low, high]]
}
