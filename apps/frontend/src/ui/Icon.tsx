const PATHS = {
  jobs: 'M3 5h14M3 10h14M3 15h9',
  plus: 'M10 4v12M4 10h12',
  datasets: 'M3 5h6v6H3zM11 5h6v6h-6zM3 13h6v3H3zM11 13h6v3h-6z',
  platform: 'M2 11h4l2-6 4 11 2-5h4',
  models: 'M10 2.5l6.5 3.7v7.6L10 17.5l-6.5-3.7V6.2zM3.5 6.2L10 10l6.5-3.8M10 10v7.5',
  compare: 'M4 16V9M8 16V4M12 16v-5M16 16V7',
  close: 'M5 5l10 10M15 5L5 15',
  bell: 'M5 14V9a5 5 0 0 1 10 0v5l1 1H4zM8.5 17.5h3',
  search: 'M9 4a5 5 0 1 1 0 10A5 5 0 0 1 9 4zM13 13l4 4',
  download: 'M10 3v9m-4-3.5 4 4 4-4M4 16h12',
  copy: 'M7 7h9v9H7zM13 7V4H4v9h3',
  up: 'M5 12l5-5 5 5',
  down: 'M5 8l5 5 5-5',
  sun: 'M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4',
  moon: 'M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z',
  system: 'M3 4h14v9H3zM7 17h6M10 13v4',
} as const

export type IconName = keyof typeof PATHS

/** Decoration: the words beside it, or its button's label, say the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
