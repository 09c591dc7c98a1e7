import { expect, it, vi } from 'vitest'
import { job } from '../../test/fixtures'
import { serve } from '../../test/server'
import { notifyAtEnd } from './notify'

it('notifies once of a job that is no longer among those that run', async () => {
  const told: string[] = []
  class Shown {
    static requestPermission = () => Promise.resolve('granted')
    close = () => undefined
    constructor(title: string) {
      told.push(title)
    }
  }
  vi.stubGlobal('Notification', Shown)
  const [ended, other] = [job({ status: 'succeeded' }), job({ id: '0a1b2c3d4e5f' })]
  const news = { ids: [other.id], items: [other], next_cursor: null }
  await serve({
    '/api/v1/jobs/events': () => ({ text: `event: jobs\ndata: ${JSON.stringify(news)}\n\n` }),
    [`/api/v1/jobs/${ended.id}`]: () => ({ json: ended }),
  })
  expect(await notifyAtEnd(ended.id)).toBe(true)
  await vi.waitFor(() => {
    expect(told).toEqual(['digits succeeded'])
  })
})
