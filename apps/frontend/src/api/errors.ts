/** What went wrong with a request; `message` is a sentence for the user that says what to do. */
export class ApiError extends Error {
  /** HTTP status, or null where no answer came. */
  readonly status: number | null
  /** With 422: the sentence for each wrong field, such as config.epochs. */
  readonly fields: ReadonlyMap<string, string>

  constructor(
    message: string,
    status: number | null,
    fields: ReadonlyMap<string, string> = new Map(),
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.fields = fields
  }
}

const UNREACHABLE =
  'The backend does not answer. Check that it runs: kubectl get pods -n platform -l app=backend, or yard dev.'

/** Whether the same request may be taken later: nobody answered, or the backend lacks its database. */
export function isAway(error: unknown): boolean {
  const passing = [null, 502, 503, 504]
  return error instanceof ApiError && passing.includes(error.status)
}

/** Put a failed fetch into words. */
export function unanswered(error: unknown): ApiError {
  const tooSlow = error instanceof DOMException && error.name === 'TimeoutError'
  return new ApiError(
    tooSlow ? 'The backend took too long to answer. Its log may say why.' : UNREACHABLE,
    null,
  )
}

/** Put an error answer into words: the problem's own, else what its status tells. */
export function refused(status: number, body: unknown): ApiError {
  if (isProblem(body)) {
    const fields = (body.errors ?? []).map(({ field, message }) => [field, message] as const)
    return new ApiError(body.detail, status, new Map(fields))
  }
  if (status === 502 || status === 503 || status === 504) return new ApiError(UNREACHABLE, status)
  return new ApiError(
    `The answer (HTTP ${status}) is not the backend's. Is this page's /api led to it?`,
    status,
  )
}

interface Problem {
  detail: string
  errors?: { field: string; message: string }[]
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === 'object' &&
    body !== null &&
    'detail' in body &&
    typeof body.detail === 'string' &&
    body.detail !== ''
  )
}
