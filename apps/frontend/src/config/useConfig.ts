import { useQuery } from '@tanstack/react-query'
import { loadConfig } from './config'

export function useConfig() {
  return useQuery({
    queryKey: ['config'],
    queryFn: ({ signal }) => loadConfig(signal),
    staleTime: Infinity,
  })
}
