import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Weights, putWeights } from '../../api/client'
import type { Task } from './inspect'

const PIECE = 4 * 2 ** 20

export interface Progress {
  doing: 'hashing' | 'sending'
  done: number
}

export interface About {
  name: string
  task: Task
  model: string | null
}

/** Keep a file on the platform, once by its sha256; what it has already is not sent. */
export async function send(
  file: Blob,
  about: About,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Weights> {
  const hash = await hashed(file, onProgress, signal)
  const body = { ...about, size: file.size }
  const first = await putWeights(hash, body)
  if (!('upload' in first)) return first
  await upload(first.upload, file, onProgress, signal)
  const kept = await putWeights(hash, body)
  if ('upload' in kept) throw new Error('The store has not kept the file. Send it again.')
  return kept
}

// Not crypto.subtle: it needs the whole file at once, and a page without TLS has none.
export async function hashed(
  file: Blob,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string> {
  const hash = sha256.create()
  for (let at = 0; at < file.size; at += PIECE) {
    signal.throwIfAborted()
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()))
    onProgress({ doing: 'hashing', done: Math.min(at + PIECE, file.size) })
  }
  return bytesToHex(hash.digest())
}

// Not fetch, which does not say how far it is.
function upload(
  url: string,
  file: Blob,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => {
      request.abort()
    }
    signal.addEventListener('abort', stop)
    request.upload.onprogress = ({ loaded }) => {
      onProgress({ doing: 'sending', done: loaded })
    }
    request.onloadend = () => {
      signal.removeEventListener('abort', stop)
      if (request.status >= 200 && request.status < 300) resolve()
      else reject(new Error(failure(request.status)))
    }
    request.open('PUT', url)
    request.send(file)
  })
}

function failure(status: number): string {
  if (status > 0) return `The object store answers HTTP ${status}. Send the file again.`
  return 'The object store does not take the file from this page. Its bucket of models needs CORS for this address: method PUT.'
}
