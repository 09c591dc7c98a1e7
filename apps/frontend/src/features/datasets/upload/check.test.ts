import { expect, it } from 'vitest'
import { type Picked, check, nameOf, namesOf } from './check'

const of = (path: string, text = 'x'): Picked => ({
  path,
  // jsdom's File has no text().
  file: Object.assign(new File([text], path), { text: () => Promise.resolve(text) }),
})
const YAML = 'train: images/train\nval: images/val\nnames:\n  0: bottle\n  1: "can" # tin\nnc: 2\n'

it('reads the classes however data.yaml lists them', () => {
  expect(namesOf(YAML)).toEqual(['bottle', 'can'])
  expect(namesOf("nc: 2\nnames: ['a', b]\n")).toEqual(['a', 'b'])
  expect(namesOf('names: {0: a, 1: b}\n')).toEqual(['a', 'b'])
  expect(namesOf('names:\n- a\n- b\n')).toEqual(['a', 'b'])
  expect(namesOf('train: x\n')).toEqual([])
})

it('takes what belongs to a dataset and leaves the rest', async () => {
  const files = [
    of('data.yaml', YAML),
    of('images/train/a.png'),
    of('labels/train/a.txt', '0 0.5 0.5 0.1 0.1\n'),
    of('labels/train.cache'),
    of('.git/a.png'),
  ]
  const found = await check(files)
  expect(found).toMatchObject({ images: 1, labels: 1, leftOut: 2, task: 'detect', problems: [] })
  expect(found.files).toHaveLength(3)
})

it('knows folders of classes, and other tasks by their labels', async () => {
  const classify = await check([of('train/cat/a.png'), of('train/dog/b.png'), of('val/cat/c.png')])
  expect(classify).toMatchObject({ task: 'classify', classes: ['cat', 'dog'], problems: [] })
  const line = (numbers: number) => of('labels/a.txt', Array(numbers).fill('0').join(' '))
  const task = async (...files: Picked[]) =>
    (await check([of('images/a.png'), of('data.yaml', YAML), ...files])).task
  expect(await task(line(9))).toBe('obb')
  expect(await task(line(15))).toBe('segment')
})

it.each([
  [[of('data.yaml', YAML)], 'no image'],
  [[of('images/a.png')], 'no data.yaml'],
  [[of('images/a.png'), of('data.yaml', 'train: x')], 'names no classes'],
  [[of('images/a.png', ''), of('data.yaml', YAML)], 'empty files: images/a.png'],
])('says what is wrong before a byte is sent', async (files, told) => {
  expect((await check(files)).problems.join()).toContain(told)
})

it('makes a name that the platform takes', () => {
  expect(nameOf('My Images (2).zip')).toBe('my-images-2-')
  expect(nameOf('_x')).toBe('x')
})
