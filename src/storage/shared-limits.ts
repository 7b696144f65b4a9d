// Counters of limits that replicas share, in front of whatever store they are in: gathers what is asked in the same tick into one round
// trip, waits for no more than its bound, and decides by each limit's own word while the store cannot be asked. What is let through is
// counted here too, so that `local` knows what this process has let through before.

import { LIMITS } from '../core/limits.ts'
import type { MemoryLimits } from '../core/policy/memory-limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { LimitCounters, LimitState, LimitTake, LimitVerdict } from '../core/ports-money.ts'
import { failureCode } from './errors.ts'
import type { Correction, Held, LimitBackend, LimitBatch, LimitRequest } from './limit-exchange.ts'

export interface SharedLimitsOptions {
  readonly backend: LimitBackend
  /** Counts what this process lets through; outlives a change of the store. */
  readonly local: MemoryLimits
  readonly clock: Clock
  readonly logger: Logger
  /** How long an answer is waited for, in place of core/limits.ts'; for tests of what is not about time. */
  readonly answerMs?: number
}

interface Waiting {
  readonly request: LimitRequest
  readonly tell: (verdict: LimitVerdict) => void
}

/** Times of batches by the store's clock and by this process's that are remembered, to correct what was counted here. */
const STAMPS_MAX = 10_000

/** Running requests that are told of in one round trip. */
const RENEWALS_MAX = 1_000

/** Looks in vain after which its connection is no longer trusted. */
const SUSPECT_AFTER = 3

const NOTHING: LimitBatch = { releases: [], renewals: [], corrections: [], requests: [] }

export class SharedLimits implements LimitCounters {
  private readonly options: SharedLimitsOptions
  private readonly stamps = new Map<number, number>()
  private waiting: Waiting[] = []
  private corrections: Correction[] = []
  private releases: Held[] = []
  private isFlushPlanned = false
  private inFlight = 0
  /** Asked only to find out whether it answers again. */
  private isOpen = false
  private failures = 0
  private retries = 0
  private probe: ReturnType<typeof setTimeout> | undefined
  private readonly renewing: ReturnType<typeof setInterval>
  private closed = false
  private readonly opened = Promise.withResolvers<void>()

  constructor(options: SharedLimitsOptions) {
    this.options = options
    this.renewing = setInterval(() => this.renew(), LIMITS.limitRenewIntervalMs)
    this.renewing.unref()
    options.backend.onReady(() => void this.look())
    // Nobody knows yet whether it answers.
    this.isOpen = true
    this.lookLater()
  }

  /** The store is asked for every request. */
  get connected(): boolean {
    return !this.isOpen && !this.closed
  }

  /** Resolves once it answers, or after that time. */
  async whenConnected(limitMs: number): Promise<void> {
    if (this.connected) return
    const timer = setTimeout(this.opened.resolve, limitMs)
    await this.opened.promise
    clearTimeout(timer)
  }

  take(takes: readonly LimitTake[], holder: string): LimitVerdict | Promise<LimitVerdict> {
    if (!this.connected || this.waiting.length >= LIMITS.limitQueueMax) {
      return this.decideAlone(takes, holder)
    }
    const { promise, resolve } = Promise.withResolvers<LimitVerdict>()
    this.waiting.push({ request: { takes, holder }, tell: resolve })
    this.planFlush()
    return promise
  }

  correct(key: string, windowMs: number, amount: number, takenMs?: number): void {
    const here = takenMs === undefined ? undefined : (this.stamps.get(takenMs) ?? takenMs)
    this.options.local.correct(key, windowMs, amount, here)
    if (!this.connected || this.corrections.length >= LIMITS.limitQueueMax) return
    this.corrections.push({ key, windowMs, amount, takenMs })
    this.planFlush()
  }

  release(keys: readonly string[], holder: string): void {
    this.options.local.release(keys, holder)
    // Kept while the store is away: what it is not told of counts there until its lease is over.
    for (const key of keys) {
      if (this.releases.length < LIMITS.limitQueueMax) this.releases.push({ key, holder })
    }
    if (this.connected) this.planFlush()
  }

  async peek(takes: readonly LimitTake[]): Promise<readonly LimitState[]> {
    const local = await this.options.local.peek(takes)
    if (!this.connected) return local
    // A take of nothing, from counters that always have room for it.
    const looking = takes.map((take) => ({ ...take, cost: 0, max: Number.MAX_SAFE_INTEGER }))
    const windows = looking.filter(({ windowMs }) => windowMs > 0)
    const verdict = await this.take(windows, '')
    if (verdict.degraded === true) return local
    const states = new Map(verdict.states.map((state) => [state.key, state]))
    return takes.map((take, index) => {
      const state = states.get(take.key)
      if (state === undefined) return local[index]!
      const counted = state.max - state.remaining
      return { ...state, max: take.max, remaining: Math.max(0, take.max - counted) }
    })
  }

  async close(): Promise<void> {
    if (this.closed) return
    clearInterval(this.renewing)
    clearTimeout(this.probe)
    // What has ended must not count until its lease is over.
    const { corrections, releases } = this.drained()
    if (!this.isOpen && corrections.length + releases.length > 0) {
      await this.exchange({ ...NOTHING, releases, corrections })
    }
    this.closed = true
    this.letGo()
    await this.options.backend.close()
  }

  private drained(): { corrections: Correction[]; releases: Held[] } {
    const { corrections, releases } = this
    this.corrections = []
    this.releases = []
    return { corrections, releases }
  }

  /** After this tick's requests have been read, so that those that came together ask together. */
  private planFlush(): void {
    if (this.isFlushPlanned) return
    this.isFlushPlanned = true
    setImmediate(() => {
      this.isFlushPlanned = false
      this.flush()
    })
  }

  private flush(): void {
    while (
      this.inFlight < this.options.backend.inFlightMax &&
      this.waiting.length + this.releases.length + this.corrections.length > 0
    ) {
      const asking = this.waiting.splice(0, LIMITS.limitBatchMax)
      this.inFlight += 1
      void this.ask(asking, {
        ...NOTHING,
        releases: this.releases.splice(0, LIMITS.limitBatchMax),
        corrections: this.corrections.splice(0, LIMITS.limitBatchMax),
        requests: asking.map(({ request }) => request),
      })
    }
  }

  private async ask(asking: readonly Waiting[], batch: LimitBatch): Promise<void> {
    const refused = new Set<LimitRequest>()
    const verdicts = await this.exchange(batch, (late) => this.takeBack(batch, refused, late))
    // The same moment for all of them: by it what was taken is found again when it is given back.
    const hereMs = this.options.clock.monotonicMs()
    const takenMs = verdicts?.[0]?.takenMs
    if (takenMs !== undefined) this.remember(takenMs, hereMs)
    for (const [index, { request, tell }] of asking.entries()) {
      const { holder, takes } = request
      const told = verdicts?.[index]
      if (told?.admitted === true) this.options.local.note(takes, holder, hereMs)
      const verdict = told ?? this.decideAlone(takes, holder)
      if (!verdict.admitted) refused.add(request)
      tell(verdict)
    }
    this.inFlight -= 1
    if (this.connected) this.flush()
    else this.letGo()
  }

  /** Nobody is asked any more: who waits is decided here. */
  private letGo(): void {
    for (const { request, tell } of this.waiting.splice(0)) {
      tell(this.decideAlone(request.takes, request.holder))
    }
  }

  /**
   * Asks the store; undefined where it does not answer in time. Never rejects.
   * @param late told what the store did after it was given up
   */
  private async exchange(
    batch: LimitBatch,
    late: (verdicts: readonly LimitVerdict[]) => void = () => {},
  ): Promise<readonly LimitVerdict[] | undefined> {
    const { answerMs = LIMITS.limitAnswerMs, backend } = this.options
    const limit = Promise.withResolvers<undefined>()
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      limit.resolve(undefined)
    }, answerMs)
    const answer = backend.exchange(batch)
    answer.then(
      (verdicts) => {
        if (isLate) late(verdicts)
      },
      // Told below, where it is waited for.
      () => undefined,
    )
    try {
      const verdicts = await Promise.race([answer, limit.promise])
      if (verdicts === undefined) {
        this.failed(batch, `no answer within ${answerMs} ms`, this.failures + 1)
        return undefined
      }
      this.failures = 0
      return verdicts
    } catch (error) {
      // What says that it cannot is asked no more; silence may be a moment's.
      this.failed(batch, failureCode(error), LIMITS.limitFailuresMax)
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  private remember(takenMs: number, hereMs: number): void {
    this.stamps.set(takenMs, hereMs)
    if (this.stamps.size <= STAMPS_MAX) return
    const [oldest] = this.stamps.keys()
    if (oldest !== undefined) this.stamps.delete(oldest)
  }

  /** An answer that came too late: what it has counted of requests that were refused meanwhile, or have ended, is given back. */
  private takeBack(
    { requests }: LimitBatch,
    refused: ReadonlySet<LimitRequest>,
    verdicts: readonly LimitVerdict[],
  ): void {
    for (const [index, request] of requests.entries()) {
      const verdict = verdicts[index]
      if (verdict?.admitted !== true) continue
      const { holder, takes } = request
      for (const { cost, key, windowMs } of takes) {
        if (windowMs > 0) {
          if (!refused.has(request) || this.corrections.length >= LIMITS.limitQueueMax) continue
          this.corrections.push({ key, windowMs, amount: -cost, takenMs: verdict.takenMs })
        } else if (!this.options.local.holds(key, holder)) this.releases.push({ key, holder })
      }
    }
    if (this.connected) this.planFlush()
  }

  private failed({ releases }: LimitBatch, why: string, failures: number): void {
    // To release twice does no harm; corrections may have been made, so they are not repeated.
    this.releases = [...releases, ...this.releases].slice(0, LIMITS.limitQueueMax)
    this.failures = failures
    if (this.isOpen || this.closed || this.failures < LIMITS.limitFailuresMax) return
    const { backend, logger } = this.options
    logger.warn('shared limits cannot be counted; each limit goes by its own word for that', {
      store: backend.name,
      host: backend.host,
      error: why,
    })
    this.isOpen = true
    this.retries = 0
    this.corrections = []
    this.letGo()
    this.lookLater()
  }

  private lookLater(): void {
    if (this.closed) return
    clearTimeout(this.probe)
    const doubled = LIMITS.limitRetryBaseMs * 2 ** Math.min(this.retries, 10)
    this.probe = setTimeout(() => void this.look(), Math.min(doubled, LIMITS.limitRetryCapMs))
    this.probe.unref()
    this.retries += 1
  }

  /** Asks whether the store answers again, and tells it what runs here: it may have forgotten. */
  private async look(): Promise<void> {
    if (!this.isOpen || this.closed) return
    const verdicts = await this.exchange({
      ...NOTHING,
      ...this.drained(),
      renewals: this.held(),
    })
    if (this.closed || !this.isOpen) return
    if (verdicts === undefined) {
      if (this.retries % SUSPECT_AFTER === 0) this.options.backend.suspect()
      this.lookLater()
      return
    }
    const { backend, logger } = this.options
    this.isOpen = false
    this.failures = 0
    clearTimeout(this.probe)
    this.opened.resolve()
    logger.info('limits are counted together with other replicas', {
      store: backend.name,
      host: backend.host,
    })
  }

  private renew(): void {
    if (!this.connected) return
    const renewals = this.held()
    for (let at = 0; at < renewals.length; at += RENEWALS_MAX) {
      void this.exchange({ ...NOTHING, renewals: renewals.slice(at, at + RENEWALS_MAX) })
    }
  }

  private held(): Held[] {
    return [...this.options.local.holders()].flatMap(([key, holders]) =>
      [...holders].map((holder) => ({ key, holder })),
    )
  }

  /** By each limit's own word: `closed` refuses, `open` lets through, `local` counts in this process alone. */
  private decideAlone(takes: readonly LimitTake[], holder: string): LimitVerdict {
    const { local } = this.options
    const closedAt = takes.findIndex(({ whenUnavailable }) => whenUnavailable === 'closed')
    const counted = takes.filter(({ whenUnavailable }) => whenUnavailable === 'local')
    if (closedAt >= 0) {
      const states = takes.map(({ key, max }) => ({ key, max, remaining: 0, resetMs: 0 }))
      return { admitted: false, states, refusedAt: closedAt, degraded: true }
    }
    const verdict = local.take(counted, holder)
    const states = new Map(verdict.states.map((state) => [state.key, state]))
    if (verdict.admitted)
      local.note(
        takes.filter((take) => !counted.includes(take)),
        holder,
        verdict.takenMs,
      )
    const { refusedAt, ...rest } = verdict
    const refused = refusedAt === undefined ? undefined : counted[refusedAt]
    return {
      ...rest,
      ...(refused === undefined ? {} : { refusedAt: takes.indexOf(refused) }),
      states: takes.map(
        ({ key, max }) => states.get(key) ?? { key, max, remaining: max, resetMs: 0 },
      ),
      degraded: true,
    }
  }
}
