/** The tags that a person has written, as the platform takes them. */
export function tagsOf(text: string): string[] {
  const words = text
    .toLowerCase()
    .split(/[\s,]+/)
    .map((word) => word.replace(/[^a-z0-9._:/-]/g, '').replace(/^[^a-z0-9]+/, ''))
  return [...new Set(words.map((word) => word.slice(0, 40)).filter(Boolean))].slice(0, 20)
}
