import { expect, it } from 'vitest'
import { WELL } from '../../test/fixtures'
import { partsOf } from './parts'

const brief = (parts: ReturnType<typeof partsOf>) =>
  parts.map(({ name, check, link }) => [name, check, link])

it('joins checks and links, in a fixed order', () => {
  const links = {
    zeta: 'https://zeta',
    grafana: 'https://grafana',
    minio: 'https://console',
    temporal: 'https://temporal',
  }
  expect(brief(partsOf(WELL, null, links))).toEqual([
    ['Backend', 'ok', null],
    ['Database', 'ok', null],
    ['Object store', 'ok', 'https://console'],
    ['Temporal', 'ok', 'https://temporal'],
    ['Launcher', 'ok', null],
    ['Grafana', null, 'https://grafana'],
    ['zeta', null, 'https://zeta'],
  ])
})

it('knows only of the backend while it does not answer', () => {
  expect(brief(partsOf(null, 'It is gone.', { minio: 'https://console' }))).toEqual([
    ['Backend', 'It is gone.', null],
    ['Object store', null, 'https://console'],
  ])
})

it('claims nothing before the first answer', () => {
  expect(partsOf(null, null, {})).toEqual([])
})
