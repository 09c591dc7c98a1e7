import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import { show } from '../../test/render'
import { serve, stopServing } from '../../test/server'
import { JobsPanel } from './JobsPanel'

it('says that it asks, then shows each job', async () => {
  const failed = job({
    id: '111111111111',
    name: null,
    status: 'failed',
    cause: 'out_of_memory',
    message: 'The trainer ran out of memory. Lower batch.',
    finished_at: '2026-11-24T12:03:21Z',
    metrics: {},
  })
  await serve({ '/api/v1/jobs': () => ({ json: { items: [job(), failed], next_cursor: null } }) })
  show(<JobsPanel />)
  expect(screen.getByText(/Asking the backend/)).toBeVisible()

  const running = within(await screen.findByRole('row', { name: /digits/ }))
  expect(running.getByText('running')).toBeVisible()
  expect(running.getByRole('progressbar', { name: 'Progress of digits' })).toHaveValue(0.3)
  expect(running.getByText('0.813')).toBeVisible()

  const other = within(screen.getByRole('row', { name: /111111111111/ }))
  expect(other.getByText('The trainer ran out of memory. Lower batch.')).toBeVisible()
  expect(other.getByText('3 min 20 s')).toBeVisible()
  expect(screen.getByRole('status')).toHaveTextContent('1 running or waiting.')
})

it('follows a job by itself', async () => {
  let now = job()
  await serve({ '/api/v1/jobs': () => ({ json: { items: [now], next_cursor: null } }) })
  show(<JobsPanel />)
  await screen.findByText('running')
  now = job({ status: 'succeeded', epoch: 9, finished_at: '2026-11-24T12:01:00Z' })
  await screen.findByText('succeeded', undefined, { timeout: 4000 })
  expect(screen.getByRole('progressbar')).toHaveValue(1)
})

it('says how to begin where there is no job', async () => {
  await serve({ '/api/v1/jobs': () => ({ json: { items: [], next_cursor: null } }) })
  show(<JobsPanel />)
  expect(await screen.findByText('yard dataset push DIR')).toBeVisible()
})

it('keeps what it knows while the backend is gone, and goes on when it is back', async () => {
  const answers = { '/api/v1/jobs': () => ({ json: { items: [job()], next_cursor: null } }) }
  await serve(answers)
  show(<JobsPanel />)
  await screen.findByText('running')
  await stopServing()
  const alert = await screen.findByRole('alert', undefined, { timeout: 4000 })
  expect(alert).toHaveTextContent(/does not answer.*as they stood at.*tries again/)
  expect(screen.getByText('running')).toBeVisible()
  await serve(answers)
  await waitFor(
    () => {
      expect(screen.queryByRole('alert')).toBeNull()
    },
    { timeout: 4000 },
  )
})

it('asks for a token, refuses a wrong one in words, and takes a right one', async () => {
  await serve({
    '/api/v1/jobs': ({ headers }) =>
      headers.authorization === 'Bearer right'
        ? { json: { items: [job()], next_cursor: null } }
        : { status: 401, json: { status: 401, title: 'Unauthorized', detail: 'Send a token.' } },
  })
  const user = userEvent.setup()
  show(<JobsPanel />)
  await user.type(await screen.findByLabelText('API token'), 'wrong{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent('refused this token')
  await user.clear(screen.getByLabelText('API token'))
  await user.type(screen.getByLabelText('API token'), ' right {Enter}')
  expect(await screen.findByText('digits')).toBeVisible()
})

it('fetches older jobs when asked to', async () => {
  const old = job({ id: '222222222222', name: 'older' })
  await serve({
    '/api/v1/jobs': ({ url }) =>
      url?.includes('cursor=next')
        ? { json: { items: [old], next_cursor: null } }
        : { json: { items: [job()], next_cursor: 'next' } },
  })
  show(<JobsPanel />)
  await userEvent.click(await screen.findByRole('button', { name: 'Show older jobs' }))
  expect(await screen.findByText('older')).toBeVisible()
  expect(screen.queryByRole('button')).toBeNull()
})
