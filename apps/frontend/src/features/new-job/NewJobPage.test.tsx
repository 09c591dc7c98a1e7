import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import type { Dataset } from '../../api/client'
import { WELL, job } from '../../test/fixtures'
import { showAt } from '../../test/render'
import { serve } from '../../test/server'

const trainer = {
  name: 'ultralytics',
  version: '1',
  description: '',
  tasks: ['detect'],
  image: '',
  command: [],
  config_schema: {
    type: 'object',
    properties: {
      epochs: { title: 'Epochs', type: 'integer', default: 100, minimum: 1, group: 'Training' },
      model: {
        title: 'Model',
        type: 'string',
        default: 'yolo11n',
        anyOf: [{ enum: ['yolo11n', 'yolo11s'] }, { pattern: '\\nhead:' }],
      },
      seed: { title: 'Seed', type: 'integer', default: 0, group: 'Training', advanced: true },
    },
  },
  pretrained: { detect: '{model}.pt' },
  assets: { 'yolo11n.pt': { task: 'detect', model: 'yolo11n' } },
  resources: { cpu: 2, memory: '4Gi', gpu: 0, nodes: 1 },
  accepts: { epochs: 'a whole number of at least 1', seed: 'a whole number' },
}
const dataset: Dataset = {
  id: '0a1b2c3d4e5f',
  name: 'digits',
  version: 3,
  task: 'detect',
  status: 'ready',
  size: 1000,
  sha256: null,
  report: {
    images: { train: 4, val: 4, test: 0 },
    labels: 8,
    classes: [{ index: 0, name: 'seven', train: 4, val: 4 }],
    problems: [],
    problems_total: 0,
  },
  created_by: null,
  created_at: '2026-11-24T12:00:00Z',
}

it('begins with what another job had, tells a refusal at its field, and starts once', async () => {
  const keys: unknown[] = []
  const names = ['minimal', 'ultralytics-predict', 'ultralytics', 'yield-predict']
  const told = { status: 422, title: 'Wrong', detail: 'One field is wrong.' }
  const refusal = { ...told, errors: [{ field: 'config.epochs', message: 'Too many for today.' }] }
  await serve({
    '/readyz': () => ({ json: WELL }),
    '/api/v1/platform': () => ({
      json: { training_mode: 'subprocess', placements: ['a100'], priorities: [] },
    }),
    '/api/v1/trainers': () => ({ json: { items: names.map((name) => ({ ...trainer, name })) } }),
    '/api/v1/trainers/ultralytics': () => ({ json: trainer }),
    '/api/v1/datasets': () => ({ json: { items: [dataset], next_cursor: null } }),
    [`/api/v1/datasets/${dataset.id}`]: () => ({ json: dataset }),
    '/api/v1/weights': () => ({ json: { items: [], next_cursor: null, downloads: true } }),
    '/api/v1/models': () => ({ json: { items: [registered], next_cursor: null } }),
    [`/api/v1/jobs/${job().id}`]: () => ({ json: job({ config: { epochs: 50 } }) }),
    '/api/v1/jobs': ({ method, headers, url }) => {
      if (method !== 'POST') return { json: { items: [], next_cursor: null } }
      const official = { name: 'yolo11n.pt', sha256: '' }
      if (url?.includes('dry_run=true')) return { json: job({ weights: official }) }
      keys.push(headers['idempotency-key'])
      if (keys.length === 1) return { status: 422, json: refusal }
      return keys.length === 2 ? { status: 503, text: 'gone' } : { status: 201, json: job() }
    },
  })
  const registered = { name: 'shapes', version: 2, aliases: ['production'], tags: {} }
  const user = userEvent.setup()
  showAt(`/jobs/new?from=${job().id}`)
  const epochs = await screen.findByLabelText('Epochs')
  expect(epochs).toHaveValue('50')
  expect(screen.getByText('seven')).toBeVisible()
  const offered = within(screen.getByLabelText('Trainer')).getAllByRole('option')
  expect(offered.map(({ textContent }) => textContent)).toEqual([
    'ultralytics',
    'minimal',
    'yield-predict',
  ])
  const model = await screen.findByRole<HTMLOptionElement>('option', {
    name: 'shapes/2 @production',
  })
  expect(model.value).toBe('model:shapes/2')
  const fetched = await screen.findByRole('option', {
    name: 'yolo11n.pt, pretrained, fetched once',
  })
  expect(fetched).toHaveProperty('selected', true)
  expect(screen.getByRole('option', { name: 'nothing: random weights' })).toBeVisible()
  const architecture = screen.getByLabelText('Model')
  await user.clear(architecture)
  await user.type(architecture, 'yolo11s')
  expect(await screen.findByText(/does not keep yolo11s.pt/)).toBeVisible()
  // A model of one's own keeps its lines.
  await user.clear(architecture)
  await user.paste('backbone: []\nhead: []\n')
  expect(screen.getByLabelText('Model')).toHaveValue('backbone: []\nhead: []\n')
  await user.click(screen.getByRole('button', { name: 'Reset Model to its default' }))
  expect(screen.getByText('yard train digits@3 --name digits --set epochs=50')).toBeVisible()
  expect(screen.getByRole('heading', { name: '1 modified config field' })).toBeVisible()
  const placement = screen.getByLabelText<HTMLInputElement>('Placement')
  await waitFor(() => {
    expect([...(placement.list?.options ?? [])].map(({ text }) => text)).toEqual(['a100'])
  })
  const limit = screen.getByLabelText('Time limit, hours')
  await user.type(limit, 'soon')
  expect(screen.getByText(/A number of hours, such as 1.5/)).toBeVisible()
  await user.clear(limit)
  await user.type(limit, '1.5')
  expect(screen.getByText(/ --max-duration 90m$/)).toBeVisible()
  expect(screen.getByText(/"max_duration_s":5400/)).toBeInTheDocument()
  await user.clear(limit)
  const debug = await screen.findByLabelText('Wait for a debugger')
  await user.click(debug)
  expect(screen.getByText(/^yard train digits@3 .* --debug$/)).toBeVisible()
  expect(screen.getByText(/"debug":true/)).toBeInTheDocument()
  await user.click(debug)
  expect(screen.queryByText(/"debug"/)).toBeNull()

  expect(await screen.findByText('yolo11n.pt, fetched first')).toBeVisible()

  const start = screen.getByRole('button', { name: 'Start the training' })
  await user.click(start)
  expect(await screen.findByText('Too many for today.')).toBeVisible()
  await waitFor(() => {
    expect(epochs).toHaveFocus()
  })
  await user.click(screen.getByRole('button', { name: 'Reset Epochs to its default' }))
  expect(screen.queryByText('Too many for today.')).toBeNull()
  expect(epochs).toHaveValue('100')

  // Nobody knows whether an unanswered request was taken: the same again is the same job.
  await user.click(start)
  expect(await screen.findByText(/does not answer/)).toBeVisible()
  await user.click(start)
  await waitFor(() => {
    expect(document.title).toMatch(/Job 3f9a1c0b/)
  })
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).not.toBe(keys[0])
  expect(keys[2]).toBe(keys[1])
})
