import {
  type RouterHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { compareSearch } from './features/compare/search'
import { datasetSearch } from './features/datasets/search'
import { DatasetsPage } from './features/datasets/DatasetsPage'
import { jobSearch } from './features/job/search'
import { JobsPage } from './features/jobs/JobsPage'
import { jobsSearch } from './features/jobs/search'
import { newJobSearch } from './features/new-job/search'
import { PlatformPage } from './features/platform/PlatformPage'
import { Crashed } from './shell/Crashed'
import { NotFound } from './shell/NotFound'
import { Shell } from './shell/Shell'
import { parseSearch, stringifySearch } from './shell/url'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })
const under = <Path extends string>(path: Path) => ({ getParentRoute: () => root, path })

// nginx serves the page at these paths and 404 elsewhere: a new one goes into its template too.
const jobs = createRoute({ ...under('/'), component: JobsPage, validateSearch: jobsSearch })
const job = createRoute({
  ...under('/jobs/$jobId'),
  component: lazyRouteComponent(() => import('./features/job/JobPage'), 'JobPage'),
  validateSearch: jobSearch,
})
const newJob = createRoute({
  ...under('/jobs/new'),
  component: lazyRouteComponent(() => import('./features/new-job/NewJobPage'), 'NewJobPage'),
  validateSearch: newJobSearch,
})
const compare = createRoute({
  ...under('/compare'),
  component: lazyRouteComponent(() => import('./features/compare/ComparePage'), 'ComparePage'),
  validateSearch: compareSearch,
})
const datasets = createRoute({ ...under('/datasets'), component: DatasetsPage })
const dataset = createRoute({
  ...under('/datasets/$datasetId'),
  component: lazyRouteComponent(() => import('./features/datasets/DatasetPage'), 'DatasetPage'),
  validateSearch: datasetSearch,
})
const models = createRoute({
  ...under('/models'),
  component: lazyRouteComponent(() => import('./features/models/ModelsPage'), 'ModelsPage'),
})
const platform = createRoute({ ...under('/platform'), component: PlatformPage })

const routeTree = root.addChildren([
  jobs,
  newJob,
  job,
  compare,
  datasets,
  dataset,
  models,
  platform,
])

export function makeRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    ...(history === undefined ? {} : { history }),
    parseSearch,
    stringifySearch,
    // What a page needs is fetched while the pointer rests on its link.
    defaultPreload: 'intent',
    scrollRestoration: true,
    defaultErrorComponent: Crashed,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
