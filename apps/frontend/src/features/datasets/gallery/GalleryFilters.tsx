import { count } from '../../../ui/format'
import { type Pictures, SPLITS } from './pictures'
import type { Wanted } from './useGallery'

interface Props {
  pictures: Pictures
  wanted: Wanted
  onWanted: (wanted: Wanted) => void
  marks: boolean
  onMarks: (marks: boolean) => void
}

/** Which images are shown; all but `marks` stands in the address. */
export function GalleryFilters({ pictures, wanted, onWanted, marks, onMarks }: Props) {
  const counts = new Map<string, number>()
  for (const { split } of pictures.all) counts.set(split, (counts.get(split) ?? 0) + 1)
  const splits = SPLITS.filter((one) => counts.has(one))
  return (
    <div className="filters" role="search" aria-label="Images">
      <fieldset className="segments">
        <legend className="visually-hidden">Split</legend>
        {([null, ...splits] as const).map((split) => (
          <label key={split}>
            <input
              type="radio"
              name="split"
              className="visually-hidden"
              checked={wanted.split === split}
              onChange={() => {
                onWanted({ ...wanted, split })
              }}
            />
            {split ?? 'all'}&nbsp;
            <span className="detail">
              {count(split === null ? pictures.all.length : (counts.get(split) ?? 0))}
            </span>
          </label>
        ))}
      </fieldset>
      <select
        aria-label="Class"
        value={wanted.class ?? ''}
        onChange={({ target: { value } }) => {
          const chosen = value === '' ? null : value === 'none' ? value : Number(value)
          onWanted({ ...wanted, class: chosen })
        }}
      >
        <option value="">Every class</option>
        <option value="none">Nothing marked</option>
        {pictures.names.map((name, index) => (
          <option key={index} value={index}>
            {name}
          </option>
        ))}
      </select>
      <label className="check">
        <input
          type="checkbox"
          checked={marks}
          onChange={({ target }) => {
            onMarks(target.checked)
          }}
        />
        Labels
      </label>
    </div>
  )
}
