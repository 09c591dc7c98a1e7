import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { setToken, useIsTokenEntered, useToken } from '../api/token'
import { useConfig } from '../config/useConfig'
import { Icon, type IconName } from '../ui/Icon'
import { PaletteButton } from './PaletteButton'
import { ThemeSwitch } from './ThemeSwitch'

interface Entry {
  to: '/' | '/datasets' | '/models' | '/platform'
  icon: IconName
  text: string
}

const ENTRIES: readonly Entry[] = [
  { to: '/', icon: 'jobs', text: 'Jobs' },
  { to: '/datasets', icon: 'datasets', text: 'Datasets' },
  { to: '/models', icon: 'models', text: 'Models' },
  { to: '/platform', icon: 'platform', text: 'Platform' },
]

/** What every page stands in: the navigation beside it, the page itself as its main part. */
export function Shell() {
  const tier = useConfig().data?.tier ?? ''
  const isTokenEntered = useIsTokenEntered()
  const { pathname } = useLocation()
  const main = useFocusOnNewPage(pathname)
  useSweep()
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="side">
        <div className="brand">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span className="brand-name">Trainyard</span>
          {tier !== '' && <span className="tier">{tier}</span>}
        </div>
        <PaletteButton />
        <nav aria-label="Pages">
          <ul>
            {ENTRIES.map(({ to, icon, text }) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact: to !== '/datasets', includeSearch: false }}
                  className={to === '/' && pathname.startsWith('/jobs/') ? 'within' : ''}
                >
                  <Icon name={icon} />
                  <span>{text}</span>
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="side-foot">
          {isTokenEntered && (
            <button
              type="button"
              className="quiet"
              onClick={() => {
                setToken(null)
              }}
            >
              Forget the API token
            </button>
          )}
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  )
}

/** What closed tabs have left is removed, once there is a token that may. */
function useSweep() {
  const token = useToken()
  useEffect(() => {
    import('../features/job/try/left')
      .then(({ sweep }) => sweep())
      // Nobody waits for it: what fails, as a script that an upgrade has replaced, is for the next visit.
      .catch(() => undefined)
  }, [token])
}

/** A new page is where reading goes on, for screen readers and the Tab key too. */
function useFocusOnNewPage(pathname: string) {
  const main = useRef<HTMLElement>(null)
  const shown = useRef(pathname)
  useEffect(() => {
    if (shown.current !== pathname) main.current?.focus({ preventScroll: true })
    shown.current = pathname
  }, [pathname])
  return main
}
