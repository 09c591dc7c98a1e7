const COUNT = new Intl.NumberFormat('en')
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const STEPS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
] as const

/** 1,234 */
export function count(number: number): string {
  return COUNT.format(number)
}

/** "1 image", "1,234 images" */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

/** 12.3 MB */
export function bytes(size: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length - 1)
  const value = size / 1000 ** power
  return new Intl.NumberFormat('en', {
    style: 'unit',
    unit: UNITS[power] ?? 'byte',
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && power > 0 ? 1 : 0,
  }).format(value)
}

/** The date and time, as this browser's user writes them. */
export function moment(iso: string): string {
  return MOMENT.format(new Date(iso))
}

/** "3 min. ago"; what was within the last minute is "just now". */
export function ago(iso: string, now: number): string {
  const ms = Date.parse(iso) - now
  for (const [step, unit] of STEPS) {
    if (-ms >= step) return AGO.format(Math.trunc(ms / step), unit)
  }
  return 'just now'
}

/** Four significant digits, or as many as an integer has. */
export function value(number: number): string {
  if (Number.isInteger(number)) return String(number)
  const size = Math.abs(number)
  return size < 0.001 || size >= 1e6 ? number.toExponential(2) : number.toPrecision(4)
}

/** A tick of an axis, with all digits that it has and none that only binary fractions have. */
export function tickText(tick: number): string {
  const exact = Number(tick.toPrecision(10))
  const size = Math.abs(exact)
  return size !== 0 && (size < 0.001 || size >= 100_000) ? exact.toExponential() : String(exact)
}

/** gpu_out_of_memory → GPU out of memory, cpu → CPU */
export function inWords(name: string): string {
  const text = name.replaceAll('_', ' ').replace(/^(cpu|gpu|rss)\b/, (unit) => unit.toUpperCase())
  return text.charAt(0).toUpperCase() + text.slice(1)
}
