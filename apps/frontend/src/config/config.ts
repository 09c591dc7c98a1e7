/** What differs from tier to tier: the file /config.json, beside the page, read when it opens. */
export interface Config {
  /** Shown beside the name, so that nobody takes production for a test. */
  tier: string
  /** Addresses of other components' pages, by component, as a browser reaches them. */
  links: Record<string, string>
  /** What an hour of a GPU costs; null where nobody says. */
  gpuHour: GpuHour | null
}

export interface GpuHour {
  price: number
  /** As ISO 4217 names it. */
  currency: string
}

const NOTHING: Config = { tier: '', links: {}, gpuHour: null }

/** Read /config.json. A page without it works, and only lacks its links. */
export async function loadConfig(signal: AbortSignal): Promise<Config> {
  const response = await fetch('/config.json', { signal, cache: 'no-cache' })
  if (response.status === 404) return NOTHING
  if (!response.ok) throw new Error(`/config.json cannot be read (HTTP ${response.status}).`)
  return parseConfig(await response.json().catch(() => null))
}

/** Check what was read; throws with the field that is wrong. */
export function parseConfig(found: unknown): Config {
  if (!isRecord(found)) throw new Error('/config.json must be a JSON object.')
  const { tier = '', links = {}, gpuHour } = found
  if (typeof tier !== 'string') throw new Error('/config.json: tier must be a text.')
  if (!isRecord(links)) throw new Error('/config.json: links must be an object.')
  return {
    tier,
    links: Object.fromEntries(Object.entries(links).map(checkedLink)),
    gpuHour: priceOf(gpuHour),
  }
}

/** Null also where it is no price: the links do not hang on it. */
function priceOf(found: unknown): GpuHour | null {
  const { price, currency } = isRecord(found) ? found : {}
  if (typeof price === 'number' && price > 0 && typeof currency === 'string') {
    if (/^[A-Z]{3}$/.test(currency)) return { price, currency }
  }
  return null
}

function checkedLink([name, url]: [string, unknown]): [string, string] {
  // Anything else, such as javascript:, would run in this page.
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error(`/config.json: links.${name} must be an http:// or https:// address.`)
  }
  return [name, url]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
