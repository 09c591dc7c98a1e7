import type { Shape } from './labels'

/** A class's colour; neighbours in number are far apart in hue. */
export function colourOf(index: number): string {
  return `hsl(${Math.round((index * 137.508 + 210) % 360)} 85% 62%)`
}

/** Width and height of an image in a box, whole pixels of the page. */
export function fitted(
  image: { width: number; height: number },
  box: { width: number; height: number },
): { width: number; height: number } {
  const scale = Math.min(box.width / image.width, box.height / image.height)
  return {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  }
}

interface Drawing {
  image: ImageBitmap
  shapes: readonly Shape[]
  /** Names beside the shapes; null for none. */
  names: readonly string[] | null
}

/** Draw the image over the whole canvas, and what is marked on it. */
export function draw(canvas: HTMLCanvasElement, { image, shapes, names }: Drawing): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const { width, height } = canvas
  const scale = Math.max(1, window.devicePixelRatio)
  context.drawImage(image, 0, 0, width, height)
  context.lineJoin = 'round'
  for (const shape of shapes) {
    const colour = colourOf(shape.class)
    trace(context, shape.outline, width, height)
    // A dark line under it: on a bright image a light one alone would be lost.
    context.lineWidth = 3.5 * scale
    context.strokeStyle = 'rgb(0 0 0 / 45%)'
    context.stroke()
    context.lineWidth = 1.75 * scale
    context.strokeStyle = colour
    context.stroke()
    if (shape.outline.length > 8) {
      context.globalAlpha = 0.25
      context.fillStyle = colour
      context.fill()
      context.globalAlpha = 1
    }
    for (let at = 0; at + 1 < shape.keypoints.length; at += 2) {
      const [x = 0, y = 0] = shape.keypoints.slice(at, at + 2)
      context.beginPath()
      context.arc(x * width, y * height, 3 * scale, 0, 2 * Math.PI)
      context.fillStyle = colour
      context.fill()
      context.lineWidth = scale
      context.strokeStyle = 'rgb(0 0 0 / 70%)'
      context.stroke()
    }
  }
  if (names !== null) for (const shape of shapes) tell(context, shape, names, scale)
}

function trace(
  context: CanvasRenderingContext2D,
  outline: readonly number[],
  width: number,
  height: number,
): void {
  context.beginPath()
  for (let at = 0; at + 1 < outline.length; at += 2) {
    const [x = 0, y = 0] = outline.slice(at, at + 2)
    context.lineTo(x * width, y * height)
  }
  context.closePath()
}

function tell(
  context: CanvasRenderingContext2D,
  shape: Shape,
  names: readonly string[],
  scale: number,
): void {
  const { width, height } = context.canvas
  const size = 12 * scale
  const left = Math.min(...shape.outline.filter((_, at) => at % 2 === 0)) * width
  const top = Math.min(...shape.outline.filter((_, at) => at % 2 === 1)) * height
  if (!Number.isFinite(left) || !Number.isFinite(top)) return
  context.font = `600 ${size}px system-ui, sans-serif`
  const text = shape.text ?? names[shape.class] ?? String(shape.class)
  const box = { width: context.measureText(text).width + size * 0.6, height: size * 1.4 }
  // Above the shape, inside the image.
  const x = Math.max(0, Math.min(left, width - box.width))
  const y = Math.max(0, Math.min(top - box.height, height - box.height))
  context.fillStyle = colourOf(shape.class)
  context.fillRect(x, y, box.width, box.height)
  context.fillStyle = '#10131a'
  context.textBaseline = 'middle'
  context.fillText(text, x + size * 0.3, y + box.height / 2)
}
