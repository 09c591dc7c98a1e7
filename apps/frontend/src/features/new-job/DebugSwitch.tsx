import { useId } from 'react'

interface Props {
  value: boolean
  onChange: (value: boolean) => void
}

/** Has the training wait for a debugger. */
export function DebugSwitch({ value, onChange }: Props) {
  const help = useId()
  return (
    <div>
      <label className="check">
        <input
          type="checkbox"
          checked={value}
          aria-describedby={help}
          onChange={({ target }) => {
            onChange(target.checked)
          }}
        />
        Wait for a debugger
      </label>
      <p className="detail" id={help} hidden={!value}>
        The training opens a port and stands still until you attach; no limit ends it meanwhile. The
        job’s page has the file for your editor.
      </p>
    </div>
  )
}
