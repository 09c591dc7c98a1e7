import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import type { Job } from '../../api/client'
import { showAt } from '../../test/render'
import { serve, stopServing } from '../../test/server'

/** The list's stream, which ends at once: the page connects again. */
function listed(items: Job[], next_cursor: string | null = null) {
  const news = { ids: items.map(({ id }) => id), items, next_cursor }
  return { text: `event: jobs\ndata: ${JSON.stringify(news)}\n\n` }
}

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
  await serve({ '/api/v1/jobs/events': () => listed([job(), failed]) })
  showAt('/')
  expect(await screen.findByText(/Asking the backend/)).toBeInTheDocument()

  const running = within(await screen.findByRole('row', { name: /digits/ }))
  expect(running.getByText('running')).toBeVisible()
  expect(running.getByRole('progressbar', { name: 'Progress of digits' })).toHaveValue(0.3)
  expect(running.getByText('0.500')).toBeVisible()

  const other = within(screen.getByRole('row', { name: /111111111111/ }))
  expect(other.getByText('The trainer ran out of memory. Lower batch.')).toBeVisible()
  expect(other.getByText('3 min 20 s')).toBeVisible()
  expect(screen.getByText('2 jobs, 1 running or waiting')).toBeVisible()
})

it('follows a job by itself', async () => {
  let now = job()
  await serve({ '/api/v1/jobs/events': () => listed([now]) })
  showAt('/')
  await screen.findByText('running')
  now = job({ status: 'succeeded', epoch: 9, finished_at: '2026-11-24T12:01:00Z' })
  const row = within(screen.getByRole('row', { name: /digits/ }))
  await row.findByText('succeeded')
  expect(row.getByRole('progressbar')).toHaveValue(1)
})

it('says how to begin where there is no job', async () => {
  await serve({ '/api/v1/jobs/events': () => listed([]) })
  showAt('/')
  expect(await screen.findByText('yard dataset push DIR')).toBeVisible()
})

it('keeps what it knows while the backend is gone, and goes on when it is back', async () => {
  const answers = { '/api/v1/jobs/events': () => listed([job()]) }
  await serve(answers)
  showAt('/')
  await screen.findByText('running')
  await stopServing()
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveTextContent(/does not answer.*as it stood at.*tries again/)
  expect(screen.getByText('running')).toBeVisible()
  await serve(answers)
  await waitFor(() => {
    expect(screen.queryByRole('alert')).toBeNull()
  })
})

it('asks for a token, refuses a wrong one in words, and takes a right one', async () => {
  await serve({
    '/api/v1/jobs/events': ({ headers }) =>
      headers.authorization === 'Bearer right'
        ? listed([job()])
        : { status: 401, json: { status: 401, title: 'Unauthorized', detail: 'Send a token.' } },
  })
  const user = userEvent.setup()
  showAt('/')
  await user.type(await screen.findByLabelText('API token'), 'wrong{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent('refused this token')
  await user.clear(screen.getByLabelText('API token'))
  await user.type(screen.getByLabelText('API token'), ' right {Enter}')
  expect(await screen.findByText('digits')).toBeVisible()
})

it('fetches older jobs as one scrolls, and no row that is out of sight', async () => {
  const page = (from: number) =>
    Array.from({ length: 100 }, (_, index) =>
      job({
        id: `${from + index}`.padStart(12, '0'),
        name: `job ${from + index}`,
        created_at: new Date(Date.UTC(2026, 10, 24) - (from + index) * 1000).toISOString(),
      }),
    )
  await serve({
    '/api/v1/jobs/events': () => listed(page(0), 'next'),
    '/api/v1/jobs': ({ url }) =>
      url?.includes('total=true')
        ? { json: { items: [], next_cursor: null, total: 5060 } }
        : url?.includes('cursor=next')
          ? { json: { items: page(100), next_cursor: null } }
          : { json: { items: page(0), next_cursor: 'next' } },
  })
  showAt('/')
  expect(await screen.findByRole('link', { name: 'job 0' })).toBeVisible()
  expect(screen.getAllByRole('row').length).toBeLessThan(60)
  expect(await screen.findByText(/^100 of 5,060 jobs, 100 running/)).toBeVisible()
  window.scrollY = 90 * 64
  window.dispatchEvent(new Event('scroll'))
  expect(await screen.findByText(/^200 jobs, 200 running/)).toBeVisible()
  window.scrollY = 0
})

it('asks for what the address says', async () => {
  const asked: (string | undefined)[] = []
  await serve({
    '/api/v1/jobs/events': ({ url }) => {
      asked.push(url)
      return listed([])
    },
  })
  showAt('/?state=failed&q=digits&dataset=')
  expect(await screen.findByText('No job is like that.')).toBeVisible()
  expect(screen.getByRole('radio', { name: 'failed' })).toBeChecked()
  expect(asked[0]).toBe('/api/v1/jobs/events?status=failed&q=digits&limit=100')
})

it('takes a mistyped address for none', async () => {
  await serve({
    '/api/v1/jobs/events': ({ url }) =>
      url === '/api/v1/jobs/events?limit=100'
        ? listed([job()])
        : { status: 422, json: { status: 422, title: 'Wrong', detail: String(url) } },
  })
  showAt('/?state=flaied')
  expect(await screen.findByRole('link', { name: 'digits' })).toBeVisible()
  expect(screen.getByRole('radio', { name: 'all' })).toBeChecked()
})

it('sorts by a column, as the address says, and takes what changes into account', async () => {
  const [low, high] = [job({ name: 'low' }), job({ id: '0a1b2c3d4e5f', name: 'high' })]
  high.metrics = { 'metrics/mAP50-95(B)': 0.9 }
  const none = job({ id: '111111111111', name: 'none', metrics: {} })
  await serve({ '/api/v1/jobs/events': () => listed([none, low, high]) })
  const user = userEvent.setup()
  showAt('/')
  const names = () => screen.getAllByRole('rowheader').map((one) => one.textContent.slice(0, 4))
  await user.click(await screen.findByRole('button', { name: 'Main metric' }))
  expect(names()).toEqual(['high', 'low3', 'none'])
  expect(screen.getByRole('columnheader', { name: /Main metric/ })).toHaveAttribute(
    'aria-sort',
    'descending',
  )
  high.metrics = { 'metrics/mAP50-95(B)': 0.1 }
  await waitFor(() => {
    expect(names()).toEqual(['low3', 'high', 'none'])
  })
})
