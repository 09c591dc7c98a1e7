import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { json } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { showAt } from '../../test/render'
import { serve } from '../../test/server'

const SHA256 = '9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c'

it('leaves it to the platform what a file is for, and shows why it is refused', async () => {
  const told: unknown[] = []
  const detail = 'x.pt is refused: it names os.system, which is no part of a model.'
  await serve({
    '/api/v1/models': () => ({ json: { items: [], next_cursor: null } }),
    '/api/v1/weights': () => ({ json: { items: [], next_cursor: null, downloads: false } }),
    [`/api/v1/weights/${SHA256}`]: async (request) => {
      told.push(await json(request))
      return { status: 422, json: { title: 'Weights refused', status: 422, detail } }
    },
  })
  const user = userEvent.setup()
  showAt('/models')
  await user.upload(await screen.findByLabelText('a .pt file'), new File(['weights'], 'x.pt'))
  const upload = within(await screen.findByRole('region', { name: 'Upload of weights' }))
  await user.click(upload.getByRole('button', { name: 'Upload' }))
  await upload.findByText(detail)
  await user.selectOptions(upload.getByLabelText('Task'), 'pose')
  await user.type(upload.getByLabelText('Model'), 'mine')
  await user.click(upload.getByRole('button', { name: 'Upload' }))
  await expect
    .poll(() => told)
    .toEqual([
      { name: 'x.pt', size: 7, task: null, model: null },
      { name: 'x.pt', size: 7, task: 'pose', model: 'mine' },
    ])
})
