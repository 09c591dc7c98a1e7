import { type ReactNode, useId } from 'react'

interface Props {
  label: string
  /** Beside the label. */
  beside?: ReactNode
  help?: ReactNode
  error?: string | undefined
  children: (control: Control) => ReactNode
}

interface Control {
  id: string
  'aria-describedby': string
  'aria-invalid': boolean
}

/** A control with its name, its help and, where it is wrong, why. */
export function LabelledField({ label, beside, help, error, children }: Props) {
  const id = useId()
  return (
    <div className="labelled-field">
      <div className="labelled-field-head">
        <label htmlFor={id}>{label}</label>
        {beside}
      </div>
      {children({
        id,
        'aria-describedby': `${id}-error ${id}-help`,
        'aria-invalid': error !== undefined,
      })}
      <p className="message bad" id={`${id}-error`} hidden={error === undefined}>
        {error}
      </p>
      <p className="detail" id={`${id}-help`} hidden={help === undefined}>
        {help}
      </p>
    </div>
  )
}
