import { memo } from 'react'
import { LabelledField } from '../../ui/LabelledField'
import { type Field, textOf } from './fields'

interface Props {
  field: Field
  text: string
  modified: boolean
  error: string | undefined
  onChange: (key: string, text: string | null) => void
}

/** One config field: its control, what it does, what it may be, and the way back to its default. */
export const ConfigFieldControl = memo(function ConfigFieldControl(props: Props) {
  const { field, text, modified, error, onChange } = props
  const { key, title, choices, suggestions, fallback } = field
  const changed = ({ target }: { target: { value: string } }) => {
    onChange(key, target.value)
  }
  return (
    <LabelledField
      label={title}
      error={error}
      help={<Help field={field} modified={modified} />}
      beside={
        <>
          <code className="detail">{key}</code>
          {modified && (
            <button
              type="button"
              className="quiet reset"
              aria-label={`Reset ${title} to its default`}
              onClick={() => {
                onChange(key, null)
              }}
            >
              modified · reset
            </button>
          )}
        </>
      }
    >
      {(control) => (
        <>
          {text.includes('\n') ? (
            <textarea {...control} rows={12} spellCheck={false} value={text} onChange={changed} />
          ) : choices === null ? (
            <input
              {...control}
              type="text"
              list={suggestions.length > 0 ? `${key}-suggestions` : undefined}
              inputMode={field.isNumber ? 'decimal' : undefined}
              autoComplete="off"
              spellCheck={false}
              value={text}
              placeholder={fallback === null ? 'none' : ''}
              onChange={changed}
              onPaste={(event) => {
                // A line's control would drop the ends of lines.
                const pasted = event.clipboardData.getData('text')
                if (!field.isText || !pasted.includes('\n')) return
                event.preventDefault()
                onChange(key, pasted)
              }}
            />
          ) : (
            <select {...control} value={text} onChange={changed}>
              {choices.map((choice) => (
                <option key={choice} value={choice}>
                  {inWords(choice)}
                </option>
              ))}
            </select>
          )}
          {suggestions.length > 0 && (
            <datalist id={`${key}-suggestions`}>
              {suggestions.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </LabelledField>
  )
})

// The words of the API name each; the control suggests them as well.
const FEW = 5
const NAMED = /^one of (?:"[^"]*", )*"[^"]*"/

function Help({ field, modified }: { field: Field; modified: boolean }) {
  const { help, choices, suggestions, fallback } = field
  const usual = textOf(field, fallback)
  const accepts =
    suggestions.length > FEW
      ? field.accepts.replace(NAMED, `one of the ${suggestions.length} that it suggests`)
      : field.accepts
  return (
    <>
      {help}
      {/* A list shows its choices; a pattern is for machines. */}
      {choices === null && accepts !== '' && !accepts.includes('that matches') && (
        <> Accepts {accepts}.</>
      )}
      {modified && <> Default: {choices === null ? usual || 'none' : inWords(usual)}.</>}
    </>
  )
}

const WORDS: Record<string, string> = { true: 'on', false: 'off', null: 'none' }

/** A choice, which is JSON, as people read it. */
function inWords(choice: string): string {
  return WORDS[choice] ?? choice.replace(/^"(.*)"$/, '$1')
}
