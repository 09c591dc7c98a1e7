import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Weights, putWeights } from '../../api/client'
import { bytes } from '../../ui/format'

const PIECE = 4 * 2 ** 20
/** That a store takes at once. */
const MOST = 5 * 2 ** 30
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pt$/

export const TASKS = ['detect', 'segment', 'classify', 'pose', 'obb'] as const

export interface Progress {
  doing: 'hashing' | 'sending'
  done: number
}

export interface About {
  name: string
  /** null, as the model: what the platform reads in the file. */
  task: (typeof TASKS)[number] | null
  model: string | null
}

/** What is wrong with the name that jobs are to know the file by, or null. */
export function wrongName(name: string): string | null {
  return NAME.test(name)
    ? null
    : 'It must end in .pt, and have letters, digits and . _ - before, at most 124 in all.'
}

/** What is wrong with the file's size, or null: known before all of it is read. */
export function wrongSize(size: number): string | null {
  return size <= MOST
    ? null
    : `It has ${bytes(size)}, and weights have at most ${bytes(MOST)}. Upload the model without its optimizer's state, as best.pt of a finished training.`
}

/**
 * Keep a file on the platform, once by its sha256; what it has already is not sent.
 *
 * The platform reads what it is for, and refuses what is not safe to load: nothing looks into it here.
 */
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
