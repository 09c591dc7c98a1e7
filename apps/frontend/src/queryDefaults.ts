import type { QueryClientConfig } from '@tanstack/react-query'

export const queryDefaults: QueryClientConfig = {
  defaultOptions: {
    queries: {
      // Every query asks again on its own clock: an error is shown at once, not after three tries.
      retry: false,
      // The browser's guess about the network says nothing about a backend on this machine.
      networkMode: 'always',
    },
  },
}
