// Takes out of an error's text what it quotes of the request: providers repeat prompts in what they complain of, and where the policy keeps no
// content the text for the operator may not bring it in by the back door. Pure; linear in the request and in the text.

import { isObject, type JsonValue } from '../json.ts'

const QUOTED = '[…]'

/** Runs of so many letters and digits that stand in both are no accident. */
const RUN_CHARS = 12
/** Shorter texts of a request are looked for whole, from this length on: below it they are words of anybody. */
const WHOLE_CHARS_MIN = 5

/** Members that say what is asked for and not what is said: an error about them is what the operator needs. */
const PLAIN_MEMBERS: ReadonlySet<string> = new Set([
  'model',
  'role',
  'type',
  'id',
  'name',
  'object',
  'format',
  'encoding_format',
  'tool_choice',
  'tool_call_id',
  'tool_use_id',
  'call_id',
  'reasoning_effort',
  'effort',
  'service_tier',
  'mime_type',
  'mimeType',
  'media_type',
])

/**
 * The text without what it repeats of a request's texts.
 * @param body the request as it was parsed
 */
export function withoutQuotes(text: string, body: JsonValue): string {
  if (text.length < WHOLE_CHARS_MIN) return text
  const finder = new QuoteFinder(text)
  const waiting: JsonValue[] = [body]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value === 'string') finder.look(value)
    else if (Array.isArray(value)) waiting.push(...value)
    else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        if (!PLAIN_MEMBERS.has(name) || typeof member !== 'string') {
          if (member !== undefined) waiting.push(member)
        }
      }
    }
  }
  return finder.rest()
}

const BASE = 257
const FILTER_BITS = 1 << 16

/** A text's letters and digits, and where each of them stands. What lies between, escapes included, is written in many ways. */
interface Letters {
  readonly text: string
  /** Start of each in the text they are of, and one more for its end. */
  readonly starts: readonly number[]
}

const ESCAPE = /\\+(?:u([0-9a-fA-F]{4})|[nrtbf"'/]|$)/y
const LETTER = /[\p{L}\p{N}]/u

function lettersOf(text: string): Letters {
  const letters: string[] = []
  const starts: number[] = []
  for (let at = 0; at < text.length;) {
    ESCAPE.lastIndex = at
    const escape = text.charCodeAt(at) === 0x5c ? ESCAPE.exec(text) : null
    const letter =
      escape === null ? text[at]! : String.fromCharCode(Number.parseInt(escape[1] ?? '20', 16))
    // Halves of what takes two are letters too: together they are compared all the same.
    if (LETTER.test(letter) || (letter >= '\ud800' && letter <= '\udfff')) {
      letters.push(letter)
      starts.push(at)
    }
    at += escape === null ? 1 : Math.max(1, escape[0].length)
  }
  starts.push(text.length)
  return { text: letters.join(''), starts }
}

/** Finds runs of one text in others, by a hash that moves along (Rabin and Karp). */
class QuoteFinder {
  private readonly text: string
  private readonly own: Letters
  private readonly covered: Uint8Array
  /** Places of each run that nobody has said yet, by its hash; the filter says quickly that there is none. */
  private readonly places = new Map<number, number[]>()
  private readonly filter = new Uint8Array(FILTER_BITS)
  private readonly top: number

  constructor(text: string) {
    this.text = text
    this.own = lettersOf(text)
    this.covered = new Uint8Array(text.length)
    let top = 1
    for (let at = 0; at < RUN_CHARS; at += 1) top = Math.imul(top, BASE)
    this.top = top
    this.runs(this.own.text, (hash, at) => {
      const places = this.places.get(hash)
      if (places === undefined) this.places.set(hash, [at])
      else places.push(at)
      this.filter[hash & (FILTER_BITS - 1)] = 1
    })
  }

  look(text: string): void {
    const said = lettersOf(text).text
    if (said.length < RUN_CHARS) this.lookWhole(said)
    this.runs(said, (hash, at) => {
      if (this.filter[hash & (FILTER_BITS - 1)] === 0) return
      const places = this.places.get(hash)
      if (places === undefined) return
      const run = said.slice(at, at + RUN_CHARS)
      // Each is found once: what is said again and again costs no more.
      const isMine = (place: number) => this.own.text.startsWith(run, place)
      const left = places.filter((place) => !isMine(place))
      for (const place of places) if (isMine(place)) this.cover(place, RUN_CHARS)
      if (left.length === 0) this.places.delete(hash)
      else this.places.set(hash, left)
    })
  }

  rest(): string {
    const parts: string[] = []
    for (let at = 0; at < this.text.length;) {
      const isQuoted = this.covered[at] === 1
      let end = at
      while (end < this.text.length && (this.covered[end] === 1) === isQuoted) end += 1
      parts.push(isQuoted ? QUOTED : this.text.slice(at, end))
      at = end
    }
    return parts.join('')
  }

  private lookWhole(said: string): void {
    if (said.length < WHOLE_CHARS_MIN) return
    const { text } = this.own
    for (let at = text.indexOf(said); at >= 0; at = text.indexOf(said, at + said.length)) {
      this.cover(at, said.length)
    }
  }

  private cover(place: number, length: number): void {
    const { starts } = this.own
    const last = starts[place + length - 1] ?? 0
    this.covered.fill(1, starts[place], Math.min(last + 1, starts[place + length] ?? last + 1))
  }

  private runs(text: string, found: (hash: number, at: number) => void): void {
    if (text.length < RUN_CHARS) return
    let hash = 0
    for (let at = 0; at < text.length; at += 1) {
      hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0
      if (at >= RUN_CHARS) hash = (hash - Math.imul(text.charCodeAt(at - RUN_CHARS), this.top)) | 0
      if (at >= RUN_CHARS - 1) found(hash, at - RUN_CHARS + 1)
    }
  }
}
