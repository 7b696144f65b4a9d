// Counters of limits in the memory of this process: all there is on one node, and what counts while shared counters cannot be
// reached. Their number is bounded, and those that count nothing any more are dropped. Pure but for the clock that is handed in.

import { LIMITS } from '../limits.ts'
import type { Clock } from '../ports.ts'
import type { LimitCounters, LimitState, LimitTake, LimitVerdict } from '../ports-money.ts'
import { SlidingWindow } from './rate.ts'

/** How long a request waits for one that runs to end: nobody knows, and official clients ask again soon. */
export const CONCURRENCY_RETRY_MS = 1_000

/** Counters that are looked at for each new one, to drop what counts nothing any more. */
const LOOKED_AT = 4

/** The state of one counter, and how long the take would have to wait: 0 when it passes, Infinity when never. */
export interface Judged {
  readonly state: LimitState
  readonly waitMs: number
}

/** The verdict over counters that were judged. @param takenMs when it was, by the counters' own clock */
export function verdictOf(judged: readonly Judged[], takenMs: number): LimitVerdict {
  let refusedAt: number | undefined
  let longestMs = 0
  for (const [index, { waitMs }] of judged.entries()) {
    if (waitMs <= longestMs) continue
    longestMs = waitMs
    refusedAt = index
  }
  const states = judged.map(({ state }) => state)
  if (refusedAt === undefined) return { admitted: true, states, takenMs }
  return { admitted: false, states, refusedAt, retryAfterMs: longestMs, takenMs }
}

export class MemoryLimits implements LimitCounters {
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private readonly max: number
  private readonly windows = new Map<string, SlidingWindow>()
  private readonly running = new Map<string, Set<string>>()
  /** Where the search for idle counters goes on. */
  private sweep: IterableIterator<[string, SlidingWindow]> | undefined

  constructor(clock: Pick<Clock, 'monotonicMs'>, max: number = LIMITS.limitCountersMax) {
    this.clock = clock
    this.max = max
  }

  /** Counters that are kept. */
  get size(): number {
    return this.windows.size + this.running.size
  }

  take(takes: readonly LimitTake[], holder: string): LimitVerdict {
    const nowMs = this.clock.monotonicMs()
    const verdict = verdictOf(this.judge(takes, nowMs, true), nowMs)
    if (verdict.admitted) this.record(takes, holder, nowMs)
    return verdict
  }

  /** Counts what was let through elsewhere. @param atMs when: what is given back later is found by it */
  note(takes: readonly LimitTake[], holder: string, atMs = this.clock.monotonicMs()): void {
    this.record(takes, holder, atMs)
  }

  correct(key: string, windowMs: number, amount: number, takenMs?: number): void {
    const nowMs = this.clock.monotonicMs()
    if (amount > 0) this.window(key, windowMs).add(nowMs, amount)
    else if (takenMs !== undefined) this.windows.get(key)?.giveBack(takenMs, -amount)
  }

  release(keys: readonly string[], holder: string): void {
    for (const key of keys) {
      const holders = this.running.get(key)
      if (holders === undefined) continue
      holders.delete(holder)
      if (holders.size === 0) this.running.delete(key)
    }
  }

  /** Whether that request runs, as far as this counter knows. */
  holds(key: string, holder: string): boolean {
    return this.running.get(key)?.has(holder) === true
  }

  /** Counters of what runs at once, each with those that run. */
  holders(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.running
  }

  async peek(takes: readonly LimitTake[]): Promise<readonly LimitState[]> {
    return this.judge(takes, this.clock.monotonicMs(), false).map(({ state }) => state)
  }

  async close(): Promise<void> {
    this.windows.clear()
    this.running.clear()
  }

  /** @param taking what remains is told as it is after the takes, where all of them pass */
  private judge(takes: readonly LimitTake[], nowMs: number, taking: boolean): Judged[] {
    const waits = takes.map((take) => this.waitMs(take, nowMs))
    const passes = taking && waits.every((waitMs) => waitMs === 0)
    return takes.map((take, index) => {
      const { key, max, windowMs } = take
      const counted = this.counted(take, nowMs) + (passes ? take.cost : 0)
      const resetMs = passes ? windowMs : (this.windows.get(key)?.resetMs(nowMs) ?? 0)
      const remaining = Math.max(0, max - counted)
      return { state: { key, max, remaining, resetMs }, waitMs: waits[index] ?? 0 }
    })
  }

  private counted({ key, windowMs }: LimitTake, nowMs: number): number {
    if (windowMs === 0) return this.running.get(key)?.size ?? 0
    return this.windows.get(key)?.counted(nowMs) ?? 0
  }

  private waitMs(take: LimitTake, nowMs: number): number {
    const { cost, key, max, windowMs } = take
    if (windowMs > 0) {
      const window = this.windows.get(key)
      if (window !== undefined) return window.waitMs(nowMs, max - cost)
      return cost > max ? Infinity : 0
    }
    if (this.counted(take, nowMs) + cost <= max) return 0
    return max < cost ? Infinity : CONCURRENCY_RETRY_MS
  }

  private record(takes: readonly LimitTake[], holder: string, nowMs: number): void {
    for (const { cost, key, windowMs } of takes) {
      if (windowMs > 0) this.window(key, windowMs).add(nowMs, cost)
      else {
        const holders = this.running.get(key)
        if (holders === undefined) this.running.set(key, new Set([holder]))
        else holders.add(holder)
      }
    }
  }

  private window(key: string, windowMs: number): SlidingWindow {
    const known = this.windows.get(key)
    if (known !== undefined) {
      if (this.windows.size * 2 > this.max) {
        // Only near the bound is it worth knowing who was asked for last.
        this.windows.delete(key)
        this.windows.set(key, known)
      }
      return known
    }
    this.makeRoom()
    const window = new SlidingWindow(windowMs)
    this.windows.set(key, window)
    return window
  }

  /** Looks at a few others for each new one, so that what is idle goes; at the bound the one that was not asked for longest goes. */
  private makeRoom(): void {
    const nowMs = this.clock.monotonicMs()
    for (let looked = 0; looked < LOOKED_AT; looked += 1) {
      this.sweep ??= this.windows.entries()
      const { done, value } = this.sweep.next()
      if (done === true) {
        this.sweep = undefined
        break
      }
      if (value[1].isIdle(nowMs)) this.windows.delete(value[0])
    }
    if (this.windows.size < this.max) return
    const [oldest] = this.windows.keys()
    if (oldest !== undefined) this.windows.delete(oldest)
  }
}
