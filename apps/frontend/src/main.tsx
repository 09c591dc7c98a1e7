import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import './styles.css'
import { queryDefaults } from './queryDefaults'
import { ErrorBoundary } from './ui/ErrorBoundary'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html lacks its #root')

createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <QueryClientProvider client={new QueryClient(queryDefaults)}>
        <App />
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
)
