import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import type { Job } from '../../api/client'
import { job } from '../../test/fixtures'
import { showAt } from '../../test/render'
import { serve } from '../../test/server'

// jsdom has no modal dialogs.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true
}
HTMLDialogElement.prototype.close = function () {
  this.open = false
  this.dispatchEvent(new Event('close'))
}

const AWAY = { detail: 'The backend cannot use its database. Nothing was changed.' }

/** The page of a job whose backend takes a cancel only once `isBack`. */
async function cancelWithoutDatabase() {
  const server = { isBack: false, cancels: 0 }
  let now: Job = job()
  const path = `/api/v1/jobs/${now.id}`
  await serve({
    [`${path}/events`]: () => ({ text: `id: 1\nevent: state\ndata: ${JSON.stringify(now)}\n\n` }),
    [`${path}/cancel`]: () => {
      server.cancels += 1
      if (!server.isBack) return { status: 503, json: AWAY }
      now = job({ status: 'cancelling' })
      return { status: 202, json: now }
    },
  })
  showAt(`/jobs/${now.id}`)
  const user = userEvent.setup()
  await user.click(await screen.findByRole('button', { name: 'Cancel' }))
  await user.click(screen.getByRole('button', { name: 'Cancel the job' }))
  const dialog = within(screen.getByRole('dialog'))
  expect(await dialog.findByRole('alert')).toHaveTextContent(
    'Not cancelled yet: The backend cannot use its database. Nothing was changed. ' +
      'It is sent again until it is taken.',
  )
  return { server, user, dialog }
}

it('sends a cancel again until it is taken', async () => {
  const { server } = await cancelWithoutDatabase()
  server.isBack = true
  expect(
    await screen.findByRole('button', { name: 'Cancelling …' }, { timeout: 5000 }),
  ).toBeDisabled()
  expect(screen.queryByRole('dialog')).toBeNull()
  expect(server.cancels).toBe(2)
})

it('sends it no more once its dialog is closed', async () => {
  const { server, user, dialog } = await cancelWithoutDatabase()
  await user.click(dialog.getByRole('button', { name: 'Let it train' }))
  server.isBack = true
  await waitFor(() => expect(screen.getByText('The job was not cancelled.')).toBeVisible(), {
    timeout: 5000,
  })
  expect(server.cancels).toBe(1)
})

const EXPORTS = {
  format: 1,
  weights: { name: 'job:1/best.pt', file: 'model.pt', size: 1e6, ...judgedAt(0.75) },
  data: { split: 'val', images: 32 },
  metric: 'metrics/mAP50-95(B)',
  device: 'cpu (a processor)',
  imgsz: 96,
  exports: [
    { format: 'onnx', file: 'model.onnx', size: 2e6, drop: 0.25, error: null, ...judgedAt(0.5) },
    { format: 'openvino', error: 'no space left' },
  ],
}

function judgedAt(value: number) {
  return { metrics: { 'metrics/mAP50-95(B)': value }, latency_ms: { p50: 10.5, p95: 20.25 } }
}

it('shows what exports lose, and offers nothing that only a training has', async () => {
  const exported = job({ status: 'succeeded', epoch: null, config: { formats: ['onnx'] } })
  const path = `/api/v1/jobs/${exported.id}`
  const file = (name: string) => ({ name, size: 9, sha256: null, url: `http://store/${name}` })
  await serve({
    [`${path}/events`]: () => ({
      text: `id: 1\nevent: state\ndata: ${JSON.stringify(exported)}\n\n`,
    }),
    [`${path}/artifacts`]: () => ({
      json: { items: [file('export.json'), file('model.onnx')] },
    }),
    '/export.json': () => ({ json: EXPORTS }),
  })
  showAt(`/jobs/${exported.id}`)
  const row = await screen.findByRole('row', { name: /^onnx/ })
  expect(row).toHaveTextContent(/onnx.*model\.onnx.*2 MB.*0\.5000.*0\.2500.*10\.5.*20\.3/)
  expect(screen.getByRole('row', { name: /^pt/ })).toHaveTextContent('0.7500')
  expect(screen.getByText('openvino could not be exported: no space left')).toBeVisible()
  expect(screen.getByText(/Times are of cpu \(a processor\)/)).toBeVisible()
  for (const name of ['Charts', 'Register', '0 epochs']) expect(screen.queryByText(name)).toBeNull()
})

it('offers to register the model of a trainer that reports no epochs', async () => {
  const own = job({ status: 'succeeded', epoch: null, config: {} })
  const path = `/api/v1/jobs/${own.id}`
  const best = { name: 'best.pt', size: 9, sha256: '0'.repeat(64), url: 'http://store/best.pt' }
  await serve({
    [`${path}/events`]: () => ({ text: `id: 1\nevent: state\ndata: ${JSON.stringify(own)}\n\n` }),
    [`${path}/artifacts`]: () => ({ json: { items: [best] } }),
  })
  showAt(`/jobs/${own.id}`)
  expect(await screen.findByRole('button', { name: 'Register' })).toBeEnabled()
})

it('shows the log of a further node as far as it is stored, the latest attempt first', async () => {
  const resources = { cpu: 1, memory: '1Gi', gpu: 0, nodes: 2 }
  const two = job({ status: 'failed', resources })
  const path = `/api/v1/jobs/${two.id}`
  const names = ['attempt-10.node-1.log', 'attempt-9.node-1.log', 'best.pt']
  const items = names.map((name) => ({ name, size: 9, sha256: name, url: `http://store/${name}` }))
  await serve({
    [`${path}/events`]: () => ({ text: `id: 1\nevent: state\ndata: ${JSON.stringify(two)}\n\n` }),
    [`${path}/artifacts`]: () => ({ json: { items } }),
    '/attempt-9.node-1.log': () => ({ text: 'Rank 1 starts\nTraceback\n' }),
  })
  showAt(`/jobs/${two.id}?tab=log`)
  const node = await screen.findByRole('combobox', { name: 'Node' })
  await screen.findByRole('option', { name: 'Node 1 in attempt 9' })
  expect([...node.children].map(({ textContent }) => textContent)).toEqual([
    'Node 0',
    'Node 1 in attempt 10',
    'Node 1 in attempt 9',
  ])
  await userEvent.selectOptions(node, 'Node 1 in attempt 9')
  expect(await screen.findByText('2 lines')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Next error (1)' })).toBeEnabled()
})
