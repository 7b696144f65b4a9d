// Relay: the provider's bytes pass untouched but for what `relay-edits` takes out. What is said about the answer is read from
// its first and last bytes.

import { GatewayError } from '../core/error.ts'
import type { Dialect, Frame, Framing, TapReading } from '../dialects/dialect.ts'
import { createFramer } from '../dialects/sse.ts'
import { estimateUsage } from './estimate.ts'
import { responseIdIn, type ResponseKeeper } from './kept-responses.ts'
import type { Pump } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { RelayEdits, type RelayEditing } from './relay-edits.ts'
import type { RelayObserver } from './remember.ts'
import { TailBuffer } from './tail-buffer.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface RelayOptions {
  readonly dialect: Dialect
  readonly record: RequestRecord
  /** What is taken out of the stream, where anything is. */
  readonly editing: RelayEditing
  readonly model: string
  readonly observer?: RelayObserver | undefined
  readonly responses?: ResponseKeeper | undefined
  nowMs(): number
}

export class RelayPump implements Pump {
  /** The terminator is among the bytes, and the client sees it by itself: nobody looks for it here. */
  readonly complete = false
  failed: GatewayError | undefined
  private readonly options: RelayOptions
  private readonly seen = new TailBuffer()
  private reading: TapReading | undefined
  private readonly edits: RelayEdits

  constructor(options: RelayOptions) {
    this.options = options
    this.edits = new RelayEdits(options.editing)
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    this.seen.push(chunk)
    if (this.options.observer !== undefined) this.options.observer.push(chunk)
    return this.edits.concerns(chunk) ? this.edits.push(chunk) : chunk
  }

  end(): { bytes?: Uint8Array; error?: GatewayError } {
    const bytes = this.edits.end()
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
    this.keep(!aborted && this.failed === undefined)
    // A client that left after the end has cost what the provider says; one that left before has cost what it got.
    if (reading.usage?.outputTokens !== undefined && (reading.complete || !aborted)) return
    const estimate = estimateUsage(record.inbound.bytes.length, this.estimatedOutputTokens())
    if (reading.usage?.inputTokens === undefined) record.addUsage(estimate)
    else record.addUsage({ outputTokens: estimate.outputTokens!, estimated: true })
  }

  private keep(proper: boolean): void {
    const { observer, responses } = this.options
    observer?.end(proper)
    const head = this.seen.parts()[0]
    if (responses === undefined || head === undefined) return
    // An answer in the background goes on when its reader leaves.
    if (proper || responses.background) responses.relayed(responseIdIn(head))
  }

  private atBoundary(): boolean {
    if (this.edits.holds) return this.edits.endsWhole
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

  /**
   * The frames of the first and the last part. One cut at either border is no JSON, and taps skip it but where an event may
   * be larger than what is kept (the Responses API's last): then its end says enough.
   */
  private frames(): Frame[] {
    const frames: Frame[] = []
    const { framing } = this.options.dialect
    for (const [index, part] of this.seen.parts().entries()) {
      const framer = createFramer(framing)
      const boundary = index === 0 ? 0 : afterBoundary(part, this.separator())
      if (boundary !== 0 && framing === 'sse') frames.push({ data: cutText(part, boundary) })
      const start = boundary ?? 0
      frames.push(...framer.push(part.subarray(start)), ...framer.end())
    }
    return frames
  }

  private estimatedOutputTokens(): number {
    return tokensInStream(this.seen, this.options.dialect.framing)
  }
}

/** About one token an event, measured on the first ones and carried over to all bytes. */
export function tokensInStream(seen: TailBuffer, framing: Framing): number {
  const first = seen.parts()[0]
  if (first === undefined || first.length === 0) return 0
  const events = createFramer(framing).push(first).length
  return (events * seen.totalBytes) / first.length
}

/** The error of a stream that stopped before its proper end. */
export function truncatedError(): GatewayError {
  return new GatewayError('upstream_error', {
    message: "The provider's answer broke off before its end.",
    shouldRetry: false,
  })
}

/** Where the first event that is not cut begins; undefined when none is seen to. */
function afterBoundary(part: Uint8Array, separator: string): number | undefined {
  const at = asBuffer(part).indexOf(separator)
  return at < 0 ? undefined : at + separator.length
}

/** The end of an event whose beginning is gone. */
function cutText(part: Uint8Array, end: number | undefined): string {
  return decoder.decode(part.subarray(0, end)).trimEnd()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
