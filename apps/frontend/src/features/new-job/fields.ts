import { Validator } from '@cfworker/json-schema'
import type { Trainer } from '../../api/client'

/** One config field of a trainer, as its form shows it. */
export interface Field {
  key: string
  title: string
  help: string
  group: string
  advanced: boolean
  /** What it may be, in words. */
  accepts: string
  /** The allowed values as JSON, where they are few and known; a switch has two. */
  choices: readonly string[] | null
  /** Values to choose from where others are allowed, too. */
  suggestions: readonly string[]
  /** Whether any text is a value as it is; else it is read as JSON. */
  isText: boolean
  isNumber: boolean
  fallback: unknown
}

/** What a user entered, by key; what is not in it is as the trainer has it. */
export type Draft = Readonly<Record<string, string>>

interface Rules {
  title?: string
  description?: string
  group?: string
  advanced?: boolean
  type?: string | string[]
  enum?: unknown[]
  anyOf?: { enum?: unknown[] }[]
  default?: unknown
}

export function fieldsOf({ config_schema: schema, accepts }: Trainer): Field[] {
  const properties = (schema.properties ?? {}) as Record<string, Rules>
  return Object.entries(properties).map(([key, rules]) => ({
    key,
    title: rules.title ?? key,
    help: rules.description ?? '',
    group: rules.group ?? 'Config fields',
    advanced: rules.advanced ?? false,
    accepts: accepts[key] ?? '',
    choices:
      rules.type === 'boolean'
        ? ['true', 'false']
        : (rules.enum?.map((one) => JSON.stringify(one)) ?? null),
    suggestions: (rules.anyOf ?? []).flatMap((one) => one.enum ?? []).map(String),
    isText: rules.enum === undefined && rules.type === 'string',
    isNumber: rules.type === 'integer' || rules.type === 'number',
    fallback: rules.default ?? null,
  }))
}

/** A value as its field shows it. */
export function textOf(field: Field, value: unknown): string {
  if (field.choices !== null) return JSON.stringify(value)
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What the text means: a choice, a number, a list; where it is none of these, text. */
export function valueOf(field: Field, text: string): unknown {
  if (field.isText) return text
  const trimmed = text.trim()
  if (trimmed === '') return null
  try {
    return JSON.parse(trimmed) as unknown
  } catch {
    const number = Number(trimmed.replace(',', '.'))
    return Number.isFinite(number) ? number : text
  }
}

/** The config to send: only what differs from the defaults. */
export function configOf(fields: readonly Field[], draft: Draft): Record<string, unknown> {
  return Object.fromEntries(
    fields
      .filter((field) => isModified(field, draft))
      .map((field) => [field.key, valueOf(field, draft[field.key] ?? '')]),
  )
}

export function isModified(field: Field, draft: Draft): boolean {
  const text = draft[field.key]
  return text !== undefined && text !== textOf(field, field.fallback)
}

/** A job's config fields as a user would have entered them. */
export function draftOf(
  fields: readonly Field[],
  config: Readonly<Record<string, unknown>>,
): Draft {
  return Object.fromEntries(
    fields
      .filter(({ key }) => key in config)
      .map((field) => [field.key, textOf(field, config[field.key])]),
  )
}

/** A judge of configs by the trainer's own schema: a sentence for each field that is wrong. */
export function judgeOf({ config_schema: schema, accepts }: Trainer) {
  const validator = new Validator(schema, '2020-12', false)
  return (config: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> => {
    const wrong = new Map<string, string>()
    for (const { instanceLocation } of validator.validate(config).errors) {
      const key = instanceLocation.split('/')[1]
      if (key !== undefined) wrong.set(key, `It must be ${accepts[key] ?? 'something else'}.`)
    }
    return wrong
  }
}
