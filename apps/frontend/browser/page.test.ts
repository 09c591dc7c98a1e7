import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Page, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Platform, writeDataset } from './platform'

const OUT = new URL('out/', import.meta.url).pathname
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const folder = mkdtempSync(join(tmpdir(), 'trainyard-browser-'))
const platform = new Platform(folder)
const ends: (() => Promise<void>)[] = []
const forbidden: string[] = []
let page: Page
let base = ''
const paths: Record<string, string> = {
  jobs: '/',
  new: '/jobs/new',
  datasets: '/datasets',
  models: '/models',
  platform: '/platform',
}
const SIZES = [
  [360, 800],
  [768, 1024],
  [1440, 900],
] as const

beforeAll(async () => {
  ends.push(() => platform.stop())
  await platform.ready()
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
  ends.push(() => browser.close())
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) forbidden.push(message.text())
  })
  base = platform.page
  await page.goto(base)
  await page.getByText('shows the address of this page that brings it along').waitFor()
  await page.goto(platform.start)
}, 240_000)

afterAll(async () => {
  for (const end of ends.reverse()) await end()
  rmSync(folder, { recursive: true })
}, 60_000)

it('says how to begin, starts a training by its form, follows it, and finishes it early', async () => {
  await page.getByText('No jobs yet.').waitFor()
  expect(page.url()).toBe(`${base}/`)
  await page.screenshot({ path: `${OUT}empty.png` })
  const data = join(folder, 'patches')
  writeDataset(data)
  await platform.yard('dataset', 'push', data)

  await page.getByRole('link', { name: 'New job' }).click()
  const set = (name: string, text: string) => page.getByLabel(name, { exact: true }).fill(text)
  await set('Name', 'first')
  await set('Epochs', '0')
  await page.getByRole('button', { name: 'Start the training' }).click()
  await page.getByText('It must be a whole number from 1 to 10000.').waitFor()
  await set('Epochs', '1000')
  await set('Batch size', '2')
  await set('Image size', '32')
  const command = 'yard train patches@1 --name first --set epochs=1000 --set batch=2 --set imgsz=32'
  await page.getByText(command, { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Start the training' }).click()

  const summary = page.getByRole('region', { name: 'Summary' })
  // Its stream tells what is new: nothing is loaded again.
  const chart = page.getByRole('img', { name: /^mAP50 by epoch. At epoch \d+: val/ })
  await chart.waitFor({ timeout: 180_000 })
  await page.getByRole('button', { name: 'Finish now' }).click()
  await page.getByRole('button', { name: 'Finish after this epoch' }).click()
  await summary.getByText('succeeded').waitFor({ timeout: 180_000 })
  expect(await summary.getByText(/^\d+ of 1000 epochs$/).isVisible()).toBe(true)
  expect(await page.title()).toBe('✓ first · Trainyard')
  await page.locator('link[rel=icon][href="/icon-succeeded.svg"]').waitFor({ state: 'attached' })

  await page.getByRole('link', { name: 'Jobs', exact: true }).first().click()
  const row = page.getByRole('row', { name: /first/ })
  await row.getByText('succeeded').waitFor()
  expect(await row.getByText('mAP50-95', { exact: true }).isVisible()).toBe(true)
}, 300_000)

it('shows the log, what differs from the defaults, the files and the dataset', async () => {
  const settings = ['epochs=1', 'batch=2', 'imgsz=64'].flatMap((one) => ['--set', one])
  const second = platform.yard('train', 'patches', '--name', 'second', ...settings)
  await page.getByRole('link', { name: 'first' }).click()
  paths.job = new URL(page.url()).pathname
  const open = (name: string) => page.getByRole('link', { name, exact: true }).click()
  await open('Results')
  const classes = page.getByRole('region', { name: 'By class' })
  await classes.getByRole('row', { name: /patch 4 4/ }).waitFor()
  await classes.getByRole('button', { name: 'mAP50', exact: true }).click()
  await classes.locator('th[aria-sort=ascending]', { hasText: 'mAP50' }).waitFor()
  await page.getByRole('img', { name: /^Precision-Recall: Precision by Recall/ }).waitFor()
  // What so few epochs do not teach is missed: a cell that leads to the images, cut from the store's sheet.
  const missed = page.getByRole('button', { name: /patch taken for background: show the images/ })
  if ((await missed.count()) > 0) {
    await missed.click()
    const tile = page.getByRole('img', { name: /\.png: \d missed/ }).first()
    await tile.waitFor()
    const isDrawn = (img: HTMLImageElement) => img.decode().then(() => img.naturalWidth > 0)
    expect(await tile.evaluate(isDrawn as never)).toBe(true)
  }
  await open('Log')
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('epoch')
  await page.getByText(/lines? with it/).waitFor()
  await open('Config')
  await page
    .getByRole('row', { name: /imgsz.*32.*640/ })
    .first()
    .waitFor()
  await open('Files')
  const best = page.getByRole('link', { name: 'best.pt' })
  expect(await best.getAttribute('href')).toMatch(/^http.*Signature=/)
  await open('Timeline')
  await page.getByText(/^Attempt 1: \d+ epochs? trained$/).waitFor()
  await page.getByText('Attempt 1 ended: Completed', { exact: true }).waitFor()
  await page.getByText(/^At its last heartbeat: (CPU \d+ %, )?Memory \d+ %/).waitFor()
  await open('patches@1')
  await page.getByRole('row', { name: /patch 4 4/ }).waitFor()
  paths.dataset = new URL(page.url()).pathname
  await second
}, 180_000)

it('shows the images with what is marked on them, by split and class, one as large as the window', async () => {
  await page.goto(new URL(paths.dataset ?? '', base).href)
  await page.getByRole('link', { name: 'Images', exact: true }).click()
  const tile = page.getByRole('button', { name: 'images/train/a.png: patch', exact: true })
  await tile.waitFor()
  // The image is grey; the line of its box is not.
  const colours = (canvas: HTMLCanvasElement) => {
    const drawn = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(drawn?.data.buffer ?? new ArrayBuffer())).size
  }
  const count: number = await tile.locator('canvas').evaluate(colours as never)
  await page.getByLabel('Labels').uncheck()
  await expect
    .poll(() => tile.locator('canvas').evaluate(colours as never), { timeout: 10_000 })
    .toBeLessThan(count)
  await page.getByLabel('Labels').check()
  await page.locator('.filters label', { hasText: 'val' }).click()
  await page.getByLabel('Class').selectOption('patch')
  await page.getByText('4 images', { exact: true }).waitFor()
  expect(new URL(page.url()).search).toBe('?tab=images&split=val&class=0')
  paths.images = `${paths.dataset ?? ''}?tab=images`
  await page.getByRole('button', { name: 'images/val/a.png: patch' }).click()
  const viewer = page.getByRole('dialog', { name: 'images/val/a.png' })
  await viewer.getByText('val · 1 of 4').waitFor()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('dialog', { name: 'images/val/d.png' }).waitFor()
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await page.keyboard.press('Escape')
  await page.getByLabel('Class').selectOption('Nothing marked')
  await page.getByText('No image is like that.').waitFor()
}, 60_000)

it('tries the model on an image of one’s own, and leaves no job of it', async () => {
  await page.goto(new URL(paths.job ?? '', base).href)
  await page.getByRole('link', { name: 'Try it', exact: true }).click()
  const chosen = page.getByLabel('an image')
  const file = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no image') }
  await chosen.setInputFiles(file)
  await page.getByText('notes.png is no image that this browser can open.').waitFor()
  await chosen.setInputFiles(join(folder, 'patches/images/val/a.png'))
  const trial = page.getByRole('region', { name: 'a.png' })
  await trial.getByLabel('The trial').waitFor()
  await trial.getByLabel('Least confidence').fill('5')
  await trial.getByText(/^(\d+ things? of \d+|Nothing is as sure as that\.)$/).waitFor()
  await trial.getByText(/^Sent with 32 × 32 of its 64 × 64 pixels: [^:.]+\.$/).waitFor()
  expect(await trial.getByRole('img', { name: /^a\.png: (nothing marked|.*patch)/ }).count()).toBe(
    1,
  )
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await page.goto(base)
  await page.getByRole('row', { name: /first/ }).waitFor()
  await expect.poll(() => page.getByRole('row', { name: /try a\.png/ }).count()).toBe(0)
}, 120_000)

it('compares two jobs: results, config fields, classes and curves', async () => {
  await page.goto(base)
  await page.getByLabel('Choose first').check()
  await page.getByLabel('Choose second').check()
  await page.getByRole('link', { name: 'Compare' }).click()
  const results = page.getByRole('region', { name: 'Results' })
  await results.getByRole('row', { name: /mAP50-95 \d\.\d{3} .*\d\.\d{3}/ }).waitFor()
  await page.getByRole('row', { name: 'imgsz 32 64' }).waitFor()
  await page.getByRole('img', { name: /^mAP50 by epoch. At the end: first.*second/ }).waitFor()
  expect(await page.getByText(/^Not comparable/).count()).toBe(0)
  // Neither has learnt much: each judges some images badly, and so the other is shown beside it.
  const worst = page.getByRole('region', { name: 'Worst images' })
  await worst.getByRole('heading', { level: 3 }).first().waitFor()
  expect(await worst.getByText(/^(first|second)/).count()).toBeGreaterThan(1)
  const parameters = page.getByRole('region', { name: /^Parameters and / })
  await parameters.locator('canvas').first().waitFor()
  await parameters.getByLabel('imgsz from').fill('50')
  await parameters.getByLabel('imgsz from').press('Enter')
  await parameters.getByText('1 of 2 jobs').waitFor()
  const { pathname, search } = new URL(page.url())
  paths.compare = pathname + search
  await page.keyboard.press('Control+K')
  await page.getByRole('combobox', { name: 'Job, dataset, page or action' }).fill('second')
  await page.getByRole('option', { name: /^second job/, selected: true }).waitFor()
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'second', level: 1 }).waitFor()
}, 60_000)

it('registers two models, promotes one after the other past the gate, and goes back', async () => {
  for (const [index, name] of ['first', 'second'].entries()) {
    await page.goto(base)
    await page.getByRole('link', { name, exact: true }).click()
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByLabel('Name', { exact: true }).fill('patches')
    await page.getByRole('dialog').getByRole('button', { name: 'Register' }).click()
    const version = page.getByRole('row', { name: `patches/${index + 1}` })
    await version.waitFor()
    await platform.yard('model', 'eval', `model:patches/${index + 1}`, '--data', 'patches@1')
    await version.getByRole('button', { name: /^Promote/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Judged on').selectOption('patches@1')
    await dialog.getByLabel('Main metric at least').fill('2')
    await dialog.getByRole('button', { name: 'Promote' }).click()
    await dialog.getByText(/less than 2/).waitFor()
    await dialog.getByLabel('Main metric at least').fill('0')
    await dialog.getByRole('button', { name: 'Promote' }).click()
    await version.getByText('@production', { exact: true }).waitFor()
  }
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await page.getByRole('button', { name: 'Roll production back to 1' }).click()
  await page.getByRole('button', { name: 'Back to version 1' }).click()
  const first = page.getByRole('row', { name: 'patches/1' })
  await first.getByText('@production', { exact: true }).waitFor()
}, 240_000)

it('uploads weights by a file, says why one is refused, and trains from the other', async () => {
  await page.goto(new URL('/models', base).href)
  const chosen = page.getByLabel('a .pt file')
  await chosen.setInputFiles({ name: 'x.pt', mimeType: '', buffer: Buffer.from('no weights') })
  const upload = page.getByRole('region', { name: 'Upload of weights' })
  await upload.getByRole('button', { name: 'Upload' }).click()
  await upload.getByText('x.pt is refused: PyTorch has not written it whole').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await chosen.setInputFiles('../trainer-ultralytics/weights/digits-synthetic.pt')
  await upload.getByRole('button', { name: 'Upload' }).click()
  const row = page.getByRole('row', { name: /digits-synthetic\.pt detect yolo11n/ })
  await row.waitFor()
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await row.getByRole('link', { name: /^Train from/ }).click()
  const model = page.getByRole('combobox', { name: 'Model', exact: true })
  expect(await model.inputValue()).toBe('yolo11n')
  expect(await page.getByLabel('Start from').inputValue()).toMatch(/^sha256:[0-9a-f]{64}$/)
  const job = page.getByRole('complementary', { name: 'The job' })
  await job.getByText('digits-synthetic.pt', { exact: true }).waitFor()
}, 60_000)

const PAGES = [
  'jobs',
  'new',
  'job',
  'results',
  'try',
  'log',
  'config',
  'files',
  'timeline',
  'compare',
  'models',
  'datasets',
  'dataset',
  'images',
  'platform',
]

it.each(PAGES)(
  'is accessible and fits every screen: %s',
  async (name) => {
    await page.goto(new URL(paths[name] ?? `${paths.job ?? ''}?tab=${name}`, base).href)
    await page.getByRole('heading', { level: 1 }).waitFor()
    // Not idle: a list and a job are followed live.
    await page.locator('.loading').first().waitFor({ state: 'detached' })
    await page.evaluate(AXE)
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height })
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.screenshot({ path: `${OUT}${name}-${width}-${colorScheme}.png` })
        const found = await page.evaluate('axe.run().then((result) => result.violations)')
        expect(found).toEqual([])
      }
      const overflow = 'document.documentElement.scrollWidth - window.innerWidth'
      expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0)
    }
  },
  60_000,
)

it('uploads a folder, after a look at it, and leads to its report', async () => {
  await page.goto(new URL('/datasets', base).href)
  await page.getByLabel('a folder').setInputFiles(join(folder, 'patches'))
  await page.getByText('8 images, 8 label files, 1 class: patch').waitFor()
  await page.getByRole('button', { name: 'Upload' }).click()
  await page.getByRole('heading', { name: 'patches@2' }).waitFor()
  await page.getByRole('row', { name: /patch 4 4/ }).waitFor()
}, 60_000)

it('scrolls through 10,000 jobs, of which few are in the document, by wheel and by keys', async () => {
  await platform.addJobs(10_000)
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.goto(base)
  const rows = page.locator('.job-rows [role=row]')
  await page.getByRole('link', { name: 'first', exact: true }).focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('End')
  const oldest = page.getByRole('link', { name: 'old-9999', exact: true })
  await expect.poll(() => oldest.evaluate((link) => link.matches(':focus'))).toBe(true)
  await page.getByText(/^10,00\d jobs, none running/).waitFor()
  expect(await oldest.isVisible()).toBe(true)
  expect(await rows.count()).toBeLessThan(60)
  await page.keyboard.press('ArrowUp')
  await page.mouse.move(600, 400)
  await page.mouse.wheel(0, -300_000)
  await page
    .getByRole('link', { name: /^old-[45]\d\d\d$/ })
    .first()
    .waitFor()
  expect(await rows.count()).toBeLessThan(60)
  // Out of sight, and where the next key goes on from.
  await page.keyboard.press('ArrowUp')
  const focused = page.getByRole('link', { name: 'old-9997', exact: true })
  await expect.poll(() => focused.evaluate((link) => link.matches(':focus'))).toBe(true)
  await page.keyboard.press('Home')
  await page
    .getByRole('row', { name: /patches@/ })
    .first()
    .waitFor()
  expect(await page.evaluate('document.activeElement.closest("[role=row]").ariaRowIndex')).toBe('2')
}, 120_000)

it('goes on with an upload after a reload, and sends only what is missing', async () => {
  const data = join(folder, 'large')
  writeDataset(data)
  // Not read as an image: the check is not asked here.
  writeFileSync(join(data, 'images/train/large.png'), randomBytes(20 * 2 ** 20))
  const partOf = (url: string) => Number(new URL(url).searchParams.get('partNumber'))
  let first = 0
  await page.route('**/datasets/*.zip?*', async (route) => {
    const part = partOf(route.request().url())
    if (route.request().method() === 'PUT' && first === 0) first = part
    if (route.request().method() !== 'PUT' || part === first) await route.continue()
    else await route.abort()
  })
  const pick = async () => {
    await page.goto(new URL('/datasets', base).href)
    await page.getByLabel('a folder').setInputFiles(data)
  }
  await pick()
  const arrived = page.waitForResponse((one) => one.request().method() === 'PUT' && one.ok())
  await page.getByRole('button', { name: 'Upload' }).click()
  await arrived
  page.once('dialog', (dialog) => void dialog.accept())
  await page.goto(base)
  await page.unroute('**/datasets/*.zip?*')
  const again = new Set<number>()
  page.on('request', (request) => {
    if (request.method() === 'PUT' && partOf(request.url()) > 0) again.add(partOf(request.url()))
  })
  await pick()
  await page.getByText('An upload of these files as large was interrupted.').waitFor()
  await page.getByRole('button', { name: 'Go on with the upload' }).click()
  await page.getByRole('heading', { name: 'large@1' }).waitFor()
  expect([...again].sort()).toEqual([1, 2, 3].filter((part) => part !== first))
}, 120_000)

it('keeps notes and tags of a job, and lists the jobs with a tag', async () => {
  await page.goto(new URL(paths.job ?? '', base).href)
  await page.getByRole('button', { name: 'Add tags and notes' }).click()
  await page.getByLabel('Tags').fill('Baseline small')
  await page.getByLabel('Notes').fill('four images\nof one square')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('of one square').waitFor()
  await page.getByRole('link', { name: 'baseline', exact: true }).click()
  await page.getByRole('row', { name: /first.*#baseline #small/ }).waitFor()
  await page.getByText('1 job, none running').waitFor()
  await page.evaluate(AXE)
  expect(await page.evaluate('axe.run().then((result) => result.violations)')).toEqual([])
  await page.getByRole('button', { name: 'Tagged baseline: show others too' }).click()
  await page
    .getByRole('row', { name: /second/ })
    .first()
    .waitFor()
}, 60_000)

it('shows the documentation of the API, and nothing where nothing is', async () => {
  await page.goto(new URL('/docs', base).href)
  await page.getByText('Submit trainings of vision models').waitFor()
  expect((await page.goto(new URL('/nothing', base).href))?.status()).toBe(404)
}, 60_000)

it('loads nothing that its Content-Security-Policy forbids', () => {
  expect(forbidden).toEqual([])
})
