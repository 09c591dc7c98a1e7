import { Link } from '@tanstack/react-router'
import { Empty } from '../ui/Empty'
import { useTitle } from '../ui/useTitle'

export function NotFound() {
  useTitle('Not found')
  return (
    <Empty icon="search" title="There is no page here.">
      <p>
        The address may be mistyped. <Link to="/">All jobs</Link>
      </p>
    </Empty>
  )
}
