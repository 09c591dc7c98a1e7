import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { type Dataset, linksOfDataset } from '../../../api/client'
import { useToken } from '../../../api/token'
import { type Picture, Pictures, type Split } from './pictures'

// Links are good for a day.
const LINKS_MS = 12 * 3_600_000
const AT_ONCE = 100
// A class that is rare is looked for in so many label files before what was found is shown.
const SEARCHED_AT_ONCE = 2_000
const TOGETHER = 50

/** What is wanted of a dataset: "none" are the images on which nothing is marked. */
export interface Wanted {
  split: Split | null
  class: number | 'none' | null
}

/** A dataset's images, ready to be read. */
export function usePictures({ id, size }: Dataset) {
  const token = useToken()
  return useQuery({
    queryKey: ['pictures', id, token],
    queryFn: async ({ signal }) => Pictures.open(await linksOfDataset(id, signal), size, signal),
    staleTime: LINKS_MS,
    refetchInterval: LINKS_MS,
    structuralSharing: false,
  })
}

/** The images that are wanted, as far as they have been looked for. */
export function useFound(pictures: Pictures, wanted: Wanted) {
  return useInfiniteQuery({
    queryKey: ['found', pictures, wanted],
    queryKeyHashFn: () => JSON.stringify([idOf(pictures), wanted]),
    queryFn: ({ pageParam, signal }) => search(pictures, wanted, pageParam, signal),
    initialPageParam: 0,
    getNextPageParam: ({ next }) => next,
    staleTime: Infinity,
    structuralSharing: false,
  })
}

const ids = new WeakMap<Pictures, number>()
let count = 0
function idOf(pictures: Pictures): number {
  const id = ids.get(pictures) ?? (count += 1)
  ids.set(pictures, id)
  return id
}

interface Found {
  pictures: readonly Picture[]
  /** Where the search goes on; null when it is through. */
  next: number | null
}

/** Look from `start` on; whether an image has a class is known only once its labels are read. */
export async function search(
  pictures: Pictures,
  wanted: Wanted,
  start: number,
  signal: AbortSignal,
): Promise<Found> {
  const { all } = pictures
  const inSplit = (one: Picture) => wanted.split === null || one.split === wanted.split
  if (wanted.class === null) return { pictures: all.filter(inSplit), next: null }
  const found: Picture[] = []
  let at = start
  for (let read = 0; at < all.length && found.length < AT_ONCE && read < SEARCHED_AT_ONCE;) {
    signal.throwIfAborted()
    const some: Picture[] = []
    for (; at < all.length && some.length < TOGETHER; at += 1) {
      const one = all[at]
      if (one !== undefined && inSplit(one)) some.push(one)
    }
    const fits = await Promise.all(some.map((one) => has(pictures, one, wanted.class)))
    found.push(...some.filter((_, index) => fits[index]))
    read += some.length
  }
  return { pictures: found, next: at < all.length ? at : null }
}

async function has(
  pictures: Pictures,
  picture: Picture,
  wanted: Wanted['class'],
): Promise<boolean> {
  // An image whose labels cannot be read has no class; its tile says so.
  const labels = await pictures.labels(picture).catch(() => null)
  if (labels === null) return false
  if (wanted === 'none') return labels.shapes.length === 0
  return labels.shapes.some((one) => one.class === wanted)
}
