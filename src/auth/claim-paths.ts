// Reading one claim out of a token by the path that is configured for it. Only a token's own properties are looked at, so that no name
// in a path or in a token reaches what every JavaScript object has; it judges nothing.

import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'

/** Parts of a path, parsed once: paths come from the configuration, so there are few. */
const parsed = new Map<string, readonly string[]>()

/** Paths that are kept parsed; a configuration that is changed and changed again must not gather them. */
const PARSED_MAX = 1_000

/**
 * The value at a path (`realm_access.roles`; a dot within a name is written `\.`), or undefined. Arrays are not walked into.
 */
export function claimAt(payload: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = payload
  for (const part of partsOf(path)) {
    if (!isObject(value)) return undefined
    value = ownValue(value, part)
  }
  return value
}

/** A claim of the top level; never something that the object inherits. */
export function ownValue(payload: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(payload, name) ? payload[name] : undefined
}

const CONTROL = /\p{Cc}/u

/**
 * A claim of the top level that can be an identifier. One that is too long or holds control characters is none, and is never cut to
 * one: a cut identifier would be somebody else's.
 */
export function identifierAt(payload: JsonObject, name: string): string | undefined {
  const value = ownValue(payload, name)
  const isId = typeof value === 'string' && value !== '' && !CONTROL.test(value)
  return isId && value.length <= LIMITS.claimCharsMax ? value : undefined
}

/**
 * The texts of a claim: of a list those entries that are texts, of one text that alone. OAuth's `scope` and `scp` are lists in one
 * text (RFC 8693 §4.2).
 */
export function textsAt(payload: JsonObject, path: string): readonly string[] {
  const value = claimAt(payload, path)
  if (typeof value === 'string') {
    const isScopeList = path === 'scope' || path === 'scp'
    return (isScopeList ? value.split(' ') : [value]).filter((text) => text !== '')
  }
  if (!Array.isArray(value)) return []
  return value.filter((entry) => typeof entry === 'string' && entry !== '') as string[]
}

function partsOf(path: string): readonly string[] {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const parts: string[] = ['']
  for (let at = 0; at < path.length; at += 1) {
    const character = path[at]!
    const next = path[at + 1]
    if (character === '\\' && (next === '.' || next === '\\')) {
      parts[parts.length - 1] += next
      at += 1
    } else if (character === '.') parts.push('')
    else parts[parts.length - 1] += character
  }
  if (parsed.size >= PARSED_MAX) parsed.clear()
  parsed.set(path, parts)
  return parts
}
