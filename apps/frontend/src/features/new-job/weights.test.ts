import { expect, it } from 'vitest'
import type { Trainer, Weights } from '../../api/client'
import { pretrainedOf, suitable } from './weights'

const trainer = {
  pretrained: { detect: '{model}.pt', segment: '{model}-seg.pt' },
  config_schema: { properties: { model: { default: 'yolo11n' } } },
} as unknown as Trainer

it('names the pretrained weights of the chosen model and of the default one', () => {
  expect(pretrainedOf(trainer, 'detect', {})).toBe('yolo11n.pt')
  expect(pretrainedOf(trainer, 'segment', { model: 'yolo11s' })).toBe('yolo11s-seg.pt')
  expect(pretrainedOf(trainer, 'pose', {})).toBeNull()
})

it('offers what is of the task and the model, and what does not say', () => {
  const of = (name: string, task: string | null, model: string | null) =>
    ({ name, task, model }) as Weights
  const stored = [
    of('a.pt', 'detect', 'yolo11n'),
    of('b.pt', 'segment', 'yolo11n'),
    of('c.pt', 'detect', 'yolo11s'),
    of('d.pt', null, null),
  ]
  expect(suitable(stored, trainer, 'detect', {}).map(({ name }) => name)).toEqual(['a.pt', 'd.pt'])
})
