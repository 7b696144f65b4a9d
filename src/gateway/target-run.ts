// All attempts at one target: its provider's keys in turn and the waits its failures call for, until it answers or may not be
// asked again; and one target after the other. How an attempt is sent and read is the caller's. All of it happens before
// anything is sent to the client.

import type { Provider, ProviderKey, Target } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { DialectName } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import { classify, connectionFault, type Decision, type Failure } from '../core/policy/classify.ts'
import { retryWaitMs } from '../core/policy/retry.ts'
import { upstreamError } from '../core/policy/upstream-error.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { GatewayDeps } from './deps.ts'
import type { RequestRecord } from './record.ts'
import { AttemptFailure, scrubbed, type AnsweredFailure } from './upstream.ts'

/** One target as it is to be asked. */
export interface Asking<T> {
  readonly provider: Provider
  /** The provider's own model name; empty where none is asked. */
  readonly model: string
  readonly mode: 'relay' | 'translate'
  readonly dialect: DialectName
  /** Asked again after a failure that may pass. False where asking twice could make two of what is wanted once. */
  readonly mayRepeat: boolean
  /** The key that holds what is asked for: it is asked first, even while it rests, and others only where it is refused. */
  readonly holderKeyId?: string | undefined
  /** One attempt. @throws AttemptFailure, or GatewayError of the transport or of an answer that is none */
  attempt(key: ProviderKey | undefined): Promise<T>
}

/** Why a target did not answer in the end. */
export interface TargetFailure {
  readonly error: GatewayError
  /** The failure is the request's own: another target would say the same. */
  readonly stop: boolean
  /** The provider's last status, where it answered at all. */
  readonly status?: number
  /** The key that was asked last. */
  readonly keyId?: string
  readonly answered?: AnsweredFailure
}

/** How long a refused key is left out: long enough to stop a storm, short enough to notice that it was renewed. */
const REFUSED_KEY_PAUSE_MS = 60_000
const LIMITED_KEY_PAUSE_MS = 1_000

export function isFailure(result: object): result is TargetFailure {
  return 'error' in result
}

/**
 * Tries targets until one answers.
 * @throws GatewayError of the failure that says most when none does
 */
export async function firstAnswer<T extends object>(
  targets: readonly Target[],
  record: RequestRecord,
  tryTarget: (target: Target) => Promise<T | TargetFailure>,
): Promise<T> {
  let last: GatewayError | undefined
  for (const target of targets) {
    const result = await tryTarget(target)
    if (!isFailure(result)) return result
    // That this target cannot be asked this says less than why another failed.
    if (last === undefined || result.error.kind !== 'unsupported') last = result.error
    if (result.stop || record.attempts.length >= LIMITS.attemptsMax) break
  }
  throw last ?? noProvider()
}

/** Asks one target until there is an answer or no more may be tried. Rejects only for a fault of this program. */
export function runTarget<T extends { readonly upstream: UpstreamResponse }>(
  asking: Asking<T>,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<T | TargetFailure> {
  return new TargetRun(asking, record, deps).run()
}

class TargetRun<T extends { readonly upstream: UpstreamResponse }> {
  private readonly asking: Asking<T>
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  private readonly tried = new Set<string>()
  private retries = 0

  constructor(asking: Asking<T>, record: RequestRecord, deps: GatewayDeps) {
    this.asking = asking
    this.record = record
    this.deps = deps
  }

  async run(): Promise<T | TargetFailure> {
    const { asking, record, deps } = this
    const { provider, model, mode, dialect } = asking
    for (;;) {
      const key = this.chooseKey()
      if (key instanceof GatewayError) return { error: key, stop: false }
      const startedMs = deps.clock.monotonicMs()
      try {
        record.attempting({ provider, model, mode, dialect, keyId: key?.id })
        const answer = await asking.attempt(key)
        this.note(key, startedMs, answer.upstream.status)
        if (key !== undefined) deps.health.keys(provider).restore(key.id)
        return answer
      } catch (thrown) {
        const failure = failureOf(thrown)
        const decision = classify(failure, deps.clock.nowMs())
        this.note(key, startedMs, failure.status, decision.error)
        if (!isUnsayable(thrown) && (await this.again(key, failure, decision))) continue
        const answered = thrown instanceof AttemptFailure ? thrown.answered : undefined
        return {
          error: this.clientError(failure, decision, thrown),
          stop: decision.action === 'stop',
          ...(failure.status === undefined ? {} : { status: failure.status }),
          ...(key === undefined ? {} : { keyId: key.id }),
          ...(answered === undefined ? {} : { answered }),
        }
      }
    }
  }

  private chooseKey(): ProviderKey | undefined | GatewayError {
    const { provider, holderKeyId } = this.asking
    const { keys } = provider
    if (keys.length === 0) return undefined
    const holder = keys.find((key) => key.id === holderKeyId)
    if (holder !== undefined && !this.tried.has(holder.id)) return holder
    const ring = this.deps.health.keys(provider)
    const choice = ring.choose(keys, this.deps.clock.monotonicMs(), this.tried)
    if (choice.key !== undefined) return choice.key
    return new GatewayError('upstream_unavailable', {
      message: 'Every key of this provider is refused or limited at the moment.',
      ...(choice.freeInMs === undefined ? {} : { retryAfterMs: choice.freeInMs }),
    })
  }

  /** True when the target is to be asked once more, after the wait that takes. */
  private async again(
    key: ProviderKey | undefined,
    failure: Failure,
    decision: Decision,
  ): Promise<boolean> {
    const { asking, record, deps } = this
    const { keys } = asking.provider
    if (decision.action === 'stop' || decision.action === 'next-target') return false
    if (record.attempts.length >= LIMITS.attemptsMax) return false
    const limited = failure.status === 429
    const passOn = limited && keys.length > 1 && key?.id !== asking.holderKeyId
    if (key !== undefined && (decision.action === 'next-key' || passOn)) {
      const pauseMs = limited
        ? (decision.retryAfterMs ?? LIMITED_KEY_PAUSE_MS)
        : REFUSED_KEY_PAUSE_MS
      const ring = deps.health.keys(asking.provider)
      ring.setAside(keys, key.id, deps.clock.monotonicMs() + pauseMs)
      this.tried.add(key.id)
      return keys.some((other) => !this.tried.has(other.id))
    }
    if (decision.action === 'next-key' || !asking.mayRepeat) return false
    return await this.waited(decision)
  }

  private async waited(decision: Decision): Promise<boolean> {
    const { record, deps } = this
    const { retries: settings, timeouts } = this.asking.provider
    const { arrivedMonotonicMs, signal } = record.inbound
    const elapsedMs = deps.clock.monotonicMs() - arrivedMonotonicMs
    const waitMs = retryWaitMs({
      retries: this.retries,
      settings,
      remainingMs: timeouts.totalMs - elapsedMs,
      random: deps.ids.random(),
      ...(decision.retryAfterMs === undefined ? {} : { retryAfterMs: decision.retryAfterMs }),
    })
    if (waitMs === undefined) return false
    this.retries += 1
    return await waited(waitMs, signal)
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
  ): void {
    const { provider, model, mode } = this.asking
    this.record.attempts.push({
      providerId: provider.id,
      model,
      mode,
      durationMs: this.deps.clock.monotonicMs() - startedMs,
      ...(key === undefined ? {} : { keyHint: key.secret.slice(-4) }),
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
    })
  }
}

function failureOf(thrown: unknown): Failure {
  if (thrown instanceof AttemptFailure) return thrown.failure
  if (thrown instanceof GatewayError) return { fault: connectionFault(thrown) }
  throw thrown
}

/** Nothing was sent, and nothing else would be: the request cannot be put to this provider. */
function isUnsayable(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.kind === 'unsupported'
}

/** Resolves true after the wait, false as soon as the client leaves. */
async function waited(waitMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const leave = () => resolve(false)
  signal.addEventListener('abort', leave, { once: true })
  const timer = setTimeout(() => resolve(true), waitMs)
  const mayGoOn = await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', leave)
  return mayGoOn
}

/** No provider of the model is there, or fit to be asked. */
export function noProvider(): GatewayError {
  return new GatewayError('upstream_unavailable', {
    message: 'No provider of this model can be asked.',
  })
}

/** The provider is there, and has no such operation. */
export function notOffered(operation: string): GatewayError {
  return new GatewayError('unsupported', {
    code: 'unsupported_operation',
    param: 'model',
    message: `The provider of this model does not offer this kind of request (${operation}).`,
  })
}
