import { expect, it } from 'vitest'
import { getToken, setToken, takeToken } from './token'

it('takes the token behind the # of the start address, and leaves it in no address', () => {
  window.history.replaceState(null, '', '/jobs/0123456789ab?tab=log#token=yard_a-B_9')
  takeToken()
  expect(getToken()).toBe('yard_a-B_9')
  expect(window.location.href).toMatch(/\/jobs\/0123456789ab\?tab=log$/)
})

it.each(['', '#main', '#token=', '#token=a.b', '#other&token=x'])(
  'keeps its token where the address brings none: %s',
  (hash) => {
    setToken('kept')
    window.history.replaceState(null, '', `/${hash}`)
    takeToken()
    expect(getToken()).toBe('kept')
    expect(window.location.hash).toBe(hash)
  },
)
