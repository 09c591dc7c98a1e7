import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'
import type { Token } from '../../api/client'
import { show } from '../../test/render'
import { serve } from '../../test/server'
import { Tokens } from './Tokens'

// jsdom has no modal dialogs.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true
}

const token = (changes: Partial<Token>): Token => ({
  name: 'ann',
  access: 'write',
  created_by: null,
  created_at: '2026-11-24T12:00:00Z',
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
  ...changes,
})

it('lists tokens with how they stand, and revokes one after it has asked', async () => {
  let revoked: string | null = null
  await serve({
    '/api/v1/tokens': () => ({
      json: {
        items: [
          token({ revoked_at: revoked }),
          token({ name: 'ci', access: 'read', expires_at: '2020-01-01T00:00:00Z' }),
        ],
        next_cursor: null,
      },
    }),
    '/api/v1/tokens/ann': ({ method }) => {
      if (method === 'DELETE') revoked = '2026-11-30T12:00:00Z'
      return { status: 200, json: {} }
    },
  })
  show(<Tokens />)
  const user = userEvent.setup()
  expect(await screen.findByRole('row', { name: /ci read .* never expired/ })).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Revoke ci' })).toBeNull()
  await user.click(screen.getByRole('button', { name: 'Revoke ann' }))
  await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Revoke it' }))
  expect(await screen.findByRole('row', { name: /ann write .* revoked/ })).toBeVisible()
})

it('says who may see tokens to who may not', async () => {
  const detail = 'Only a token that `python -m backend token create NAME` has made manages tokens.'
  await serve({ '/api/v1/tokens': () => ({ status: 403, json: { detail } }) })
  show(<Tokens />)
  expect(await screen.findByText(detail)).toBeVisible()
})
