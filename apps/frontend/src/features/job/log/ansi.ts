/** A piece of a line in one style; `style` is a list of class names. */
export interface Span {
  text: string
  style: string
}

const ESCAPE = '\u001b'
// Colours and styles end in m. Other control sequences, and titles, say nothing in a list of lines.
const SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[([0-9;:]*)m|\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${ESCAPE}]*(?:\\u0007|${ESCAPE}\\\\)?|[@-Z\\\\^_])`,
  'g',
)
const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const

interface Style {
  colour: string
  bold: boolean
  faint: boolean
  underline: boolean
}

const PLAIN: Style = { colour: '', bold: false, faint: false, underline: false }

/** Split a line at its ANSI escapes. What is left is text: nothing of it is ever markup. */
export function spansOf(line: string): Span[] {
  if (!line.includes(ESCAPE)) return line === '' ? [] : [{ text: line, style: '' }]
  const spans: Span[] = []
  let style = PLAIN
  let from = 0
  const push = (until: number) => {
    // A control character that is no sequence would show as a box.
    const text = line.slice(from, until).replaceAll(ESCAPE, '')
    if (text !== '') spans.push({ text, style: classes(style) })
  }
  for (const found of line.matchAll(SEQUENCE)) {
    push(found.index)
    from = found.index + found[0].length
    if (found[0].endsWith('m') && found[1] !== undefined) style = styled(style, found[1])
  }
  push(line.length)
  return spans
}

/** The line without its escapes. */
export function plain(line: string): string {
  return line.includes(ESCAPE) ? line.replace(SEQUENCE, '').replaceAll(ESCAPE, '') : line
}

function styled(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number)
  let next = style
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    // 38;5;N and 38;2;R;G;B name colours beyond the sixteen: they are passed over.
    if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4
    else next = step(next, code)
  }
  return next
}

function step(style: Style, code: number): Style {
  if (code === 0) return PLAIN
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, faint: true }
  if (code === 4) return { ...style, underline: true }
  if (code === 22) return { ...style, bold: false, faint: false }
  if (code === 24) return { ...style, underline: false }
  if (code === 39) return { ...style, colour: '' }
  const colour = code >= 90 && code <= 97 ? code - 90 : code >= 30 && code <= 37 ? code - 30 : -1
  return colour < 0 ? style : { ...style, colour: NAMES[colour] ?? '' }
}

function classes({ colour, bold, faint, underline }: Style): string {
  const names = [
    colour && `ansi-${colour}`,
    bold && 'ansi-bold',
    faint && 'ansi-faint',
    underline && 'ansi-underline',
  ]
  return names.filter(Boolean).join(' ')
}
