// One request put to several targets: each in turn without a wait while there is another, then those that may be asked again, each
// after its wait, and where a model wants it the next one beside a slow one. It knows no dialect; how a target is asked is the
// caller's. Nothing has been sent to the client while this runs.

import type { Provider } from '../core/catalog.ts'
import { endReason } from '../core/end-reason.ts'
import type { GatewayError } from '../core/error.ts'
import { retryWaitMs } from '../core/policy/retry.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { GatewayDeps } from './deps.ts'
import { hedged } from './hedge.ts'
import type { RequestRecord } from './record.ts'
import { noProvider } from './target-errors.ts'
import { isFailure, isOver, type Going, type Reached, type TargetFailure } from './target-run.ts'

/** A target that can be asked, once or several times. */
export interface Candidate<T> {
  /** Undefined where it is not there: then a go says so. */
  readonly provider: Provider | undefined
  /** Tokens it takes, where that is known. */
  readonly contextWindow?: number | undefined
  go(going: Going): Promise<Reached<T> | TargetFailure>
}

/** A target that cannot be asked at all. */
export function unaskable<T>(error: GatewayError): Candidate<T> {
  return {
    provider: undefined,
    go: async () => ({ error, stop: false, unasked: true }),
  }
}

export interface CandidateRules {
  /** False asks each once: an answer that is not worth a wait. */
  readonly patient: boolean
  /** Puts what one provider's content rules refused to the next. */
  readonly retryRefused?: boolean
  /** Asks the next one as well when there is no answer after so long. */
  readonly hedgeAfterMs?: number | undefined
  /** What a first go is, where it is not the first of the request. */
  readonly as?: 'continuation'
  /** Fires when nobody waits for the answer any more; absent: when the client leaves. */
  readonly signal?: AbortSignal
}

interface Waiting<T> {
  readonly candidate: Candidate<T>
  readonly provider: Provider
  /** Monotonic time of the next go. */
  readonly atMs: number
}

/**
 * Asks until one answers.
 * @param candidates in the order to ask them
 * @throws GatewayError of the failure that says most when none does
 */
export function firstAnswer<T extends { readonly upstream: UpstreamResponse }>(
  candidates: readonly Candidate<T>[],
  rules: CandidateRules,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<T> {
  return new Search(candidates, rules, record, deps).run()
}

class Search<T extends { readonly upstream: UpstreamResponse }> {
  private readonly rules: CandidateRules
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  private readonly signal: AbortSignal
  /** Not asked yet, in order. */
  private fresh: Candidate<T>[]
  /** Without a place when they were asked. */
  private busy: Candidate<T>[] = []
  private waiting: Waiting<T>[] = []
  private readonly retries = new Map<Candidate<T>, number>()
  private worst: TargetFailure | undefined

  constructor(
    candidates: readonly Candidate<T>[],
    rules: CandidateRules,
    record: RequestRecord,
    deps: GatewayDeps,
  ) {
    this.fresh = [...candidates]
    this.rules = rules
    this.record = record
    this.deps = deps
    this.signal = rules.signal ?? record.inbound.signal
  }

  async run(): Promise<T> {
    for (;;) {
      const result = await this.next()
      if (result === undefined) break
      if (!isFailure(result)) {
        this.record.answeredBy(result.chosen, result.losses, result.startedMs)
        this.record.atEnd((error) => result.over(error))
        return result.answer
      }
      if (result.stop || isOver(this.record) || this.signal.aborted || this.isTooLate()) break
    }
    throw this.ended() ?? this.worst?.error ?? noProvider()
  }

  /** No answer could be whole in time: what is left is less than any wait. */
  private isTooLate(): boolean {
    const elapsedMs = this.deps.clock.monotonicMs() - this.record.inbound.arrivedMonotonicMs
    const next = this.fresh[0] ?? this.busy[0] ?? this.waiting[0]?.candidate
    return next?.provider !== undefined && elapsedMs >= next.provider.timeouts.totalMs
  }

  /** Why nobody waits for the answer any more; undefined while somebody does. */
  private ended(): GatewayError | undefined {
    return this.signal.aborted ? endReason(this.signal) : undefined
  }

  /** The next go, whichever it is; undefined when nobody is left. */
  private next(): Promise<Reached<T> | TargetFailure | undefined> {
    const fresh = this.fresh.shift()
    if (fresh !== undefined) return this.askFresh(fresh)
    const busy = this.busy.shift()
    if (busy !== undefined) return this.ask(busy, { mayQueue: true, signal: this.signal })
    return this.askWaiting()
  }

  private async askWaiting(): Promise<Reached<T> | TargetFailure | undefined> {
    const waiting = this.soonest()
    if (waiting === undefined) return undefined
    const { provider, candidate, atMs } = waiting
    if (!(await this.wait(atMs - this.deps.clock.monotonicMs()))) return undefined
    // Asked for after the wait: what others have repeated meanwhile counts.
    if (!this.deps.health.retries(provider).take(this.deps.clock.monotonicMs())) {
      return await this.next()
    }
    return await this.ask(candidate, { as: 'retry', mayQueue: true, signal: this.signal })
  }

  private askFresh(candidate: Candidate<T>): Promise<Reached<T> | TargetFailure> {
    const { as, hedgeAfterMs } = this.rules
    const mayQueue = this.fresh.length === 0 && this.waiting.length === 0
    if (candidate.provider !== undefined) {
      this.deps.health.retries(candidate.provider).sent(this.deps.clock.monotonicMs())
    }
    if (hedgeAfterMs === undefined || this.fresh.length === 0) {
      const going = { mayQueue, signal: this.signal }
      return this.ask(candidate, as === undefined ? going : { ...going, as })
    }
    return hedged<T>({
      afterMs: hedgeAfterMs,
      signal: this.signal,
      first: (signal) => this.ask(candidate, { mayQueue, signal }),
      second: (signal) => {
        const other = isOver(this.record) ? undefined : this.fresh.shift()
        if (other === undefined) return undefined
        return this.ask(other, { as: 'hedge', mayQueue: false, signal })
      },
    })
  }

  private async ask(candidate: Candidate<T>, going: Going): Promise<Reached<T> | TargetFailure> {
    const result = await candidate.go(going)
    if (!isFailure(result)) return result
    const { again, busy, error } = result
    if (busy === true) {
      this.busy.push(candidate)
      return result
    }
    // That another was faster is no failure of this one.
    if (going.signal.aborted && !this.signal.aborted) return result
    if (again !== undefined) this.askLater(candidate, again.retryAfterMs)
    const failure = this.mayGoOn(candidate, error) ? { ...result, stop: false } : result
    if (this.worst === undefined || weight(failure) >= weight(this.worst)) this.worst = failure
    return failure
  }

  /** A prompt that is too long here may fit elsewhere; one that is refused here may be taken elsewhere, where that is wanted. */
  private mayGoOn(candidate: Candidate<T>, error: GatewayError): boolean {
    if (this.record.mayNotBeRepeated) return false
    if (error.kind === 'content_filter') return this.rules.retryRefused === true
    if (error.kind !== 'context_length') return false
    const { contextWindow } = candidate
    if (contextWindow === undefined) return false
    // Who does not say how much it takes may take more.
    const takesMore = (other: Candidate<T>) => (other.contextWindow ?? Infinity) > contextWindow
    this.fresh = this.fresh.filter(takesMore)
    this.busy = this.busy.filter(takesMore)
    this.waiting = this.waiting.filter((one) => takesMore(one.candidate))
    return this.fresh.length + this.busy.length + this.waiting.length > 0
  }

  private askLater(candidate: Candidate<T>, retryAfterMs: number | undefined): void {
    const { provider } = candidate
    if (!this.rules.patient || provider === undefined) return
    const { clock, ids } = this.deps
    const nowMs = clock.monotonicMs()
    const retries = this.retries.get(candidate) ?? 0
    const elapsedMs = nowMs - this.record.inbound.arrivedMonotonicMs
    const waitMs = retryWaitMs({
      retries,
      settings: provider.retries,
      remainingMs: provider.timeouts.totalMs - elapsedMs,
      random: ids.random(),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
    if (waitMs === undefined) return
    this.retries.set(candidate, retries + 1)
    this.waiting.push({ candidate, provider, atMs: nowMs + waitMs })
  }

  private soonest(): Waiting<T> | undefined {
    const first = this.waiting.reduce<Waiting<T> | undefined>(
      (best, one) => (best === undefined || one.atMs < best.atMs ? one : best),
      undefined,
    )
    this.waiting = this.waiting.filter((one) => one !== first)
    return first
  }

  /** Resolves true after the wait, false as soon as nobody waits for the answer any more. */
  private async wait(waitMs: number): Promise<boolean> {
    const { signal } = this
    if (signal.aborted) return false
    if (waitMs <= 0) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const leave = () => resolve(false)
    signal.addEventListener('abort', leave, { once: true })
    // Never a moment too early: the key that was limited would not be free yet.
    const timer = setTimeout(() => resolve(true), Math.ceil(waitMs))
    const mayGoOn = await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
    return mayGoOn
  }
}

/** How much a failure says about the request as a whole. */
function weight(failure: TargetFailure): number {
  if (failure.error.kind === 'unsupported') return 0
  if (failure.stop) return 3
  return failure.unasked === true ? 1 : 2
}
