// The live tail as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): rows as they come, a sign of life
// while none do, and an end as soon as whoever reads may no longer. It is pulled by its client; nothing is gathered for one that stalls.

import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { matches, type RequestSearchFilter } from '../../core/ports-requests.ts'
import { can, scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import type { ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import type { RouteRule } from '../route-actions.ts'
import { stillAllowed } from './authorize.ts'
import { invalidMember, tenantAsked } from './body.ts'
import { ALL_TENANTS } from './contract.ts'
import { Names } from './names.ts'
import { rowJson } from './requests-json.ts'
import type { Following, RequestTail, TailBatch } from './requests-tail.ts'

interface Ask {
  readonly request: Request
  readonly rule: RouteRule
  readonly tenantId: string
}

const encoder = new TextEncoder()

/** @throws GatewayError for a `Last-Event-ID` that is none, and where the log cannot be followed */
export async function tailResponse(
  ask: Ask,
  filter: RequestSearchFilter,
  tail: RequestTail,
  deps: ServerDeps,
): Promise<Response> {
  const following = await tail.follow(lastEventOf(ask.request))
  const stream = new TailStream(ask, filter, following, deps)
  return respond(ask.request, {
    status: 200,
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies that gather answers would hold the events back.
      'x-accel-buffering': 'no',
    },
    body: stream.body(),
  })
}

function lastEventOf(request: Request): number | undefined {
  const text = request.headers.get('last-event-id')
  if (text === null || text === '') return undefined
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw invalidMember('last-event-id', 'Must be the id of an event of this stream.')
}

class TailStream {
  private readonly ask: Ask
  private readonly filter: RequestSearchFilter
  private readonly following: Following
  private readonly deps: ServerDeps
  private readonly stopping = new AbortController()
  private readonly checks: ReturnType<typeof setInterval>
  private isChecking = false
  private endReason: string | undefined
  private hasBegun = false

  constructor(ask: Ask, filter: RequestSearchFilter, following: Following, deps: ServerDeps) {
    this.ask = ask
    this.filter = filter
    this.following = following
    this.deps = deps
    this.checks = setInterval(() => void this.check(), LIMITS.tailCheckIntervalMs)
    this.checks.unref()
    ask.request.signal.addEventListener('abort', () => this.end('client_closed'), { once: true })
  }

  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const text = await this.next()
          controller.enqueue(encoder.encode(text))
          if (this.endReason === undefined) return
          this.close()
          controller.close()
        },
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    )
  }

  /** The next piece of the stream: events, a sign of life, or the last words. */
  private async next(): Promise<string> {
    if (!this.hasBegun) {
      this.hasBegun = true
      // The head goes out with it, and a browser knows how soon to come back.
      return `retry: 1000\n\n${this.endReason === undefined ? '' : this.lastWords()}`
    }
    const quiet = new AbortController()
    const timer = setTimeout(() => quiet.abort(), LIMITS.tailKeepaliveMs)
    try {
      const signal = AbortSignal.any([quiet.signal, this.stopping.signal])
      const batch = await this.following.next(signal)
      if (this.endReason !== undefined) return this.lastWords()
      return batch === undefined ? ': quiet\n\n' : this.events(batch)
    } catch (thrown) {
      const error = thrown instanceof GatewayError ? thrown.kind : 'internal'
      this.endReason = error
      return this.lastWords()
    } finally {
      clearTimeout(timer)
    }
  }

  private lastWords(): string {
    return `event: end\ndata: ${JSON.stringify({ reason: this.endReason })}\n\n`
  }

  private events({ missed, rows }: TailBatch): string {
    const names = new Names(this.deps.gateway.snapshot(), this.ask.tenantId)
    const last = rows.at(-1)?.sequence
    const events = rows
      .filter(({ outcome }) => matches(outcome, this.filter))
      .map(
        (row) =>
          `event: request\nid: ${row.sequence}\ndata: ${JSON.stringify(rowJson(row, names))}\n\n`,
      )
    if (missed > 0) events.unshift(`event: missed\ndata: ${JSON.stringify({ rows: missed })}\n\n`)
    // Rows that do not fit have been seen as well: a reader that comes back need not pass them again.
    if (last !== undefined && events.length === 0) events.push(`id: ${last}\n: passed\n\n`)
    return events.join('')
  }

  /** Whether whoever reads still may, and this server still serves. */
  private async check(): Promise<void> {
    if (this.deps.gateway.shutdown.state !== 'running') return this.end('shutting_down')
    if (this.isChecking) return
    this.isChecking = true
    const { request, rule, tenantId } = this.ask
    try {
      const principal = await stillAllowed(request, rule, this.deps)
      if (this.tenantNow(principal) !== tenantId) this.end('permission')
    } catch (thrown) {
      const isAway = thrown instanceof GatewayError && thrown.kind === 'storage_unavailable'
      if (!isAway) this.end(thrown instanceof GatewayError ? thrown.kind : 'internal')
    } finally {
      this.isChecking = false
    }
  }

  private tenantNow(principal: Principal): string {
    const { request, rule, tenantId } = this.ask
    if (tenantId !== ALL_TENANTS) return tenantAsked(request, principal, rule, this.deps)
    return can(principal, rule.action, scopes.platform) ? tenantId : ''
  }

  /** The place is free at once: whoever stalls may never come for the last words. */
  private end(reason: string): void {
    this.endReason ??= reason
    this.close()
  }

  private close(): void {
    clearInterval(this.checks)
    this.following.close()
    this.stopping.abort()
  }
}
