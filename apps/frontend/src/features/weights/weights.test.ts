import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { downloadZip } from 'client-zip'
import { expect, it } from 'vitest'
import { inspect, wrongName } from './inspect'
import { hashed } from './send'

const REAL = '../trainer-ultralytics/weights/digits-synthetic.pt'

async function archive(name: string, text: string): Promise<Blob> {
  return downloadZip([{ name, input: new TextEncoder().encode(text) }]).blob()
}

it('reads task and model of weights that Ultralytics has written, and their sha256', async () => {
  const bytes = readFileSync(REAL)
  const file = await new Response(bytes).blob()
  expect(await inspect(file)).toEqual({ task: 'detect', model: 'yolo11n' })
  const told: number[] = []
  const found = await hashed(file, ({ done }) => told.push(done), new AbortController().signal)
  expect(found).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(told.at(-1)).toBe(bytes.length)
})

it.each([
  ['\u0000', 'SegmentationModel', 'segment'],
  ['\u0000', 'OBBModel', 'obb'],
])('knows the task by the type that is pickled %#', async (before, type, task) => {
  const pickle = `${before}cultralytics.nn.tasks\n${type}\nyaml_fileX\u0010\0\0\0yolo11s-seg.yaml`
  expect(await inspect(await archive('best/data.pkl', pickle))).toEqual({ task, model: 'yolo11s' })
})

it('says why a file is not taken', async () => {
  await expect(inspect(new Blob(['no zip']))).rejects.toThrow(/PyTorch has not written/)
  await expect(inspect(await archive('notes.txt', ''))).rejects.toThrow(/PyTorch has not written/)
  await expect(inspect(await archive('a/data.pkl', 'cos\nsystem\n'))).rejects.toThrow(/no model/)
  const world = 'cultralytics.nn.tasks\nWorldModel\n'
  await expect(inspect(await archive('a/data.pkl', world))).rejects.toThrow(/holds a WorldModel/)
  expect(wrongName('best.pt')).toBeNull()
  expect(wrongName('my weights.pt')).toMatch(/must end in \.pt/)
  expect(wrongName('best.onnx')).not.toBeNull()
})
