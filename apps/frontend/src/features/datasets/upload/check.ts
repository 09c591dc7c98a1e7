import type { Dataset } from '../../../api/client'

export type Task = Dataset['task']
export const TASKS: readonly Task[] = ['detect', 'segment', 'classify', 'pose', 'obb']

/** A file as it was picked; `path` begins below the dataset's folder. */
export interface Picked {
  path: string
  file: File
}

/** What can be told of a dataset before a byte of it is sent. */
export interface Finding {
  /** What is sent: images, labels, lists and data.yaml. */
  files: Picked[]
  images: number
  labels: number
  leftOut: number
  classes: string[]
  task: Task
  /** Nothing is sent while there is one. */
  problems: string[]
}

const IMAGE = /\.(bmp|dng|jpe?g|mpo|png|tiff?|webp|pfm|heic|jp2)$/i
const KEPT = /(^|\/)[^/]+\.(txt|ya?ml)$/i

/** Look at names, sizes, data.yaml and one label file; the platform's own check follows the upload. */
export async function check(picked: readonly Picked[]): Promise<Finding> {
  const visible = picked.filter(({ path }) => !path.split('/').some((part) => part.startsWith('.')))
  const images = visible.filter(({ path }) => IMAGE.test(path))
  const texts = visible.filter(({ path }) => KEPT.test(path))
  const yaml = texts.find(({ path }) => /^data\.ya?ml$/i.test(path))
  const labels = texts.filter(({ path }) => /\.txt$/i.test(path) && /(^|\/)labels\//.test(path))
  const text = (await yaml?.file.text()) ?? ''
  const isClassify = yaml === undefined && images.some(({ path }) => /^train\/[^/]+\//.test(path))
  const classes = isClassify ? foldersOf(images) : namesOf(text)
  return {
    files: [...images, ...texts],
    images: images.length,
    labels: labels.length,
    leftOut: picked.length - images.length - texts.length,
    classes,
    task: isClassify ? 'classify' : await guess(text, labels),
    problems: problemsOf(images, yaml !== undefined, isClassify, classes),
  }
}

function problemsOf(
  images: readonly Picked[],
  hasYaml: boolean,
  isClassify: boolean,
  classes: readonly string[],
): string[] {
  const found: string[] = []
  if (images.length === 0) {
    found.push(
      'There is no image in it. Take the folder that holds data.yaml, images/ and labels/.',
    )
  } else if (!hasYaml && !isClassify) {
    found.push(
      'There is no data.yaml in its uppermost folder, and no train/CLASS/ folders to classify. Add data.yaml, which names the folders of train and val and the classes.',
    )
  } else if (classes.length === 0) {
    found.push('data.yaml names no classes. Add names: with one name for each class.')
  }
  const empty = images.filter(({ file }) => file.size === 0).map(({ path }) => path)
  if (empty.length > 0) {
    const more = empty.length > 3 ? ` and ${empty.length - 3} more` : ''
    found.push(`These images are empty files: ${empty.slice(0, 3).join(', ')}${more}. Remove them.`)
  }
  return found
}

/** The classes that data.yaml names: a list in brackets, a list of lines, or numbered lines. */
export function namesOf(yaml: string): string[] {
  const lines = yaml.split('\n')
  const at = lines.findIndex((line) => /^names\s*:/.test(line))
  const rest = lines[at]?.replace(/^names\s*:/, '').trim() ?? ''
  const bracketed = /^[[{]([\s\S]*?)[\]}]/.exec([rest, ...lines.slice(at + 1)].join('\n'))
  if (bracketed?.[1] !== undefined) return bracketed[1].split(',').map(plain).filter(Boolean)
  const found: string[] = []
  for (const line of at < 0 ? [] : lines.slice(at + 1)) {
    const item = /^\s*(?:-\s+|\d+\s*:\s*)(.+)$/.exec(line)
    if (item?.[1] !== undefined) found.push(plain(item[1]))
    else if (line.trim() !== '' && !line.trim().startsWith('#')) break
  }
  return found
}

function plain(text: string): string {
  return text
    .trim()
    .replace(/^\d+\s*:\s*/, '')
    .replace(/\s+#.*$/, '')
    .replace(/^(['"])(.*)\1$/, '$2')
}

function foldersOf(images: readonly Picked[]): string[] {
  const found = images.map(({ path }) => /^train\/([^/]+)\//.exec(path)?.[1])
  return [...new Set(found.filter((one) => one !== undefined))].sort()
}

async function guess(yaml: string, labels: readonly Picked[]): Promise<Task> {
  if (/^kpt_shape\s*:/m.test(yaml)) return 'pose'
  const one = labels.find(({ file }) => file.size > 0)
  const numbers = (await one?.file.text())?.trim().split('\n')[0]?.split(/\s+/).length ?? 5
  return numbers <= 5 ? 'detect' : numbers === 9 ? 'obb' : 'segment'
}

/** A name that the platform takes, of what the user has. */
export function nameOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/\.zip$/, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
}
