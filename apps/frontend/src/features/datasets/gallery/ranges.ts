/** Reads `length` bytes from `from` on; rejects with a sentence for the user. */
export type ReadRange = (from: number, length: number, signal?: AbortSignal) => Promise<Uint8Array>

const BLOCK = 128 * 1024
const KEPT_BLOCKS = 128

/** Ranges of an object in the store, by its presigned link. */
export function rangesOf(url: string): ReadRange {
  return async (from, length, signal) => {
    if (length === 0) return new Uint8Array()
    const headers = { Range: `bytes=${from}-${from + length - 1}` }
    const response = await fetch(url, { headers, signal: signal ?? null }).catch(
      (error: unknown) => {
        if (signal?.aborted) throw error
        return null
      },
    )
    if (response === null) {
      throw new Error(
        'The object store does not let this page read the dataset. Its bucket of datasets needs CORS for this address: method GET.',
      )
    }
    if (response.status === 403) throw new Error('The link has expired. Load the page again.')
    // 200 would be the whole archive.
    if (response.status !== 206) {
      await response.body?.cancel()
      throw new Error(`The object store answers HTTP ${response.status} to a range of the dataset.`)
    }
    return new Uint8Array(await response.arrayBuffer())
  }
}

/** The same by whole blocks, the latest of which are kept: for small files that lie side by side. */
export function inBlocks(read: ReadRange, size: number): ReadRange {
  const blocks = new Map<number, Promise<Uint8Array>>()
  const block = (number: number) => {
    const from = number * BLOCK
    const found = blocks.get(number) ?? read(from, Math.min(BLOCK, size - from))
    blocks.delete(number)
    blocks.set(number, found)
    found.catch(() => blocks.delete(number))
    const [oldest] = blocks.keys()
    if (blocks.size > KEPT_BLOCKS && oldest !== undefined) blocks.delete(oldest)
    return found
  }
  return async (from, length) => {
    const end = Math.min(from + length, size)
    const first = Math.floor(from / BLOCK)
    const count = Math.max(0, Math.ceil(end / BLOCK) - first)
    const parts = await Promise.all(Array.from({ length: count }, (_, at) => block(first + at)))
    const joined = new Uint8Array(Math.max(0, end - from))
    parts.forEach((part, at) => {
      const start = (first + at) * BLOCK - from
      const cut = part.subarray(Math.max(0, -start), Math.max(0, joined.length - start))
      joined.set(cut, Math.max(0, start))
    })
    return joined
  }
}
