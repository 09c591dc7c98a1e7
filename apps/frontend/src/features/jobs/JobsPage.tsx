import { Link, getRouteApi } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { Command } from '../../ui/Command'
import { Empty } from '../../ui/Empty'
import { Failure } from '../../ui/Failure'
import { Icon } from '../../ui/Icon'
import { Loading } from '../../ui/Loading'
import { counted } from '../../ui/format'
import { useTitle } from '../../ui/useTitle'
import { MANY } from '../compare/search'
import { useDatasetNames } from '../datasets/useDatasets'
import { JobFilters } from './JobFilters'
import { JobTable } from './JobTable'
import { isActive, shownText } from './present'
import { filterOf } from './search'
import { useJobs } from './useJobs'

const route = getRouteApi('/')

/** The live list of jobs in each of its states: loading, refused, failed, empty, filled. */
export function JobsPage() {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const list = useJobs(filterOf(search))
  const datasets = useDatasetNames()
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const pick = useCallback((id: string, isPicked: boolean) => {
    setPicked((old) => new Set(isPicked ? [...old, id] : [...old].filter((one) => one !== id)))
  }, [])
  const active = list.jobs.filter(isActive).length
  const filtered = (search.state ?? search.q ?? search.dataset ?? search.tag) !== undefined
  useTitle(active > 0 ? `(${active}) Jobs` : 'Jobs')
  return (
    <>
      <div className="page-head">
        <div>
          <h1>Jobs</h1>
          <p className="detail" role="status">
            {!list.isPending &&
              list.jobs.length > 0 &&
              `${shownText(list.jobs.length, list.total, search.sort !== undefined)}, ${active === 0 ? 'none' : active} running or waiting`}
          </p>
        </div>
        <Link to="/jobs/new" className="button primary">
          <Icon name="plus" /> New job
        </Link>
      </div>
      <JobFilters search={search} datasets={datasets} />
      {list.error !== null && (
        <Failure error={list.error} shownSince={list.jobs.length > 0 ? list.updatedAt : 0} />
      )}
      {list.isPending && <Loading what="jobs" />}
      {list.jobs.length > 0 && (
        <JobTable
          jobs={list.jobs}
          datasets={datasets}
          hasMore={list.hasMore}
          canFetchMore={list.canFetchMore}
          fetchMore={list.fetchMore}
          sort={search.sort}
          onSort={(sort) => {
            void navigate({
              search: (old) => ({ ...old, sort }),
              replace: true,
              resetScroll: false,
            })
          }}
          picked={picked}
          onPick={pick}
        />
      )}
      {picked.size > 0 && (
        <Picked
          picked={picked}
          onClear={() => {
            setPicked(new Set())
          }}
        />
      )}
      {!list.isPending && list.error === null && list.jobs.length === 0 && (
        <Nothing filtered={filtered} />
      )}
    </>
  )
}

/** What can be done with the chosen jobs. */
function Picked({ picked, onClear }: { picked: ReadonlySet<string>; onClear: () => void }) {
  return (
    <section className="picked" aria-label="Chosen jobs">
      <span>{counted(picked.size, 'job')} chosen</span>
      {picked.size > 1 && picked.size <= MANY && (
        <Link to="/compare" search={{ jobs: [...picked].join(',') }} className="button primary">
          <Icon name="compare" /> Compare
        </Link>
      )}
      {picked.size === 1 && <span className="detail">Choose another to compare.</span>}
      {picked.size > MANY && <span className="detail">At most {MANY} can be compared.</span>}
      <button type="button" className="quiet" onClick={onClear}>
        Clear
      </button>
    </section>
  )
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty icon="search" title="No job is like that.">
        <p>
          Names and notes are looked through, and the beginnings of ids.{' '}
          <Link to="/">Show all jobs</Link>
        </p>
      </Empty>
    )
  }
  return (
    <Empty icon="jobs" title="No jobs yet.">
      <p>A job trains a model on a dataset. Push a folder of images with their labels:</p>
      <Command text="yard dataset push DIR" />
      <p>
        Then <Link to="/jobs/new">start a job</Link>, here or from the terminal:
      </p>
      <Command text="yard train DATASET" />
    </Empty>
  )
}
