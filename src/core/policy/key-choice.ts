// Which of a provider's keys a request uses, by the provider's strategy: those that are fit, and those on their way out only where no
// other is. It holds no secrets, only ids, and hardly more of them than the provider has keys. Time is an argument.

import type { KeyStrategy, ProviderKey } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { quotasOf, shareLeft, type HeaderSource, type Quota } from './key-quota.ts'

export type KeyChoice =
  | { readonly key: ProviderKey }
  /** Nothing to use now. `freeInMs` is when the first set-aside key may be used again; undefined when all were tried. */
  | { readonly key: undefined; readonly freeInMs?: number }

export interface KeyQuestion {
  readonly keys: readonly ProviderKey[]
  readonly strategy: KeyStrategy
  readonly nowMs: number
  /** Ids of keys that this request has already used. */
  readonly tried: ReadonlySet<string>
}

export interface KeyReport {
  readonly id: string
  /** The last four characters of a secret that is long enough not to be told by them. */
  readonly hint?: string
  readonly state: 'fit' | 'limited' | 'refused' | 'draining'
  readonly reason?: string
  /** Milliseconds until it is used again; 0 unless it is limited or refused. */
  readonly freeInMs: number
  readonly running: number
  /** Requests sent with it, and those of them that it was refused or limited. */
  readonly used: number
  readonly failed: number
  /** Share of its limits that is left, 0 to 1, where the provider tells. */
  readonly remaining?: number
}

/** Told when a key is set aside until a moment (of the clock that the arguments are of), and when it is fit again. */
export type KeyListener = (
  keyId: string,
  state: 'limited' | 'refused' | 'fit',
  untilMs: number,
) => void

interface Rest {
  readonly state: 'limited' | 'refused'
  readonly reason: string
  readonly sinceMs: number
  readonly untilMs: number
}

interface KeyState {
  running: number
  used: number
  failed: number
  /** Refusals in a row, each of another rest. */
  refusals: number
  rest: Rest | undefined
  quotas: readonly Quota[]
  /** Requests sent since the quotas were told. */
  begun: number
  /** When they are looked for again, where nobody chooses by them. */
  quotasDueMs: number
}

/** Secrets shorter than that are not shown in part. */
const HINTED_SECRET_CHARS = 16

/** The last four characters of a secret that is long enough not to be told by them. */
export function secretHint(secret: string): string | undefined {
  return secret.length >= HINTED_SECRET_CHARS ? secret.slice(-4) : undefined
}

/** The keys of one provider. */
export class KeyRing {
  private next = 0
  private readsQuotas = false
  private readonly states = new Map<string, KeyState>()
  private readonly listener: KeyListener

  constructor(listener: KeyListener = () => {}) {
    this.listener = listener
  }

  /** The key for one request among those it has not tried and that do not rest. */
  choose(question: KeyQuestion): KeyChoice {
    const { keys, nowMs, strategy, tried } = question
    this.readsQuotas = strategy === 'remaining'
    const [only] = keys
    if (only !== undefined && keys.length === 1) return this.lone(only, nowMs, tried)
    this.forgetOthers(keys)
    const fit: number[] = []
    const draining: number[] = []
    let soonestMs: number | undefined
    keys.forEach((key, index) => {
      if (tried.has(key.id)) return
      const untilMs = this.states.get(key.id)?.rest?.untilMs
      if (untilMs !== undefined && untilMs > nowMs) {
        soonestMs = Math.min(soonestMs ?? untilMs, untilMs)
      } else if (key.draining === true) draining.push(index)
      else fit.push(index)
    })
    const index = this.best(fit.length > 0 ? fit : draining, question)
    const key = index === undefined ? undefined : keys[index]
    if (key !== undefined && index !== undefined) {
      this.next = (index + 1) % keys.length
      return { key }
    }
    return soonestMs === undefined
      ? { key: undefined }
      : { key: undefined, freeInMs: soonestMs - nowMs }
  }

  /** Most providers have one key: there is nothing to choose but whether it rests. */
  private lone(key: ProviderKey, nowMs: number, tried: ReadonlySet<string>): KeyChoice {
    const state = this.states.get(key.id)
    if (this.states.size > (state === undefined ? 0 : 1)) this.forgetOthers([key])
    if (tried.has(key.id)) return { key: undefined }
    const untilMs = state?.rest?.untilMs ?? 0
    return untilMs > nowMs ? { key: undefined, freeInMs: untilMs - nowMs } : { key }
  }

  /** A request was sent with the key. `ended` must follow. */
  began(keyId: string): void {
    const state = this.state(keyId)
    state.running += 1
    state.used += 1
    state.begun += 1
  }

  /** The request is over, answer and all. */
  ended(keyId: string): void {
    const state = this.states.get(keyId)
    if (state !== undefined) state.running = Math.max(0, state.running - 1)
  }

  /**
   * A good answer came: the key is fit, unless it was set aside after the request was sent.
   * @param headers of the answer, which may tell what is left of the key's limits
   * @param sentMs when the request was sent
   * @param nowMs when the answer came
   */
  answered(keyId: string, headers: HeaderSource, sentMs: number, nowMs = sentMs): void {
    const state = this.state(keyId)
    // Looking through header fields costs more than all the rest: where nobody chooses by them, now and then is enough.
    if (this.readsQuotas || nowMs >= state.quotasDueMs) {
      state.quotasDueMs = nowMs + LIMITS.keyQuotaIntervalMs
      const quotas = quotasOf(headers, nowMs)
      if (quotas.length > 0) {
        state.quotas = quotas
        state.begun = 0
      }
    }
    const { rest } = state
    if (rest === undefined || rest.sinceMs > sentMs) return
    state.rest = undefined
    state.refusals = 0
    if (rest.untilMs > nowMs) this.listener(keyId, 'fit', nowMs)
  }

  /**
   * The provider would not take the key: it rests, longer each time in a row.
   * @param status the provider's; 0 where there was none
   */
  refused(keys: readonly ProviderKey[], keyId: string, status: number, nowMs: number): void {
    if (!keys.some(({ id }) => id === keyId)) return
    const state = this.state(keyId)
    state.failed += 1
    const { rest } = state
    // Requests that were sent before the first of them came back say the same once more.
    if (rest?.state === 'refused' && rest.untilMs > nowMs) return
    const restMs = Math.min(LIMITS.keyRefusedBaseMs * 2 ** state.refusals, LIMITS.keyRefusedCapMs)
    // Enough to reach the cap; a key that stays refused for a month needs no larger number.
    state.refusals = Math.min(state.refusals + 1, 10)
    const reason =
      status === 0 ? 'the provider refuses it' : `the provider refuses it with ${status}`
    this.rest(state, keyId, {
      state: 'refused',
      reason,
      sinceMs: nowMs,
      untilMs: Math.max(nowMs + restMs, rest?.untilMs ?? 0),
    })
  }

  /**
   * The provider has had enough of the key until a moment; a later moment already known stays.
   * @param nowMs when it said so; absent: what is answered until then does not end the rest
   */
  limited(keys: readonly ProviderKey[], keyId: string, untilMs: number, nowMs = untilMs): void {
    if (!keys.some(({ id }) => id === keyId)) return
    const state = this.state(keyId)
    state.failed += 1
    if (untilMs <= (state.rest?.untilMs ?? Number.NEGATIVE_INFINITY)) return
    const reason = 'the provider limits it'
    this.rest(state, keyId, { state: 'limited', reason, sinceMs: nowMs, untilMs })
  }

  /** What another process has learned of a key; tells no listener. */
  adopt(
    keys: readonly ProviderKey[],
    keyId: string,
    told: { readonly state: 'limited' | 'refused' | 'fit'; readonly untilMs: number },
    nowMs: number,
  ): void {
    if (!keys.some(({ id }) => id === keyId)) return
    const state = this.state(keyId)
    if (told.state === 'fit') {
      state.rest = undefined
      state.refusals = 0
      return
    }
    const untilMs = Math.min(told.untilMs, nowMs + LIMITS.keyAdoptedRestMs)
    if (untilMs <= Math.max(nowMs, state.rest?.untilMs ?? nowMs)) return
    const reason = `another replica found it ${told.state}`
    state.rest = { state: told.state, reason, sinceMs: nowMs, untilMs }
  }

  /**
   * Nothing of how the key fared holds any more: another secret goes by its name, or it is asked elsewhere. What runs with it is
   * counted on.
   */
  renew(keyId: string): void {
    const state = this.states.get(keyId)
    if (state === undefined) return
    Object.assign(state, { refusals: 0, rest: undefined, quotas: [], begun: 0, quotasDueMs: 0 })
  }

  /** How each key fares, in the provider's order. */
  report(keys: readonly ProviderKey[], nowMs: number): KeyReport[] {
    return keys.map((key) => {
      const state = this.states.get(key.id)
      const rest = state?.rest !== undefined && state.rest.untilMs > nowMs ? state.rest : undefined
      const remaining =
        state === undefined ? undefined : shareLeft(state.quotas, state.begun, nowMs)
      const draining = key.draining === true
      const hint = secretHint(key.secret)
      return {
        id: key.id,
        ...(hint === undefined ? {} : { hint }),
        state: rest?.state ?? (draining ? 'draining' : 'fit'),
        ...(rest === undefined ? {} : { reason: rest.reason }),
        freeInMs: rest === undefined ? 0 : rest.untilMs - nowMs,
        running: state?.running ?? 0,
        used: state?.used ?? 0,
        failed: state?.failed ?? 0,
        ...(remaining === undefined ? {} : { remaining }),
      }
    })
  }

  /** The best of the places by the strategy; of equal ones the next in turn. */
  private best(places: readonly number[], question: KeyQuestion): number | undefined {
    const { keys, strategy } = question
    if (strategy === 'order' || places.length < 2) return places[0]
    const inTurn = (place: number) => (place - this.next + keys.length) % keys.length
    let best: number | undefined
    for (const place of places) {
      if (best === undefined) {
        best = place
        continue
      }
      const difference = this.rank(place, question) - this.rank(best, question)
      if (difference < 0 || (difference === 0 && inTurn(place) < inTurn(best))) best = place
    }
    return best
  }

  /** Lower is better. */
  private rank(place: number, { keys, nowMs, strategy }: KeyQuestion): number {
    const key = keys[place]
    const state = key === undefined ? undefined : this.states.get(key.id)
    if (strategy === 'round_robin') return 0
    const running = state?.running ?? 0
    if (strategy === 'least_used') return running
    // Nothing known is all of it: the answer will tell. Those that run count a little, so that not all go to the same key at once.
    const left = state === undefined ? undefined : shareLeft(state.quotas, state.begun, nowMs)
    return running * RUNNING_RANK - (left ?? 1)
  }

  private rest(state: KeyState, keyId: string, rest: Rest): void {
    state.rest = rest
    this.listener(keyId, rest.state, rest.untilMs)
  }

  private state(keyId: string): KeyState {
    const known = this.states.get(keyId)
    if (known !== undefined) return known
    const made: KeyState = {
      running: 0,
      used: 0,
      failed: 0,
      refusals: 0,
      rest: undefined,
      quotas: [],
      begun: 0,
      quotasDueMs: 0,
    }
    this.states.set(keyId, made)
    return made
  }

  /** Keys that were removed, once there are as many of them as there are keys. */
  private forgetOthers(keys: readonly ProviderKey[]): void {
    if (this.states.size <= keys.length * 2) return
    const known = new Set(keys.map(({ id }) => id))
    for (const id of this.states.keys()) if (!known.has(id)) this.states.delete(id)
  }
}

/** What one running request weighs against the share of a limit that is left. */
const RUNNING_RANK = 1e-6
