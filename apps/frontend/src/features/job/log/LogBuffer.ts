/** The lines of a growing log. A carriage return starts its line anew, as in a terminal. */
export class LogBuffer {
  private readonly whole: string[] = []
  private tail = ''
  private end = 0

  /** Take the part from byte `offset` on; one that was taken before changes nothing. */
  append(offset: number, nextOffset: number, text: string): void {
    if (offset < this.end) return
    this.end = nextOffset
    const parts = (this.tail + text).split('\n')
    this.tail = parts.pop() ?? ''
    for (const part of parts) this.whole.push(shown(part))
  }

  get length(): number {
    return this.whole.length + (this.tail === '' ? 0 : 1)
  }

  line(index: number): string {
    return this.whole[index] ?? shown(this.tail)
  }

  /** Indices of the lines that hold `needle`, whatever the case; the first FOUND_AT_MOST of them. */
  find(needle: string): number[] {
    if (needle === '') return []
    if (this.search.needle !== needle) {
      this.search = { needle, pattern: new RegExp(escaped(needle), 'i'), places: [], looked: 0 }
    }
    return this.matching(this.search)
  }

  /** Indices of the lines that look like an error. */
  errors(): number[] {
    return this.matching(this.wrong)
  }

  private search: Search = { needle: '', pattern: /(?!)/, places: [], looked: 0 }
  private readonly wrong: Search = { needle: '', pattern: ERROR, places: [], looked: 0 }

  /** Looks only at the lines that are new since it last did: a log may have a million. */
  private matching(search: Search): number[] {
    const { pattern, places } = search
    for (; search.looked < this.whole.length && places.length < FOUND_AT_MOST; search.looked++) {
      if (pattern.test(this.line(search.looked))) places.push(search.looked)
    }
    const unfinished = this.whole.length
    return this.tail !== '' && pattern.test(this.line(unfinished))
      ? [...places, unfinished]
      : [...places]
  }
}

interface Search {
  needle: string
  pattern: RegExp
  places: number[]
  /** How many whole lines were looked at. */
  looked: number
}

const FOUND_AT_MOST = 10_000
const ERROR =
  /\b(?:[eE]rror|ERROR|Traceback|FATAL|[fF]atal|[kK]illed|[A-Z]\w*(?:Error|Exception))\b/

function shown(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  return text.slice(text.lastIndexOf('\r') + 1)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
