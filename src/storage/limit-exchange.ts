// What a process asks shared counters of limits in one round trip, and how the answer is read: the same for every store that counts.
// It knows no store, and decides nothing about one that does not answer.

import { CONCURRENCY_RETRY_MS, verdictOf, type Judged } from '../core/policy/memory-limits.ts'
import type { LimitTake, LimitVerdict } from '../core/ports-money.ts'

export interface Held {
  readonly key: string
  readonly holder: string
}

export interface Correction {
  readonly key: string
  readonly windowMs: number
  readonly amount: number
  readonly takenMs: number | undefined
}

export interface LimitRequest {
  readonly takes: readonly LimitTake[]
  readonly holder: string
}

/** What is asked at once, in this order. */
export interface LimitBatch {
  readonly releases: readonly Held[]
  readonly renewals: readonly Held[]
  readonly corrections: readonly Correction[]
  readonly requests: readonly LimitRequest[]
}

/** A store in which replicas count together. */
export interface LimitBackend {
  /** What it is, for people. */
  readonly name: 'redis' | 'postgres'
  /** Where it is, without anything secret. */
  readonly host: string
  /** Batches that may be under way at once: what comes meanwhile goes together with the next. */
  readonly inFlightMax: number
  /**
   * Does all of a batch and says what became of each request.
   * @throws any error where the store did not or could not; whether it was done all the same is not known then
   */
  exchange(batch: LimitBatch): Promise<readonly LimitVerdict[]>
  /** Calls back whenever the store can be asked again after it could not. */
  onReady(run: () => void): void
  /** It has not answered for long: a connection that is dead without a word is made anew. */
  suspect(): void
  close(): Promise<void>
}

/** Milliseconds for a wait that never ends, in an answer. */
const NEVER = -1

/** Numbers for each take: what remains, until it is reset, and how long to wait. */
const NUMBERS = 3

/** The batch as texts: the places of keys in one list of them, and lists behind their lengths. See `redis-limits-script.ts`. */
export function batchWords(batch: LimitBatch): {
  readonly keys: string[]
  /** Of each key, 0 for what runs at once. */
  readonly spans: number[]
  readonly words: string[]
} {
  const places = new Map<string, number>()
  const spans: number[] = []
  const words: string[] = []
  const place = (key: string, windowMs: number) => {
    let known = places.get(key)
    if (known === undefined) {
      places.set(key, (known = places.size + 1))
      spans.push(windowMs)
    }
    words.push(String(known))
  }
  for (const held of [batch.releases, batch.renewals]) {
    words.push(String(held.length))
    for (const { holder, key } of held) {
      place(key, 0)
      words.push(holder)
    }
  }
  words.push(String(batch.corrections.length))
  for (const { amount, key, takenMs, windowMs } of batch.corrections) {
    place(key, windowMs)
    words.push(String(windowMs), String(amount), takenMs === undefined ? '' : takenMs.toFixed(3))
  }
  words.push(String(batch.requests.length))
  for (const { holder, takes } of batch.requests) {
    words.push(holder, String(takes.length))
    for (const { cost, key, max, windowMs } of takes) {
      place(key, windowMs)
      words.push(String(windowMs), String(max), String(cost), String(CONCURRENCY_RETRY_MS))
    }
  }
  return { keys: [...places.keys()], spans, words }
}

/**
 * The verdicts in an answer: the store's time, then numbers for each take.
 * @throws when the answer has another form
 */
export function verdictsIn(answer: unknown, { requests }: LimitBatch): LimitVerdict[] {
  const wanted = requests.reduce((sum, { takes }) => sum + takes.length, 0) * NUMBERS + 1
  if (!Array.isArray(answer) || answer.length !== wanted) throw new Error('unexpected answer')
  const numbers = (answer as unknown[]).map(Number)
  if (!numbers.every(Number.isFinite)) throw new Error('unexpected answer')
  const [takenMs = 0] = numbers
  let at = 1
  return requests.map(({ takes }) => {
    const judged = takes.map(({ key, max }): Judged => {
      const [remaining = 0, resetMs = 0, waitMs = 0] = numbers.slice(at, at + NUMBERS)
      at += NUMBERS
      return {
        state: { key, max, remaining, resetMs },
        waitMs: waitMs === NEVER ? Infinity : waitMs,
      }
    })
    return verdictOf(judged, takenMs)
  })
}
