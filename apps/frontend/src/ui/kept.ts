/** Text that the browser keeps for the page, by keys. */
export interface Kept {
  read: (key: string) => string | null
  write: (key: string, value: string) => void
  remove: (key: string) => void
  /** The keys that begin so. */
  keys: (start: string) => string[]
}

/** Until the browser's data is cleared, for every tab. */
export const kept = keptBy(() => localStorage)

/** Until the tab is closed. */
export const keptInTab = keptBy(() => sessionStorage)

/** A storage that throws is forbidden or full: what it does not keep lasts until the page is left. */
function keptBy(storage: () => Storage): Kept {
  const memory = new Map<string, string>()
  const tried = <T>(act: (open: Storage) => T, otherwise: T): T => {
    try {
      return act(storage())
    } catch {
      return otherwise
    }
  }
  return {
    read: (key) => memory.get(key) ?? tried((open) => open.getItem(key), null),
    write: (key, value) => {
      memory.set(key, value)
      tried((open) => {
        open.setItem(key, value)
        memory.delete(key)
      }, undefined)
    },
    remove: (key) => {
      memory.delete(key)
      tried((open) => {
        open.removeItem(key)
      }, undefined)
    },
    keys: (start) => {
      const all = [...memory.keys(), ...tried((open) => Object.keys(open), [])]
      return [...new Set(all)].filter((key) => key.startsWith(start))
    },
  }
}
