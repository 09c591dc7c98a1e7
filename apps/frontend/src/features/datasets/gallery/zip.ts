import type { ReadRange } from './ranges'

/** Where a file lies in the archive. */
export interface Member {
  offset: number
  nameLength: number
  /** Bytes in the archive. */
  packed: number
  /** Bytes unpacked, as the directory says. */
  size: number
  method: number
}

const END = 0x06054b50
const END_BYTES = 22
const END64_PLACE = 0x07064b50
const END64_PLACE_BYTES = 20
const END64 = 0x06064b50
const END64_BYTES = 56
const ENTRY = 0x02014b50
const ENTRY_BYTES = 46
const LOCAL = 0x04034b50
const LOCAL_BYTES = 30
const MAX_COMMENT = 0xffff
const MAX_DIRECTORY = 320 * 2 ** 20
// Longer than what most archives write between a file's name and its bytes.
const EXTRA = 64
const STORED = 0
const DEFLATED = 8

/**
 * The files of an archive of `size` bytes by name: only its directory is read.
 *
 * Read here, for zip.js takes 7 kB of heap for each of maybe 200,000 entries, and stops where the
 * count does.
 *
 * A directory ends where it says, not after as many entries as it counts: the count has 16 bits,
 * and client-zip, which packs this page's uploads, leaves it at the most of them.
 */
export async function readDirectory(read: ReadRange, size: number): Promise<Map<string, Member>> {
  const { from, length } = await findDirectory(read, size)
  if (length > MAX_DIRECTORY || from + length > size) throw damaged()
  const bytes = await read(from, length)
  const view = viewOf(bytes)
  const text = new TextDecoder()
  const members = new Map<string, Member>()
  for (let at = 0; at + ENTRY_BYTES <= view.byteLength;) {
    if (view.getUint32(at, true) !== ENTRY) throw damaged()
    const nameLength = view.getUint16(at + 28, true)
    const extraLength = view.getUint16(at + 30, true)
    const name = text.decode(bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameLength))
    const extra = at + ENTRY_BYTES + nameLength
    const next = extra + extraLength + view.getUint16(at + 32, true)
    if (next > view.byteLength) throw damaged()
    const told = [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]
    const [unpacked = 0, packed = 0, offset = 0] = told.includes(0xffffffff)
      ? enlarged(view, extra, extra + extraLength, told)
      : told
    members.set(name, {
      offset,
      nameLength,
      packed,
      size: unpacked,
      method: view.getUint16(at + 10, true),
    })
    at = next
  }
  return members
}

async function findDirectory(
  read: ReadRange,
  size: number,
): Promise<{ from: number; length: number }> {
  const start = Math.max(0, size - END_BYTES - MAX_COMMENT - END64_PLACE_BYTES)
  const view = viewOf(await read(start, size - start))
  let at = view.byteLength - END_BYTES
  while (at >= 0 && view.getUint32(at, true) !== END) at -= 1
  if (at < 0) throw damaged()
  const place = at - END64_PLACE_BYTES
  if (place >= 0 && view.getUint32(place, true) === END64_PLACE) {
    const end = viewOf(await read(number64(view, place + 8), END64_BYTES))
    if (end.byteLength < END64_BYTES || end.getUint32(0, true) !== END64) throw damaged()
    return { from: number64(end, 48), length: number64(end, 40) }
  }
  return { from: view.getUint32(at + 16, true), length: view.getUint32(at + 12, true) }
}

/** The numbers that do not fit into 32 bits, from the entry's extra field. */
function enlarged(view: DataView, from: number, to: number, told: readonly number[]): number[] {
  for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    const end = Math.min(to, at + 4 + view.getUint16(at + 2, true))
    let next = at + 4
    return told.map((one) => {
      if (one !== 0xffffffff) return one
      next += 8
      if (next > end) throw damaged()
      return number64(view, next - 8)
    })
  }
  return [...told]
}

/** The bytes of a file, at most `most` of them; one request where nothing is unusual. */
export async function readMember(
  read: ReadRange,
  archive: number,
  { offset, nameLength, packed, size, method }: Member,
  most: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (size > most || packed > most) throw new Error('The file is too large to show.')
  const enough = LOCAL_BYTES + nameLength + EXTRA + packed
  let bytes = await read(offset, Math.min(enough, archive - offset), signal)
  const view = viewOf(bytes)
  if (view.byteLength < LOCAL_BYTES || view.getUint32(0, true) !== LOCAL) throw damaged()
  const start = LOCAL_BYTES + view.getUint16(26, true) + view.getUint16(28, true)
  if (start + packed > bytes.length) {
    bytes = await read(offset, Math.min(start + packed, archive - offset), signal)
  }
  const data = bytes.subarray(start, start + packed)
  if (data.length < packed) throw damaged()
  if (method === STORED) return data
  if (method !== DEFLATED) throw new Error('The file is packed in a way that browsers do not know.')
  return inflated(data, size)
}

/** Unpack exactly `size` bytes: whoever says less than it unpacks to fills no memory. */
async function inflated(data: Uint8Array, size: number): Promise<Uint8Array> {
  const packed = new Blob([data as Uint8Array<ArrayBuffer>])
  const reader = packed.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader()
  const all = new Uint8Array(size)
  let filled = 0
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw damaged()
    })
    if (done) break
    if (filled + value.length > size) {
      void reader.cancel().catch(() => undefined)
      throw damaged()
    }
    all.set(value, filled)
    filled += value.length
  }
  if (filled < size) throw damaged()
  return all
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function number64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true))
}

function damaged(): Error {
  return new Error('The archive is damaged here.')
}
