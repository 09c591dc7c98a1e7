// @vitest-environment node
import { downloadZip } from 'client-zip'
import { expect, it } from 'vitest'
import { type ReadRange, inBlocks } from './ranges'
import { readDirectory, readMember } from './zip'

// By Python's zipfile: one deflated file, one stored, and a comment.
const SMALL = Uint8Array.from(
  Buffer.from(
    'UEsDBBQAAAAIAAAAIQBRzrIKCAAAAPQBAAAMAAAAaW1hZ2VzL2EudHh0q6gYBSMNAABQSwMEFAAACAAAAAAhAPRSNfESAAAAEgAAAA0AAABsYWJlbHMvw6QudHh0MCAwLjUgMC41IDAuNSAwLjUKUEsBAhQDFAAAAAgAAAAhAFHOsgoIAAAA9AEAAAwAAAAAAAAAAAAAAIABAAAAAGltYWdlcy9hLnR4dFBLAQIUAxQAAAgAAAAAIQD0UjXxEgAAABIAAAANAAAAAAAAAAAAAACAATIAAABsYWJlbHMvw6QudHh0UEsFBgAAAAACAAIAdQAAAG8AAAAGAGEgbm90ZQ==',
    'base64',
  ),
)

/** Ranges of these bytes, as a store answers; counts the requests. */
function stored(bytes: Uint8Array): { read: ReadRange; asked: [number, number][] } {
  const asked: [number, number][] = []
  const read: ReadRange = (from, length) => {
    asked.push([from, length])
    return Promise.resolve(bytes.slice(from, from + length))
  }
  return { read, asked }
}

async function text(bytes: Uint8Array, name: string, most = 1000): Promise<string> {
  const { read } = stored(bytes)
  const member = (await readDirectory(read, bytes.length)).get(name)
  if (member === undefined) throw new Error('no such file')
  return new TextDecoder().decode(await readMember(read, bytes.length, member, most))
}

/** The archive with the 32 bits at `at` after the nth mark changed. */
function changed(mark: number, nth: number, at: number, value: number): Uint8Array {
  const bytes = SMALL.slice()
  const view = new DataView(bytes.buffer)
  let found = -1
  for (let place = 0; place + 4 <= bytes.length; place += 1) {
    if (view.getUint32(place, true) === mark && (found += 1) === nth) {
      view.setUint32(place + at, value, true)
      return bytes
    }
  }
  throw new Error('no such mark')
}

const ENTRY = 0x02014b50
const END = 0x06054b50

it('reads a deflated and a stored file, each by one request', async () => {
  expect(await text(SMALL, 'images/a.txt')).toBe('x'.repeat(500))
  expect(await text(SMALL, 'labels/ä.txt')).toBe('0 0.5 0.5 0.5 0.5\n')
  const { read, asked } = stored(SMALL)
  const members = await readDirectory(read, SMALL.length)
  asked.length = 0
  const member = members.get('images/a.txt')
  if (member !== undefined) await readMember(read, SMALL.length, member, 1000)
  expect(asked).toHaveLength(1)
})

it('finds every file that client-zip packs, beyond what its 16 bits count', async () => {
  const most = 66_000
  function* files() {
    for (let at = 0; at < most; at += 1) yield { name: `${at}.txt`, input: String(at) }
  }
  const bytes = new Uint8Array(await downloadZip(files()).arrayBuffer())
  const members = await readDirectory(stored(bytes).read, bytes.length)
  expect(members.size).toBe(most)
  expect(await text(bytes, '65999.txt')).toBe('65999')
}, 60_000)

it.each([
  ['says less than it unpacks to', changed(ENTRY, 0, 24, 10), 'damaged'],
  ['says more than it unpacks to', changed(ENTRY, 0, 24, 900), 'damaged'],
  ['unpacks to more than is wanted', changed(ENTRY, 0, 24, 2 ** 31), 'too large'],
  ['begins where no file does', changed(ENTRY, 0, 42, 7), 'damaged'],
  ['begins behind the end', changed(ENTRY, 0, 42, 2 ** 30), 'damaged'],
  ['has a name longer than the directory', changed(ENTRY, 0, 28, 0xffff), 'damaged'],
  ['has a directory behind its end', changed(END, 0, 16, 2 ** 31), 'damaged'],
  ['has a directory of any length', changed(END, 0, 12, 0xffff_fff0), 'damaged'],
  ['has no end', SMALL.slice(0, 100), 'damaged'],
])('refuses in words an archive that %s', async (_, bytes, told) => {
  await expect(text(bytes, 'images/a.txt')).rejects.toThrow(told)
})

it('asks for small files that lie side by side once', async () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251)
  const { read, asked } = stored(bytes)
  const blocks = inBlocks(read, bytes.length)
  for (const [from, length] of [
    [10, 20],
    [131_060, 40],
    [299_990, 100],
    [0, 300_000],
  ] as const) {
    const found = await blocks(from, length)
    expect(Buffer.compare(found, bytes.slice(from, from + length))).toBe(0)
  }
  expect(asked).toHaveLength(3)
})
