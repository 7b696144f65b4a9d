// What converting a JSON Schema needs to take one apart: where a reference points, what two schemas say together, and one
// spelling for the many ways of saying the same. Pure and without any provider's rules.

import { asArray, asObject, canonicalJson, isObject } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { percentDecoded } from '../../core/percent.ts'

/** The schema a `$ref` within this document points at; undefined for others and for one that points nowhere. */
export function resolveReference(root: JsonObject, reference: string): JsonObject | undefined {
  if (reference === '#') return root
  if (!reference.startsWith('#/')) return undefined
  let value: JsonValue | undefined = root
  for (const step of reference.slice(2).split('/')) {
    const name = unescaped(step)
    if (Array.isArray(value)) value = value[Number(name)]
    else if (isObject(value) && Object.hasOwn(value, name)) value = value[name]
    else return undefined
  }
  return asObject(value)
}

function unescaped(step: string): string {
  return percentDecoded(step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The types a schema names; one without a type is told by what it has. */
export function typesOf(schema: JsonObject): string[] {
  const { type } = schema
  if (typeof type === 'string') return [type]
  const list = asArray(type)?.filter((item) => typeof item === 'string')
  if (list !== undefined && list.length > 0) return list
  if (isObject(schema['properties'])) return ['object']
  return schema['items'] === undefined && schema['prefixItems'] === undefined ? [] : ['array']
}

/** Two schemas that both hold, as one: properties and required names together, elsewhere `second` wins. */
export function mergedSchema(first: JsonObject, second: JsonObject): JsonObject {
  const result: JsonObject = { ...first, ...second }
  const properties = [first, second].map((schema) => asObject(schema['properties']))
  if (properties[0] !== undefined && properties[1] !== undefined) {
    result['properties'] = { ...properties[0], ...properties[1] }
  }
  const required = [first, second].map((schema) => asArray(schema['required']))
  if (required[0] !== undefined && required[1] !== undefined) {
    result['required'] = [...new Set([...required[0], ...required[1]])]
  }
  const enums = [first, second].map((schema) => asArray(schema['enum']))
  if (enums[0] !== undefined && enums[1] !== undefined) {
    const allowed = new Set(enums[1].map(canonicalJson))
    result['enum'] = enums[0].filter((value) => allowed.has(canonicalJson(value)))
  }
  return result
}

/**
 * A schema with `oneOf` as `anyOf`, `const` as an enumeration of one, a null among the types as `nullable`. `changed` hears what
 * was said otherwise.
 */
export function normalSchema(schema: JsonObject, changed: (word: string) => void): JsonObject {
  let result = schema
  const one = asArray(schema['oneOf'])
  if (one !== undefined) {
    changed('oneOf')
    const { oneOf: _one, ...rest } = result
    const any = asArray(rest['anyOf'])
    result = { ...rest, anyOf: any === undefined ? one : [...any, ...one] }
  }
  if (result['const'] !== undefined) {
    changed('const')
    const { const: value, ...rest } = result
    result = { ...rest, enum: [value] }
  }
  const types = asArray(result['type'])
  if (types !== undefined) {
    const others = types.filter((type) => type !== 'null')
    const nullable = others.length < types.length && others.length > 0
    result = {
      ...result,
      type: others.length > 1 ? others : (others[0] ?? 'null'),
      ...(nullable ? { nullable: true } : {}),
    }
  }
  return result
}
