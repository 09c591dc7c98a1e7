import { expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import { estimateOf } from './estimate'

const done = (changes: object = {}) =>
  job({
    status: 'succeeded',
    epoch: 9,
    started_at: '2026-11-24T12:00:00Z',
    first_step_at: '2026-11-24T12:00:02Z',
    finished_at: '2026-11-24T12:01:42Z',
    ...changes,
  })

it('takes the most alike of the earlier jobs, and its epochs', () => {
  const other = done({ id: 'b', config: { epochs: 10, imgsz: 640 } })
  const found = estimateOf([other, done()], 'ultralytics', { epochs: 30, imgsz: 96 })
  expect(found).toMatchObject({ epoch: 10_000, start: 2000, total: 302_000, apart: [] })
  expect(estimateOf([other], 'ultralytics', { epochs: 1, imgsz: 96 })?.apart).toEqual(['imgsz'])
})

it('knows nothing without such a job', () => {
  const retried = done({ attempt: 2 })
  expect(estimateOf([retried, job()], 'ultralytics', {})).toBeNull()
  expect(estimateOf([done()], 'other', {})).toBeNull()
})
