import { useQuery } from '@tanstack/react-query'
import { getPlatform } from '../../api/client'
import { useToken } from '../../api/token'

/** What runs here, and how busy it is; asked for again every `refetchInterval` milliseconds. */
export function usePlatform(refetchInterval: number | false = false) {
  const token = useToken()
  return useQuery({
    queryKey: ['platform', token],
    queryFn: ({ signal }) => getPlatform(signal),
    refetchInterval,
  })
}
