import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterEach, beforeEach } from 'vitest'
import { stopServing } from './server'

// What is waited for is waited for by its condition: a busy machine takes its time.
configure({ asyncUtilTimeout: 30_000 })

// jsdom lays nothing out: what asks for a layout gets an answer that never changes.
if ('window' in globalThis) {
  window.matchMedia = (media) =>
    Object.assign(new EventTarget(), { media, matches: false }) as MediaQueryList
  window.scrollTo = () => undefined
  // Its Blob gives its bytes to a FileReader only.
  Blob.prototype.arrayBuffer = function () {
    return new Promise((resolve, reject) => {
      const reader = new FileReader()
      reader.onload = () => {
        resolve(reader.result as ArrayBuffer)
      }
      reader.onerror = () => {
        reject(new Error('The file cannot be read.'))
      }
      reader.readAsArrayBuffer(this)
    })
  }
  // It has no dialogs either.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true
  }
  HTMLDialogElement.prototype.close = function () {
    this.open = false
    this.dispatchEvent(new Event('close'))
  }
}

beforeEach(() => {
  if ('sessionStorage' in globalThis) sessionStorage.clear()
})

afterEach(async () => {
  cleanup()
  await stopServing()
})
