import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider, createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { queryDefaults } from '../queryDefaults'
import { makeRouter } from '../router'

/** Render as main.tsx does, with a cache of its own. */
export function show(page: ReactNode) {
  return render(
    <QueryClientProvider client={new QueryClient(queryDefaults)}>{page}</QueryClientProvider>,
  )
}

/** Render the whole page, at an address. */
export function showAt(address: string) {
  return show(
    <RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [address] }))} />,
  )
}
