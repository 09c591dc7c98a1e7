import type { Job } from '../../api/client'
import { nodesOf } from '../jobs/present'

type Resources = Job['resources']
export type ResourceDraft = Record<
  'cpu' | 'memory' | 'gpu' | 'nodes' | 'placement' | 'priority',
  string
>

export function resourceDraftOf(resources: Resources): ResourceDraft {
  const { cpu, memory, gpu, placement, priority } = resources
  const numbers = { cpu: String(cpu), gpu: String(gpu), nodes: String(nodesOf(resources)) }
  return { ...numbers, memory, placement: placement ?? '', priority: priority ?? '' }
}

/** What was entered, null where it is what the trainer has; the backend judges more than this. */
export function resourcesOf(
  draft: ResourceDraft,
  usual: Resources,
): { value: Resources | null; errors: ReadonlyMap<string, string> } {
  const errors = new Map<string, string>()
  const cpu = Number(draft.cpu)
  const gpu = Number(draft.gpu)
  const nodes = Number(draft.nodes)
  if (!(cpu > 0)) errors.set('resources.cpu', 'It must be a number above 0.')
  if (draft.gpu.trim() === '' || !Number.isInteger(gpu) || gpu < 0) {
    errors.set('resources.gpu', 'It must be a whole number, 0 for none.')
  }
  if (!Number.isInteger(nodes) || nodes < 1) {
    errors.set('resources.nodes', 'It must be a whole number, 1 for one machine.')
  }
  if (draft.memory.trim() === '') errors.set('resources.memory', 'Say how much, such as 4Gi.')
  const known = resourceDraftOf(usual)
  const same = (Object.keys(known) as (keyof ResourceDraft)[]).every(
    (key) => draft[key].trim() === known[key],
  )
  const placement = draft.placement.trim() || null
  const priority = draft.priority.trim() || null
  const amounts = { cpu, memory: draft.memory.trim(), gpu }
  return {
    // A replica of the version before does not know the word.
    value: same
      ? null
      : { ...amounts, nodes, placement, ...(priority === null ? {} : { priority }) },
    errors,
  }
}
