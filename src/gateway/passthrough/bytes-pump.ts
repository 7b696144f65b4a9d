// Bytes of a provider passed on untouched, whatever they are: audio, a file, an event stream beyond chat. What is kept of
// them to read usage from is bounded; a failure is told in an event stream and breaks anything else off. In events, what an error
// tells of our keys is taken out.

import type { Provider } from '../../core/catalog.ts'
import type { GatewayError } from '../../core/error.ts'
import type { Usage } from '../../core/ir/usage.ts'
import { asObject, parseJson } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Logger } from '../../core/ports.ts'
import type { Dialect, Frame, TapReading } from '../../dialects/dialect.ts'
import { SSE_KEEPALIVE } from '../../dialects/openai-chat/index.ts'
import { createFramer } from '../../dialects/sse.ts'
import { estimateUsage, tokensInBytes } from '../estimate.ts'
import type { Pump } from '../pump.ts'
import type { RequestRecord } from '../record.ts'
import { RelayEdits } from '../relay-edits.ts'
import { tokensInStream } from '../relay-pump.ts'
import { TailBuffer } from '../tail-buffer.ts'
import { usageInText, usageOfAnswer } from './usage.ts'

export interface BytesPumpOptions {
  readonly record: RequestRecord
  /** What the bytes are, by their declared type. */
  readonly form: 'events' | 'lines' | 'json' | 'bytes'
  /** Whose words errors are told in. */
  readonly dialect: Dialect
  /** The bytes are an answer of this dialect, which its tap can read. */
  readonly tapped: boolean
  /** Whose keys no error among the events may tell; absent where the bytes are no events. */
  readonly provider?: Provider | undefined
  readonly logger: Logger
  /** Called once, when the stream is over in whatever way. */
  onOver(): void
}

const encoder = new TextEncoder()
const KEEPALIVE = encoder.encode(SSE_KEEPALIVE)

export class BytesPump implements Pump {
  readonly complete = false
  readonly breaksOnFailure: boolean
  failed: GatewayError | undefined
  private readonly options: BytesPumpOptions
  private readonly seen = new TailBuffer()
  /** A JSON answer while it is small enough to be read. */
  private whole: Uint8Array[] | undefined
  private ended = false
  private readonly edits: RelayEdits

  constructor(options: BytesPumpOptions) {
    this.options = options
    const { form, provider } = options
    this.edits = new RelayEdits({
      withholdUsage: false,
      hideAccount: false,
      lines: form === 'lines',
      ...(provider === undefined ? {} : { provider }),
    })
    this.breaksOnFailure = !this.isFramed
    if (options.form === 'json') this.whole = []
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    this.seen.push(chunk)
    if (this.whole !== undefined) {
      if (this.seen.totalBytes > LIMITS.sniffBytesMax) this.whole = undefined
      else this.whole.push(chunk)
    }
    return this.edits.concerns(chunk) ? this.edits.push(chunk) : chunk
  }

  end(): { bytes?: Uint8Array; error?: GatewayError } {
    this.ended = true
    const bytes = this.edits.end()
    return bytes === undefined ? {} : { bytes }
  }

  fail(error: GatewayError): Uint8Array | undefined {
    if (!this.isFramed) return undefined
    const { dialect, record } = this.options
    const text = dialect.errors.encodeStream(error, record.inbound.requestId)
    return encoder.encode(this.atBoundary() ? text : `${this.separator}${text}`)
  }

  keepalive(): Uint8Array | undefined {
    return this.options.form === 'events' && this.atBoundary() ? KEEPALIVE : undefined
  }

  finished(): boolean {
    return this.ended
  }

  conclude(aborted: boolean): void {
    const { record } = this.options
    try {
      this.read(record, aborted)
    } catch (error) {
      // Usage is read for the record alone: an answer nobody can read is still the client's.
      this.options.logger.debug('usage of an answer could not be read', { error: String(error) })
    }
    this.options.onOver()
  }

  private read(record: RequestRecord, aborted: boolean): void {
    const reading = this.options.tapped ? this.tap() : undefined
    const usage = reading?.usage ?? this.sniff()
    if (usage !== undefined) record.addUsage(usage)
    if (reading?.finish !== undefined) record.setFinish(reading.finish)
    if (reading?.model !== undefined) record.setModelReported(reading.model)
    const isTold = reading?.usage?.outputTokens !== undefined && (reading.complete || !aborted)
    if (this.options.tapped && !isTold) this.estimate(record, usage)
  }

  /** What a provider has worked for and did not tell, as it is for every other answer of its kind. */
  private estimate(record: RequestRecord, told: Usage | undefined): void {
    const { bytes } = record.inbound
    if (record.asksFor === 'embedding') {
      if (told === undefined) record.addUsage(estimateUsage(bytes.length, 0))
      return
    }
    if (record.asksFor !== 'chat' && record.asksFor !== 'completion') return
    const framing = this.options.form === 'lines' ? 'ndjson' : 'sse'
    const output = this.isFramed
      ? tokensInStream(this.seen, framing)
      : tokensInBytes(this.seen.totalBytes)
    const estimate = estimateUsage(bytes.length, output)
    if (told?.inputTokens === undefined) record.addUsage(estimate)
    else record.addUsage({ outputTokens: estimate.outputTokens!, estimated: true })
  }

  private get isFramed(): boolean {
    return this.options.form === 'events' || this.options.form === 'lines'
  }

  private get separator(): string {
    return this.options.form === 'lines' ? '\n' : '\n\n'
  }

  private atBoundary(): boolean {
    if (this.edits.holds) return this.edits.endsWhole
    const last = this.seen.totalBytes === 0 ? '\n\n' : this.seen.lastText(4)
    return this.options.form === 'lines'
      ? last.endsWith('\n')
      : last.endsWith('\n\n') || last.endsWith('\r\n\r\n')
  }

  private tap(): TapReading | undefined {
    const { dialect } = this.options
    if (this.isFramed) return dialect.tap.readFrames(this.frames())
    const body = this.json()
    return body === undefined ? undefined : dialect.tap.readResponse(body)
  }

  private sniff(): ReturnType<typeof usageOfAnswer> {
    if (this.options.form === 'bytes') return undefined
    const body = this.json()
    if (body !== undefined) return usageOfAnswer(body)
    const last = this.seen.parts().at(-1)
    return last === undefined ? undefined : usageInText(new TextDecoder().decode(last))
  }

  private json(): ReturnType<typeof asObject> {
    if (this.whole === undefined) return undefined
    return asObject(parseJson(new TextDecoder().decode(Buffer.concat(this.whole))))
  }

  /** Frames of the first and the last part; one cut at either border is no JSON, and taps skip it. */
  private frames(): Frame[] {
    const framing = this.options.form === 'lines' ? 'ndjson' : 'sse'
    return this.seen.parts().flatMap((part, index) => {
      const framer = createFramer(framing)
      const at = index === 0 ? -1 : Buffer.from(part).indexOf(this.separator)
      const bytes = at < 0 ? part : part.subarray(at + this.separator.length)
      return [...framer.push(bytes), ...framer.end()]
    })
  }
}
