import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Page, chromium } from 'playwright-core'
import { preview } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Platform, writeDataset } from './platform'

const OUT = new URL('out/', import.meta.url).pathname
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const folder = mkdtempSync(join(tmpdir(), 'trainyard-browser-'))
const platform = new Platform(folder)
const ends: (() => Promise<void>)[] = []
let page: Page

beforeAll(async () => {
  ends.push(() => platform.stop())
  await platform.ready()
  const server = await preview({
    preview: { port: 0, proxy: { '/api': platform.url, '/readyz': platform.url } },
  })
  ends.push(() => server.close())
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
  ends.push(() => browser.close())
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(server.resolvedUrls?.local[0] ?? '')
}, 120_000)

afterAll(async () => {
  for (const end of ends.reverse()) await end()
  rmSync(folder, { recursive: true })
}, 60_000)

it('says how to begin, then follows a training to its end by itself', async () => {
  await page.getByText('No jobs yet.').waitFor()
  await page.getByRole('link', { name: /Temporal/ }).waitFor()
  await page.screenshot({ path: `${OUT}empty.png` })

  const data = join(folder, 'patches')
  writeDataset(data)
  await platform.yard('dataset', 'push', data)
  // Long enough to be seen at work: an idle page asks every eight seconds.
  const settings = ['epochs=50', 'imgsz=32', 'batch=2'].flatMap((set) => ['--set', set])
  await platform.yard('train', 'patches', '--name', 'first', '--no-follow', ...settings)

  const row = page.getByRole('row', { name: /first/ })
  await row.getByText(/queued|preparing|running/).waitFor()
  await page.screenshot({ path: `${OUT}working.png` })
  await row.getByText('succeeded').waitFor({ timeout: 120_000 })
  expect(await row.getByText('50 of 50 epochs').isVisible()).toBe(true)
  expect(await row.getByText('mAP50', { exact: true }).isVisible()).toBe(true)
}, 200_000)

it.each(['light', 'dark'] as const)('is accessible in %s', async (colorScheme) => {
  await page.emulateMedia({ colorScheme })
  await page.screenshot({ path: `${OUT}${colorScheme}.png` })
  await page.addScriptTag({ path: AXE })
  const found = await page.evaluate('axe.run().then((result) => result.violations)')
  expect(found).toEqual([])
})

it('fits a telephone', async () => {
  await page.setViewportSize({ width: 360, height: 800 })
  await page.screenshot({ path: `${OUT}narrow.png`, fullPage: true })
  const overflow = 'document.documentElement.scrollWidth - window.innerWidth'
  expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0)
})
