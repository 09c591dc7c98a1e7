import type { Dataset } from '../../../api/client'
import { type Format, type Labels, parseLabels } from './labels'
import { type ReadRange, inBlocks, rangesOf } from './ranges'
import { type Member, readDirectory, readMember } from './zip'

export const SPLITS = ['train', 'val', 'test'] as const
export type Split = (typeof SPLITS)[number]

/** An image of a dataset. */
export interface Picture {
  split: Split
  /** Paths in the archive; an image without labels has null. */
  image: string
  label: string | null
}

const MAX_IMAGE = 256 * 2 ** 20
const MAX_LABEL = 16 * 2 ** 20
// Those that browsers draw. What they are is said by the name; an image is never run.
const TYPES: Record<string, string> = {
  bmp: 'image/bmp',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
}

/** The images of a ready dataset, read from its archive one by one. */
export class Pictures {
  readonly names: readonly string[]
  readonly all: readonly Picture[]
  private readonly format: Format
  private readonly members: Map<string, Member>
  private readonly size: number
  private readonly read: ReadRange
  private readonly readSmall: ReadRange

  private constructor(index: Index, members: Map<string, Member>, read: ReadRange, size: number) {
    const { task, names, keypoints, all } = index
    this.names = names
    this.all = all
    this.format = { task, classes: names.length, keypoints }
    this.members = members
    this.size = size
    this.read = read
    this.readSmall = inBlocks(read, size)
  }

  /** Read the index and the archive's directory, by links that are good for a day. */
  static async open(
    links: { archive: string; index: string },
    size: number,
    signal: AbortSignal,
  ): Promise<Pictures> {
    const read = rangesOf(links.archive)
    const [index, members] = await Promise.all([
      fetchIndex(links.index, signal),
      readDirectory((from, length) => read(from, length, signal), size),
    ])
    return new Pictures(index, members, read, size)
  }

  /** The image, to be decoded by the browser; rejects with a sentence. */
  async image({ image }: Picture, signal: AbortSignal): Promise<Blob> {
    const suffix = image.split('.').at(-1)?.toLowerCase() ?? ''
    const type = TYPES[suffix]
    if (type === undefined) throw new Error(`Browsers do not show .${suffix.slice(0, 10)} images.`)
    const bytes = await readMember(this.read, this.size, this.member(image), MAX_IMAGE, signal)
    return new Blob([bytes as Uint8Array<ArrayBuffer>], { type })
  }

  /** What is marked on the image. Of classification, its class alone. */
  async labels(picture: Picture): Promise<Labels> {
    if (this.format.task === 'classify') {
      const found = this.names.indexOf(picture.image.split('/').at(-2) ?? '')
      return { shapes: found < 0 ? [] : [{ class: found, outline: [], keypoints: [] }], skipped: 0 }
    }
    if (picture.label === null) return { shapes: [], skipped: 0 }
    const member = this.member(picture.label)
    const bytes = await readMember(this.readSmall, this.size, member, MAX_LABEL)
    return parseLabels(new TextDecoder().decode(bytes), this.format)
  }

  private member(path: string): Member {
    const found = this.members.get(path)
    if (found === undefined) throw new Error(`The archive has no ${path}.`)
    return found
  }
}

interface Index {
  task: Dataset['task']
  names: string[]
  keypoints: [number, number] | null
  all: Picture[]
}

async function fetchIndex(url: string, signal: AbortSignal): Promise<Index> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    if (signal.aborted) throw error
    return null
  })
  if (!response?.ok) {
    throw new Error(
      response === null
        ? 'The object store does not let this page read the index. Its bucket of datasets needs CORS for this address: method GET.'
        : `The object store answers HTTP ${response.status} for the index of the dataset.`,
    )
  }
  return parseIndex(await response.text())
}

/** Read what the check wrote: a header, then lines of images. */
export function parseIndex(text: string): Index {
  const [first = '', ...lines] = text.split('\n')
  const header = JSON.parse(first) as {
    format: number
    task: Dataset['task']
    names: string[]
    kpt_shape: [number, number] | null
  }
  if (header.format !== 2) {
    throw new Error(`The index has format ${header.format}, which this page does not know.`)
  }
  const all = lines.filter(Boolean).flatMap((line) => {
    const { split, files } = JSON.parse(line) as { split: Split; files: [string, string | null][] }
    return files.map(([image, label]) => ({ split, image, label }))
  })
  return { task: header.task, names: header.names, keypoints: header.kpt_shape, all }
}
