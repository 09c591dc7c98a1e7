import { screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import type { Platform } from '../../api/client'
import { show } from '../../test/render'
import { serve } from '../../test/server'
import { Overview } from './Overview'

const platform: Platform = {
  training_mode: 'subprocess',
  gpus: 0,
  jobs: { queued: 1200, preparing: 1, running: 2, retrying: 3, cancelling: 1 },
  placements: [],
  priorities: [],
}

it.each([
  [{}, ['Processes', '1,204', '3', '0']],
  [
    { training_mode: 'kubernetes', gpus: null, jobs: {} },
    ['Kubernetes Jobs', '0', 'As the cluster has'],
  ],
  [{ gpus: null }, ['Not known now']],
] as const)('says how busy it is: %j', async (changes, texts) => {
  await serve({ '/api/v1/platform': () => ({ json: { ...platform, ...changes } }) })
  show(<Overview />)
  for (const text of texts) {
    expect((await screen.findAllByText(text))[0]).toBeVisible()
  }
  expect(screen.getByText(/^\d+\.\d+\.\d+/)).toBeVisible()
})
