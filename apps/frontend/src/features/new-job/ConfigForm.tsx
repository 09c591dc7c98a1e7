import { useState } from 'react'
import { Icon } from '../../ui/Icon'
import { counted } from '../../ui/format'
import { ConfigFieldControl } from './ConfigFieldControl'
import { type Draft, type Field, isModified, textOf } from './fields'

interface Props {
  fields: readonly Field[]
  draft: Draft
  errors: ReadonlyMap<string, string>
  onChange: (key: string, text: string | null) => void
}

/** Every config field of the trainer by group; what is seldom changed is folded away. */
export function ConfigForm({ fields, draft, errors, onChange }: Props) {
  const [sought, setSought] = useState('')
  const words = sought.trim().toLowerCase()
  const found = fields.filter(({ key, title, help }) =>
    `${key} ${title} ${help}`.toLowerCase().includes(words),
  )
  const groups = [...new Set(found.map(({ group }) => group))]
  const show = (field: Field) => (
    <ConfigFieldControl
      key={field.key}
      field={field}
      text={draft[field.key] ?? textOf(field, field.fallback)}
      modified={isModified(field, draft)}
      error={errors.get(field.key)}
      onChange={onChange}
    />
  )
  return (
    <>
      <div className="field-tools">
        <label className="search-box">
          <Icon name="search" />
          <span className="visually-hidden">Find a config field</span>
          <input
            type="search"
            value={sought}
            placeholder="Find a config field"
            autoComplete="off"
            onChange={({ target }) => {
              setSought(target.value)
            }}
          />
        </label>
        <span className="detail" role="status">
          {words !== '' && counted(found.length, 'config field')}
        </span>
      </div>
      {groups.map((group) => {
        const members = found.filter((field) => field.group === group)
        const folded = words === '' ? members.filter(({ advanced }) => advanced) : []
        const changed = folded.filter((field) => isModified(field, draft)).length
        const wrong = folded.some(({ key }) => errors.has(key))
        return (
          <section key={group} className="card" aria-label={group}>
            <h2>{group}</h2>
            <div className="field-grid">
              {members.filter((field) => !folded.includes(field)).map(show)}
            </div>
            {folded.length > 0 && (
              <details open={wrong || undefined}>
                <summary>
                  {folded.length} more, seldom changed
                  {changed > 0 && <span className="detail"> · {changed} modified</span>}
                </summary>
                <div className="field-grid">{folded.map(show)}</div>
              </details>
            )}
          </section>
        )
      })}
    </>
  )
}
