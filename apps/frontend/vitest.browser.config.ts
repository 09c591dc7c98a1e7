import { defineConfig } from 'vitest/config'

// In a real Chromium, against a real platform (`yard dev`), with the page as it is built.
export default defineConfig({
  test: { include: ['browser/**/*.test.ts'] },
})
