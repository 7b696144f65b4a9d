// Translate: provider frames → IR events → the client's wire text. One write per read, not per event. What the IR says on
// the way (usage, finish, errors) goes into the record.

import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { IrEvent } from '../core/ir/event.ts'
import type { StreamError } from '../core/ir/response.ts'
import { addedUsage } from '../core/ir/usage.ts'
import { scrubMessage } from '../core/policy/scrub.ts'
import type { Dialect, Frame, StreamDecoder, StreamEncoder } from '../dialects/dialect.ts'
import { createFramer, type Framer } from '../dialects/sse.ts'
import type { Continuation } from './continuation.ts'
import { estimateUsage, tokensInBytes } from './estimate.ts'
import type { ResponseKeeper } from './kept-responses.ts'
import type { Pump, Rest } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { truncatedError } from './relay-pump.ts'
import type { TurnKeeper } from './remember.ts'

const textEncoder = new TextEncoder()

export interface TranslateOptions {
  readonly upstream: Dialect
  readonly decoder: StreamDecoder
  readonly client: Dialect
  readonly encoder: StreamEncoder
  readonly record: RequestRecord
  /** Provider keys, never to be repeated to a client. */
  readonly secrets: readonly string[]
  readonly model: string
  /** The answer's id for the client, where it is not the provider's. */
  readonly answerId?: string | undefined
  /** Told of the answer once it has come to its proper end. */
  readonly turns?: TurnKeeper | undefined
  readonly responses?: ResponseKeeper | undefined
  /** Goes on with the answer where it breaks off. */
  readonly continuation?: Continuation | undefined
  /** Who answers, for what it costs until it breaks off. */
  readonly provider: Provider
  readonly providerModel: string
  nowMs(): number
}

export class TranslatePump implements Pump {
  complete = false
  failed: GatewayError | undefined
  broken: GatewayError | undefined
  private readonly options: TranslateOptions
  private framer: Framer
  private decoder: StreamDecoder
  private secrets: readonly string[]
  private answering: { readonly provider: Provider; readonly model: string }
  private turns: TurnKeeper | undefined
  private started = false
  private textChars = 0
  private outputToldByProvider = false
  private finishTold = false
  private endText: string | undefined

  constructor(options: TranslateOptions) {
    this.options = options
    this.framer = createFramer(options.upstream.framing)
    this.decoder = options.decoder
    this.secrets = options.secrets
    this.answering = { provider: options.provider, model: options.providerModel }
    this.turns = options.turns
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    let text = this.frames(this.framer.push(chunk))
    // A provider may keep its connection open after its terminator; the client need not wait for that.
    if (this.decoder.ended && !this.isBroken()) text += this.finishEncoding()
    return text === '' ? undefined : textEncoder.encode(text)
  }

  end(): { bytes?: Uint8Array; error?: GatewayError } {
    let text = this.frames(this.framer.end())
    if (!this.isBroken()) text += this.events(this.decoder.end())
    if (!this.isBroken()) text += this.finishEncoding()
    const bytes = text === '' ? {} : { bytes: textEncoder.encode(text) }
    return this.broken === undefined ? bytes : { ...bytes, error: this.broken }
  }

  goOn(error: GatewayError): Promise<Rest | undefined> | undefined {
    const { continuation } = this.options
    if (continuation === undefined || this.failed !== undefined || this.complete) return undefined
    return this.taken(continuation, error)
  }

  private async taken(continuation: Continuation, error: GatewayError): Promise<Rest | undefined> {
    const source = await continuation.next(error)
    if (source === undefined) return undefined
    if (!this.outputToldByProvider) this.estimate()
    const { record } = this.options
    record.partOver(this.answering.provider, this.answering.model)
    this.answering = source.answering
    // What one provider has signed means nothing to another.
    this.turns = source.turns
    this.framer = createFramer(source.dialect.framing)
    this.decoder = source.decoder
    this.secrets = source.secrets
    this.broken = undefined
    this.outputToldByProvider = false
    this.textChars = 0
    return source
  }

  private isBroken(): boolean {
    return this.failed !== undefined || this.broken !== undefined
  }

  fail(error: GatewayError): Uint8Array | undefined {
    if (this.failed !== undefined) return undefined
    this.failed = error
    const { client, record } = this.options
    return textEncoder.encode(client.errors.encodeStream(error, record.inbound.requestId))
  }

  keepalive(): Uint8Array | undefined {
    const { client, model } = this.options
    // Before the first event an Anthropic client has not seen message_start, and a ping ahead of it is still allowed.
    return textEncoder.encode(client.keepalive(model, this.options.nowMs()))
  }

  finished(): boolean {
    return this.failed === undefined && this.finishTold && this.outputToldByProvider
  }

  conclude(aborted: boolean): void {
    const { record, encoder } = this.options
    if (!aborted && this.failed === undefined) this.keep()
    record.addLosses(encoder.losses())
    if (this.outputToldByProvider && (this.complete || !aborted)) return
    this.estimate()
  }

  private estimate(): void {
    const { record } = this.options
    const estimate = estimateUsage(record.inbound.bytes.length, tokensInBytes(this.textChars))
    if (record.hasUsage()) {
      // The provider's own numbers so far stay where they are: what is estimated is the output alone.
      record.addUsage({ outputTokens: estimate.outputTokens!, estimated: true })
    } else record.addUsage(estimate)
  }

  private finishEncoding(): string {
    if (this.complete) return ''
    this.complete = true
    this.endText = this.options.encoder.end()
    return this.endText
  }

  /** A client may have left at the finish, before the end of the stream was told: it has its answer all the same. */
  private keep(): void {
    const { responses, encoder } = this.options
    this.turns?.ended()
    responses?.translatedEnd(this.endText ?? encoder.end())
  }

  private frames(frames: readonly Frame[]): string {
    let text = ''
    for (const frame of frames) {
      if (this.isBroken()) break
      text += this.events(this.decoder.push(frame))
    }
    return text
  }

  private events(events: readonly IrEvent[]): string {
    const { continuation } = this.options
    let text = ''
    for (const event of events) {
      if (continuation === undefined) text += this.encoded(event)
      else if (event.type === 'error') {
        const message = scrubMessage(event.error.message, this.secrets)
        this.broken = streamFailure({ ...event.error, message })
      } else for (const one of continuation.seam.join(event)) text += this.encoded(one)
      if (this.isBroken()) break
    }
    return text
  }

  private encoded(event: IrEvent): string {
    return this.options.encoder.push(this.observe(event))
  }

  private observe(event: IrEvent): IrEvent {
    const { record } = this.options
    if (this.turns !== undefined) this.turns.watch.push(event)
    switch (event.type) {
      case 'text-delta':
      case 'thinking-delta':
      case 'tool-input-delta':
        this.textChars += event.text.length
        return event
      case 'response-start':
        if (!this.started) record.setModelReported(event.model)
        this.started = true
        return this.options.answerId === undefined ? event : { ...event, id: this.options.answerId }
      case 'usage':
        record.addUsage(event.usage)
        if (event.usage.outputTokens !== undefined) this.outputToldByProvider = true
        // What the parts before have used is part of what this answer used.
        return record.usageBefore === undefined
          ? event
          : { type: 'usage', usage: addedUsage(record.usageBefore, event.usage) ?? event.usage }
      case 'finish':
        this.finishTold = true
        record.setFinish(event.finish.raw ?? event.finish.unified)
        return event
      case 'error': {
        const message = scrubMessage(event.error.message, this.secrets)
        this.failed = streamFailure({ ...event.error, message })
        return { type: 'error', error: toldError(event.error, this.failed) }
      }
      default:
        return event
    }
  }
}

/** What the client is told: the provider's error in words that may be said, or ours where the provider said nothing. */
function toldError(error: StreamError, failure: GatewayError): StreamError {
  const { code, message, type } = failure
  return error.code === 'truncated'
    ? { message, type, code: code ?? 'upstream_error' }
    : { ...error, message }
}

/** An error told inside an answer as the error we would have given for it. */
export function streamFailure(error: StreamError): GatewayError {
  if (error.code === 'truncated') return truncatedError()
  const limited =
    error.status === 429 || /rate.?limit/i.test(`${error.type ?? ''} ${error.code ?? ''}`)
  return new GatewayError(limited ? 'upstream_rate_limited' : 'upstream_error', {
    message: error.message,
    shouldRetry: false,
  })
}
