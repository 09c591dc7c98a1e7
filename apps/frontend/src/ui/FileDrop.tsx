import { useState } from 'react'
import { Icon } from './Icon'

interface Props {
  label: string
  text: string
  button: string
  accept: string
  onPick: (file: File) => void
}

/** Takes one file, dropped or chosen. */
export function FileDrop({ label, text, button, accept, onPick }: Props) {
  const [over, setOver] = useState(false)
  const pick = (files: FileList | null) => {
    const [file] = files ?? []
    if (file !== undefined) onPick(file)
  }
  return (
    // Dropping is a second way; the button in it is the first.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section
      className={over ? 'drop over' : 'drop'}
      aria-label={label}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => {
        setOver(false)
      }}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        pick(event.dataTransfer.files)
      }}
    >
      <Icon name="models" />
      <span>{text}</span>
      <label className="button">
        {button}
        <input
          type="file"
          accept={accept}
          className="visually-hidden"
          onChange={({ target }) => {
            pick(target.files)
            target.value = ''
          }}
        />
      </label>
    </section>
  )
}
