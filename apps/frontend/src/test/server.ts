import { once } from 'node:events'
import { type IncomingMessage, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { vi } from 'vitest'

export interface Reply {
  status?: number
  json?: unknown
  text?: string
}

type Answers = Record<string, (request: IncomingMessage) => Reply | Promise<Reply>>

const real = globalThis.fetch
let server: Server | null = null

/** Serve `answers`, by path, on a real socket, to which the page's requests then go. */
export async function serve(answers: Answers): Promise<void> {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://test').pathname
    const reply = answers[path]?.(request) ?? { status: 404, text: 'no such page' }
    void Promise.resolve(reply).then(({ status = 200, json, text }) => {
      response.writeHead(status, { 'Content-Type': text ? 'text/html' : 'application/json' })
      response.end(text ?? JSON.stringify(json))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  leadTo((server.address() as AddressInfo).port)
}

/** End the server: from now on the page's requests are refused. */
export async function stopServing(): Promise<void> {
  if (server === null) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  server = null
  await closed
}

function leadTo(port: number) {
  vi.stubGlobal('fetch', (input: RequestInfo | URL, init?: RequestInit) => {
    const request = input instanceof Request ? input : new Request(new URL(input, location.origin))
    const { pathname, search } = new URL(request.url)
    const { method, headers, body, signal } = request
    // Field by field: the Request of jsdom's environment, given another with a body, makes a GET.
    const sent = { method, headers, signal, ...(body === null ? {} : { body, duplex: 'half' }) }
    return real(new Request(`http://127.0.0.1:${port}${pathname}${search}`, sent), init)
  })
}
