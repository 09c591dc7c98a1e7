import { Suspense, lazy, useEffect, useState } from 'react'
import { Icon } from '../ui/Icon'

const Palette = lazy(() => import('../features/palette/Palette'))

/** Opens the palette, as Ctrl-K does from anywhere. */
export function PaletteButton() {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
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
        aria-label="Go to …"
        aria-keyshortcuts="Control+K"
        onClick={() => {
          setOpen(true)
        }}
      >
        <Icon name="search" /> <span>Go to …</span> <kbd aria-hidden="true">Ctrl K</kbd>
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
