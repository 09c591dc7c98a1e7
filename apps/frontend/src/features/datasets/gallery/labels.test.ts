import { expect, it } from 'vitest'
import { type Format, parseLabels } from './labels'
import { parseIndex } from './pictures'
import type { Picture, Pictures } from './pictures'
import { search } from './useGallery'

const detect: Format = { task: 'detect', classes: 2, keypoints: null }

it.each([
  ['a box', detect, '1 0.5 0.5 0.2 0.4', [0.4, 0.3, 0.6, 0.3, 0.6, 0.7, 0.4, 0.7], []],
  ['a polygon as its box', detect, '0 0 0 1 0 1 0.5', [0, 0, 1, 0, 1, 0.5, 0, 0.5], []],
  ['a mask', { ...detect, task: 'segment' }, '0 0 0 1 0 1 .5', [0, 0, 1, 0, 1, 0.5], []],
  [
    'a turned box',
    { ...detect, task: 'obb' },
    '0 .5 0 1 .5 .5 1 0 .5',
    [0.5, 0, 1, 0.5, 0.5, 1, 0, 0.5],
    [],
  ],
  [
    'keypoints, those that are marked',
    { ...detect, task: 'pose', keypoints: [2, 3] },
    '0 .5 .5 1 1 .25 .5 2 .75 .5 0',
    [0, 0, 1, 0, 1, 1, 0, 1],
    [0.25, 0.5],
  ],
] as const)('reads %s', (_, format, line, outline, keypoints) => {
  const { shapes, skipped } = parseLabels(`${line}\r\n\n`, format)
  expect(skipped).toBe(0)
  expect(shapes).toHaveLength(1)
  shapes[0]?.outline.forEach((one, at) => {
    expect(one).toBeCloseTo(outline[at] ?? -1)
  })
  expect(shapes[0]?.outline).toHaveLength(outline.length)
  expect(shapes[0]?.keypoints).toEqual(keypoints)
})

it.each([
  '2 .5 .5 .1 .1',
  '-1 .5 .5 .1 .1',
  '0.5 .5 .5 .1 .1',
  '0 .5 .5 .1',
  '0 .5 .5 NaN .1',
  '0 1e300 .5 .1 .1',
  '<script>',
])('skips and counts %s', (line) => {
  expect(parseLabels(`${line}\n0 .5 .5 .1 .1`, detect)).toMatchObject({
    skipped: 1,
    shapes: [{ class: 0 }],
  })
})

it('draws no more than a page can', () => {
  const many = '0 .5 .5 .1 .1\n'.repeat(5000)
  expect(parseLabels(many, detect)).toMatchObject({ skipped: 3000 })
  expect(parseLabels(`0${' .5'.repeat(400_000)}`, detect)).toEqual({ shapes: [], skipped: 1 })
})

it('reads the index that the check wrote, and refuses a newer one', () => {
  const head = { format: 2, task: 'pose', names: ['a'], kpt_shape: [1, 2] }
  const batch = { split: 'val', files: [['x/a.png', null]] }
  expect(parseIndex(`${JSON.stringify(head)}\n${JSON.stringify(batch)}\n`)).toEqual({
    task: 'pose',
    names: ['a'],
    keypoints: [1, 2],
    all: [{ split: 'val', image: 'x/a.png', label: null }],
  })
  expect(() => parseIndex('{"format": 3}')).toThrow('format 3')
})

it('looks for a class piece by piece, until enough is found', async () => {
  const all = Array.from({ length: 5000 }, (_, at): Picture => ({
    split: at % 2 ? 'val' : 'train',
    image: String(at),
    label: null,
  }))
  let read = 0
  const pictures = {
    all,
    labels: ({ image }: Picture) => {
      read += 1
      // One of a hundred has the class, one cannot be read.
      if (image === '7') return Promise.reject(new Error('damaged'))
      return Promise.resolve(parseLabels(`${Number(image) % 100 ? 0 : 1} .5 .5 .1 .1`, detect))
    },
  } as unknown as Pictures
  const { signal } = new AbortController()
  const first = await search(pictures, { split: null, class: 1 }, 0, signal)
  expect(first.pictures).toHaveLength(20)
  expect([read, first.next]).toEqual([2000, 2000])
  const val = await search(pictures, { split: 'val', class: 0 }, 4900, signal)
  expect(val).toMatchObject({ next: null, pictures: { length: 50 } })
  expect((await search(pictures, { split: null, class: 'none' }, 4990, signal)).pictures).toEqual(
    [],
  )
})
