// JSON as a type, and the few readers every decoder needs to take an unknown document apart.
// It exists so that wire shapes are checked where they enter; it must not know any dialect.

import { GatewayError } from './error.ts'

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject
export type JsonObject = { [key: string]: JsonValue | undefined }

/** True for a JSON object: not null and not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value when it is a JSON object, else undefined. */
export function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

/** The value when it is an array, else undefined. */
export function asArray(value: unknown): JsonValue[] | undefined {
  return Array.isArray(value) ? (value as JsonValue[]) : undefined
}

/** The value when it is a string, else undefined. The empty string stays the empty string. */
export function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value when it is a finite number, else undefined. Zero stays zero. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** The value when it is a boolean, else undefined. False stays false. */
export function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

/** Parses text that must hold a JSON document; undefined when it does not. For provider output only, whose depth is bounded by its size limit. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/**
 * The error for a request field of the wrong type, naming where and what was wanted and never
 * echoing the value, which may be a secret (`reference` §4: "never echo the value").
 */
export function invalidType(param: string, wanted: string): GatewayError {
  return new GatewayError('invalid_request', {
    code: 'invalid_type',
    param,
    message: `Invalid type for '${param}': expected ${wanted}.`,
  })
}

/** Reads an optional field of a client's request; null counts as absent, as SDKs send nulls for unset fields. */
export function optional<T>(
  body: JsonObject,
  key: string,
  read: (value: unknown) => T | undefined,
  wanted: string,
  at = '',
): T | undefined {
  const value = body[key]
  if (value === undefined || value === null) return undefined
  const result = read(value)
  if (result === undefined) throw invalidType(at === '' ? key : `${at}.${key}`, wanted)
  return result
}

/** Reads a field of a client's request that must be there. Throws `invalid_request` naming the parameter. */
export function required<T>(
  body: JsonObject,
  key: string,
  read: (value: unknown) => T | undefined,
  wanted: string,
  at = '',
): T {
  const value = optional(body, key, read, wanted, at)
  if (value !== undefined) return value
  const param = at === '' ? key : `${at}.${key}`
  throw new GatewayError('invalid_request', {
    code: 'missing_required_parameter',
    param,
    message: `Missing required parameter: '${param}'.`,
  })
}

/**
 * A document with its object keys in order at every depth: two documents mean the same exactly when
 * their canonical texts are equal.
 */
export function canonicalJson(value: JsonValue | undefined): string {
  if (value === undefined) return 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`)
  return `{${members.join(',')}}`
}

/** A copy without the members that are undefined, so that absent and undefined look alike on the wire and in comparisons. */
export function compact<T extends JsonObject>(value: T): JsonObject {
  const result: JsonObject = {}
  for (const key in value) if (value[key] !== undefined) result[key] = value[key]
  return result
}

/** The members of `body` whose keys are not in `known`; undefined when there are none. */
export function unknownMembers(
  body: JsonObject,
  known: ReadonlySet<string>,
): JsonObject | undefined {
  let rest: JsonObject | undefined
  for (const key in body) {
    if (known.has(key) || body[key] === undefined) continue
    rest ??= {}
    // A literal `__proto__` member would otherwise set the prototype of the copy.
    Object.defineProperty(rest, key, {
      value: body[key],
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return rest
}
