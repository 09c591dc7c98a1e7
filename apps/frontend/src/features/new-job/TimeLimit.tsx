import { LabelledField } from '../../ui/LabelledField'

interface Props {
  hours: string
  error: string | undefined
  onChange: (hours: string) => void
}

/** When the job ends at the latest. */
export function TimeLimit({ hours, error, onChange }: Props) {
  return (
    <LabelledField
      label="Time limit, hours"
      help="From its start on; the best model by then is kept. Empty: none."
      error={error}
    >
      {(control) => (
        <input
          {...control}
          type="text"
          inputMode="decimal"
          autoComplete="off"
          value={hours}
          onChange={({ target }) => {
            onChange(target.value)
          }}
        />
      )}
    </LabelledField>
  )
}
