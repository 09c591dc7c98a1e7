import '@testing-library/jest-dom/vitest'
import { cleanup } from '@testing-library/react'
import { afterEach, beforeEach } from 'vitest'
import { stopServing } from './server'

beforeEach(() => {
  if ('sessionStorage' in globalThis) sessionStorage.clear()
})

afterEach(async () => {
  cleanup()
  await stopServing()
})
