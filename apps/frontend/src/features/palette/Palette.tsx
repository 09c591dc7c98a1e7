import { useQuery } from '@tanstack/react-query'
import { useLocation, useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { listJobs } from '../../api/client'
import { useToken } from '../../api/token'
import { chooseTheme } from '../../shell/theme'
import { inWords } from '../../ui/format'
import { datasetTitle, useDatasets } from '../datasets/useDatasets'
import { TABS } from '../job/search'
import { scoreOf, titleOf } from '../jobs/present'
import { type Entry, matching } from './entries'

/** Leads to any job, dataset, page or action by a few letters. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const found = matching(useEntries(), text)
  const chosen = Math.min(at, found.length - 1)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  useEffect(() => {
    document.getElementById(`${id}-${chosen}`)?.scrollIntoView({ block: 'nearest' })
  }, [id, chosen])
  function run(entry: Entry | undefined) {
    if (entry === undefined) return
    dialog.current?.close()
    entry.run()
  }
  function pressed(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined) setAt((chosen + step + found.length) % Math.max(1, found.length))
    else if (event.key === 'Enter') run(found[chosen])
    else return
    event.preventDefault()
  }
  return (
    <dialog ref={dialog} className="palette" aria-label="Go to" onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label="Job, dataset, page or action"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found.length > 0 ? `${id}-${chosen}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder="Job, dataset, page or action"
        value={text}
        onKeyDown={pressed}
        onChange={({ target }) => {
          setText(target.value)
          setAt(0)
        }}
      />
      <div className="options" id={id} role="listbox" aria-label="Where to">
        {found.map((entry, index) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above has the keys
          <div
            key={entry.key}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            onClick={() => {
              run(entry)
            }}
          >
            <span className="cut">{entry.title}</span>
            <span className="detail cut">{entry.detail ?? entry.group}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && (
        <p className="detail" role="status">
          Nothing is like that. Older jobs are found by the list’s own search.
        </p>
      )}
    </dialog>
  )
}

function useEntries(): Entry[] {
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const token = useToken()
  const jobs = useQuery({
    queryKey: ['jobs', 'palette', token],
    queryFn: ({ signal }) => listJobs({}, null, signal),
  })
  const datasets = useDatasets()
  const jobId = /^\/jobs\/([0-9a-f]{12})$/.exec(pathname)?.[1]
  const pages = [
    ['Jobs', '/'],
    ['New job', '/jobs/new'],
    ['Datasets', '/datasets'],
    ['Models', '/models'],
    ['Compare jobs', '/compare'],
    ['Platform', '/platform'],
  ] as const
  const themes = [
    ['Light colours', 'light'],
    ['Dark colours', 'dark'],
    ['Colours as the system has them', 'system'],
  ] as const
  const ofJob: Entry[] =
    jobId === undefined
      ? []
      : TABS.map((tab) => ({
          key: `tab ${tab}`,
          group: 'This job',
          title: inWords(tab),
          run: () => void navigate({ to: '/jobs/$jobId', params: { jobId }, search: { tab } }),
        }))
  return [
    ...ofJob,
    ...pages.map(([title, to]): Entry => ({
      key: to,
      group: 'Pages',
      title,
      run: () => void navigate({ to }),
    })),
    ...(jobs.data?.items ?? []).map((job): Entry => {
      const score = scoreOf(job)
      const told = score === null ? '' : ` · ${score.value.toFixed(3)}`
      return {
        key: job.id,
        group: 'Jobs',
        title: titleOf(job),
        detail: `job ${job.id.slice(0, 8)} · ${job.status}${told}`,
        run: () => void navigate({ to: '/jobs/$jobId', params: { jobId: job.id } }),
      }
    }),
    ...(datasets.data ?? []).map((one): Entry => ({
      key: one.id,
      group: 'Datasets',
      title: datasetTitle(one),
      detail: `dataset · ${one.task} · ${one.status}`,
      run: () => void navigate({ to: '/datasets/$datasetId', params: { datasetId: one.id } }),
    })),
    ...themes.map(([title, theme]): Entry => ({
      key: theme,
      group: 'Actions',
      title,
      run: () => {
        chooseTheme(theme)
      },
    })),
  ]
}
