import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const YARD = new URL('../../cli/.venv/bin/yard', import.meta.url).pathname
const PIXELS =
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAWUlEQVR42u3PBw0AIAwAMNjxr3gJOkZaB70RcTarzNwd6O7dgaoSEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEPg9cGdmdeABqJkG4FoszEUAAAAASUVORK5CYII='

/** `yard dev` with a state folder of its own, from its start to the end of its last process. */
export class Platform {
  readonly url: string
  private readonly child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
  }

  static async start(folder: string): Promise<Platform> {
    const child = spawn(YARD, ['dev', '--state', join(folder, 'state')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const text of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      said += text
      const url = /is ready at (\S+)/.exec(said)?.[1]
      if (url !== undefined) {
        child.stdout.resume()
        return new Platform(child, url)
      }
    }
    throw new Error(`yard dev ended before it was ready:\n${said}`)
  }

  async yard(...args: string[]): Promise<string> {
    const env = { ...process.env, YARD_URL: this.url }
    return (await promisify(execFile)(YARD, args, { env })).stdout
  }

  async stop(): Promise<void> {
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
