import { expect, it } from 'vitest'
import shipped from '../../public/config.json'
import { serve } from '../test/server'
import { loadConfig, parseConfig } from './config'

const signal = new AbortController().signal

it('reads the file that the image ships', () => {
  expect(parseConfig(shipped)).toEqual({ ...shipped, gpuHour: null })
})

it('needs no field', () => {
  expect(parseConfig({})).toEqual({ tier: '', links: {}, gpuHour: null })
})

it.each([
  [[], 'must be a JSON object'],
  ['tier2', 'must be a JSON object'],
  [{ tier: 2 }, 'tier must be a text'],
  [{ links: [] }, 'links must be an object'],
  [{ gpuHour: { price: -1, currency: 'EUR' } }, 'gpuHour must have a price above 0'],
  [{ gpuHour: { price: 2, currency: '€' } }, 'gpuHour must have'],
  [{ gpuHour: 2 }, 'gpuHour must have'],
  [{ links: { mlflow: 5000 } }, 'links.mlflow must be an http:// or https:// address'],
  [{ links: { mlflow: 'mlflow:5000' } }, 'links.mlflow must be'],
  [{ links: { mlflow: 'http://' } }, 'links.mlflow must be'],
  [{ links: { mlflow: 'javascript:alert(1)//http://x' } }, 'links.mlflow must be'],
])('refuses %j', (found, message) => {
  expect(() => parseConfig(found)).toThrow(message)
})

it('does without the file', async () => {
  await serve({})
  expect(await loadConfig(signal)).toEqual({ tier: '', links: {}, gpuHour: null })
})

it.each([
  [{ status: 500, text: 'oh' }, 'HTTP 500'],
  [{ text: 'not JSON' }, 'must be a JSON object'],
])('says what is wrong with %j', async (reply, message) => {
  await serve({ '/config.json': () => reply })
  await expect(loadConfig(signal)).rejects.toThrow(message)
})
