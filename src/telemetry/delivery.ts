// Sends what was recorded to one place outside: a bounded queue, batches, tries with growing waits, and counts of what got there and what
// did not. One place, one queue: a slow one delays no other. It knows nothing of what it sends; whoever makes one says how a batch is
// written. Putting something in never waits and never throws.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { readRetryAfterMs } from '../core/policy/retry-after.ts'
import type { Clock, IdSource, Logger, Transport, UpstreamResponse } from '../core/ports.ts'
import type { DeliverySettings, SinkStatus } from '../core/telemetry-settings.ts'

export interface DeliveryPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
}

/** A batch as it is sent. It is written once: a second try sends the same bytes. */
export interface Writing {
  readonly body: Uint8Array | string
  readonly headers: Readonly<Record<string, string>>
  /** Fields that say when it was sent: made anew for each try. */
  headersAt?(nowMs: number): Readonly<Record<string, string>>
}

export interface DeliveryOptions<T> {
  readonly id: string
  readonly type: SinkStatus['type']
  readonly settings: DeliverySettings
  /** A batch in the words of the receiver. What it throws costs the batch. */
  write(batch: readonly T[]): Promise<Writing>
  /** About how much memory one holds. */
  sizeOf(item: T): number
  /** Any failure of the receiver's own is tried again, and not only those that OTLP names. */
  readonly retries5xx?: true
  /** How many of a batch the receiver says in a good answer that it did not take, and why. */
  refused?(answer: Uint8Array): { readonly count: number; readonly why: string } | undefined
}

interface Held<T> {
  readonly item: T
  readonly bytes: number
}

/** What became of one try. */
type Tried =
  | { readonly state: 'sent'; readonly refused: number }
  | { readonly state: 'failed'; readonly why: string; readonly againInMs?: number | undefined }

/** What says that the same bytes could be taken later: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes, and a timeout. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])
/** Failures of the connection that no second try mends. */
const FINAL: ReadonlySet<string> = new Set(['upstream_redirect', 'unsupported', 'invalid_request'])

export class Delivery<T> {
  private readonly options: DeliveryOptions<T>
  private readonly ports: DeliveryPorts
  private readonly endpoint: string
  private queue: Held<T>[] = []
  private queuedBytes = 0
  /** Of the batch that is being sent. */
  private sending = 0
  private sent = 0
  private dropped = 0
  private failures = 0
  private lastError: string | undefined
  private lastErrorMs: number | undefined
  private lastSentMs: number | undefined
  private lastToldMs = -Infinity
  private timer: ReturnType<typeof setTimeout> | undefined
  private running: Promise<void> | undefined
  private isStopping = false
  private readonly hurry = new AbortController()
  private readonly ending = new AbortController()

  constructor(options: DeliveryOptions<T>, ports: DeliveryPorts) {
    this.options = options
    this.ports = ports
    this.endpoint = shownUrl(options.settings.url, options.type)
  }

  /** Takes one in. Where there is no room it is dropped, and counted. */
  put(item: T): void {
    const bytes = this.options.sizeOf(item)
    const { batchRows, queueRowsMax } = this.options.settings
    const isFull =
      this.queue.length + this.sending >= queueRowsMax ||
      this.queuedBytes + bytes > LIMITS.telemetryQueueBytesMax
    if (isFull || this.isStopping) {
      this.dropped += 1
      this.tell('outcomes are dropped: there is no room for more that wait')
      return
    }
    this.queue.push({ item, bytes })
    this.queuedBytes += bytes
    if (this.running !== undefined) return
    if (this.queue.length >= batchRows) this.begin()
    else this.timer ??= this.later()
  }

  status(): SinkStatus {
    const { lastError, lastErrorMs, lastSentMs } = this
    return {
      id: this.options.id,
      type: this.options.type,
      endpoint: this.endpoint,
      queued: this.queue.length + this.sending,
      sent: this.sent,
      dropped: this.dropped,
      failures: this.failures,
      ...(lastError === undefined ? {} : { lastError }),
      ...(lastErrorMs === undefined ? {} : { lastErrorMs }),
      ...(lastSentMs === undefined ? {} : { lastSentMs }),
    }
  }

  /** Sends what waits, for so long; what is left then is dropped. Never rejects. */
  async stop(limitMs: number = LIMITS.telemetryStopMs): Promise<void> {
    this.isStopping = true
    const limit = setTimeout(() => this.ending.abort(new GatewayError('shutting_down')), limitMs)
    // Whoever waits for the next try of a batch does not wait for it now.
    this.hurry.abort()
    this.begin()
    await this.running
    clearTimeout(limit)
    clearTimeout(this.timer)
  }

  private later(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.begin(), this.options.settings.intervalMs)
    timer.unref()
    return timer
  }

  private begin(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.running ??= this.sendAll().finally(() => {
      this.running = undefined
      // One may have come in between the last look and this moment.
      if (this.queue.length > 0 && !this.isStopping) this.timer ??= this.later()
    })
  }

  private async sendAll(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.take()
      this.sending = batch.length
      try {
        await this.deliver(batch)
      } finally {
        this.sending = 0
      }
    }
  }

  private take(): T[] {
    const { batchRows } = this.options.settings
    let count = 0
    let bytes = 0
    for (const held of this.queue) {
      if (count >= batchRows || (count > 0 && bytes + held.bytes > LIMITS.telemetryBatchBytesMax)) {
        break
      }
      count += 1
      bytes += held.bytes
    }
    const taken = this.queue.slice(0, count)
    this.queue = this.queue.slice(count)
    this.queuedBytes -= bytes
    return taken.map(({ item }) => item)
  }

  private async deliver(batch: readonly T[]): Promise<void> {
    if (this.ending.signal.aborted) {
      this.dropped += batch.length
      return
    }
    const why = await this.attempts(batch)
    if (why === undefined) return
    this.dropped += batch.length
    this.tell(why)
  }

  /** Undefined once the batch was taken; else why it was given up. */
  private async attempts(batch: readonly T[]): Promise<string | undefined> {
    let writing: Writing
    try {
      writing = await this.options.write(batch)
    } catch (error) {
      this.failed(`could not be written: ${error instanceof Error ? error.name : 'unknown'}`)
      return this.lastError
    }
    let waitMs: number = LIMITS.telemetryRetryBaseMs
    for (let tries = 1; ; tries += 1) {
      const tried = await this.attempt(writing)
      if (tried.state === 'sent') {
        // It counts spans where there are fewer requests, and may say any number.
        const refused = Math.min(tried.refused, batch.length)
        this.sent += batch.length - refused
        this.dropped += refused
        this.lastSentMs = this.ports.clock.nowMs()
        return undefined
      }
      this.failed(tried.why)
      const isOver = tries >= LIMITS.telemetryTriesMax || this.ending.signal.aborted
      if (isOver || tried.againInMs === undefined) return tried.why
      await this.pause(Math.max(tried.againInMs, waitMs * (0.5 + this.ports.ids.random() / 2)))
      waitMs = Math.min(LIMITS.telemetryRetryCapMs, waitMs * 2)
    }
  }

  private async attempt({ body, headers, headersAt }: Writing): Promise<Tried> {
    const { network, timeoutMs, url } = this.options.settings
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      const response = await this.ports.transport.send({
        url,
        method: 'POST',
        headers: {
          'user-agent': 'weir',
          ...this.options.settings.headers,
          ...headers,
          ...headersAt?.(this.ports.clock.nowMs()),
        },
        body,
        timeouts: {
          connectMs: timeoutMs,
          firstByteMs: timeoutMs,
          idleMs: timeoutMs,
          totalMs: timeoutMs,
        },
        network,
        signal: AbortSignal.any([limit, this.ending.signal]),
      })
      return await this.judge(response)
    } catch (error) {
      const kind = error instanceof GatewayError ? error.kind : 'unknown'
      if (FINAL.has(kind)) return { state: 'failed', why: `was not reached (${kind})` }
      const why = limit.aborted ? 'did not answer in time' : `was not reached (${kind})`
      return { state: 'failed', why, againInMs: 0 }
    }
  }

  private async judge(response: UpstreamResponse): Promise<Tried> {
    const { headers, status } = response
    if (status < 200 || status > 299) {
      response.cancel()
      const why = `answered ${status}`
      const isWorthIt = RETRYABLE.has(status) || (status >= 500 && this.options.retries5xx === true)
      if (!isWorthIt) return { state: 'failed', why }
      const asked = readRetryAfterMs(headers, undefined, this.ports.clock.nowMs()) ?? 0
      return { state: 'failed', why, againInMs: Math.min(asked, LIMITS.telemetryRetryAfterMs) }
    }
    const { refused } = this.options
    if (refused === undefined) {
      response.cancel()
      return { state: 'sent', refused: 0 }
    }
    const told = refused(await this.answer(response))
    if (told === undefined || told.count === 0) return { state: 'sent', refused: 0 }
    this.failed(`took only a part: ${told.count} refused`)
    this.tell('took only a part')
    return { state: 'sent', refused: told.count }
  }

  /** What it says after a good status; nothing where that cannot be read: it was taken all the same. */
  private async answer(response: UpstreamResponse): Promise<Uint8Array> {
    try {
      return await response.bytes(LIMITS.telemetryAnswerBytesMax)
    } catch (error) {
      this.ports.logger.debug('the answer of a collector could not be read', {
        sink: this.options.id,
        error: error instanceof GatewayError ? error.kind : 'unknown',
      })
      return new Uint8Array()
    }
  }

  private failed(why: string): void {
    this.failures += 1
    this.lastError = why
    this.lastErrorMs = this.ports.clock.nowMs()
  }

  /** In the log once in a while: a collector that is away must not fill it. */
  private tell(why: string): void {
    const nowMs = this.ports.clock.monotonicMs()
    if (nowMs - this.lastToldMs < LIMITS.logProblemReportIntervalMs) return
    this.lastToldMs = nowMs
    const { id, type } = this.options
    const { dropped, endpoint } = this
    this.ports.logger.warn('What was recorded could not be sent', {
      sink: id,
      type,
      endpoint,
      why,
      dropped,
    })
  }

  private pause(durationMs: number): Promise<void> {
    // At the end the next try comes at once, and a further one soon.
    const waitMs = this.isStopping ? Math.min(durationMs, 100) : durationMs
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, waitMs)
    timer.unref()
    const signal = this.isStopping ? this.ending.signal : this.hurry.signal
    const hurry = () => resolve()
    signal.addEventListener('abort', hurry, { once: true })
    return promise.finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', hurry)
    })
  }
}

/** An address without what may be a secret in it. Many a webhook knows who it is from by its path. */
export function shownUrl(text: string, type: SinkStatus['type']): string {
  const url = URL.parse(text)
  if (url === null) return 'unknown'
  return `${url.protocol}//${url.host}${type === 'webhook' ? '' : url.pathname}`
}
