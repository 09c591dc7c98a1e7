/** Milliseconds as people say them: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const [min, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86_400)]
  if (d > 0) return `${d} d ${h % 24} h`
  if (h > 0) return `${h} h ${min % 60} min`
  if (min > 0) return `${min} min ${s % 60} s`
  return `${s} s`
}
