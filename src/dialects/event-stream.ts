// AWS event streams (`application/vnd.amazon.eventstream`): binary messages of headers and a payload, each with its lengths and
// two CRC-32 sums. Bytes to frames for any split of them, and back. A message over its bound, or with a sum that is wrong, is
// an error, not memory.

import type * as Zlib from 'node:zlib'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Frame } from './dialect.ts'

/** Total length, length of the headers, and the sum of these two. */
const PRELUDE_BYTES = 12
const CHECKSUM_BYTES = 4

/** Sizes of header values by their type; a string and a byte array tell theirs. */
const VALUE_BYTES: Readonly<Record<number, number>> = {
  0: 0,
  1: 0,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  8: 8,
  9: 16,
}
const BYTE_ARRAY = 6
const STRING = 7

const utf8 = new TextDecoder()

/** Loaded with the first message: every start would pay for the module otherwise. */
let zlib: Pick<typeof Zlib, 'crc32'> | undefined

function crc32(data: string | Uint8Array, before = 0): number {
  zlib ??= process.getBuiltinModule('node:zlib')
  return zlib.crc32(data, before)
}

/**
 * Cuts a byte stream into frames: the event's type and its payload, or for an exception its name (which ends in `Exception`) and
 * its payload. Throws GatewayError `upstream_bad_response` for a message that is too large or broken.
 */
export class EventStreamFramer {
  /** Pieces of the message that is being read, joined once when all of it is there. */
  private pieces: Uint8Array[] = []
  private have = 0
  private need = PRELUDE_BYTES
  private inPrelude = true

  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let from = 0
    while (from < bytes.length) {
      const piece = bytes.slice(from, from + this.need - this.have)
      this.pieces.push(piece)
      this.have += piece.length
      from += piece.length
      if (this.have < this.need) break
      const joined = this.join()
      if (this.inPrelude) this.startMessage(joined)
      else {
        frames.push(frameOf(joined))
        this.have = 0
        this.need = PRELUDE_BYTES
        this.inPrelude = true
      }
    }
    return frames
  }

  /** A message that was cut says nothing; the decoder misses the end of the answer. */
  end(): Frame[] {
    this.pieces = []
    return []
  }

  private join(): Uint8Array {
    const [first] = this.pieces
    const joined =
      this.pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.pieces)
    this.pieces = []
    return joined
  }

  private startMessage(prelude: Uint8Array): void {
    const view = viewOf(prelude)
    const total = view.getUint32(0)
    if (view.getUint32(8) !== crc32(prelude.subarray(0, 8))) throw broken('a wrong checksum')
    if (total > LIMITS.streamFrameBytesMax) {
      throw new GatewayError('upstream_bad_response', {
        message: 'The provider sent one stream event larger than this server takes.',
      })
    }
    if (total < PRELUDE_BYTES + CHECKSUM_BYTES + view.getUint32(4)) throw broken('wrong lengths')
    this.pieces = [prelude]
    this.need = total
    this.inPrelude = false
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function broken(what: string): GatewayError {
  return new GatewayError('upstream_bad_response', {
    cause: new Error(`an event-stream message with ${what}`),
  })
}

function frameOf(message: Uint8Array): Frame {
  const view = viewOf(message)
  const end = message.length - CHECKSUM_BYTES
  if (view.getUint32(end) !== crc32(message.subarray(0, end))) throw broken('a wrong checksum')
  const headersEnd = PRELUDE_BYTES + view.getUint32(4)
  const headers = readHeaders(message.subarray(PRELUDE_BYTES, headersEnd))
  const data = utf8.decode(message.subarray(headersEnd, end))
  const code = headers.get(':error-code')
  if (headers.get(':message-type') === 'error' || code !== undefined) {
    const text = headers.get(':error-message') ?? ''
    return { event: `${code ?? 'unknown'}Exception`, data: JSON.stringify({ message: text }) }
  }
  const event = headers.get(':event-type') ?? headers.get(':exception-type')
  return event === undefined ? { data } : { event, data }
}

/** The headers whose values are strings, which all that matter are. */
function readHeaders(bytes: Uint8Array): Map<string, string> {
  const headers = new Map<string, string>()
  const view = viewOf(bytes)
  let at = 0
  const take = (count: number): number => {
    const from = at
    at += count
    if (at > bytes.length) throw broken('wrong headers')
    return from
  }
  while (at < bytes.length) {
    const nameLength = bytes[take(1)] ?? 0
    const nameAt = take(nameLength)
    const name = utf8.decode(bytes.subarray(nameAt, at))
    const type = bytes[take(1)] ?? -1
    if (type === STRING || type === BYTE_ARRAY) {
      const length = view.getUint16(take(2))
      const valueAt = take(length)
      if (type === STRING) headers.set(name, utf8.decode(bytes.subarray(valueAt, at)))
      continue
    }
    const size = VALUE_BYTES[type]
    if (size === undefined) throw broken('a header of unknown type')
    take(size)
  }
  return headers
}

/** The high bits of the four bytes of a length or a sum. */
const HIGH_BITS = 0x80808080 | 0
const ZEROS = '\0\0\0\0'

interface Endings {
  readonly zerosSum: number
  readonly byBits: ReadonlyMap<number, string>
}

let madeEndings: Endings | undefined

/**
 * Endings of a payload, two letters of padding and the closing of the text and the object, one for each pattern of the high bits
 * that its sum may have: a sum over fixed lengths is the sum of what comes before, carried on, xor that of the ending.
 */
function endings(): Endings {
  madeEndings ??= {
    zerosSum: crc32(ZEROS),
    byBits: new Map(
      [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].flatMap((first) =>
        [...'abcdefghijklmnopqrstuvwxyz'].map((second): [number, string] => {
          const ending = `${first}${second}"}`
          return [crc32(ending) & HIGH_BITS, ending]
        }),
      ),
    ),
  }
  return madeEndings
}
const ENDING_CHARS = 4

/** Headers by their message's kind and type: there are a dozen. */
const headersOf = new Map<string, string>()
const HEADERS_KEPT_MAX = 64

/**
 * One message as text. Encoders of streams speak text, and lengths and sums are any bytes, so the payload's padding `p`, which
 * AWS adds too, is chosen so that each of them is seven bits: then the UTF-8 of the text is the message itself. `payload` must
 * be an object; what is not ASCII in it is escaped.
 */
export function eventStreamText(
  kind: 'event' | 'exception',
  type: string,
  payload: object,
): string {
  const headers = headersText(kind, type)
  const json = JSON.stringify(payload).replace(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const open = `${json.slice(0, -1)}${json === '{}' ? '' : ','}"p":"`
  const least = PRELUDE_BYTES + headers.length + open.length + ENDING_CHARS + CHECKSUM_BYTES
  let total = least
  let prelude = sevenBitPrelude(total, headers.length)
  while (prelude === undefined) {
    total++
    prelude = sevenBitPrelude(total, headers.length)
  }
  const start = `${prelude}${headers}${open}${'a'.repeat(total - least)}`
  const before = crc32(Buffer.from(start, 'latin1'))
  const { byBits, zerosSum } = endings()
  const carried = crc32(ZEROS, before) ^ zerosSum
  const ending = byBits.get(carried & HIGH_BITS)
  if (ending === undefined) throw new Error('An ending for these bits is missing.')
  return `${start}${ending}${bytesText(crc32(ending, before))}`
}

function headersText(kind: 'event' | 'exception', type: string): string {
  const key = `${kind} ${type}`
  const known = headersOf.get(key)
  if (known !== undefined) return known
  const text =
    stringHeader(kind === 'event' ? ':event-type' : ':exception-type', type) +
    stringHeader(':content-type', 'application/json') +
    stringHeader(':message-type', kind)
  if (headersOf.size < HEADERS_KEPT_MAX) headersOf.set(key, text)
  return text
}

/** Names and values here are short and ASCII. */
function stringHeader(name: string, value: string): string {
  return (
    String.fromCharCode(name.length) + name + String.fromCharCode(STRING, 0, value.length) + value
  )
}

const prelude = new DataView(new ArrayBuffer(8))

function sevenBitPrelude(total: number, headers: number): string | undefined {
  if ((total & HIGH_BITS) !== 0) return undefined
  prelude.setUint32(0, total)
  prelude.setUint32(4, headers)
  const sum = crc32(new Uint8Array(prelude.buffer))
  if ((sum & HIGH_BITS) !== 0) return undefined
  return bytesText(total) + bytesText(headers) + bytesText(sum)
}

function bytesText(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}
