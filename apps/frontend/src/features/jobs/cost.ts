import type { GpuHour } from '../../config/config'

const HOUR_MS = 3_600_000

/** What GPUs cost for so long, as people read it; null where nobody says, or none is used. */
export function costOf(ms: number | null, gpus: number, hour: GpuHour | null): string | null {
  if (ms === null || hour === null || gpus === 0) return null
  return amount((ms / HOUR_MS) * gpus * hour.price, hour)
}

/** How a cost comes about: "2 GPUs at €2.50 an hour". */
export function rateOf(gpus: number, hour: GpuHour): string {
  return `${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'} at ${amount(hour.price, hour)} an hour`
}

function amount(value: number, { currency }: GpuHour): string {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(value)
}
