const HOUR_S = 3600
const LONGEST_S = 365 * 24 * HOUR_S

/** Seconds of what was typed as hours: null where there is no limit, undefined where it is none. */
export function secondsOf(hours: string): number | null | undefined {
  const text = hours.trim().replace(',', '.')
  if (text === '') return null
  const seconds = Math.round(Number(text) * HOUR_S)
  return seconds >= 1 && seconds <= LONGEST_S ? seconds : undefined
}

/** What is typed for these seconds. */
export function hoursOf(seconds: number | null | undefined): string {
  return seconds == null ? '' : String(Number((seconds / HOUR_S).toFixed(4)))
}
