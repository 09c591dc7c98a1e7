import { Suspense, lazy, useEffect, useState } from 'react'
import { Icon } from '../ui/Icon'

const load = () => import('../features/palette/Palette')
const Palette = lazy(load)

/** Opens the palette, as Ctrl-K does from anywhere. */
export function PaletteButton() {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      // Fetched while K is still to come: the first letters must not be lost.
      if (event.key === 'Control' || event.key === 'Meta') void load()
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      setOpen(true)
    }
    window.addEventListener('keydown', pressed)
    return () => {
      window.removeEventListener('keydown', pressed)
    }
  }, [])
  return (
    <>
      <button
        type="button"
        className="go-to"
        aria-keyshortcuts="Control+K"
        onPointerEnter={() => void load()}
        onClick={() => {
          setOpen(true)
        }}
      >
        <Icon name="search" /> <span>Go to …</span> <kbd>Ctrl K</kbd>
      </button>
      {isOpen && (
        <Suspense>
          <Palette
            onClose={() => {
              setOpen(false)
            }}
          />
        </Suspense>
      )}
    </>
  )
}
