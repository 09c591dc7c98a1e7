import { describe, expect, it } from 'vitest'
import { WELL, job } from '../test/fixtures'
import { serve, stopServing } from '../test/server'
import { listJobs, readiness } from './client'
import { setToken } from './token'

const signal = new AbortController().signal

describe('listJobs', () => {
  it('asks for the page after the cursor, with the token', async () => {
    const asked: unknown[] = []
    await serve({
      '/api/v1/jobs': ({ url, headers }) => {
        asked.push([url, headers.authorization])
        return { json: { items: [job()], next_cursor: null } }
      },
    })
    expect((await listJobs({}, null, signal)).items).toEqual([job()])
    setToken('ty_secret')
    await listJobs({}, 'abc=', signal)
    expect(asked).toEqual([
      ['/api/v1/jobs?limit=100', undefined],
      ['/api/v1/jobs?limit=100&cursor=abc%3D', 'Bearer ty_secret'],
    ])
  })

  it.each([
    [
      'the problem in its own words',
      { status: 401, json: { title: 'Unauthorized', status: 401, detail: 'Send an API token.' } },
      401,
      'Send an API token.',
    ],
    ['a proxy that finds no backend', { status: 502, text: '<h1>Bad Gateway</h1>' }, 502, /Check/],
    ['an answer of something else', { status: 404, text: '<h1>hello</h1>' }, 404, /HTTP 404/],
  ])('tells of %s', async (_case, reply, status, message) => {
    await serve({ '/api/v1/jobs': () => reply })
    await expect(listJobs({}, null, signal)).rejects.toMatchObject({
      status,
      message: expect.stringMatching(message) as string,
    })
  })

  it('tells of a backend that is not there', async () => {
    await serve({})
    await stopServing()
    await expect(listJobs({}, null, signal)).rejects.toMatchObject({
      status: null,
      message: expect.stringContaining('does not answer') as string,
    })
  })
})

describe('readiness', () => {
  it.each([200, 503])('takes the checks from an answer %d', async (status) => {
    await serve({ '/readyz': () => ({ status, json: WELL }) })
    expect(await readiness(signal)).toEqual(WELL)
  })

  it('does not take a proxy’s 503 for the backend’s', async () => {
    await serve({ '/readyz': () => ({ status: 503, text: '<h1>Unavailable</h1>' }) })
    await expect(readiness(signal)).rejects.toMatchObject({ status: 503 })
  })
})
