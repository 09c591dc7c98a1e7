import { expect, it } from 'vitest'
import { job } from '../../../test/fixtures'
import { base64Of, sizesOf } from './encode'
import { byClass, parsePredictions } from './predictions'
import { waitsFor } from './trial'

const BOX = { class: 1, name: 'cat', confidence: 0.5, xyxy: [10, 20, 30, 40] }
const found = (...boxes: unknown[]) => ({ format: 1, width: 100, height: 50, boxes })

it('sends an image no larger than the model looks at it, and smaller where it must', () => {
  expect(sizesOf({ width: 4000, height: 2000 }, 640)[0]).toEqual({ width: 640, height: 320 })
  expect(sizesOf({ width: 20, height: 4 }, 640)[0]).toEqual({ width: 20, height: 4 })
  expect(sizesOf({ width: 4000, height: 1 }, 640).at(-1)).toEqual({ width: 128, height: 1 })
  expect(atob(base64Of(new Uint8Array(70_000).fill(65)))).toBe('A'.repeat(70_000))
})

it('reads boxes, masks, oriented boxes and keypoints as shares of the image, the surest first', () => {
  const { findings, isClass } = parsePredictions(
    found(
      BOX,
      { ...BOX, confidence: 0.9, polygon: [[0, 0], [50, 0], [50, 25]] }, // prettier-ignore
      { ...BOX, confidence: 0.8, corners: [[0, 0], [100, 0], [100, 50], [0, 50]] }, // prettier-ignore
      { ...BOX, confidence: 0.7, keypoints: [[10, 10, 0.9], [20, 20, 0.1], [0, 0]] }, // prettier-ignore
    ),
  )
  expect(isClass).toBe(false)
  expect(findings.map(({ shape }) => shape?.outline)).toEqual([
    [0, 0, 0.5, 0, 0.5, 0.5],
    [0, 0, 1, 0, 1, 1, 0, 1],
    [0.1, 0.4, 0.3, 0.4, 0.3, 0.8, 0.1, 0.8],
    [0.1, 0.4, 0.3, 0.4, 0.3, 0.8, 0.1, 0.8],
  ])
  expect(findings[2]?.shape?.keypoints).toEqual([0.1, 0.2])
  expect(byClass(findings)).toEqual([{ class: 1, name: 'cat', count: 4, best: 0.9 }])
})

it('reads the classes of a whole image', () => {
  const classes = [
    { class: 0, name: 'disc', confidence: 0.2 },
    { class: 1, name: 'square', confidence: 0.8 },
  ]
  const told = parsePredictions({ format: 1, width: 8, height: 8, classes })
  expect(told.isClass).toBe(true)
  expect(told.findings.map(({ name }) => name)).toEqual(['square', 'disc'])
})

it.each([
  ['a box of words', { ...BOX, xyxy: ['1', 2, 3, 4] }],
  ['no place at all', { class: 1, name: 'cat', confidence: 0.5 }],
  ['more confidence than there is', { ...BOX, confidence: 7 }],
  ['no number', { ...BOX, xyxy: [null, 1, 2, 3] }],
  ['a class that is none', { ...BOX, class: 0.5 }],
])('leaves out what cannot be drawn: %s', (_, box) => {
  expect(parsePredictions(found(box, BOX)).findings).toHaveLength(1)
})

it.each([null, [], { format: 2 }, { format: 1, boxes: [] }, { format: 1, width: 1, height: 1 }])(
  'refuses what is none of it: %j',
  (text) => {
    expect(() => parsePredictions(text)).toThrow(/predictions\.json/)
  },
)

it('says what a trial waits for', () => {
  const queued = job({ status: 'queued', phase: null, message: 'The job waits for 1 GPU.' })
  expect(waitsFor(queued)).toBe('The job waits for 1 GPU.')
  expect(waitsFor(job({ status: 'running', phase: 'validating' }))).toMatch(/looks at the image/)
})
