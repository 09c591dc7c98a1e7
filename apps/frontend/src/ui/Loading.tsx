/** Holds the place of what is being fetched; says so only when that takes a while (see the CSS). */
export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status">
      Asking the backend for its {what} …
    </p>
  )
}
