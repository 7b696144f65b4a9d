// Byte spans of top-level members in a JSON document, and edits on them. It lets relay change two values in a client's
// body without serialising the rest anew. It is no validator: the caller parses the same bytes and trusts the spans only then.

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
import type { JsonValue } from './json.ts'

export interface Span {
  /** First byte of the value. */
  readonly start: number
  /** One past its last byte. */
  readonly end: number
}

export type ScanProblem = 'not-an-object' | 'too-deep' | 'duplicate-key' | 'malformed'

export interface Scan {
  readonly spans: ReadonlyMap<string, Span>
  /** One past the opening brace: where a member can be inserted. */
  readonly bodyStart: number
  /** The object has no members at all. */
  readonly empty: boolean
}

/** One replacement; `start === end` inserts. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const keyDecoder = new TextDecoder()
const textEncoder = new TextEncoder()

/**
 * Finds the spans of the `wanted` members of the outermost object, refusing a document nested deeper than `depthMax`
 * (before anything recursive sees it) and one that names a wanted member twice (two parsers could read two values).
 */
export function scanTopLevel(
  bytes: Uint8Array,
  wanted: ReadonlySet<string>,
  depthMax: number,
): Scan | ScanProblem {
  const spans = new Map<string, Span>()
  let at = skipSpace(bytes, 0)
  if (bytes[at] !== OPEN_BRACE) return 'not-an-object'
  const bodyStart = at + 1
  at = skipSpace(bytes, bodyStart)
  if (bytes[at] === CLOSE_BRACE) return { spans, bodyStart, empty: true }
  for (;;) {
    at = skipSpace(bytes, at)
    if (bytes[at] !== QUOTE) return 'malformed'
    const keyEnd = stringEnd(bytes, at)
    if (keyEnd < 0) return 'malformed'
    const key = keyText(bytes, at, keyEnd)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) return 'malformed'
    const start = skipSpace(bytes, at + 1)
    const end = valueEnd(bytes, start, depthMax - 1)
    if (typeof end === 'string') return end
    if (wanted.has(key)) {
      if (spans.has(key)) return 'duplicate-key'
      spans.set(key, { start, end })
    }
    at = skipSpace(bytes, end)
    if (bytes[at] === COMMA) at += 1
    else if (bytes[at] === CLOSE_BRACE) return { spans, bodyStart, empty: false }
    else return 'malformed'
  }
}

/**
 * Whether any object in a document names a member twice, of which a parser keeps one: another parser may keep the other.
 * @param value what was parsed from the bytes, which are valid JSON therefore
 */
export function repeatsMember(bytes: Uint8Array, value: JsonValue): boolean {
  let written = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) at = stringEnd(bytes, at) - 1
    else if (byte === COLON) written += 1
  }
  return written !== membersOf(value)
}

function membersOf(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null) return 0
  const items = Array.isArray(value) ? value : Object.values(value)
  let count = Array.isArray(value) ? 0 : items.length
  for (const item of items) count += membersOf(item)
  return count
}

/** The document with all edits made; they may come in any order but must not overlap. */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes
  const ordered = edits.length === 1 ? edits : edits.toSorted((a, b) => a.start - b.start)
  const texts = ordered.map((edit) => textEncoder.encode(edit.text))
  let size = bytes.length
  ordered.forEach((edit, index) => (size += texts[index]!.length - (edit.end - edit.start)))
  const result = new Uint8Array(size)
  let from = 0
  let to = 0
  ordered.forEach((edit, index) => {
    result.set(bytes.subarray(from, edit.start), to)
    to += edit.start - from
    result.set(texts[index]!, to)
    to += texts[index]!.length
    from = edit.end
  })
  result.set(bytes.subarray(from), to)
  return result
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at]
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) at += 1
    else return at
  }
}

function keyText(bytes: Uint8Array, start: number, end: number): string {
  const raw = keyDecoder.decode(bytes.subarray(start + 1, end - 1))
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    // A broken escape fails the caller's parse of the whole document as well.
    return raw
  }
}

/** One past the value that starts at `from`, or what is wrong with it. */
function valueEnd(bytes: Uint8Array, from: number, depthMax: number): number | ScanProblem {
  const first = bytes[from]
  if (first === undefined) return 'malformed'
  if (first === QUOTE) {
    const end = stringEnd(bytes, from)
    return end < 0 ? 'malformed' : end
  }
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return scalarEnd(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = stringEnd(bytes, at)
        if (end < 0) return 'malformed'
        at = end - 1
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1
        if (depth > depthMax) return 'too-deep'
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1
        if (depth === 0) return at + 1
        break
    }
  }
  return 'malformed'
}

function scalarEnd(bytes: Uint8Array, from: number): number | ScanProblem {
  let at = from
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at]!
    if (byte === COMMA || byte === CLOSE_BRACE || byte <= 0x20) break
  }
  return at === from ? 'malformed' : at
}
