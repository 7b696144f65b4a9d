// Relay: the provider's bytes pass untouched. What is said about the answer is read from its first and last bytes; the one
// thing ever taken out is the usage event that the gateway itself asked for.

import { GatewayError } from '../core/error.ts'
import { isObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Dialect, Frame, TapReading } from '../dialects/dialect.ts'
import { createFramer } from '../dialects/sse.ts'
import { estimateUsage } from './estimate.ts'
import type { Pump } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { TailBuffer } from './tail-buffer.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A needle of bytes: as text it would be encoded anew for every search. */
const USAGE_MEMBER = Buffer.from('"usage"')

export interface RelayOptions {
  readonly dialect: Dialect
  readonly record: RequestRecord
  /** Take out the usage event: the gateway asked for it, the client did not. */
  readonly withholdUsage: boolean
  readonly model: string
  nowMs(): number
}

export class RelayPump implements Pump {
  /** The terminator is among the bytes, and the client sees it by itself: nobody looks for it here. */
  readonly complete = false
  failed: GatewayError | undefined
  private readonly options: RelayOptions
  private readonly seen = new TailBuffer()
  private reading: TapReading | undefined
  /** Bytes of an event whose end has not come; only while a usage event is looked for. */
  private held: Uint8Array | undefined

  constructor(options: RelayOptions) {
    this.options = options
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    this.seen.push(chunk)
    return this.options.withholdUsage ? this.withoutUsage(chunk) : chunk
  }

  end(): { bytes?: Uint8Array; error?: GatewayError } {
    const rest = this.held
    this.held = undefined
    const bytes = rest === undefined ? undefined : dropUsageEvents(rest)
    const reading = this.read()
    if (reading.error !== undefined) {
      this.failed = new GatewayError('upstream_error', { message: reading.error.message })
    } else if (!reading.complete) {
      const error = truncatedError()
      return bytes === undefined ? { error } : { bytes, error }
    }
    return bytes === undefined ? {} : { bytes }
  }

  fail(error: GatewayError): Uint8Array | undefined {
    if (this.failed !== undefined) return undefined
    const text = this.options.dialect.errors.encodeStream(
      error,
      this.options.record.inbound.requestId,
    )
    // A cut in the middle of a frame would otherwise swallow the error event.
    return encoder.encode(this.atBoundary() ? text : `${this.separator()}${text}`)
  }

  keepalive(): Uint8Array | undefined {
    if (!this.atBoundary()) return undefined
    return encoder.encode(this.options.dialect.keepalive(this.options.model, this.options.nowMs()))
  }

  finished(): boolean {
    const reading = this.read()
    if (!reading.complete) return false
    // A finish reason may be that of one choice among several: only what comes after all of them counts.
    return reading.usage?.outputTokens !== undefined || /\[DONE\]\s*$/.test(this.seen.lastText(16))
  }

  conclude(aborted: boolean): void {
    const { record } = this.options
    const reading = this.read()
    if (reading.usage !== undefined) record.addUsage(reading.usage)
    if (reading.finish !== undefined) record.setFinish(reading.finish)
    if (reading.model !== undefined) record.setModelReported(reading.model)
    // A client that left after the end has cost what the provider says; one that left before has cost what it got.
    if (reading.usage?.outputTokens !== undefined && (reading.complete || !aborted)) return
    const estimate = estimateUsage(record.inbound.bytes.length, this.estimatedOutputTokens())
    if (reading.usage?.inputTokens === undefined) record.addUsage(estimate)
    else record.addUsage({ outputTokens: estimate.outputTokens!, estimated: true })
  }

  private atBoundary(): boolean {
    if (this.held !== undefined) return true
    if (this.seen.totalBytes === 0) return true
    return this.options.dialect.framing === 'ndjson'
      ? this.seen.endsWith('\n')
      : this.seen.endsWith('\n\n') || this.seen.endsWith('\r\n\r\n')
  }

  private separator(): string {
    return this.options.dialect.framing === 'ndjson' ? '\n' : '\n\n'
  }

  private read(): TapReading {
    return (this.reading ??= this.options.dialect.tap.readFrames(this.frames()))
  }

  /** The frames of the first and the last part; one cut at either border is no JSON and taps skip it. */
  private frames(): Frame[] {
    const frames: Frame[] = []
    const { framing } = this.options.dialect
    for (const [index, part] of this.seen.parts().entries()) {
      const framer = createFramer(framing)
      const bytes = index === 0 ? part : afterBoundary(part, this.separator())
      frames.push(...framer.push(bytes), ...framer.end())
    }
    return frames
  }

  /** About one token an event, measured on the first ones and carried over to all bytes. */
  private estimatedOutputTokens(): number {
    const first = this.seen.parts()[0]
    if (first === undefined || first.length === 0) return 0
    const framer = createFramer(this.options.dialect.framing)
    const events = framer.push(first).length
    return (events * this.seen.totalBytes) / first.length
  }

  private withoutUsage(chunk: Uint8Array): Uint8Array | undefined {
    const data = this.held === undefined ? chunk : Buffer.concat([this.held, chunk])
    const end = lastEventEnd(data)
    if (end === 0) {
      if (data.length > LIMITS.streamFrameBytesMax) {
        throw new GatewayError('upstream_bad_response', {
          message: 'The provider sent one stream event larger than this server takes.',
        })
      }
      this.held = data
      return undefined
    }
    this.held = end === data.length ? undefined : data.subarray(end)
    const complete = end === data.length ? data : data.subarray(0, end)
    return dropUsageEvents(complete)
  }
}

/** The error of a stream that stopped before its proper end. */
export function truncatedError(): GatewayError {
  return new GatewayError('upstream_error', {
    message: "The provider's answer broke off before its end.",
    shouldRetry: false,
  })
}

/** One past the last blank line, or 0. */
function lastEventEnd(data: Uint8Array): number {
  const { length } = data
  // Nearly every read ends with its event: then there is nothing to look for.
  if (data[length - 1] === 0x0a && data[length - 2] === 0x0a) return length
  const buffer = asBuffer(data)
  const lf = buffer.lastIndexOf('\n\n')
  const crlf = buffer.lastIndexOf('\r\n\r\n')
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 4)
}

/** The bytes without events that hold usage and no choice; undefined when nothing is left. Nearly always the same object. */
function dropUsageEvents(complete: Uint8Array): Uint8Array | undefined {
  if (!mentionsUsageObject(asBuffer(complete))) return complete
  const kept: string[] = []
  let dropped = false
  for (const event of decoder.decode(complete).split(/(?<=\r?\n\r?\n)/)) {
    if (isUsageOnly(event)) dropped = true
    else kept.push(event)
  }
  if (!dropped) return complete
  return kept.length === 0 ? undefined : encoder.encode(kept.join(''))
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

function isUsageOnly(event: string): boolean {
  const data = /^data: ?(.*)$/m.exec(event)?.[1]
  const value = data === undefined ? undefined : parseJson(data)
  if (!isObject(value) || !isObject(value['usage'])) return false
  return Array.isArray(value['choices']) && value['choices'].length === 0
}

function afterBoundary(part: Uint8Array, separator: string): Uint8Array {
  const at = asBuffer(part).indexOf(separator)
  return at < 0 ? part : part.subarray(at + separator.length)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
