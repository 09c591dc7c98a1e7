import { readDirectory, readMember } from '../datasets/gallery/zip'

const TASK_OF: Record<string, Task> = {
  DetectionModel: 'detect',
  RTDETRDetectionModel: 'detect',
  SegmentationModel: 'segment',
  ClassificationModel: 'classify',
  PoseModel: 'pose',
  OBBModel: 'obb',
}
const MOST_PICKLED = 64 * 2 ** 20
const MOST_BYTES = 5 * 2 ** 30
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pt$/

export type Task = 'detect' | 'segment' | 'classify' | 'pose' | 'obb'

/** What a file of weights says of itself; null where it does not. */
export interface Found {
  task: Task
  /** As a trainer's config names it, e.g. yolo11n. */
  model: string | null
}

/** What is wrong with the name that jobs are to know the file by, or null. */
export function wrongName(name: string): string | null {
  return NAME.test(name)
    ? null
    : 'It must end in .pt, and have letters, digits and . _ - before, at most 124 in all.'
}

/**
 * What the weights are for, from the text in their pickle: nothing of it is run, here or by the
 * platform. A training loads them, in the trainer, which takes no types but a model's.
 */
export async function inspect(file: Blob): Promise<Found> {
  if (file.size > MOST_BYTES) throw new Error('It is larger than 5 GiB, the most that is kept.')
  const read = async (from: number, length: number) =>
    new Uint8Array(await file.slice(from, from + length).arrayBuffer())
  const members = await readDirectory(read, file.size).catch(() => {
    throw new Error('PyTorch has not written this file. Push a .pt file of Ultralytics.')
  })
  const [, pickle] = [...members].find(([name]) => /^[^/]+\/data\.pkl$/.test(name)) ?? []
  if (pickle === undefined) {
    throw new Error('PyTorch has not written this file. Push a .pt file of Ultralytics.')
  }
  const text = new TextDecoder('latin1').decode(
    await readMember(read, file.size, pickle, MOST_PICKLED),
  )
  const [, type = ''] = /cultralytics\.nn\.tasks\n(\w+)\n/.exec(text) ?? []
  const task = TASK_OF[type]
  if (task === undefined) {
    throw new Error(
      type === ''
        ? 'There is no model of Ultralytics in it. Push a best.pt, last.pt or an official file.'
        : `It holds a ${type}, which no task here trains.`,
    )
  }
  return { task, model: familyOf(text) }
}

/** The name of the model's own YAML, without its task: yolo11n-seg.yaml is yolo11n. */
function familyOf(text: string): string | null {
  // A text's length stands before it, a number by which it is referred to later behind it.
  const found = /yaml_file(?:q[\s\S]|r[\s\S]{4})?X([\s\S])\0\0\0/.exec(text)
  if (found === null) return null
  const at = found.index + found[0].length
  const file = text.slice(at, at + (found[1]?.charCodeAt(0) ?? 0))
  const [, stem = ''] = /([\w.-]+?)(?:-(?:seg|cls|pose|obb))?\.yaml$/.exec(file) ?? []
  return /^[A-Za-z0-9._-]{1,100}$/.test(stem) ? stem : null
}
