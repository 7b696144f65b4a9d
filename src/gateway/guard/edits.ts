// What a rule's findings become in the strings of a body: values that are replaced wherever they stand, and texts that are replaced as a
// whole. One form for received bytes, for parsed values and for answers; it decides nothing.

import { parseJson, type JsonValue } from '../../core/json.ts'
import { rewriteStrings, rewriteValue } from '../../core/json-strings.ts'
import { Literals } from './literals.ts'
import type { Masking } from './ports.ts'
import { isBinary } from './binary.ts'
import { isStructural } from './texts.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Replacements for one body. */
export class Edits {
  /** Found value → what stands in its place. */
  readonly values: ReadonlyMap<string, string>
  /** Whole text → what stands in its place. */
  readonly wholes: ReadonlyMap<string, string>
  private readonly found: Literals

  constructor(values: ReadonlyMap<string, string>, wholes: ReadonlyMap<string, string>) {
    const all = new Map(values)
    for (const [value, replacement] of values) {
      // Found in JSON text, it stands there with escapes that its string does not have.
      const plain = value.includes('\\') ? parseJson(`"${value}"`) : undefined
      if (typeof plain === 'string' && !all.has(plain)) all.set(plain, replacement)
    }
    this.values = all
    this.wholes = wholes
    this.found = new Literals(all.keys())
  }

  get isEmpty(): boolean {
    return this.found.isEmpty && this.wholes.size === 0
  }

  bytes(body: Uint8Array): Uint8Array {
    return rewriteStrings(body, (text, key) => this.string(text, key))
  }

  value<T extends JsonValue>(value: T): T {
    return rewriteValue(value, (text, key) => this.string(text, key)) as T
  }

  /** One string of a body. */
  string(text: string, key: string | undefined): string {
    const whole = this.wholes.get(text)
    if (isStructural(key, text) || (whole === undefined && isBinary(text))) return text
    return whole ?? this.text(text)
  }

  /** A text in which values are replaced; JSON text stays JSON text. */
  text(text: string): string {
    if (!this.touches(text) && !text.includes('\\')) return text
    return this.json(text) ?? this.replaced(text)
  }

  private replaced(text: string): string {
    return this.found.replace(text, (value) => this.values.get(value)!)
  }

  /** Whether any of the values stands in a text. */
  touches(text: string): boolean {
    return !this.found.isEmpty && this.found.standIn(text)
  }

  /** JSON text with its strings, names and numbers rewritten; a number in which a value stands is a string then. Undefined for any other text. */
  private json(text: string): string | undefined {
    if (this.found.isEmpty || !isJsonText(text)) return undefined
    const bytes = encoder.encode(text)
    const after = rewriteStrings(bytes, (inner) => this.text(inner))
    const strings = after === bytes ? text : decoder.decode(after)
    return this.touches(strings) ? this.tokens(strings) : strings
  }

  private tokens(json: string): string {
    let result = ''
    for (let at = 0; at < json.length;) {
      const isString = json[at] === '"'
      const end = isString ? stringEnd(json, at) : scalarEnd(json, at)
      const token = json.slice(at, end)
      if (!this.touches(token)) result += token
      else result += isString ? this.replaced(token) : JSON.stringify(this.replaced(token))
      at = end
    }
    return result
  }
}

/** A string with placeholders put back; JSON text stays JSON text. */
export function restoredString(text: string, masking: Masking): string {
  if (!text.includes('[')) return text
  return isJsonText(text) ? masking.restoreJson(text) : masking.restore(text)
}

/** Whether a text is an object or a list, written as JSON. */
export function isJsonText(text: string): boolean {
  const first = /[^\s]/.exec(text)?.[0]
  return (first === '{' || first === '[') && parseJson(text) !== undefined
}

/** One past the string that begins at a place of JSON text. */
function stringEnd(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at += 1) {
    if (json[at] === '\\') at += 1
    else if (json[at] === '"') return at + 1
  }
  return json.length
}

/** One past the number or word that begins there; of anything else, one past it. */
function scalarEnd(json: string, from: number): number {
  let at = from
  while (at < json.length && /[\w.+-]/.test(json[at]!)) at += 1
  return Math.max(at, from + 1)
}
