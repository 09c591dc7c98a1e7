/** A new Idempotency-Key. Not randomUUID: a page that is served without TLS has none. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}
