import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { queryDefaults } from '../queryDefaults'

/** Render as main.tsx does, with a cache of its own. */
export function show(page: ReactNode) {
  return render(
    <QueryClientProvider client={new QueryClient(queryDefaults)}>{page}</QueryClientProvider>,
  )
}
