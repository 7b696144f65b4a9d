// The stream a client reads: it pulls from the provider only as fast as the client takes (back-pressure), sends keepalives
// while the provider is quiet, ends on its deadlines, and closes the provider's connection the moment the client leaves.

import { endReason } from '../core/end-reason.ts'
import { GatewayError, toGatewayError } from '../core/error.ts'
import type { Timeouts } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { GatewayDeps } from './deps.ts'
import type { Later, Pump, Rest } from './pump.ts'
import type { RequestRecord } from './record.ts'
import type { Watched } from './stream-watch.ts'

type Controller = ReadableStreamDefaultController<Uint8Array>

export interface AnswerStreamOptions {
  readonly upstream: UpstreamResponse
  readonly pump: Pump
  readonly record: RequestRecord
  readonly deps: GatewayDeps
  readonly timeouts: Timeouts
}

/** Starts nothing by itself: the first read by the client pulls the first bytes. */
export function answerStream(options: AnswerStreamOptions): ReadableStream<Uint8Array> {
  const stream = new AnswerStream(options)
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => stream.attach(controller),
      pull: (controller) => stream.pull(controller),
      cancel: () => stream.abandon(),
    },
    { highWaterMark: 0 },
  )
}

class AnswerStream implements Watched {
  readonly isStream = true
  private readonly options: AnswerStreamOptions
  private reader: ReadableStreamDefaultReader<Uint8Array>
  private upstream: UpstreamResponse
  private timeouts: Timeouts
  /** Somebody is asked to go on; resolves when the answer does, or is over. */
  private goingOn: Promise<void> | undefined
  private controller: Controller | undefined
  private reading = false
  /** What was read is being judged: the provider is not waited for. */
  private judging = false
  private over = false
  private lastUpstreamMs: number
  private lastSentMs: number
  private readonly onAbort = () => this.breakOff()

  constructor(options: AnswerStreamOptions) {
    this.options = options
    this.upstream = options.upstream
    this.timeouts = options.timeouts
    // A body of null cannot come here: an attempt without one has failed.
    // The two declarations of streams that Bun's types bring differ in methods nobody calls here.
    this.reader = options.upstream.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>
    this.lastUpstreamMs = this.lastSentMs = options.deps.clock.monotonicMs()
    options.deps.watch.add(this)
    options.record.inbound.signal.addEventListener('abort', this.onAbort, { once: true })
  }

  /** The client's side is there: from here on it can be told of an end, before it has read anything too. */
  attach(controller: Controller): void {
    this.controller = controller
    if (this.options.record.inbound.signal.aborted) this.breakOff()
  }

  async pull(controller: Controller): Promise<void> {
    this.reading = true
    try {
      while (!this.over) {
        if (this.goingOn !== undefined) {
          await this.goingOn
          continue
        }
        const { reader } = this
        try {
          const { done, value } = await reader.read()
          if (this.over) return
          if (this.isGivenUp(reader)) continue
          this.lastUpstreamMs = this.options.deps.clock.monotonicMs()
          if (this.options.pump.later !== undefined) {
            if (await this.takeLater(done ? undefined : value, this.options.pump.later, controller))
              return
          } else if (done) this.finish(controller)
          else if (this.take(value, controller)) return
        } catch (error) {
          if (!this.isGivenUp(reader)) this.fail(asUpstreamFailure(error))
        }
      }
    } finally {
      this.reading = false
    }
  }

  /** A chunk of the upstream's. True when the client has got something of it. */
  private take(chunk: Uint8Array, controller: Controller): boolean {
    const { pump, record } = this.options
    record.bodies?.answered(chunk)
    const bytes = pump.push(chunk)
    return this.taken(bytes, controller)
  }

  /** The same where its bytes come later; without a chunk, the upstream has ended. */
  private async takeLater(
    chunk: Uint8Array | undefined,
    later: Later,
    controller: Controller,
  ): Promise<boolean> {
    if (chunk !== undefined) this.options.record.bodies?.answered(chunk)
    this.judging = true
    try {
      if (chunk !== undefined) {
        const bytes = await later.push(chunk)
        return !this.over && this.taken(bytes, controller)
      }
      const { bytes, error } = await later.end()
      if (this.over) return false
      if (bytes !== undefined) this.send(controller, bytes)
      if (this.options.pump.cutShort === true) this.closeCut()
      else if (error !== undefined) this.fail(error)
      else this.close(this.options.pump.failed)
      return false
    } finally {
      this.judging = false
      this.lastUpstreamMs = this.options.deps.clock.monotonicMs()
    }
  }

  /** What came of a chunk. True when the client has got something of it. */
  private taken(bytes: Uint8Array | undefined, controller: Controller): boolean {
    const { pump } = this.options
    if (bytes !== undefined) this.send(controller, bytes)
    if (pump.cutShort === true) this.closeCut()
    else if (pump.broken !== undefined) this.fail(pump.broken)
    else if (pump.failed !== undefined) this.close(pump.failed)
    else if (pump.complete) this.closeComplete()
    else return bytes !== undefined
    return false
  }

  /** What was read from it counts no more: somebody else goes on, or is asked to. */
  private isGivenUp(reader: ReadableStreamDefaultReader<Uint8Array>): boolean {
    return this.goingOn !== undefined || reader !== this.reader
  }

  tick(nowMs: number): void {
    const { record, deps, pump } = this.options
    const { timeouts } = this
    if (nowMs - record.inbound.arrivedMonotonicMs > timeouts.totalMs) {
      return this.failForGood(timeout('The answer took longer than its total limit.'))
    }
    if (!this.reading) {
      if (nowMs - this.lastSentMs > LIMITS.clientStallTimeoutMs) {
        this.close(new GatewayError('client_closed'))
      }
      return
    }
    const waits = this.goingOn === undefined && !this.judging
    if (waits && nowMs - this.lastUpstreamMs > timeouts.idleMs) {
      return this.fail(timeout('The provider went silent in the middle of its answer.'))
    }
    if (nowMs - this.lastSentMs > deps.settings().keepaliveIntervalMs) {
      const bytes = pump.keepalive()
      if (bytes !== undefined && this.controller !== undefined) this.send(this.controller, bytes)
    }
  }

  /** The request's signal fired: the client left, or it is told that this server stops. */
  private breakOff(): void {
    const reason = endReason(this.options.record.inbound.signal)
    if (reason.kind === 'client_closed') this.abandon()
    else if (!this.over && this.options.pump.finished()) this.closeComplete()
    else this.failForGood(reason)
  }

  /**
   * The client is gone: close the provider's connection at once, and record what was used. Official clients hang up at the
   * terminator, often before the provider has closed: that answer was given whole.
   */
  abandon(): void {
    if (this.over) return
    if (this.options.pump.finished()) this.closeComplete()
    else this.close(new GatewayError('client_closed'))
  }

  /** The answer was ended here: its provider need not go on. */
  private closeCut(): void {
    this.close()
    this.dropUpstream(new GatewayError('content_filter'))
  }

  /** The answer is whole; the provider gets a moment to end its body, so that its connection can be used again. */
  private closeComplete(): void {
    this.close()
    void this.drainUpstream()
  }

  private async drainUpstream(): Promise<void> {
    const lingering = new GatewayError('upstream_error', {
      cause: 'the body went on after its end',
    })
    const timer = setTimeout(() => this.dropUpstream(lingering), LIMITS.upstreamDrainTimeoutMs)
    try {
      while (!(await this.reader.read()).done);
    } catch (error) {
      this.options.deps.logger.debug('a body broke off after its end', { cause: String(error) })
    } finally {
      clearTimeout(timer)
    }
  }

  private finish(controller: Controller): void {
    const { bytes, error } = this.options.pump.end()
    if (bytes !== undefined) this.send(controller, bytes)
    if (error !== undefined) this.fail(error)
    else this.close(this.options.pump.failed)
  }

  private fail(error: GatewayError): void {
    if (this.over || this.goingOn !== undefined) return
    const rest = this.options.pump.goOn?.(error)
    if (rest === undefined) return this.failForGood(error)
    this.dropUpstream(error)
    this.goingOn = this.goOn(rest, error)
  }

  /** Reads on from whoever goes on with the answer, or ends it with the error that broke it off. */
  private async goOn(asked: Promise<Rest | undefined>, error: GatewayError): Promise<void> {
    try {
      const rest = await asked
      this.goingOn = undefined
      if (rest === undefined || rest.upstream.body === null) {
        return this.failForGood(error)
      }
      this.upstream = rest.upstream
      if (this.over) {
        return this.upstream.cancel(error)
      }
      this.timeouts = rest.timeouts
      this.reader = rest.upstream.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
      this.lastUpstreamMs = this.options.deps.clock.monotonicMs()
    } catch (fault) {
      this.goingOn = undefined
      this.failForGood(toGatewayError(fault))
    }
  }

  private failForGood(error: GatewayError): void {
    if (this.over) return
    const bytes = error.kind === 'client_closed' ? undefined : this.options.pump.fail(error)
    if (bytes !== undefined && this.controller !== undefined) this.send(this.controller, bytes)
    this.close(error)
  }

  private send(controller: Controller, bytes: Uint8Array): void {
    const { record, deps } = this.options
    record.firstByte()
    record.responseBytes += bytes.length
    record.bodies?.responded(bytes)
    this.lastSentMs = deps.clock.monotonicMs()
    controller.enqueue(bytes)
  }

  private dropUpstream(reason: GatewayError): void {
    this.upstream.cancel(reason)
    // A mock body has no connection behind it that an abort would end.
    void this.dropBody(reason)
  }

  private async dropBody(reason: GatewayError): Promise<void> {
    try {
      await this.reader.cancel(reason)
    } catch (error) {
      this.options.deps.logger.debug('a body was gone already', { cause: String(error) })
    }
  }

  private close(error?: GatewayError): void {
    if (this.over) return
    this.over = true
    const { pump, record, deps } = this.options
    deps.watch.delete(this)
    record.inbound.signal.removeEventListener('abort', this.onAbort)
    pump.conclude(error !== undefined)
    if (error !== undefined) this.dropUpstream(error)
    record.settle(error?.kind === 'client_closed' ? 499 : 200, error)
    // A client that merely stopped reading must not take what it has for the whole answer: its connection breaks.
    const breaks = error !== undefined && pump.breaksOnFailure === true
    if (breaks || error?.kind === 'client_closed') return this.controller?.error(error)
    try {
      this.controller?.close()
    } catch (closed) {
      // Cancelled by the client in the same moment: there is nobody left to tell.
      deps.logger.debug('stream was closed already', { cause: String(closed) })
    }
  }
}

function timeout(message: string): GatewayError {
  return new GatewayError('upstream_timeout', { message, shouldRetry: false })
}

/** What a read of a provider's body threw. */
function asUpstreamFailure(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError('upstream_error', {
    message: "The provider's answer broke off before its end.",
    cause: error,
    shouldRetry: false,
  })
}
