import type { Artifact } from './client'

/** The JSON of a job's file, straight from the store; null where it is none. */
export async function readStored(file: Artifact, signal: AbortSignal): Promise<unknown> {
  return (await read(file, signal)).json().catch(() => null)
}

/** The text of a job's file, straight from the store. */
export async function readStoredText(file: Artifact, signal: AbortSignal): Promise<string> {
  return (await read(file, signal)).text()
}

async function read({ name, url }: Artifact, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch(() => null)
  if (response === null) {
    throw new Error(
      `The object store does not let this page read ${name}. Its bucket of models needs CORS for this address: method GET.`,
    )
  }
  if (!response.ok) throw new Error(`The object store answers HTTP ${response.status}.`)
  return response
}
