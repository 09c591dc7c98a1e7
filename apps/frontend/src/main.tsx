import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './styles/index.css'
import { takeToken } from './api/token'
import { queryDefaults } from './queryDefaults'
import { makeRouter } from './router'
import { applyTheme } from './shell/theme'
import { ErrorBoundary } from './ui/ErrorBoundary'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html lacks its #root')

applyTheme()
// Before the router sees the address; and when the address is pasted into an open page.
takeToken()
window.addEventListener('hashchange', takeToken)
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <QueryClientProvider client={new QueryClient(queryDefaults)}>
        <RouterProvider router={makeRouter()} />
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
)
