// The strings of a JSON document, visited and rewritten: in received bytes, where everything but the strings that change stays byte for
// byte, and in parsed values. Names of members are told, so that a caller can leave alone what only looks like text; they never change.

import {
  QUOTE,
  OPEN_BRACE,
  CLOSE_BRACE,
  OPEN_BRACKET,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  stringEnd,
} from './json-bytes.ts'
import { isObject, type JsonValue } from './json.ts'
import { splice, type Edit } from './json-span.ts'

/**
 * What becomes of one string; the same text where nothing does.
 * @param key name of the member that the string stands in, that of the list where it stands in one; undefined at the top
 */
export type RewriteString = (text: string, key: string | undefined) => string

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

interface Level {
  readonly isObject: boolean
  /** Of the member that comes or is read; of a list, the one it stands in. */
  key: string | undefined
  /** The next string is a name. */
  awaitsName: boolean
}

/**
 * The document with its strings rewritten, however often a member is named; the same object where none changes.
 * @param bytes valid JSON in UTF-8: of anything else what comes back is not said
 */
export function rewriteStrings(bytes: Uint8Array, rewrite: RewriteString): Uint8Array {
  const edits: Edit[] = []
  const levels: Level[] = []
  let top: Level | undefined
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = stringEnd(bytes, at)
        if (end < 0) return splice(bytes, edits)
        const text = textOf(bytes, at, end)
        if (top?.awaitsName === true) top.key = text
        else {
          const next = rewrite(text, top?.key)
          if (next !== text) edits.push({ start: at, end, text: JSON.stringify(next) })
        }
        at = end - 1
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const isObjectLevel = bytes[at] === OPEN_BRACE
        const key: string | undefined = isObjectLevel ? undefined : top?.key
        top = { isObject: isObjectLevel, key, awaitsName: isObjectLevel }
        levels.push(top)
        break
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        levels.pop()
        top = levels.at(-1)
        break
      case COLON:
        if (top !== undefined) top.awaitsName = false
        break
      case COMMA:
        if (top !== undefined) top.awaitsName = top.isObject
        break
      default:
    }
  }
  return splice(bytes, edits)
}

/** The same of a parsed value. */
export function rewriteValue(value: JsonValue, rewrite: RewriteString, key?: string): JsonValue {
  if (typeof value === 'string') return rewrite(value, key)
  if (Array.isArray(value)) {
    let changed = false
    const items = value.map((item) => {
      const next = rewriteValue(item, rewrite, key)
      if (next !== item) changed = true
      return next
    })
    return changed ? items : value
  }
  if (!isObject(value)) return value
  let changed = false
  const members = Object.keys(value).map((name): [string, JsonValue | undefined] => {
    const member = value[name]
    const next = member === undefined ? undefined : rewriteValue(member, rewrite, name)
    if (next !== member) changed = true
    return [name, next]
  })
  return changed ? Object.fromEntries(members) : value
}

/** Every string of a parsed value, in its order. */
export function visitStrings(
  value: JsonValue | undefined,
  visit: (text: string, key: string | undefined) => void,
  key?: string,
): void {
  if (typeof value === 'string') return visit(value, key)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) visitStrings(item, visit, key)
    return
  }
  for (const name of Object.keys(value)) visitStrings(value[name], visit, name)
}

/** Every name of a member, at any depth. */
export function visitNames(value: JsonValue | undefined, visit: (name: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) visitNames(item, visit)
    return
  }
  for (const name of Object.keys(value)) {
    visit(name)
    visitNames(value[name], visit)
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  const raw = decoder.decode(bytes.subarray(start + 1, end - 1))
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
}
