// What a person does with the page, in a real Chromium: node walk.js FOLDER DATASET.zip
// Uploads the dataset, looks at its images, trains, watches, reads the results and downloads the
// model into the folder; prints each step, and ends with 1 and a picture of where it stopped.
//   PAGE_URL    where the page is
//   PAGE_AT     HOST:PORT that answers for the page's host, where its name leads nowhere
//   YARD_TOKEN  the API's token, entered as a person does
//   JOB_CPU     CPU cores for the training
// Certificates are let pass: other tests are about those.
import console from 'node:console'
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { chromium } from 'playwright-core'

const TRAINED_MS = 300_000
const [folder = 'out', archive = 'dataset.zip'] = process.argv.slice(2)
const base = process.env.PAGE_URL ?? 'http://127.0.0.1:3000'
const at = process.env.PAGE_AT
const { hostname } = new URL(base)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', ...(at ? [`--host-resolver-rules=MAP ${hostname} ${at}`] : [])],
})
const page = await browser.newPage({
  viewport: { width: 1280, height: 800 },
  ignoreHTTPSErrors: true,
})
page.setDefaultTimeout(60_000)
const wrong = []
page.on('console', (message) => {
  if (/Content Security Policy/i.test(message.text())) wrong.push(message.text())
})
page.on('pageerror', (error) => wrong.push(String(error)))

const open = (name) => page.getByRole('link', { name, exact: true }).first().click()
const steps = {
  'enters the token': async () => {
    await page.goto(base)
    await page.getByLabel('API token').fill(process.env.YARD_TOKEN ?? '')
    await page.getByRole('button', { name: 'Use this token' }).click()
    await page.getByRole('link', { name: 'New job' }).first().waitFor()
  },
  'uploads the dataset': async () => {
    await open('Datasets')
    await page.getByLabel('a zip').setInputFiles(archive)
    await page.getByRole('button', { name: 'Upload', exact: true }).click()
    const name = basename(archive, '.zip')
    await page.getByRole('heading', { level: 1, name: new RegExp(`^${name}@\\d+$`) }).waitFor()
    await page
      .getByRole('heading', { name: /^Classes/ })
      .or(page.getByRole('table'))
      .first()
      .waitFor()
  },
  'looks at its images': async () => {
    await open('Images')
    await page.locator('.shot canvas:visible').first().waitFor()
    await page.locator('.shot-frame').first().click()
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
  },
  'starts a training': async () => {
    await open('Report')
    await page
      .getByRole('link', { name: /^Train/ })
      .first()
      .click()
    const settings = { Epochs: '2', 'Batch size': '4', 'Image size': '64' }
    const cpu = process.env.JOB_CPU
    for (const [name, value] of Object.entries({
      ...settings,
      ...(cpu ? { 'CPU cores': cpu } : {}),
    })) {
      await page.getByLabel(name, { exact: true }).fill(value)
    }
    await page
      .getByText(/ --set epochs=2 /)
      .first()
      .waitFor()
    await page.getByRole('button', { name: 'Start the training' }).click()
  },
  'watches it to its end': async () => {
    // By its stream alone: nothing is loaded again.
    const summary = page.getByRole('region', { name: 'Summary' })
    await summary.getByText('succeeded').waitFor({ timeout: TRAINED_MS })
    await summary.getByText('2 of 2 epochs').waitFor()
    await page.getByRole('img', { name: /^mAP50 by epoch/ }).waitFor()
  },
  'reads its log and its results': async () => {
    await open('Log')
    await page.getByRole('searchbox', { name: 'Search the log' }).fill('epoch')
    await page.getByText(/lines? with it/).waitFor()
    await open('Results')
    await page.getByRole('region', { name: 'By class' }).waitFor()
  },
  'downloads the model': async () => {
    await open('Files')
    const begun = page.waitForEvent('download')
    await page.getByRole('link', { name: 'best.pt' }).click()
    const file = join(folder, 'best.pt')
    await (await begun).saveAs(file)
    if (!existsSync(file) || statSync(file).size < 100_000) throw new Error('best.pt is no model')
  },
  'sees that the platform is well': async () => {
    await open('Platform')
    await page.getByText('✓ ok').first().waitFor()
    const ill = await page.getByText('not ok').count()
    if (ill > 0) throw new Error(`${ill} components are not ok`)
  },
  'reads the API’s documentation, and finds nothing where nothing is': async () => {
    await page.goto(new URL('/docs', base).href)
    await page.getByText('Submit trainings of vision models').waitFor()
    const answer = await page.goto(new URL('/nothing', base).href)
    if (answer?.status() !== 404) throw new Error(`/nothing answers ${String(answer?.status())}`)
  },
}

try {
  for (const [name, step] of Object.entries(steps)) {
    await step()
    console.log(name)
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
} catch (error) {
  await page.screenshot({ path: join(folder, 'stopped.png') })
  console.error(`It stopped at ${page.url()} (${join(folder, 'stopped.png')}):`)
  console.error(await page.locator('body').innerText())
  console.error(error)
  process.exitCode = 1
} finally {
  await browser.close()
}
