import { readFileSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// `npm run dev` talks to the backend of `yard dev`, or to the one named here. The token of `yard dev`
// comes behind the #, as in the address that it shows.
const backend = process.env.BACKEND_URL ?? 'http://127.0.0.1:8000'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

export default defineConfig({
  plugins: [react()],
  define: { __VERSION__: JSON.stringify(version) },
  server: { proxy: { '/api': backend, '/readyz': backend } },
  preview: { proxy: { '/api': backend, '/readyz': backend } },
  build: { target: 'es2023' },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
})
