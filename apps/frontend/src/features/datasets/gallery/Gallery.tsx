import { useNavigate } from '@tanstack/react-router'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Dataset } from '../../../api/client'
import { Empty } from '../../../ui/Empty'
import { Failure } from '../../../ui/Failure'
import { Loading } from '../../../ui/Loading'
import { counted } from '../../../ui/format'
import type { DatasetSearch } from '../search'
import { GalleryFilters } from './GalleryFilters'
import { Tile } from './Tile'
import { Viewer } from './Viewer'
import type { Picture, Pictures } from './pictures'
import { type Wanted, useFound, usePictures } from './useGallery'

const TILE_PX = 190
const GAP_PX = 12
const NAME_PX = 44
const AHEAD_ROWS = 4

/** The images of a dataset with what is marked on them, read from its archive as one scrolls. */
export function Gallery({ dataset, search }: { dataset: Dataset; search: DatasetSearch }) {
  const { data, error } = usePictures(dataset)
  if (error !== null) return <Failure error={error} retries={false} />
  if (data === undefined) return <Loading what="list of images" />
  return <Filtered pictures={data} search={search} />
}

function Filtered({ pictures, search }: { pictures: Pictures; search: DatasetSearch }) {
  const navigate = useNavigate({ from: '/datasets/$datasetId' })
  const [marks, setMarks] = useState(true)
  const [open, setOpen] = useState<number | null>(null)
  const wanted: Wanted = { split: search.split ?? null, class: search.class ?? null }
  const { data, error, hasNextPage, isFetching, fetchNextPage } = useFound(pictures, wanted)
  const found = data?.pages.flatMap((page) => page.pictures) ?? []
  const searched = data?.pages.at(-1)?.next ?? (hasNextPage ? 0 : pictures.all.length)
  return (
    <>
      <GalleryFilters
        pictures={pictures}
        wanted={wanted}
        marks={marks}
        onMarks={setMarks}
        onWanted={(one) => {
          setOpen(null)
          void navigate({
            search: (old) => ({
              ...old,
              split: one.split ?? undefined,
              class: one.class ?? undefined,
            }),
            replace: true,
            resetScroll: false,
          })
        }}
      />
      <p className="detail" role="status">
        {counted(found.length, 'image')}
        {hasNextPage &&
          ` so far, in ${counted(searched, 'image')} of ${counted(pictures.all.length, 'image')}`}
        {isFetching && ' …'}
      </p>
      {error !== null && <Failure error={error} retries={false} />}
      {found.length === 0 && !hasNextPage && !isFetching && (
        <Empty icon="datasets" title="No image is like that.">
          <p>Choose another split or class.</p>
        </Empty>
      )}
      <Tiles
        key={JSON.stringify(wanted)}
        pictures={pictures}
        found={found}
        marks={marks}
        hasMore={hasNextPage && !isFetching}
        onMore={() => void fetchNextPage()}
        onOpen={setOpen}
      />
      {open !== null && found[open] !== undefined && (
        <Viewer
          pictures={pictures}
          picture={found[open]}
          place={`${open + 1} of ${found.length}${hasNextPage ? '+' : ''}`}
          marks={marks}
          onMarks={setMarks}
          onStep={(step) => {
            setOpen((open + step + found.length) % found.length)
          }}
          onClose={() => {
            setOpen(null)
          }}
        />
      )}
    </>
  )
}

interface TilesProps {
  pictures: Pictures
  found: readonly Picture[]
  marks: boolean
  hasMore: boolean
  onMore: () => void
  onOpen: (index: number) => void
}

/** Only the rows in sight are in the document. */
function Tiles({ pictures, found, marks, hasMore, onMore, onOpen }: TilesProps) {
  const box = useRef<HTMLUListElement>(null)
  const { width, top } = usePlace(box)
  const columns = Math.max(2, Math.floor((width + GAP_PX) / (TILE_PX + GAP_PX)))
  const side = Math.max(1, Math.floor((width - GAP_PX * (columns - 1)) / columns))
  const rows = useWindowVirtualizer({
    count: width === 0 ? 0 : Math.ceil(found.length / columns),
    estimateSize: () => side + NAME_PX + GAP_PX,
    overscan: 2,
    scrollMargin: top,
  })
  useEffect(() => {
    rows.measure()
  }, [side]) // eslint-disable-line react-hooks/exhaustive-deps -- another width is another height
  const items = rows.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  const near = hasMore && (last + AHEAD_ROWS) * columns >= found.length
  useEffect(() => {
    if (near) onMore()
  }, [near, found.length]) // eslint-disable-line react-hooks/exhaustive-deps -- once for each page
  return (
    <ul ref={box} className="gallery" style={{ height: `${rows.getTotalSize()}px` }}>
      {items.flatMap(({ index: row, start }) =>
        found.slice(row * columns, (row + 1) * columns).map((picture, column) => (
          <Tile
            key={`${picture.split} ${picture.image}`}
            pictures={pictures}
            picture={picture}
            marks={marks}
            side={side}
            place={{ x: column * (side + GAP_PX), y: start - top }}
            onOpen={() => {
              onOpen(row * columns + column)
            }}
          />
        )),
      )}
    </ul>
  )
}

/** Width of an element, and how far it is from the top of the page. */
function usePlace(box: React.RefObject<HTMLElement | null>) {
  const [place, setPlace] = useState({ width: 0, top: 0 })
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => {
      const { width, top } = element.getBoundingClientRect()
      setPlace((old) => {
        const now = { width: Math.floor(width), top: Math.round(top + window.scrollY) }
        return old.width === now.width && old.top === now.top ? old : now
      })
    }
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => {
      observer.disconnect()
    }
  }, [box])
  return place
}
