/** Search parameters as people write them: ?status=failed&q=digits, not JSON. */
export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(search: Record<string, unknown>): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(search)) {
    if (typeof value === 'string' && value !== '') parameters.set(key, value)
    else if (typeof value === 'number' || value === true) parameters.set(key, String(value))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

// What a feature's search.ts makes of an address has every key, undefined where there is nothing of
// use: the router keeps a mistyped value whose key is missing.

/** `value` where it is one of `allowed`, else undefined: an address may be mistyped. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((one) => one === value)
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
