import { describe, expect, it } from 'vitest'
import { job } from '../../test/fixtures'
import { elapsedOf, progressOf, progressText, scoreOf, shownText, statusOf } from './present'

describe('progressText', () => {
  it.each([
    [{}, '3 of 10 epochs · training · 41 images/s'],
    [{ config: {} }, '3 epochs · training · 41 images/s'],
    [{ attempt: 2, phase: null, speed: null }, '3 of 10 epochs · attempt 2 of 3'],
    [{ status: 'failed' as const }, '3 of 10 epochs'],
    [{ config: {}, epoch: null, status: 'succeeded' as const }, ''],
    [
      { status: 'queued' as const, attempt: 0, epoch: null, phase: null, speed: null },
      'not started',
    ],
    [{ epoch: null, phase: 'preparing', speed: 0 }, '0 of 10 epochs · preparing'],
    // An evaluation or export has no epochs and trains nothing.
    [{ epoch: null, config: { split: 'val' } }, '41 images/s'],
    [{ epoch: null, config: { split: 'val' }, status: 'succeeded' as const }, ''],
  ])('for %j is "%s"', (changes, text) => {
    expect(progressText(job(changes))).toBe(text)
  })
})

it('says that a trained job uploads, unless more is to be said', () => {
  expect(statusOf(job({ phase: 'uploading', progress: 1 }))).toBe('uploading')
  expect(statusOf(job({ phase: 'uploading', status: 'cancelling' }))).toBe('cancelling')
  expect(statusOf(job({ phase: 'uploading', status: 'succeeded' }))).toBe('succeeded')
})

it('counts a job that stopped early and well as complete', () => {
  expect(progressOf(job({ status: 'succeeded', progress: 0.4 }))).toBe(1)
})

describe('scoreOf', () => {
  it.each([
    [
      { 'metrics/mAP50-95(B)': 0.5, 'metrics/mAP50(B)': 0.8 },
      { name: 'mAP50-95', value: 0.5 },
    ],
    [{ 'metrics/mAP50-95(B)': 0.5 }, { name: 'mAP50-95', value: 0.5 }],
    [{ 'metrics/accuracy_top1': 0.9 }, { name: 'top-1 accuracy', value: 0.9 }],
    [{ 'metrics/mAP50(B)': null, loss: 1 }, null],
  ])('of %j', (metrics, score) => {
    expect(scoreOf(job({ metrics }))).toEqual(score)
  })

  it('of an ended job is its best model', () => {
    const best = { epoch: 3, metric: 'metrics/mAP50-95(M)', value: 0.7 }
    expect(scoreOf(job({ best }))).toEqual({ name: 'mAP50-95', value: 0.7 })
  })
})

it('measures from the first launch to the end, or to now', () => {
  const now = Date.parse('2026-11-24T12:01:01Z')
  expect(elapsedOf(job(), now)).toBe(60_000)
  expect(elapsedOf(job({ finished_at: '2026-11-24T12:00:31Z' }), now)).toBe(30_000)
  expect(elapsedOf(job({ started_at: null }), now)).toBeNull()
  // A retry goes on from what was trained before.
  expect(elapsedOf(job({ earlier_duration_s: 40 }), now)).toBe(100_000)
  expect(elapsedOf(job({ earlier_duration_s: 40, started_at: null }), now)).toBe(40_000)
})

it.each([
  [3, 3, true, '3 jobs'],
  [1, 1, false, '1 job'],
  [100, null, false, '100 jobs so far'],
  [1000, 5060, false, '1,000 of 5,060 jobs'],
  [1000, 5060, true, '1,000 of 5,060 jobs, sorted among these'],
])('says of %i known of %s jobs, sorted: %s', (known, total, isSorted, text) => {
  expect(shownText(known, total, isSorted)).toBe(text)
})
