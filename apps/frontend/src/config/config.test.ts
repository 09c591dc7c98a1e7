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
  [{ links: { mlflow: 5000 } }, 'links.mlflow must be an http:// or https:// address'],
  [{ links: { mlflow: 'mlflow:5000' } }, 'links.mlflow must be'],
  [{ links: { mlflow: 'http://' } }, 'links.mlflow must be'],
  [{ links: { mlflow: 'javascript:alert(1)//http://x' } }, 'links.mlflow must be'],
])('refuses %j', (found, message) => {
  expect(() => parseConfig(found)).toThrow(message)
})

it.each([
  [
    { price: 2.5, currency: 'EUR' },
    { price: 2.5, currency: 'EUR' },
  ],
  [{ price: 0, currency: 'EUR' }, null],
  [{ price: '2', currency: 'EUR' }, null],
  [{ price: 2, currency: '€' }, null],
  [2, null],
])('keeps its links whatever an hour of a GPU costs: %j', (gpuHour, told) => {
  const links = { mlflow: 'http://mlflow:5000' }
  expect(parseConfig({ links, gpuHour })).toEqual({ tier: '', links, gpuHour: told })
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
