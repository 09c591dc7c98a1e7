/** What the palette leads to. */
export interface Entry {
  key: string
  group: 'Pages' | 'This job' | 'Actions' | 'Jobs' | 'Datasets'
  title: string
  /** Beside the title; searched too. */
  detail?: string
  run: () => void
}

const MOST = 50

/** The entries that have every word of `text`; those whose title begins with it come first. */
export function matching(entries: readonly Entry[], text: string): Entry[] {
  const wanted = text.trim().toLowerCase()
  const words = wanted.split(/\s+/)
  const found = entries.filter(({ group, title, detail = '' }) => {
    const told = `${title} ${detail} ${group}`.toLowerCase()
    return words.every((word) => told.includes(word))
  })
  const rank = ({ title }: Entry) => (title.toLowerCase().startsWith(wanted) ? 0 : 1)
  return wanted === ''
    ? found.slice(0, MOST)
    : found.sort((a, b) => rank(a) - rank(b)).slice(0, MOST)
}
