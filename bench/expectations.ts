// What answers must be, checked on every one of them while the load runs: relayed answers byte for byte, translated ones by
// their events and their end, and once in full before anything is measured.

import type { Expectation } from './connection.ts'
import { wordOf } from './payloads.ts'

/** Exactly these bytes; nearly free, as it compares native memory. */
export class ExactBytes implements Expectation {
  events = 0
  private readonly expected: Uint8Array
  private readonly eventsExpected: number
  private at = 0
  private wrong = false

  constructor(expected: Uint8Array, events: number) {
    this.expected = expected
    this.eventsExpected = events
  }

  begin(): void {
    this.at = 0
    this.events = 0
    this.wrong = false
  }

  body(piece: Buffer): void {
    const until = this.at + piece.length
    this.wrong ||= until > this.expected.length
    this.wrong ||= piece.compare(this.expected, this.at, until) !== 0
    this.at = until
  }

  end(): string | undefined {
    if (this.wrong) return 'the answer has other bytes than the upstream sent'
    if (this.at !== this.expected.length) {
      return `the answer has ${this.at} of ${this.expected.length} bytes`
    }
    this.events = this.eventsExpected
    return undefined
  }
}

/** Keeps an answer until its end, to be read as one. */
export abstract class WholeAnswer implements Expectation {
  events = 0
  private pieces: Buffer[] = []

  begin(): void {
    this.pieces = []
  }

  body(piece: Buffer): void {
    this.pieces.push(Buffer.from(piece))
  }

  protected whole(): Buffer {
    return Buffer.concat(this.pieces)
  }

  abstract end(): string | undefined
}

/** The upstream's choices under another id and time: an answer out of a cache. */
export class SameChoices extends WholeAnswer {
  private readonly choices: string

  constructor(expected: Uint8Array) {
    super()
    this.choices = choicesOf(Buffer.from(expected).toString('utf8'))
  }

  override end(): string | undefined {
    const choices = choicesOf(this.whole().toString('utf8'))
    return choices === this.choices
      ? undefined
      : 'the answer has other words than the upstream said'
  }
}

/** What each choice says, and how it ended. */
function choicesOf(text: string): string {
  const { choices } = JSON.parse(text) as {
    choices: { message: { role: string; content: string }; finish_reason: string }[]
  }
  return JSON.stringify(
    choices.map(({ finish_reason: finish, message }) => [message.role, message.content, finish]),
  )
}

/** How a translated stream looks from outside. */
export interface StreamForm {
  /** What ends an event. */
  readonly separator: string
  /** What the stream must end on. */
  readonly ending: RegExp
  /** The piece of text an event carries, '' when none. @throws for what is no event */
  textOf(event: string): string
}

export const ANTHROPIC_STREAM: StreamForm = {
  separator: '\n\n',
  ending: /event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/,
  textOf: (event) => {
    const value = JSON.parse(event.slice(event.indexOf('data: ') + 6)) as {
      delta?: { text?: string }
    }
    return value.delta?.text ?? ''
  },
}

export const OLLAMA_STREAM: StreamForm = {
  separator: '\n',
  ending: /"done":true[^\n]*\}\n$/,
  textOf: (event) =>
    (JSON.parse(event) as { message?: { content?: string } }).message?.content ?? '',
}

const TAIL_BYTES = 1024

/** A stream in another dialect: as many events as the one that was read in full, and its proper end. */
export class CountedEvents implements Expectation {
  events = 0
  private readonly form: StreamForm
  private readonly eventsExpected: number
  private tail = Buffer.alloc(0)

  constructor(form: StreamForm, eventsExpected: number) {
    this.form = form
    this.eventsExpected = eventsExpected
  }

  begin(): void {
    this.events = 0
    this.tail = Buffer.alloc(0)
  }

  body(piece: Buffer): void {
    const { separator } = this.form
    const { length } = separator
    // A separator cut by two reads is found where they are put together.
    if (this.tail.length > 0 && length > 1) {
      const seam = Buffer.concat([this.tail.subarray(1 - length), piece.subarray(0, length - 1)])
      if (seam.includes(separator)) this.events += 1
    }
    for (let at = piece.indexOf(separator); at >= 0; at = piece.indexOf(separator, at + length)) {
      this.events += 1
    }
    this.tail =
      piece.length >= TAIL_BYTES
        ? Buffer.from(piece.subarray(-TAIL_BYTES))
        : Buffer.concat([this.tail, piece]).subarray(-TAIL_BYTES)
  }

  end(): string | undefined {
    if (!this.form.ending.test(this.tail.toString('utf8'))) return 'the stream has no proper end'
    if (this.events === this.eventsExpected) return undefined
    return `the stream has ${this.events} events instead of ${this.eventsExpected}`
  }
}

/** Reads one stream in full: its text must be all the words the upstream said, in order. */
export class WholeStream extends WholeAnswer {
  private readonly form: StreamForm
  private readonly chunks: number

  constructor(form: StreamForm, chunks: number) {
    super()
    this.form = form
    this.chunks = chunks
  }

  override end(): string | undefined {
    const text = this.whole().toString('utf8')
    if (!this.form.ending.test(text)) return `the stream has no proper end: …${text.slice(-200)}`
    const events = text.split(this.form.separator).slice(0, -1)
    this.events = events.length
    const words = Array.from({ length: this.chunks }, (_, index) => wordOf(index)).join('')
    let said: string
    try {
      said = events.map((event) => this.form.textOf(event)).join('')
    } catch (error) {
      return `the stream holds an event that cannot be read: ${String(error)}`
    }
    return said === words ? undefined : `the stream says other words: ${said.slice(0, 100)}…`
  }
}
