import { cleanup, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Dataset, Job } from '../../../api/client'
import { job } from '../../../test/fixtures'
import { showAt } from '../../../test/render'
import { serve } from '../../../test/server'
import { encode } from './encode'
import { sweep } from './left'

const TRIED = job({ status: 'succeeded' })
const DATASET: Dataset = {
  id: TRIED.dataset_id,
  name: 'digits',
  version: 1,
  task: 'detect',
  status: 'ready',
  size: 1,
  sha256: null,
  report: null,
  created_by: null,
  created_at: TRIED.created_at,
}
const FIRST = 'a00000000001'
const SECOND = 'b00000000002'

/** What holds an image's decoding up, by the image's name. */
let held: Record<string, Promise<void>> = {}

beforeEach(() => {
  held = {}
  localStorage.clear()
  // jsdom neither decodes, draws nor measures.
  vi.stubGlobal('createImageBitmap', async ({ name }: File) => {
    await held[name]
    return { width: 8, height: 8 }
  })
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe = () => undefined
      disconnect = () => undefined
    },
  )
  const context = { fillRect: () => undefined, drawImage: () => undefined }
  const prototype = vi.spyOn(HTMLCanvasElement.prototype, 'getContext')
  prototype.mockReturnValue(context as unknown as null)
  vi.spyOn(HTMLCanvasElement.prototype, 'toBlob').mockImplementation((took) => {
    took(new Blob(['image'], { type: 'image/webp' }))
  })
})

it.each([
  [100, 'VP8L', { compressed: false }],
  [100, 'VP8 ', { compressed: true }], // of a browser whose WebP always loses
  [100_000, 'VP8L', { compressed: true }],
])('sends what fits without a loss: %d bytes of %s', async (size, chunk, told) => {
  vi.spyOn(HTMLCanvasElement.prototype, 'toBlob').mockImplementation((took, type, quality) => {
    const isBest = quality === 1
    // As Chromium writes it, with colours in front, whose size is odd here.
    const colours = 'VP8X\u0003\0\0\0abc\0'
    const head = `RIFF....WEBP${colours}${isBest ? chunk : 'VP8 '}`
    took(new Blob([head.padEnd(isBest ? size : 50)], { type: type ?? '' }))
  })
  const sent = await encode({ width: 8, height: 8 } as ImageBitmap, 32)
  expect(sent).toMatchObject({ width: 8, height: 8, reduced: false, ...told })
})

function latch(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** The tab of a platform whose trials are `FIRST` and `SECOND`, which answers their POSTs when told. */
async function tryModel(changes: Partial<Job> = {}) {
  const jobs = new Map<string, Job>([[TRIED.id, TRIED]])
  const begun = [latch(), latch()]
  const asked: string[] = []
  let posted = 0
  const answers: Parameters<typeof serve>[0] = {
    '/api/v1/trainers': () => ({
      json: { items: [{ name: 'ultralytics' }, { name: 'ultralytics-predict' }] },
    }),
    '/api/v1/datasets': () => ({ json: { items: [DATASET], next_cursor: null } }),
    [`/api/v1/datasets/${DATASET.id}`]: () => ({ json: DATASET }),
    '/api/v1/jobs': async () => {
      const at = posted
      posted += 1
      const trial = job({ id: [FIRST, SECOND][at] ?? '', phase: null, ...changes })
      jobs.set(trial.id, trial)
      await begun[at]?.opened
      return { status: 201, json: trial }
    },
  }
  for (const id of [TRIED.id, FIRST, SECOND]) {
    const path = `/api/v1/jobs/${id}`
    const found = () => {
      const one = jobs.get(id)
      return one === undefined ? { status: 404, json: { detail: 'Gone.' } } : { json: one }
    }
    answers[path] = ({ method }) => {
      if (method !== 'DELETE') return found()
      asked.push(`delete ${id}`)
      jobs.delete(id)
      return { status: 204, text: '' }
    }
    answers[`${path}/cancel`] = () => {
      asked.push(`cancel ${id}`)
      jobs.set(id, job({ id, status: 'cancelled' }))
      return found()
    }
    answers[`${path}/events`] = () => ({
      text: `id: 1\nevent: state\ndata: ${JSON.stringify(jobs.get(id))}\n\n`,
    })
    answers[`${path}/artifacts`] = () => {
      if (id !== TRIED.id) asked.push(`files ${id}`) // of the tried job its header asks
      return { json: { items: [] } }
    }
  }
  await serve(answers)
  const user = userEvent.setup()
  showAt(`/jobs/${TRIED.id}?tab=try`)
  const pick = async (name: string) => {
    const file = new File(['image'], name, { type: 'image/png' })
    await user.upload(await screen.findByLabelText('an image'), file)
  }
  const untilPosted = (count: number) =>
    waitFor(() => {
      expect(posted).toBe(count)
    })
  return { jobs, asked, pick, user, untilPosted, answer: (at: number) => begun[at]?.open() }
}

it('keeps a trial that has failed, for its log', async () => {
  const { jobs, asked, pick, user, answer } = await tryModel({
    name: 'try one.png',
    status: 'failed',
    message: 'The image is broken.',
  })
  answer(0)
  await pick('one.png')
  expect(await screen.findByText(/The image is broken/)).toBeVisible()
  await user.click(screen.getByRole('link', { name: 'Its log' }))
  await waitFor(() => {
    expect(document.title).toContain('try one.png')
  })
  expect(await screen.findByRole('link', { name: 'Log', current: 'page' })).toBeVisible()
  expect(asked).toEqual([])
  expect(jobs.has(FIRST)).toBe(true)
  expect(localStorage).toHaveLength(0)
})

it('keeps a trial that has ended without an answer', async () => {
  const { asked, pick, user, answer } = await tryModel({ status: 'succeeded' })
  answer(0)
  await pick('one.png')
  expect(await screen.findByText(/has left no predictions.json/)).toBeVisible()
  await user.click(screen.getByRole('link', { name: 'Files' }))
  expect(await screen.findByText('No files yet.')).toBeVisible()
  expect(asked).toEqual([`files ${FIRST}`])
})

it('shows the latest image, and gives up the one before however late it is answered', async () => {
  const { asked, pick, user, untilPosted, answer } = await tryModel()
  await pick('one.png')
  await untilPosted(1)
  await pick('two.png')
  await untilPosted(2)
  answer(1)
  expect(await screen.findByRole('region', { name: 'two.png' })).toBeVisible()
  answer(0)
  await waitFor(() => {
    expect(asked).toEqual([`cancel ${FIRST}`, `delete ${FIRST}`])
  })
  expect(screen.getByRole('region', { name: 'two.png' })).toBeVisible()
  await user.click(screen.getByRole('link', { name: 'Config' }))
  await waitFor(() => {
    expect(asked.slice(2)).toEqual([`cancel ${SECOND}`, `delete ${SECOND}`])
  })
})

it('gives up what is still on its way when its page is left', async () => {
  const { jobs, asked, pick, user, untilPosted, answer } = await tryModel()
  const decoding = latch()
  held['slow.png'] = decoding.opened
  await pick('slow.png')
  await pick('one.png')
  await untilPosted(1)
  await user.click(screen.getByRole('link', { name: 'Config' }))
  decoding.open()
  answer(0)
  await waitFor(() => {
    expect(asked).toEqual([`cancel ${FIRST}`, `delete ${FIRST}`])
  })
  expect([...jobs.keys()]).toEqual([TRIED.id])
})

it('cancels what its tab is closed on, and deletes it at the next visit', async () => {
  const { asked, pick, untilPosted, answer } = await tryModel({ status: 'queued' })
  answer(0)
  await pick('one.png')
  await untilPosted(1)
  await waitFor(() => {
    expect(localStorage).toHaveLength(1)
  })
  window.dispatchEvent(new Event('pagehide'))
  await waitFor(() => {
    expect(asked).toEqual([`cancel ${FIRST}`])
  })
  cleanup()
  showAt('/platform')
  await waitFor(() => {
    expect(asked).toContain(`delete ${FIRST}`)
    expect(localStorage).toHaveLength(0)
  })
})

it('leaves the job of a closed tab to a token that may cancel it', async () => {
  const asked: string[] = []
  const path = `/api/v1/jobs/${FIRST}`
  await serve({
    [path]: ({ method }) => {
      asked.push(method ?? '')
      return { json: job({ id: FIRST }) }
    },
    [`${path}/cancel`]: () => {
      asked.push('cancel')
      return { status: 403, json: { detail: 'This token only reads.' } }
    },
  })
  localStorage.setItem(`trainyard.trial.${FIRST}`, '0')
  await sweep()
  expect(asked).toEqual(['cancel'])
  expect(localStorage).toHaveLength(1)
})

it('gives up a trial that the browser does not keep', async () => {
  vi.spyOn(window, 'localStorage', 'get').mockImplementation(() => {
    throw new DOMException('forbidden', 'SecurityError')
  })
  const { asked, pick, user, answer } = await tryModel()
  answer(0)
  await pick('one.png')
  expect(await screen.findByRole('region', { name: 'one.png' })).toBeVisible()
  await user.click(screen.getByRole('link', { name: 'Config' }))
  await waitFor(() => {
    expect(asked).toEqual([`cancel ${FIRST}`, `delete ${FIRST}`])
  })
})

it('lets be what another tab may still wait for', async () => {
  const { asked, user } = await tryModel()
  localStorage.setItem(`trainyard.trial.${FIRST}`, String(Date.now() + 60_000))
  localStorage.setItem(`trainyard.trial.${SECOND}`, String(Date.now() - 1))
  cleanup()
  showAt('/platform')
  await waitFor(() => {
    expect(asked).toContain(`delete ${SECOND}`)
  })
  await user.click(screen.getByRole('link', { name: 'Jobs' }))
  expect(asked.filter((one) => one.endsWith(FIRST))).toEqual([])
})
