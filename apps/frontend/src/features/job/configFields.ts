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
      value: shortened(value ?? '–'),
      fallback: fallback ?? '–',
      differs: schema !== null ? value !== fallback : key in config,
    }
  })
}

// An image, or a model's YAML: a page of it says no more than its beginning.
const LONGEST = 2_000

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)} … (${text.length} characters)`
}
