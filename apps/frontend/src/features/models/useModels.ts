import { useInfiniteQuery } from '@tanstack/react-query'
import { type ModelVersion, listModels } from '../../api/client'
import { useToken } from '../../api/token'

const AGAIN_MS = 30_000

/** A registered model: its versions, the newest first. */
export interface Model {
  name: string
  versions: ModelVersion[]
}

/** The registered models that MLflow keeps, by name. */
export function useModels() {
  const token = useToken()
  return useInfiniteQuery({
    queryKey: ['models', token],
    queryFn: ({ pageParam, signal }) => listModels(pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    select: ({ pages }) => modelsOf(pages.flatMap((page) => page.items)),
    refetchInterval: AGAIN_MS,
  })
}

export function modelsOf(versions: readonly ModelVersion[]): Model[] {
  const models = new Map<string, ModelVersion[]>()
  for (const one of versions) models.set(one.name, [...(models.get(one.name) ?? []), one])
  return [...models]
    .map(([name, found]) => ({ name, versions: found.sort((a, b) => b.version - a.version) }))
    .sort((a, b) => a.name.localeCompare(b.name))
}

/** The job that a version comes from. */
export function jobOf({ tags }: ModelVersion): string | undefined {
  return tags['trainyard.job_id']
}

/** Why an alias stands at a version, by whom and when; what it replaced is where it goes back to. */
export function moveOf({ tags }: ModelVersion, alias: string) {
  const told = (name: string) => tags[`trainyard.${alias}.${name}`] ?? ''
  const replaced = Number(told('replaced'))
  return {
    gate: told('gate'),
    by: told('by'),
    at: told('at'),
    replaced: replaced > 0 ? replaced : null,
  }
}
