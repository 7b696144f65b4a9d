// Takes what must not be kept out of a body before it is stored. A body is JSON, or a stream of events or lines of JSON: in a text of its
// own a value may stand in escapes, and in a stream in pieces, so it is looked for in the strings that are meant. Pure and linear.

import type { Bodies, Redactor } from './content.ts'
import { isObject, parseJson, type JsonValue } from './json.ts'
import { LIMITS } from './limits.ts'

/** What stands for a body that is no text: what is in it could not be seen. */
export const NOT_A_TEXT = '[not kept: no text, so nothing could be taken out of it]'

const BODY_NAMES = [
  'requestBody',
  'responseBody',
  'providerRequestBody',
  'providerResponseBody',
] as const

/** The bodies of one request, each as it may be kept. */
export function redactBodies(bodies: Bodies, redact: Redactor): Bodies {
  const next: { -readonly [K in keyof Bodies]: Bodies[K] } = {}
  for (const name of BODY_NAMES) {
    const body = bodies[name]
    if (body === undefined) continue
    next[name] = redactBody(body, redact, mayBeCut(body))
  }
  return next
}

/** A cut is made after so many bytes, or so many characters; one within a character costs a few bytes more. */
function mayBeCut(body: string): boolean {
  const { logBodyBytesMax } = LIMITS
  // No character takes more than three bytes for each of its units.
  if (body.length * 3 < logBodyBytesMax - CUT_CHARACTER_BYTES) return false
  return encoder.encode(body).length >= logBodyBytesMax - CUT_CHARACTER_BYTES
}

/** @param isCut the body's end may be missing: unless it is whole to be seen, what a cut may have gone through is not kept */
export function redactBody(body: string, redact: Redactor, isCut = false): string {
  const value = valueOf(body)
  // JSON is text whatever signs are in it: nobody keeps a body out of the log by them.
  if (value !== undefined) return redactValue(body, value, redact, 0)
  if (isBinary(body)) return NOT_A_TEXT
  // Taken out first: a value that stands across the end of what is kept is seen whole only so.
  const text = redactLines(body, redact)
  return isCut ? text.slice(0, Math.max(0, text.length - LIMITS.contentCutChars)) : text
}

/** @param level how many texts it stands within */
function redactValue(text: string, value: JsonValue, redact: Redactor, level: number): string {
  const rewriting = new Rewriting(redact, level)
  const next = rewriting.value(value)
  return rewriting.hasChanged ? JSON.stringify(next) : text
}

/**
 * A string may hold JSON itself, as the arguments of a tool call do, and this again. Under one level of escapes the redactor sees; what
 * stands under more of them is taken out of JSON before, and out of other text where it is still to be seen afterwards: there the escapes
 * of all of it go.
 */
function redactText(text: string, redact: Redactor, level = 0): string {
  if (level >= LEVELS_MAX || !text.includes('\\\\')) return redactPlain(text, redact)
  const value = valueOf(text)
  if (value !== undefined) {
    return redactPlain(redactValue(text, value, redact, level + 1), redact)
  }
  const next = redactPlain(text, redact)
  const flat = next.replaceAll('\\\\', '\\')
  const under = redactText(flat, redact, level + 1)
  return under === flat ? next : under
}

function redactPlain(text: string, redact: Redactor): string {
  const plain = unescaped(text)
  const next = redact(plain)
  return next === plain ? text : next
}

/** Escapes of escapes are looked under so often. */
const LEVELS_MAX = 2

const CUT_CHARACTER_BYTES = 4
const encoder = new TextEncoder()

/** Shorter numbers are counts and times of day. */
const NUMBER_CHARS_MIN = 13

/** Frames of a provider that are no text hold theirs in base64, where nothing is recognised. */
function isBinary(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- those are what is looked for
  return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) || text.includes('\u{FFFD}\u{FFFD}')
}

function valueOf(text: string): JsonValue | undefined {
  const first = text.trimStart()[0]
  return first === '{' || first === '[' ? parseJson(text) : undefined
}

/** `\u0040` is as good as `@`; those that JSON needs escaped stay. */
function unescaped(text: string): string {
  if (!text.includes('\\u00')) return text
  return text.replace(/\\u00([2-7][0-9a-fA-F])/g, (whole, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return character === '"' || character === '\\' ? whole : character
  })
}

class Rewriting {
  hasChanged = false
  private readonly redact: Redactor
  private readonly level: number

  constructor(redact: Redactor, level: number) {
    this.redact = redact
    this.level = level
  }

  value(value: JsonValue): JsonValue {
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') {
      const text = String(value)
      if (text.length < NUMBER_CHARS_MIN) return value
      const next = this.redact(text)
      if (next === text) return value
      this.hasChanged = true
      return next
    }
    if (Array.isArray(value)) return value.map((item) => this.value(item))
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        this.text(name),
        this.value(member as JsonValue),
      ]),
    )
  }

  text(text: string): string {
    const next = redactText(text, this.redact, this.level)
    if (next !== text) this.hasChanged = true
    return next
  }
}

interface Line {
  /** `data: ` of an event, or nothing. */
  readonly head: string
  readonly value: JsonValue
  hasChanged: boolean
}

const INDEXES = ['index', 'output_index', 'content_index', 'choice_index'] as const

/** A string within one line, and where to put another. */
interface Place {
  readonly line: Line
  readonly text: string
  put(text: string): void
}

/** Pieces of what is one text in the answer stand in the same place of each line: together they are looked at as one. */
function redactLines(text: string, redact: Redactor): string {
  const lines = text.split('\n')
  const parsed: (Line | undefined)[] = lines.map((line) => lineOf(line))
  if (!parsed.some((line) => line !== undefined)) return redactText(text, redact)
  const places = new Map<string, Place[]>()
  for (const line of parsed) {
    if (line !== undefined) collect(line, line.value, '', (name, place) => add(places, name, place))
  }
  for (const [name, list] of places) redactPlaces(list, redact, name.endsWith('#'))
  return lines
    .map((line, at) => {
      const found = parsed[at]
      if (found === undefined) return redactText(line, redact)
      return found.hasChanged ? found.head + JSON.stringify(found.value) : line
    })
    .join('\n')
}

function add(places: Map<string, Place[]>, name: string, place: Place): void {
  const list = places.get(name)
  if (list === undefined) places.set(name, [place])
  else list.push(place)
}

function lineOf(line: string): Line | undefined {
  const head = /^data: ?/.exec(line)?.[0] ?? ''
  const value = valueOf(line.slice(head.length))
  return value === undefined ? undefined : { head, value, hasChanged: false }
}

function collect(
  line: Line,
  value: JsonValue,
  name: string,
  found: (name: string, place: Place) => void,
): void {
  if (typeof value !== 'object' || value === null) return
  const members = value as Record<string, JsonValue>
  // Several answers, or several parts of one, come in turns: each says which it is.
  const own = INDEXES.map((index) => members[index])
    .filter((index) => typeof index === 'number')
    .join('.')
  for (const key of Object.keys(members)) {
    const member = members[key]
    const path = `${name}/${own}/${key}`
    const isNumber = typeof member === 'number' && String(member).length >= NUMBER_CHARS_MIN
    if (typeof member === 'string' || isNumber) {
      found(isNumber ? `${path}#` : path, {
        line,
        text: String(member),
        put(next) {
          members[key] = next
          line.hasChanged = true
        },
      })
    } else if (member !== undefined) collect(line, member, path, found)
  }
}

function redactPlaces(list: readonly Place[], redact: Redactor, isNumber: boolean): void {
  for (const { put, text } of list) {
    const next = redactText(text, redact)
    if (next !== text) put(next)
  }
  const [first] = list
  if (first === undefined || isNumber || list.every(({ text }) => text === first.text)) return
  const whole = list.map(({ text }) => text).join('')
  const next = redactText(whole, redact)
  if (next === whole) return
  // Which piece a part of it stood in cannot be said any more: the first one has it all.
  for (const place of list) place.put(place === first ? next : '')
}
