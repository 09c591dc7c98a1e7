import type { Artifact } from './client'

/** The JSON of a job's file, straight from the store; null where it is none. */
export async function readStored({ name, url }: Artifact, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal }).catch(() => null)
  if (response === null) {
    throw new Error(
      `The object store does not let this page read ${name}. Its bucket of models needs CORS for this address: method GET.`,
    )
  }
  if (!response.ok) throw new Error(`The object store answers HTTP ${response.status}.`)
  return response.json().catch(() => null)
}
