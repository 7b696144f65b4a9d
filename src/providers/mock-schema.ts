// A value that fits a JSON Schema, the same one every time. The mock provider makes tool arguments and structured answers
// with it. It follows the parts of JSON Schema that tool definitions use; it validates nothing.

import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'

/** Deeper than this only what is required is filled in; twice as deep a schema that calls itself ends in null. */
const OPTIONAL_DEPTH_MAX = 6
const DEPTH_MAX = 2 * OPTIONAL_DEPTH_MAX
const ITEMS_MAX = 20
/** Values in one document: a wide schema that calls itself would otherwise grow with the power of its depth. */
const VALUES_MAX = 5_000
const TEXT_CHARS_MAX = 1_000

const FORMATS: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  time: '12:00:00Z',
  'date-time': '2026-01-31T12:00:00Z',
  duration: 'P1D',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/**
 * A value for a schema.
 * @param text what a string is filled with where the schema does not say
 */
export function valueForSchema(schema: JsonValue | undefined, text: string): JsonValue {
  return build(schema, { root: asObject(schema) ?? {}, text, left: VALUES_MAX }, 0)
}

interface Context {
  readonly root: JsonObject
  readonly text: string
  /** Values that may still be made. */
  left: number
}

function build(value: JsonValue | undefined, context: Context, depth: number): JsonValue {
  const schema = asObject(value)
  context.left -= 1
  if (depth > DEPTH_MAX || context.left < 0) return null
  if (schema === undefined) return context.text
  const fixed = fixedValue(schema)
  if (fixed !== undefined) return fixed
  if (typeof schema.$ref === 'string') {
    return build(resolve(schema.$ref, context.root), context, depth + 1)
  }
  const merged = mergeAll(schema)
  const choice = asArray(merged.anyOf) ?? asArray(merged.oneOf)
  if (choice !== undefined && choice.length > 0) {
    const solid = choice.find((option) => asObject(option)?.type !== 'null') ?? choice[0]
    return build(solid, context, depth + 1)
  }
  return buildType(merged, context, depth)
}

/** The value that the schema itself names. */
function fixedValue(schema: JsonObject): JsonValue | undefined {
  if (schema.const !== undefined) return schema.const
  const named = asArray(schema.enum) ?? asArray(schema.examples)
  return named?.[0] ?? schema.default
}

/** A local reference, `#/$defs/name`; anything else is not followed. */
function resolve(reference: string, root: JsonObject): JsonValue | undefined {
  if (!reference.startsWith('#')) return undefined
  let at: JsonValue | undefined = root
  for (const part of reference.slice(1).split('/').slice(1)) {
    const name = decodeURIComponentSafe(part).replaceAll('~1', '/').replaceAll('~0', '~')
    const here: JsonObject | undefined = asObject(at)
    at = here !== undefined && Object.hasOwn(here, name) ? here[name] : undefined
  }
  return at
}

function decodeURIComponentSafe(text: string): string {
  return /^(?:[^%]|%[0-7][0-9a-f])*$/i.test(text) ? decodeURIComponent(text) : text
}

/** A schema with the members of its `allOf` joined in. */
function mergeAll(schema: JsonObject): JsonObject {
  const parts = asArray(schema.allOf)?.map((part) => asObject(part) ?? {}) ?? []
  if (parts.length === 0) return schema
  const all = [schema, ...parts]
  return {
    ...Object.assign({}, ...all),
    properties: Object.assign({}, ...all.map((part) => asObject(part.properties) ?? {})),
    required: all.flatMap((part) => asArray(part.required) ?? []),
  }
}

function typeOf(schema: JsonObject): string | undefined {
  const listed = asArray(schema.type)
  const type =
    listed === undefined
      ? asString(schema.type)
      : asString(listed.find((name) => name !== 'null') ?? listed[0])
  if (type !== undefined) return type
  if (schema.properties !== undefined) return 'object'
  return schema.items === undefined ? undefined : 'array'
}

function buildType(schema: JsonObject, context: Context, depth: number): JsonValue {
  switch (typeOf(schema)) {
    case 'object':
      return buildObject(schema, context, depth)
    case 'array': {
      const count = Math.min(asNumber(schema.minItems) ?? 1, asNumber(schema.maxItems) ?? ITEMS_MAX)
      const items = Math.max(0, Math.min(Math.floor(count), ITEMS_MAX))
      return Array.from({ length: items }, () => build(schema.items, context, depth + 1))
    }
    case 'integer':
      return buildNumber(schema, 1)
    case 'number':
      return buildNumber(schema, 0.5)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return buildText(schema, context.text)
  }
}

function buildObject(schema: JsonObject, context: Context, depth: number): JsonValue {
  const properties = asObject(schema.properties) ?? {}
  const required = new Set(asArray(schema.required) ?? [])
  const entries: [string, JsonValue][] = []
  for (const name of Object.keys(properties)) {
    if (depth > OPTIONAL_DEPTH_MAX && !required.has(name)) continue
    entries.push([name, build(properties[name], context, depth + 1)])
  }
  return Object.fromEntries(entries)
}

/** The smallest number allowed that is not below one step, in whole steps. */
function buildNumber(schema: JsonObject, usualStep: number): number {
  const step = Math.max(asNumber(schema.multipleOf) ?? usualStep, Number.EPSILON)
  const minimum = asNumber(schema.minimum)
  const above = asNumber(schema.exclusiveMinimum)
  const maximum = asNumber(schema.maximum)
  const below = asNumber(schema.exclusiveMaximum)
  if (above !== undefined) return Math.floor(above / step) * step + step
  if (minimum !== undefined) return Math.ceil(minimum / step) * step
  if (maximum !== undefined && maximum < step) return Math.floor(maximum / step) * step
  if (below !== undefined && below <= step) return Math.ceil(below / step) * step - step
  return step
}

function buildText(schema: JsonObject, text: string): string {
  const format = asString(schema.format)
  const known = format === undefined ? undefined : FORMATS[format]
  if (known !== undefined) return known
  const minimum = Math.min(asNumber(schema.minLength) ?? 0, TEXT_CHARS_MAX)
  const maximum = Math.min(asNumber(schema.maxLength) ?? TEXT_CHARS_MAX, TEXT_CHARS_MAX)
  return text.padEnd(minimum, '.').slice(0, Math.max(0, maximum))
}
