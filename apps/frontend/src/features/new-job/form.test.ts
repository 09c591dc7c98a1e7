import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Trainer } from '../../api/client'
import { commandOf, requestOf } from './command'
import { configOf, draftOf, fieldsOf, isModified, judgeOf, textOf, valueOf } from './fields'
import { resourceDraftOf, resourcesOf } from './resources'

// The real trainer: its schema is what the form is made from.
const manifest = JSON.parse(readFileSync('../trainer-ultralytics/trainer.json', 'utf8')) as Trainer
const trainer: Trainer = { ...manifest, accepts: { epochs: 'a whole number from 1 to 10000' } }
const fields = fieldsOf(trainer)
const field = (key: string) => {
  const found = fields.find((one) => one.key === key)
  if (found === undefined) throw new Error(`no ${key}`)
  return found
}

describe('fields', () => {
  it('reads every default as it shows it, and sends none', () => {
    for (const one of fields) {
      expect(valueOf(one, textOf(one, one.fallback)), one.key).toEqual(one.fallback)
      expect(isModified(one, { [one.key]: textOf(one, one.fallback) })).toBe(false)
    }
    expect(configOf(fields, {})).toEqual({})
  })

  it.each([
    ['epochs', ' 20 ', 20],
    ['lr0', '1e-3', 0.001],
    ['lr0', '0,01', 0.01],
    ['epochs', 'many', 'many'],
    ['device', '0', '0'],
    ['auto_augment', '"augmix"', 'augmix'],
    ['conf', '', null],
    ['freeze', '[1, 2]', [1, 2]],
    ['cache', '"ram"', 'ram'],
    ['cos_lr', 'true', true],
  ])('reads %s %j as %j', (key, text, value) => {
    expect(valueOf(field(key), text)).toEqual(value)
  })

  it("takes over another job's config, however old its trainer was", () => {
    const draft = draftOf(fields, { epochs: 7, device: 'cpu', gone: 1 })
    expect(configOf(fields, draft)).toEqual({ epochs: 7, device: 'cpu' })
  })

  it("judges by the trainer's schema, in the backend's words", () => {
    const judge = judgeOf(trainer)
    expect([...judge({ epochs: 3, freeze: [0], batch: -1 })]).toEqual([])
    expect(judge({ epochs: 0 }).get('epochs')).toBe('It must be a whole number from 1 to 10000.')
    expect([...judge({ epochs: 'many', imgsz: 33, fliplr: 2, model: 'x' }).keys()].sort()).toEqual([
      'epochs',
      'fliplr',
      'imgsz',
      'model',
    ])
  })
})

describe('resources', () => {
  const usual = resourceDraftOf(trainer.resources)

  it('sends only what differs from what the trainer has', () => {
    expect(resourcesOf(usual, trainer.resources).value).toBeNull()
    const { value, errors } = resourcesOf({ ...usual, gpu: '1', nodes: '2' }, trainer.resources)
    expect(value).toEqual({ cpu: 2, memory: '4Gi', gpu: 1, nodes: 2, placement: null })
    expect(errors.size).toBe(0)
    const first = resourcesOf({ ...usual, priority: ' high ' }, trainer.resources).value
    expect(first).toMatchObject({ placement: null, priority: 'high' })
  })

  it('takes a trainer of a replica that knows of no nodes for one on one machine', () => {
    const old = JSON.parse('{"cpu": 2, "memory": "4Gi", "gpu": 0}') as typeof trainer.resources
    const draft = resourceDraftOf(old)
    expect(draft.nodes).toBe('1')
    expect(resourcesOf(draft, old)).toEqual({ value: null, errors: new Map() })
  })

  it('says what is no number', () => {
    const { errors } = resourcesOf(
      { cpu: '', memory: ' ', gpu: '0.5', nodes: '0', placement: '', priority: '' },
      trainer.resources,
    )
    expect([...errors.keys()]).toEqual([
      'resources.cpu',
      'resources.gpu',
      'resources.nodes',
      'resources.memory',
    ])
  })
})

describe('the same from a terminal', () => {
  const job = {
    dataset_id: '0a1b2c3d4e5f',
    trainer: 'ultralytics',
    name: "my o'clock",
    config: { epochs: 20, device: '0', cache: 'ram', freeze: [1, 2], weights: 'no' },
    weights: null,
    max_duration_s: null,
    debug: false,
    resources: { cpu: 2, memory: '8Gi', gpu: 1, nodes: 2, placement: null },
  }

  it('is one line of yard, quoted for a shell and for YAML', () => {
    const resources = { ...job.resources, priority: 'high' }
    expect(commandOf({ ...job, resources, max_duration_s: 5400 }, 'digits@3', fields)).toMatch(
      / --nodes 2 --priority high --max-duration 90m$/,
    )
    expect(commandOf(job, 'digits@3', fields)).toBe(
      `yard train digits@3 --name 'my o'\\''clock' --set epochs=20 --set device=0 --set cache=ram` +
        ` --set 'freeze=[1,2]' --set 'weights="no"' --cpu 2 --memory 8Gi --gpu 1 --nodes 2`,
    )
  })

  it('or a request', () => {
    const least = { ...job, name: null, config: {}, resources: null }
    expect(requestOf(least, 'http://here', true)).toBe(
      `curl http://here/api/v1/jobs -H "Authorization: Bearer $YARD_TOKEN" --json` +
        ` '{"dataset_id":"0a1b2c3d4e5f","trainer":"ultralytics","config":{}}'`,
    )
  })
})
