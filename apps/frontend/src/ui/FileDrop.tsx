import { Icon } from './Icon'
import { useDrop } from './useDrop'

interface Props {
  label: string
  text: string
  button: string
  accept: string
  onPick: (file: File) => void
}

/** Takes one file, dropped or chosen. */
export function FileDrop({ label, text, button, accept, onPick }: Props) {
  const pick = (files: FileList | null) => {
    const [file] = files ?? []
    if (file !== undefined) onPick(file)
  }
  const drop = useDrop((dropped) => {
    pick(dropped.files)
  })
  return (
    // Dropping is a second way; the button in it is the first.
    <section aria-label={label} {...drop}>
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
