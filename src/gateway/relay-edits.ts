// The few things taken out of a relayed event stream: the usage event that the gateway itself asked for, and what a provider
// says in an error of our account, our keys and its address. Events are looked at only where their bytes mention it; all
// others pass as they came.

import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { errorMentioned, isErrorEvent, withoutKeys, withoutSecrets } from './relay-errors.ts'

/** Needles of bytes: as text they would be encoded anew for every search. */
const USAGE_MEMBER = Buffer.from('"usage"')
const ACCOUNT_MEMBERS = [Buffer.from('"user_id"'), Buffer.from('"metadata"')]

const NOTHING = new Uint8Array()
/** As long as what `errorMentioned` looks for, with what follows it. */
const WORD_BYTES = 16
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface RelayEditing {
  /** Take out the usage event: the gateway asked for it, the client did not. */
  readonly withholdUsage: boolean
  /** Take out of errors what they say of the account. */
  readonly hideAccount: boolean
  /** Whose keys and address no error may tell; absent where what comes is no text. */
  readonly provider?: Provider
  /** Each line is an event. */
  readonly lines?: boolean
}

/** Edits a stream in whole events: what has no end yet is held back, without being searched again. */
export class RelayEdits {
  private readonly editing: RelayEditing
  private held: Uint8Array[] = []
  private heldBytes = 0
  /** The end of what has gone out, where that was within an event. */
  private before: Uint8Array = NOTHING
  /** An error was mentioned, maybe in bytes that have gone out already. */
  private suspect = false

  constructor(editing: RelayEditing) {
    this.editing = editing
  }

  get active(): boolean {
    return this.editing.withholdUsage || this.editing.hideAccount
  }

  /** Part of an event is held back. */
  get holds(): boolean {
    return this.heldBytes > 0
  }

  /** What went out ends with an event; not so where an error was mentioned in the middle of one. */
  get endsWhole(): boolean {
    return this.before.length === 0
  }

  /** Whether a chunk has to go through `push`; any other may pass as it is. */
  concerns(chunk: Uint8Array): boolean {
    if (this.active || this.holds) return true
    if (this.editing.provider === undefined) return false
    // What is cut in the middle of a word is looked at again with what follows.
    const seen = this.before.length === 0 ? chunk : Buffer.concat([this.before, chunk])
    this.suspect = errorMentioned(seen)
    if (this.suspect) return true
    this.before = endsEvent(seen, this.editing.lines) ? NOTHING : seen.subarray(-WORD_BYTES)
    return false
  }

  /** The events that are complete now. @throws GatewayError `upstream_bad_response` for one that has no end within bounds */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const tail = this.tail()
    const seen = tail.length === 0 ? chunk : Buffer.concat([tail, chunk])
    // An end within the tail alone would have been found before.
    const last = this.editing.lines === true ? lastLineEnd(seen) : lastEventEnd(seen)
    const end = last - tail.length
    if (end <= 0) {
      this.hold(chunk)
      return undefined
    }
    const first = end === chunk.length ? chunk : chunk.subarray(0, end)
    const complete = this.holds ? Buffer.concat([...this.held, first]) : first
    this.held = []
    this.heldBytes = 0
    this.before = NOTHING
    if (end < chunk.length) this.hold(chunk.subarray(end))
    return this.edited(complete)
  }

  /** What was held back when the stream ended. */
  end(): Uint8Array | undefined {
    if (!this.holds) return undefined
    const rest = Buffer.concat(this.held)
    this.held = []
    this.heldBytes = 0
    return this.edited(rest)
  }

  private hold(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.heldBytes <= LIMITS.streamFrameBytesMax) return
    throw new GatewayError('upstream_bad_response', {
      message: 'The provider sent one stream event larger than this server takes.',
    })
  }

  /** As much of what is held as the beginning of a blank line may take. */
  private tail(): Uint8Array {
    if (!this.holds) return NOTHING
    const parts: Uint8Array[] = []
    let bytes = 0
    for (let at = this.held.length - 1; at >= 0 && bytes < 3; at -= 1) {
      const part = this.held[at]!.subarray(-(3 - bytes))
      parts.unshift(part)
      bytes += part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** The bytes with their edits made; undefined when nothing is left. Nearly always the same object. */
  private edited(complete: Uint8Array): Uint8Array | undefined {
    const buffer = Buffer.from(complete.buffer, complete.byteOffset, complete.length)
    const usage = this.editing.withholdUsage && mentionsUsageObject(buffer)
    const account =
      this.editing.hideAccount && ACCOUNT_MEMBERS.some((needle) => buffer.includes(needle))
    const { lines, provider } = this.editing
    const error = provider !== undefined && (this.suspect || errorMentioned(buffer))
    this.suspect = false
    if (!usage && !account && !error) return complete
    const kept: string[] = []
    let changed = false
    for (const event of decoder
      .decode(complete)
      .split(lines === true ? /(?<=\n)/ : /(?<=\r?\n\r?\n)/)) {
      const data = lines === true ? event.trim() : /^data: ?(.*)$/m.exec(event)?.[1]
      const value = data === undefined ? undefined : parseJson(data)
      if (usage && isUsageOnly(value)) {
        changed = true
        continue
      }
      const plain = account && isObject(value) ? withoutAccount(value) : undefined
      const isNamed = error && lines !== true && isErrorEvent(event)
      const told = (error ? withoutSecrets(plain ?? value, provider, isNamed) : undefined) ?? plain
      let text = event
      if (told !== undefined) text = event.replace(data!, () => JSON.stringify(told))
      // Cut, or none of its protocol's: our own secrets alone are looked for.
      else if (error && !isObject(value)) text = withoutKeys(event, provider)
      if (text !== event) changed = true
      kept.push(text)
    }
    if (!changed) return complete
    return kept.length === 0 ? undefined : encoder.encode(kept.join(''))
  }
}

function endsEvent(data: Uint8Array, lines = false): boolean {
  const { length } = data
  if (data[length - 1] !== 0x0a) return false
  return (
    lines || data[length - 2] === 0x0a || (data[length - 2] === 0x0d && data[length - 3] === 0x0a)
  )
}

/** One past the last blank line, or 0. */
function lastEventEnd(data: Uint8Array): number {
  const { length } = data
  // Nearly every read ends with its event: then there is nothing to look for.
  if (data[length - 1] === 0x0a && data[length - 2] === 0x0a) return length
  const buffer = Buffer.from(data.buffer, data.byteOffset, length)
  const lf = buffer.lastIndexOf('\n\n')
  const crlf = buffer.lastIndexOf('\r\n\r\n')
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 4)
}

/** One past the last line, or 0. */
function lastLineEnd(data: Uint8Array): number {
  return data.lastIndexOf(0x0a) + 1
}

function mentionsUsageObject(buffer: Buffer): boolean {
  const { length } = USAGE_MEMBER
  for (
    let at = buffer.indexOf(USAGE_MEMBER);
    at >= 0;
    at = buffer.indexOf(USAGE_MEMBER, at + length)
  ) {
    let next = at + length
    while (buffer[next] === 0x20 || buffer[next] === 0x3a) next += 1
    if (buffer[next] === 0x7b) return true
  }
  return false
}

/** An event with usage and no choice. */
function isUsageOnly(value: unknown): boolean {
  if (!isObject(value) || !isObject(value['usage'])) return false
  return Array.isArray(value['choices']) && value['choices'].length === 0
}

/**
 * An error without the account's id, and without the details that OpenRouter hands on from the vendor behind it. Undefined
 * for what is no error or has none of it: `metadata` elsewhere is the client's own.
 */
function withoutAccount(value: JsonObject): JsonObject | undefined {
  const { error, user_id: userId, ...rest } = value
  if (!isObject(error)) return undefined
  const { metadata, user_id: innerId, ...told } = error
  if (userId === undefined && metadata === undefined && innerId === undefined) return undefined
  return { ...rest, error: told }
}
