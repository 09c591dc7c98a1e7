import { screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { WELL } from '../../test/fixtures'
import { show } from '../../test/render'
import { serve } from '../../test/server'
import { HealthPanel } from './HealthPanel'

const config = { tier: 'tier2', links: { temporal: 'http://localhost:30233' } }

it('shows what is well and leads to each page', async () => {
  await serve({ '/readyz': () => ({ json: WELL }), '/config.json': () => ({ json: config }) })
  show(<HealthPanel />)
  expect(await screen.findAllByText('ok')).toHaveLength(5)
  expect(await screen.findByRole('link', { name: /Temporal/ })).toHaveAttribute(
    'href',
    'http://localhost:30233',
  )
})

it('says what is wrong and what follows from it', async () => {
  const checks = { ...WELL.checks, temporal: 'Temporal at temporal:7233 does not answer.' }
  await serve({ '/readyz': () => ({ json: { status: 'degraded', checks } }) })
  show(<HealthPanel />)
  expect(await screen.findByText('Temporal at temporal:7233 does not answer.')).toBeVisible()
  expect(screen.getByText(/Jobs are accepted/)).toBeVisible()
})

it('says that nothing can be served without a store', async () => {
  const checks = { ...WELL.checks, store: 'MINIO_ENDPOINT: refused.' }
  await serve({ '/readyz': () => ({ status: 503, json: { status: 'unavailable', checks } }) })
  show(<HealthPanel />)
  expect(await screen.findByRole('alert')).toHaveTextContent('cannot serve')
  expect(screen.getByText('MINIO_ENDPOINT: refused.')).toBeVisible()
})

it('shows the backend as not ok when it is gone, and a wrong config.json', async () => {
  await serve({
    '/readyz': () => ({ status: 502, text: 'Bad Gateway' }),
    '/config.json': () => ({ json: { links: { mlflow: 'mlflow' } } }),
  })
  show(<HealthPanel />)
  expect(await screen.findByText('not ok')).toBeVisible()
  expect(await screen.findByText(/links.mlflow must be/)).toBeVisible()
})
