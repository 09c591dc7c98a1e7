import type { Picked } from './check'

/** What was chosen or dropped: a zip as it is, or the files of one folder. */
export type Pick = { name: string; zip: File } | { name: string; files: Picked[] }

export function pickOfFiles(files: readonly File[]): Pick | null {
  const [first] = files
  if (first === undefined) return null
  if (files.length === 1 && isZip(first)) return { name: first.name, zip: first }
  const picked = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }))
  return folder(picked)
}

/** Read what was dropped. Must be called in the event itself: its entries are gone afterwards. */
export async function pickOfDrop(data: DataTransfer): Promise<Pick | null> {
  const entries = [...data.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((one) => one !== null)
  const [only] = data.files
  if (data.files.length === 1 && only !== undefined && isZip(only)) {
    return { name: only.name, zip: only }
  }
  const picked: Picked[] = []
  for (const entry of entries) await walk(entry, picked)
  return folder(picked)
}

const isZip = ({ name }: File) => /\.zip$/i.test(name)

async function walk(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      ;(entry as FileSystemFileEntry).file(resolve, reject)
    })
    into.push({ path: entry.fullPath.slice(1), file })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A hundred at a time, until none is left.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    if (some.length === 0) return
    for (const one of some) await walk(one, into)
  }
}

/** Paths below the one folder that holds all of them. */
function folder(picked: readonly Picked[]): Pick | null {
  const [root] = picked[0]?.path.split('/') ?? []
  if (root === undefined) return null
  const isOne = picked.every(({ path }) => path.startsWith(`${root}/`))
  const files = picked.map(({ path, file }) => ({
    path: isOne ? path.slice(root.length + 1) : path,
    file,
  }))
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { name: isOne ? root : 'dataset', files }
}
