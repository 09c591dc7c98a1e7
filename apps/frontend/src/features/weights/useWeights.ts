import { useQuery } from '@tanstack/react-query'
import { listWeights } from '../../api/client'
import { useToken } from '../../api/token'

/** The newest weights that the platform keeps, and whether it fetches official ones. */
export function useWeights() {
  const token = useToken()
  return useQuery({
    queryKey: ['weights', token],
    queryFn: ({ signal }) => listWeights(signal),
  })
}
