import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { planJob } from '../../api/client'
import { ApiError } from '../../api/errors'
import { useToken } from '../../api/token'
import type { NewJob } from './command'

const TYPING_MS = 500

/** The job as the platform would take it, once typing pauses; `wrong` is what it would refuse. */
export function usePlan(job: NewJob, isSound: boolean) {
  const token = useToken()
  const written = JSON.stringify(job)
  const [settled, setSettled] = useState(written)
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(written)
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [written])
  const { data, error } = useQuery({
    queryKey: ['plan', token, settled],
    queryFn: ({ signal }) => planJob(JSON.parse(settled) as NewJob, signal),
    enabled: isSound && job.dataset_id !== '' && settled === written,
    retry: false,
    refetchOnWindowFocus: false,
    placeholderData: keepPreviousData,
  })
  const isOfNow = isSound && settled === written && error instanceof ApiError
  return { plan: data, wrong: isOfNow ? byField(error.fields) : new Map<string, string>() }
}

/** What was refused, by the fields of the form. */
export function byField(fields: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...fields].map(([field, told]) => [field.replace(/^config\./, ''), told]))
}
