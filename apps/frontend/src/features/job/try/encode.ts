/** Characters of base64 that a job's config takes beside its other fields. */
const MOST_CHARACTERS = 64_000
/** Pixels that may still fit without a loss; more only cost the time of writing them. */
const MOST_LOSSLESS = 500_000
/** The quality by which a browser that can writes WebP without a loss. */
const LOSSLESS = 1
const QUALITIES = [0.92, 0.8, 0.65, 0.5]
const SCALES = [1, 0.8, 0.6, 0.45, 0.3, 0.2]
const FORMATS = ['image/webp', 'image/jpeg'] as const

export interface Encoded {
  base64: string
  width: number
  height: number
  /** Whether it is smaller than the model would see it at its own image size. */
  reduced: boolean
  /** Whether its pixels are not quite those of the image any more. */
  compressed: boolean
}

/** Sizes to send an image in, the best first: never larger than itself, nor than the model looks at it. */
export function sizesOf(
  { width, height }: { width: number; height: number },
  side: number,
): { width: number; height: number }[] {
  const whole = Math.min(1, side / Math.max(width, height))
  return SCALES.map((scale) => ({
    width: Math.max(1, Math.round(width * whole * scale)),
    height: Math.max(1, Math.round(height * whole * scale)),
  }))
}

/** The image as a file that fits into a config, as large and as true as it can be. */
export async function encode(image: ImageBitmap, side: number): Promise<Encoded> {
  for (const [index, size] of sizesOf(image, side).entries()) {
    const canvas = drawn(image, size)
    const isSmall = size.width * size.height <= MOST_LOSSLESS
    for (const quality of isSmall ? [LOSSLESS, ...QUALITIES] : QUALITIES) {
      const file = await fileOf(canvas, quality)
      const base64 = base64Of(file)
      if (base64.length <= MOST_CHARACTERS) {
        return { base64, ...size, reduced: index > 0, compressed: !isLossless(file) }
      }
    }
  }
  throw new Error('This image cannot be made small enough to be sent: crop it.')
}

function drawn(image: ImageBitmap, { width, height }: { width: number; height: number }) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')
  if (context === null) throw new Error('This browser gives the page no canvas.')
  // What is transparent is white, as most viewers show it; a JPEG would have it black.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, width, height)
  return canvas
}

async function fileOf(canvas: HTMLCanvasElement, quality: number): Promise<Uint8Array> {
  for (const type of FORMATS) {
    const blob = await new Promise<Blob | null>((resolve) => {
      canvas.toBlob(resolve, type, quality)
    })
    // A browser that cannot write a format writes PNG.
    if (blob?.type === type) return new Uint8Array(await blob.arrayBuffer())
  }
  throw new Error('This browser can write neither WebP nor JPEG.')
}

/** Whether it is a WebP whose pixels are all as they were; its chunks of colours and the like come first. */
function isLossless(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  for (let at = 12; at + 8 <= file.length;) {
    const name = String.fromCharCode(...file.subarray(at, at + 4))
    if (name === 'VP8L' || name === 'VP8 ') return name === 'VP8L'
    const size = view.getUint32(at + 4, true)
    at += 8 + size + (size % 2)
  }
  return false
}

export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  }
  return btoa(text)
}
