import { kept } from '../../../ui/kept'
import type { Pick } from './pick'
import type { Picked, Task } from './check'

/** An upload that has begun, and may go on after a reload of the page or a failure. */
export interface Unfinished {
  /** Of its dataset. */
  id: string
  name: string
  task: Task
  /** Bytes of the zip. */
  size: number
}

const KEY = 'trainyard.upload.'
const HASH = 0x1000193

/** Tells these files from others without reading them: their names, sizes and times. */
export function markOf(pick: Pick, files: readonly Picked[]): string {
  const each = 'zip' in pick ? [{ path: pick.name, file: pick.zip }] : files
  let hash = 0x811c9dc5
  let total = 0
  for (const { path, file } of each) {
    total += file.size
    for (const char of `${path} ${file.size} ${file.lastModified}\n`) {
      hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), HASH) >>> 0
    }
  }
  return `${hash.toString(16)}-${each.length}-${total}`
}

export function unfinishedOf(mark: string): Unfinished | null {
  try {
    return JSON.parse(kept.read(KEY + mark) ?? 'null') as Unfinished | null
  } catch {
    return null
  }
}

export function remember(mark: string, upload: Unfinished): void {
  kept.write(KEY + mark, JSON.stringify(upload))
}

export function forget(mark: string): void {
  kept.remove(KEY + mark)
}
