import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const YARD = new URL('../../cli/.venv/bin/yard', import.meta.url).pathname
const PIXELS =
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAWUlEQVR42u3PBw0AIAwAMNjxr3gJOkZaB70RcTarzNwd6O7dgaoSEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEPg9cGdmdeABqJkG4FoszEUAAAAASUVORK5CYII='

// As the newest job is, for columns that come later, too.
const ADD_JOBS = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
rows = db.execute("SELECT * FROM jobs ORDER BY created_at DESC LIMIT 1")
names = [column[0] for column in rows.description]
job = dict(zip(names, rows.fetchone()))
marks = ", ".join("strftime('%Y-%m-%d %H:%M:%f000', ?, ?)" if name == "created_at" else "?" for name in names)
for number in range(int(sys.argv[2])):
    new = {**job, "id": f"{number:012x}", "name": f"old-{number}", "idempotency_key": None}
    values = [
        value
        for name in names
        for value in ((new[name], f"-{number + 1} minutes") if name == "created_at" else (new[name],))
    ]
    db.execute(f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})", values)
db.commit()
`

// MLflow takes its time on a busy machine.
const READY_MS = 200_000

/** `yard dev` with a state folder of its own; `stop` ends its last process, ready or not. */
export class Platform {
  url = ''
  /** Of the web page; `start` brings the API's token along. */
  page = ''
  start = ''
  private readonly child: ChildProcess
  private said = ''

  constructor(private readonly folder: string) {
    this.child = spawn(YARD, ['dev', '--state', join(folder, 'state'), '--mlflow'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, WEIGHTS_DOWNLOAD: '' },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.said += text))
    }
  }

  async ready(): Promise<void> {
    for (let waited = 0; waited < READY_MS && this.child.exitCode === null; waited += 100) {
      this.url = /is ready at (\S+)/.exec(this.said)?.[1] ?? ''
      this.start = /web page is at (\S+)\s/.exec(this.said)?.[1] ?? ''
      this.page = this.start.replace(/\/#.*/, '')
      if (this.url !== '' && this.page !== '') return
      await setTimeout(100)
    }
    throw new Error(`yard dev is not ready:\n${this.said}`)
  }

  async yard(...args: string[]): Promise<string> {
    const env = { ...process.env, YARD_URL: this.url }
    return (await promisify(execFile)(YARD, args, { env })).stdout
  }

  /** Put finished jobs into the list, each a minute older than the one before. */
  async addJobs(count: number): Promise<void> {
    const database = join(this.folder, 'state', 'data', 'backend.db')
    await promisify(execFile)('python3', ['-c', ADD_JOBS, database, String(count)])
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGTERM')
    await ended
  }
}

/** A detection set that is as small as one can be trained on. */
export function writeDataset(folder: string): void {
  for (const split of ['train', 'val']) {
    mkdirSync(join(folder, 'images', split), { recursive: true })
    mkdirSync(join(folder, 'labels', split), { recursive: true })
    for (const name of ['a', 'b', 'c', 'd']) {
      writeFileSync(join(folder, 'images', split, `${name}.png`), Buffer.from(PIXELS, 'base64'))
      writeFileSync(join(folder, 'labels', split, `${name}.txt`), '0 0.5 0.5 0.5 0.5\n')
    }
  }
  writeFileSync(
    join(folder, 'data.yaml'),
    'train: images/train\nval: images/val\nnames:\n  0: patch\n',
  )
}
