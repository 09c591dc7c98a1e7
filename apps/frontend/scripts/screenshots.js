// Pictures of every page at two widths in both themes, into a folder: node screenshots.js FOLDER [WIDTH…]
// Run by `yard dev --mlflow -- …` after `make demo MLFLOW=1`, which says in YARD_PAGE_URL where the page is, and in
// YARD_TOKEN its token.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [folder = 'out', ...given] = process.argv.slice(2)
const base = process.env.YARD_PAGE_URL ?? 'http://127.0.0.1:3000'
const token = process.env.YARD_TOKEN ?? ''
const widths = given.length > 0 ? given.map(Number) : [400, 1280]

async function newest(list, limit = 1) {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await fetch(new URL(`/api/v1/${list}?limit=${limit}`, base), { headers })
  const { items } = await answer.json()
  if (items.length === 0) throw new Error(`There are no ${list} yet: run make demo MLFLOW=1 first.`)
  return items
}

// Not one that has judged or exported the model.
const { id: job } = (await newest('jobs', 50)).find(({ trainer }) => trainer === 'ultralytics')
const [{ id: dataset }] = await newest('datasets')
await newest('models')
const compared = (await newest('jobs', 2)).map(({ id }) => id)
// One that the demo's model has not seen, with handwriting on it.
const IMAGES = new URL('../../../demo/out/pages/heldout/images/', import.meta.url).pathname
const image = join(IMAGES, readdirSync(IMAGES)[0])

async function tryImage(page) {
  await page.getByLabel('an image').setInputFiles(image)
  await page.getByText(/^\d+ things? of \d+$|^Nothing is as sure/).waitFor({ timeout: 120_000 })
}

const pages = {
  jobs: '/',
  charts: `/jobs/${job}`,
  results: `/jobs/${job}?tab=results`,
  try: `/jobs/${job}?tab=try`,
  'new-job': '/jobs/new',
  compare: `/compare?jobs=${compared.join(',')}`,
  dataset: `/datasets/${dataset}`,
  images: `/datasets/${dataset}?tab=images`,
  models: '/models',
  platform: '/platform',
}
mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
for (const width of widths) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({
      viewport: { width, height: width < 600 ? 760 : 720 },
      colorScheme,
      reducedMotion: 'reduce',
    })
    await page.goto(new URL(`/#token=${token}`, base).href)
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(new URL(path, base).href)
      await page.getByRole('heading', { level: 1 }).waitFor()
      // Not idle: a list and a job are followed live.
      await page.locator('.loading').first().waitFor({ state: 'detached' })
      if (name === 'try') await tryImage(page)
      await page.waitForTimeout(1000)
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png` })
    }
    await page.close()
  }
}
await browser.close()
