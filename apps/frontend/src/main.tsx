import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './styles/index.css'
import { queryDefaults } from './queryDefaults'
import { makeRouter } from './router'
import { applyTheme } from './shell/theme'
import { ErrorBoundary } from './ui/ErrorBoundary'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html lacks its #root')

applyTheme()
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <QueryClientProvider client={new QueryClient(queryDefaults)}>
        <RouterProvider router={makeRouter()} />
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
)
