import { useQuery } from '@tanstack/react-query'
import { getTrainer, listTrainers } from '../../api/client'
import { useToken } from '../../api/token'

const MINUTE_MS = 60_000

export function useTrainer(name: string) {
  const token = useToken()
  return useQuery({
    queryKey: ['trainer', name, token],
    queryFn: ({ signal }) => getTrainer(name, signal),
    enabled: name !== '',
    staleTime: MINUTE_MS,
  })
}

export function useTrainers() {
  const token = useToken()
  return useQuery({
    queryKey: ['trainers', token],
    queryFn: ({ signal }) => listTrainers(signal),
    staleTime: MINUTE_MS,
  })
}
