// Small checks that the fake providers make of what they are asked, in each provider's strictness. What they throw is a
// refusal that the provider answers with 400.

import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { Refusal } from './script.ts'

/** @throws Refusal when a member is there that the provider does not know */
export function onlyMembers(
  value: JsonObject,
  known: readonly string[],
  refusal: (name: string) => string,
): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw new Refusal(400, refusal(name), name)
  }
}

/** @throws Refusal unless the value is an object */
export function object(value: JsonValue | undefined, name: string): JsonObject {
  if (isObject(value)) return value
  throw new Refusal(400, `Invalid type for '${name}': expected an object.`, name)
}

/** @throws Refusal unless the value is a list; absent is an empty list only where `optional` */
export function list(value: JsonValue | undefined, name: string, optional = false): JsonValue[] {
  if (Array.isArray(value)) return value
  if (value === undefined && optional) return []
  throw new Refusal(400, `Invalid type for '${name}': expected an array.`, name)
}

/** @throws Refusal unless the value is a text; the empty one only where `empty` */
export function text(value: JsonValue | undefined, name: string, empty = false): string {
  if (typeof value === 'string' && (empty || value !== '')) return value
  throw new Refusal(400, `Invalid type for '${name}': expected a string.`, name)
}

/** @throws Refusal unless the value is absent or a number between the bounds */
export function numberBetween(
  value: JsonValue | undefined,
  name: string,
  least: number,
  most: number,
): void {
  if (value === undefined) return
  if (typeof value === 'number' && value >= least && value <= most) return
  throw new Refusal(400, `Invalid '${name}': expected a number from ${least} to ${most}.`, name)
}

/** @throws Refusal unless the value is absent or a boolean */
export function boolean(value: JsonValue | undefined, name: string): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  throw new Refusal(400, `Invalid type for '${name}': expected a boolean.`, name)
}

/** @throws Refusal unless the schema of a tool is an object schema without members the provider refuses */
export function toolSchema(value: JsonValue | undefined, name: string): void {
  const schema = object(value, name)
  if (schema['type'] !== 'object') {
    throw new Refusal(400, `Invalid schema for '${name}': type must be "object".`, name)
  }
}

/** JSON text of tool arguments, as an object. @throws Refusal */
export function jsonObject(value: string, name: string): JsonObject {
  try {
    return object(JSON.parse(value) as JsonValue, name)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(400, `Invalid '${name}': not JSON.`, name)
  }
}

/** The words of a text, for long lists of names. */
export function words(names: string): string[] {
  return names.trim().split(/\s+/)
}
