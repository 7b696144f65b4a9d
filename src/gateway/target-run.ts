// One go at one target: its provider's keys in turn until one is answered, without any wait. What became of it is told to the
// provider's health and to the record. How an attempt is sent and read is the caller's; whether and when another go follows is
// `candidates`'. All of it happens before anything is sent to the client.

import type { Provider, ProviderKey } from '../core/catalog.ts'
import { endReason } from '../core/end-reason.ts'
import { GatewayError, type ErrorKind } from '../core/error.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { DialectName } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import {
  classify,
  connectionFault,
  mayHaveBegun,
  type Decision,
  type Failure,
} from '../core/policy/classify.ts'
import { secretHint, type KeyRing } from '../core/policy/key-choice.ts'
import { upstreamError } from '../core/policy/upstream-error.ts'
import { callerOf } from '../core/principal.ts'
import type { GatewayDeps } from './deps.ts'
import type { Gate } from './gates.ts'
import type { Attempting } from './health.ts'
import { passed } from './limiting.ts'
import type { Chosen, RequestRecord } from './record.ts'
import { isOwn, isTargetsFault } from './target-errors.ts'
import type { TraceFields } from './tracing.ts'
import { AttemptFailure, scrubbed, type Answered, type AnsweredFailure } from './upstream.ts'

/** Whether a request may be put to a provider a second time, the same or another one. */
export type Repeating =
  /** It asks for words alone. */
  | 'freely'
  /** It may do more than write: only after a failure that shows nothing was begun. */
  | 'unless-begun'
  | 'never'

/** One target as it is to be asked. */
export interface Asking<T> {
  readonly provider: Provider
  /** The provider's own model name; empty where none is asked. */
  readonly model: string
  readonly mode: 'relay' | 'translate'
  readonly dialect: DialectName
  readonly repeating: Repeating
  /** Only whether it can be reached speaks of the target: what it answers may be the client's own doing, or no duty of its. */
  readonly judgedBy?: 'connection'
  /** It is beside what the target is for: that it can do this shows neither that it answers well nor how fast. */
  readonly aside?: true
  /** What the request as it is put to this target could not say. */
  readonly losses?: readonly Loss[]
  /** The key that holds what is asked for: it is asked first, even while it rests, and others only where it is refused. */
  readonly holderKeyId?: string | undefined
  /** One attempt. @throws AttemptFailure, or GatewayError of the transport or of an answer that is none */
  attempt(key: ProviderKey | undefined, signal: AbortSignal, traced?: TraceFields): Promise<T>
}

/** What this go is among the others of its request. */
export interface Going {
  readonly as?: 'retry' | 'hedge' | 'continuation'
  /** Waits for a place at a busy provider instead of giving up at once: nobody else is left to be asked. */
  readonly mayQueue: boolean
  /** Fires when the client leaves, or when another target has answered first. */
  readonly signal: AbortSignal
}

/** Why a target did not answer. */
export interface TargetFailure {
  readonly error: GatewayError
  /** The failure is the request's own: another target would say the same. */
  readonly stop: boolean
  /** It was not asked: left alone, without a key that is fit, unable to take the request. Another's failure says more. */
  readonly unasked?: true
  /** Its provider has no place free at the moment. */
  readonly busy?: true
  /** The same target may be asked again, after the wait it named. */
  readonly again?: { readonly retryAfterMs?: number }
  /** The provider's last status, where it answered at all. */
  readonly status?: number
  /** The key that was asked last. */
  readonly keyId?: string
  readonly answered?: AnsweredFailure
}

/** A target that answered. */
export interface Reached<T> {
  readonly answer: T
  readonly chosen: Chosen
  readonly losses: readonly Loss[]
  /** Monotonic time at which it was asked. */
  readonly startedMs: number
  /** Must be called once, when the answer is over: with the error that broke it off, if any. */
  over(error?: GatewayError): void
}

/** Pause of a key that was limited by a provider that does not say for how long. */
const LIMITED_KEY_PAUSE_MS = 1_000

export function isFailure(result: object): result is TargetFailure {
  return 'error' in result
}

/** Asks one target with its keys until there is an answer or no key is left. Rejects only for a fault of this program. */
export function tryTarget<T extends Answered>(
  asking: Asking<T>,
  going: Going,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Reached<T> | TargetFailure> {
  const gate = deps.gates.of(asking.provider)
  return gate === undefined
    ? new TargetRun(asking, going, record, deps).run()
    : tryBounded(gate, asking, going, record, deps)
}

/** The same at a provider that is asked so many times at once and no more. */
async function tryBounded<T extends Answered>(
  gate: Gate,
  asking: Asking<T>,
  going: Going,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Reached<T> | TargetFailure> {
  let slot = gate.tryEnter()
  if (slot === undefined) {
    if (!going.mayQueue) return { error: new GatewayError('overloaded'), stop: false, busy: true }
    const fromMs = deps.clock.monotonicMs()
    try {
      slot = await gate.enter(callerOf(record.inbound.principal) ?? '', going.signal)
      record.queued(deps.clock.monotonicMs() - fromMs)
      record.trace?.step('provider_queue', fromMs)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { error, stop: isOwn(error.kind), unasked: true }
    }
  }
  let kept = false
  try {
    const result = await new TargetRun(asking, going, record, deps).run()
    if (isFailure(result)) return result
    kept = true
    const taken = slot
    return {
      ...result,
      over(error) {
        taken.release()
        result.over(error)
      },
    }
  } finally {
    if (!kept) slot.release()
  }
}

class TargetRun<T extends Answered> {
  private readonly asking: Asking<T>
  private readonly going: Going
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  private readonly ring: KeyRing
  private readonly tried = new Set<string>()

  constructor(asking: Asking<T>, going: Going, record: RequestRecord, deps: GatewayDeps) {
    this.asking = asking
    this.going = going
    this.record = record
    this.deps = deps
    this.ring = deps.health.keys(asking.provider)
  }

  async run(): Promise<Reached<T> | TargetFailure> {
    const { model, provider } = this.asking
    const { signal } = this.going
    // Whoever has left before anything was sent has cost nothing.
    if (signal.aborted) return { error: endReason(signal), stop: true, unasked: true }
    const limitedForMs = this.deps.health.limitedForMs(provider, model)
    // A repeat has waited for as long; its timer may be a moment early.
    if (limitedForMs > 0 && this.going.as !== 'retry') return limitedFor(limitedForMs)
    for (;;) {
      const key = this.chooseKey()
      if (key instanceof GatewayError) return { error: key, stop: false, unasked: true }
      const attempting = this.deps.health.begin(this.asking.provider, this.asking.model)
      if (attempting === undefined) return this.leftAlone()
      const entering = this.deps.providerLimits?.enter(provider, this.record)
      const pass = entering instanceof Promise ? await entering : entering
      if (pass instanceof GatewayError) {
        attempting.released()
        return { error: pass, stop: false, unasked: true }
      }
      const result = await this.attempt(key, attempting)
      if (result !== 'next-key' && !isFailure(result)) return passed(result, pass)
      pass?.over(false)
      if (result !== 'next-key') return result
    }
  }

  /** Asks once. `next-key` when this key is to blame and another is there. */
  private async attempt(
    key: ProviderKey | undefined,
    attempting: Attempting,
  ): Promise<Reached<T> | TargetFailure | 'next-key'> {
    const { asking, deps, going, record, ring } = this
    const { provider, model, mode, dialect, losses = [] } = asking
    const startedMs = deps.clock.monotonicMs()
    const spanId = record.trace?.newSpanId()
    if (key !== undefined) ring.began(key.id)
    const chosen = { provider, model, mode, dialect, keyId: key?.id }
    let noted = false
    const note = (status: number | undefined, error?: ErrorKind, headMs?: number) => {
      if (!noted) this.note(key, startedMs, status, error, headMs, spanId)
      noted = true
    }
    const { signal } = going
    if (signal !== record.inbound.signal) {
      // Cut off while its request goes on, or ends, elsewhere: the log row must not have to wait until this one has noticed.
      signal.addEventListener('abort', () => note(undefined, endReason(signal).kind), {
        once: true,
      })
    }
    try {
      record.attempting(chosen, losses)
      const answer = await asking.attempt(key, signal, record.trace?.headers(spanId))
      note(answer.upstream.status, undefined, answer.headMs)
      if (asking.aside === true) attempting.reached()
      else attempting.answered()
      if (key !== undefined) {
        const { headers } = answer.upstream
        ring.answered(key.id, headers, startedMs, deps.clock.monotonicMs())
      }
      return {
        answer,
        chosen,
        losses,
        startedMs,
        over(error) {
          attempting.ended(error === undefined || !isTargetsFault(error.kind))
          if (key !== undefined) ring.ended(key.id)
        },
      }
    } catch (thrown) {
      if (key !== undefined) ring.ended(key.id)
      const failure = failureOf(thrown, attempting)
      const decision = classify(failure, deps.clock.nowMs())
      const error = this.clientError(failure, decision, thrown)
      // A provider that says it failed asks nothing for it; one that fell silent or broke off may have worked.
      if (failure.status === undefined && mayHaveBegun(failure, thrown)) record.mayBeBilled = true
      note(failure.status, error.kind)
      if (isTargetsFault(error.kind) && this.isJudged(failure)) attempting.failed()
      else attempting.released()
      if (this.blamesKey(key, failure, decision)) return 'next-key'
      return this.failed(key, failure, decision, thrown, error)
    }
  }

  private failed(
    key: ProviderKey | undefined,
    failure: Failure,
    decision: Decision,
    thrown: unknown,
    error: GatewayError,
  ): TargetFailure {
    const { repeating } = this.asking
    const begun = repeating === 'unless-begun' && mayHaveBegun(failure, thrown)
    if (begun) this.record.mayNotBeRepeated = true
    const stop = decision.action === 'stop' || isOwn(error.kind) || begun
    // Nothing was sent, and nothing else would be: the request cannot be put to this provider.
    const isUnsayable = error.kind === 'unsupported'
    const again = decision.action === 'retry' && !stop && !isUnsayable && repeating !== 'never'
    const answered = thrown instanceof AttemptFailure ? thrown.answered : undefined
    return {
      error,
      stop,
      ...(again ? { again: waitOf(decision) } : {}),
      ...(isUnsayable ? { unasked: true } : {}),
      ...(failure.status === undefined ? {} : { status: failure.status }),
      ...(key === undefined ? {} : { keyId: key.id }),
      ...(answered === undefined ? {} : { answered }),
    }
  }

  private isJudged({ status }: Failure): boolean {
    return this.asking.judgedBy !== 'connection' || status === undefined
  }

  private leftAlone(): TargetFailure {
    const { provider, model } = this.asking
    const { opensInMs } = this.deps.health.view(provider, model)
    const error = new GatewayError('upstream_unavailable', {
      cause: 'left alone after it failed',
      retryAfterMs: Math.max(1, opensInMs),
    })
    return { error, stop: false, unasked: true }
  }

  private chooseKey(): ProviderKey | undefined | GatewayError {
    const { holderKeyId, provider } = this.asking
    const { keys } = provider
    if (keys.length === 0) return undefined
    const holder = keys.find((key) => key.id === holderKeyId)
    if (holder !== undefined && !this.tried.has(holder.id)) return holder
    const { ring, tried } = this
    const nowMs = this.deps.clock.monotonicMs()
    const strategy = provider.keyStrategy ?? 'round_robin'
    const choice = ring.choose({ keys, strategy, nowMs, tried })
    if (choice.key !== undefined) return choice.key
    const limited = ring.report(keys, nowMs).some(({ state }) => state === 'limited')
    return new GatewayError(limited ? 'upstream_rate_limited' : 'upstream_unavailable', {
      cause: 'every key of the provider is refused or limited at the moment',
      ...(choice.freeInMs === undefined ? {} : { retryAfterMs: choice.freeInMs }),
    })
  }

  /** Sets the key aside where it is to blame; true when another one is to be tried at once. */
  private blamesKey(key: ProviderKey | undefined, failure: Failure, decision: Decision): boolean {
    const { asking, deps, record, ring } = this
    const { keys } = asking.provider
    const limited = failure.status === 429
    const nowMs = deps.clock.monotonicMs()
    const { retryAfterMs } = decision
    if (limited && keys.length < 2 && retryAfterMs !== undefined) {
      deps.health.limit(asking.provider, asking.model, nowMs + retryAfterMs)
    }
    if (key === undefined || isOver(record)) return false
    if (decision.action !== 'next-key' && !limited) return false
    if (decision.action === 'next-key') {
      // Whoever asks for what the key may not do is no reason to keep it from everybody.
      const isFit =
        decision.keyIsFit === true || (failure.status === 403 && !this.isJudged(failure))
      if (!isFit) ring.refused(keys, key.id, failure.status ?? 0, nowMs)
    }
    // A lone key does not rest: what its provider limits is mostly one model, and others would rest with it.
    else if (keys.length > 1) {
      ring.limited(keys, key.id, nowMs + (retryAfterMs ?? LIMITED_KEY_PAUSE_MS), nowMs)
    }
    this.tried.add(key.id)
    // What the holder was asked for no other key has, while it only rests.
    if (limited && key.id === asking.holderKeyId) return false
    return keys.some((other) => !this.tried.has(other.id))
  }

  private clientError(failure: Failure, decision: Decision, thrown: unknown): GatewayError {
    // The transport's own words (a proxy, a certificate, an address refused) say more than a status can.
    if (thrown instanceof GatewayError) return thrown
    return upstreamError(failure, decision, (text) => scrubbed(text, this.asking.provider))
  }

  private note(
    key: ProviderKey | undefined,
    startedMs: number,
    status?: number,
    error?: string,
    headMs?: number,
    spanId?: string,
  ): void {
    const { provider, model, mode } = this.asking
    const nowMs = this.deps.clock.monotonicMs()
    const { arrivedMonotonicMs } = this.record.inbound
    const { as } = this.going
    const keyHint = key === undefined ? undefined : secretHint(key.secret)
    this.record.attempts.push({
      providerId: provider.id,
      model,
      mode,
      durationMs: nowMs - startedMs,
      startedMs: Math.round(startedMs - arrivedMonotonicMs),
      ...(status === undefined
        ? {}
        : { firstByteMs: Math.round((headMs ?? nowMs) - arrivedMonotonicMs) }),
      ...(keyHint === undefined ? {} : { keyHint }),
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
      ...(as === undefined ? {} : { as }),
      ...(spanId === undefined ? {} : { spanId }),
    })
  }
}

/** The provider has said how long it wants to be asked nothing more, and that is not over. */
function limitedFor(retryAfterMs: number): TargetFailure {
  const cause = 'the provider limits requests for this model'
  const error = new GatewayError('upstream_rate_limited', { cause, retryAfterMs })
  return { error, stop: false, unasked: true }
}

/** No more attempts may be made for this request. */
export function isOver(record: RequestRecord): boolean {
  return record.attempts.length >= LIMITS.attemptsMax
}

function failureOf(thrown: unknown, attempting: Attempting): Failure {
  if (thrown instanceof AttemptFailure) return thrown.failure
  if (thrown instanceof GatewayError) return { fault: connectionFault(thrown) }
  attempting.released()
  throw thrown
}

function waitOf({ retryAfterMs }: Decision): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}
