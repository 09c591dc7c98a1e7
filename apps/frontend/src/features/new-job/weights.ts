import type { Trainer, Weights } from '../../api/client'

type Config = Readonly<Record<string, unknown>>

function modelOf({ config_schema: schema }: Trainer, config: Config): unknown {
  const properties = (schema.properties ?? {}) as Record<string, { default?: unknown }>
  return config.model ?? properties.model?.default
}

/** Name of the weights that a job takes by default where they are kept, or null where there are none. */
export function pretrainedOf(
  trainer: Trainer,
  task: string | undefined,
  config: Config,
): string | null {
  const name = trainer.pretrained[task ?? '']
  return name?.replace('{model}', String(modelOf(trainer, config))) ?? null
}

/** The stored weights that are of this task and model, as far as is known. */
export function suitable(
  stored: readonly Weights[],
  trainer: Trainer,
  task: string | undefined,
  config: Config,
): Weights[] {
  const model = modelOf(trainer, config)
  return stored.filter(
    (one) =>
      (one.task == null || one.task === task) &&
      (one.model == null || model === undefined || one.model === model),
  )
}
