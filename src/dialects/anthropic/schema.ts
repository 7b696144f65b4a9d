// JSON Schemas for Anthropic's structured output, which takes a subset: closed objects and no size or range keywords. What
// does not fit moves into the description, where the model still reads it. Official SDKs do the same on their side.

import { asArray, asObject, isObject } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'

const UNSUPPORTED: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'maxItems',
  'uniqueItems',
  'contains',
  'minProperties',
  'maxProperties',
  'patternProperties',
  'propertyNames',
])

const SCHEMA_LISTS = ['anyOf', 'allOf', 'oneOf'] as const
const SCHEMA_MAPS = ['properties', '$defs', 'definitions'] as const

/** The schema in Anthropic's subset; the very same object where it already is. */
export function structuredSchema(schema: JsonObject): JsonObject {
  const result: JsonObject = {}
  const moved: string[] = []
  let changed = false
  for (const key in schema) {
    const value = schema[key]
    if (key === '$schema') {
      changed = true
    } else if (UNSUPPORTED.has(key) || (key === 'minItems' && value !== 0 && value !== 1)) {
      moved.push(`${key}: ${JSON.stringify(value)}`)
    } else {
      const next = member(key, value)
      changed ||= next !== value
      result[key === 'oneOf' ? 'anyOf' : key] = next
    }
  }
  changed ||= 'oneOf' in schema
  if (isObjectSchema(schema) && schema['additionalProperties'] !== false) {
    result['additionalProperties'] = false
    changed = true
  }
  if (moved.length > 0) {
    const note = `{${moved.join(', ')}}`
    const description = schema['description']
    result['description'] = typeof description === 'string' ? `${description}\n\n${note}` : note
    changed = true
  }
  return changed ? result : schema
}

function isObjectSchema(schema: JsonObject): boolean {
  const type = schema['type']
  return type === 'object' || (Array.isArray(type) && type.includes('object'))
}

/** A member with the schemas inside it changed; the same value where none was. */
function member(key: string, value: JsonValue | undefined): JsonValue | undefined {
  if ((SCHEMA_LISTS as readonly string[]).includes(key)) {
    const list = asArray(value)
    if (list === undefined) return value
    const next = list.map((item) => (isObject(item) ? structuredSchema(item) : item))
    return next.some((item, index) => item !== list[index]) ? next : value
  }
  if ((SCHEMA_MAPS as readonly string[]).includes(key)) {
    const map = asObject(value)
    if (map === undefined) return value
    const entries = Object.entries(map).map(
      ([name, item]) => [name, isObject(item) ? structuredSchema(item) : item] as const,
    )
    return entries.some(([name, item]) => item !== map[name]) ? Object.fromEntries(entries) : value
  }
  return key === 'items' && isObject(value) ? structuredSchema(value) : value
}
