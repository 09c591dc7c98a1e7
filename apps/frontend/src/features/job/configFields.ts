export interface ConfigField {
  key: string
  title: string
  value: string
  fallback: string
  differs: boolean
}

interface Property {
  title?: string
  default?: unknown
}

/** Each field of a config beside its default, in the order of the trainer's schema. */
export function configFieldsOf(
  config: Readonly<Record<string, unknown>>,
  schema: Readonly<Record<string, unknown>> | null,
): ConfigField[] {
  const properties = (schema?.properties ?? {}) as Record<string, Property>
  const keys = new Set([...Object.keys(properties), ...Object.keys(config)])
  return [...keys].map((key) => {
    const property = properties[key]
    const fallback = JSON.stringify(property?.default) as string | undefined
    const value = key in config ? JSON.stringify(config[key]) : fallback
    return {
      key,
      title: property?.title ?? key,
      value: value ?? '–',
      fallback: fallback ?? '–',
      differs: schema !== null ? value !== fallback : key in config,
    }
  })
}
