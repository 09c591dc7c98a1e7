import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Icon } from '../../ui/Icon'
import { type JobsSearch, STATES, jobsSearch } from './search'

interface Props {
  search: JobsSearch
  datasets: ReadonlyMap<string, string>
}

const TYPING_MS = 250

/** Narrows the list; all that it says stands in the address. */
export function JobFilters({ search, datasets }: Props) {
  const navigate = useNavigate({ from: '/' })
  const set = (changes: JobsSearch) =>
    void navigate({
      search: (old) => jobsSearch({ ...old, ...changes }),
      replace: true,
      resetScroll: false,
    })
  return (
    <div className="filters" role="search" aria-label="Jobs">
      <fieldset className="segments">
        <legend className="visually-hidden">State</legend>
        {(['all', ...STATES] as const).map((state) => (
          <label key={state}>
            <input
              type="radio"
              name="state"
              className="visually-hidden"
              checked={(search.state ?? 'all') === state}
              onChange={() => {
                set({ state: state === 'all' ? undefined : state })
              }}
            />
            {state}
          </label>
        ))}
      </fieldset>
      <NameBox
        value={search.q ?? ''}
        onSettle={(q) => {
          if (q !== (search.q ?? '')) set({ q: q === '' ? undefined : q })
        }}
      />
      <select
        aria-label="Dataset"
        value={search.dataset ?? ''}
        onChange={({ target }) => {
          set({ dataset: target.value === '' ? undefined : target.value })
        }}
      >
        <option value="">Every dataset</option>
        {[...datasets].map(([id, name]) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      {search.tag !== undefined && (
        <button
          type="button"
          className="tag"
          aria-label={`Tagged ${search.tag}: show others too`}
          onClick={() => {
            set({ tag: undefined })
          }}
        >
          {search.tag} <Icon name="close" />
        </button>
      )}
    </div>
  )
}

function NameBox({ value, onSettle }: { value: string; onSettle: (text: string) => void }) {
  const [text, setText] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => {
      onSettle(text.trim())
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [text]) // eslint-disable-line react-hooks/exhaustive-deps -- only typing starts the clock
  return (
    <label className="search-box">
      <Icon name="search" />
      <span className="visually-hidden">Part of a name or of notes, or beginning of an id</span>
      <input
        type="search"
        value={text}
        placeholder="Name, notes or id"
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => {
          setText(target.value)
        }}
      />
    </label>
  )
}
