import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import { showAt } from '../../test/render'
import { serve } from '../../test/server'

const version = (number: number, more: object = {}) => ({
  name: 'shapes',
  version: number,
  aliases: [],
  run_id: null,
  source: 's3://models/x',
  tags: { 'trainyard.job_id': '3f9a1c0b7d2e' },
  created_at: '2026-11-24T12:00:00Z',
  ...more,
})
const REFUSAL = 'shapes/2 has mAP50-95 0.31 by job 3f9a, less than 0.42. shapes@production stays.'

it('lists versions with why an alias stands there, tells a refused gate in words, and rolls back', async () => {
  const bodies: unknown[] = []
  let production = 3
  const items = () =>
    [1, 2, 3].map((number) =>
      version(number, {
        aliases: number === production ? ['production'] : [],
        tags: {
          'trainyard.job_id': '3f9a1c0b7d2e',
          'trainyard.production.gate': 'shapes/3 has mAP50-95 0.42',
          'trainyard.production.by': 'ann',
          'trainyard.production.at': '2026-11-25T12:00:00',
          'trainyard.production.replaced': number === 3 ? '1' : '',
        },
      }),
    )
  const dataset = { name: 'held-out', version: 2, status: 'ready', task: 'detect' }
  const datasets = [
    { ...dataset, id: '0a1b2c3d4e5f', name: 'shades', task: 'classify' },
    { ...dataset, id: '1a1b2c3d4e5f', version: 3 },
    { ...dataset, id: job().dataset_id },
  ]
  await serve({
    '/api/v1/models': () => ({ json: { items: items(), next_cursor: null } }),
    '/api/v1/datasets': () => ({ json: { items: datasets, next_cursor: null } }),
    '/api/v1/jobs/3f9a1c0b7d2e': () => ({ json: job({ id: '3f9a1c0b7d2e' }) }),
    '/api/v1/models/shapes/aliases/production': ({ method }) => {
      bodies.push(method)
      if (bodies.length === 1) {
        return { status: 409, json: { status: 409, title: 'Gate not passed', detail: REFUSAL } }
      }
      production = 1
      return { json: version(1, { aliases: ['production'] }) }
    },
  })
  const user = userEvent.setup()
  showAt('/models')
  const rows = await screen.findAllByRole('row')
  expect(rows.map((row) => within(row).queryByText(/^shapes\/\d$/)?.textContent)).toEqual([
    undefined,
    'shapes/3',
    'shapes/2',
    'shapes/1',
  ])
  const newest = screen.getByRole('row', { name: /shapes\/3/ })
  expect(within(newest).getByText(/^shapes\/3 has mAP50-95 0.42; by ann/)).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Promote shapes/2' }))
  const judgedOn = screen.getByLabelText('Judged on')
  await waitFor(() => {
    expect(judgedOn).toHaveDisplayValue('held-out@2')
  })
  expect(within(judgedOn).queryByText('shades@2')).toBeNull()
  const judge = 'In a terminal: yard model eval model:shapes/2 --data held-out@2 --split val'
  expect(screen.getByText(judge)).toBeVisible()
  const least = screen.getByLabelText('Main metric at least')
  await user.type(least, 'x')
  expect(screen.getByText('It must be a number, such as 0.8.')).toBeVisible()
  await user.clear(least)
  await user.click(screen.getByText('Promote', { selector: 'dialog button' }))
  expect(await screen.findByText(REFUSAL)).toBeInTheDocument()
  await user.click(screen.getByText('Leave it'))
  await user.click(screen.getByRole('button', { name: 'Roll production back to 1' }))
  await user.click(screen.getByText('Back to version 1'))
  await waitFor(() => {
    const first = screen.getByText('shapes/1').closest('tr') as HTMLElement
    expect(within(first).getByText('@production')).toBeVisible()
  })
  expect(bodies).toEqual(['PUT', 'PUT'])
})

it('says how a model is registered where none is', async () => {
  await serve({ '/api/v1/models': () => ({ json: { items: [], next_cursor: null } }) })
  showAt('/models')
  expect(await screen.findByText('No registered models yet.')).toBeVisible()
})
