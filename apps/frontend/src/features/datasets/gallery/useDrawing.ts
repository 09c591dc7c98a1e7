import { type RefObject, useEffect, useState } from 'react'
import { draw, fitted } from './draw'
import type { Labels } from './labels'
import type { Picture, Pictures } from './pictures'

export type Drawn = { labels: Labels | null; error: string | null } | null

interface Options {
  /** In pixels of the page. */
  box: { width: number; height: number }
  marks: boolean
  named: boolean
  /** How long it must be in sight before it is read. */
  afterMs: number
}

/** Read an image with its labels and draw it, at the size in which it is shown; what is out of sight by then is dropped. */
export function useDrawing(
  canvas: RefObject<HTMLCanvasElement | null>,
  pictures: Pictures,
  picture: Picture,
  { box: { width, height }, marks, named, afterMs }: Options,
): Drawn {
  const [drawn, setDrawn] = useState<Drawn>(null)
  useEffect(() => {
    const gone = new AbortController()
    const timer = setTimeout(() => {
      void (async () => {
        const labels = await pictures.labels(picture).catch(() => null)
        let error: string | null = null
        try {
          const blob = await pictures.image(picture, gone.signal)
          const image = await decoded(blob)
          if (!gone.signal.aborted && canvas.current !== null) {
            const size = fitted(image, { width, height })
            const ratio = window.devicePixelRatio
            canvas.current.width = Math.round(size.width * ratio)
            canvas.current.height = Math.round(size.height * ratio)
            canvas.current.style.setProperty('width', `${size.width}px`)
            canvas.current.style.setProperty('height', `${size.height}px`)
            const shapes = marks ? (labels?.shapes ?? []) : []
            draw(canvas.current, { image, shapes, names: named ? pictures.names : null })
          }
          image.close()
        } catch (reason) {
          error = reason instanceof Error ? reason.message : String(reason)
        }
        if (!gone.signal.aborted) setDrawn({ labels, error })
      })()
    }, afterMs)
    return () => {
      clearTimeout(timer)
      gone.abort()
    }
  }, [canvas, pictures, picture, width, height, marks, named, afterMs])
  return drawn
}

async function decoded(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob)
  } catch {
    throw new Error('This browser cannot read the image.')
  }
}
