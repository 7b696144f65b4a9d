// The contract of shared counters of limits: what every store that replicas count in must do alike. Called from each store's tests; imported by
// tests alone.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { SlidingWindow } from '../core/policy/rate.ts'
import type { LimitTake, LimitVerdict } from '../core/ports-money.ts'
import { SEED } from '../testing/seed.ts'
import type { LimitBackend, LimitBatch } from './limit-exchange.ts'
import type { SharedLimits } from './shared-limits.ts'

export const NOTHING: LimitBatch = { releases: [], renewals: [], corrections: [], requests: [] }

let names = 0

/** A name of a counter that nothing was counted under yet. */
export function freshName(): string {
  names += 1
  return `test-${names}`
}

export function take(key: string, max: number, over: Partial<LimitTake> = {}): LimitTake {
  return { key, max, windowMs: 60_000, cost: 1, whenUnavailable: 'local', ...over }
}

/** So many requests at once, each of another holder. */
export async function takeAll(
  counters: SharedLimits,
  takes: readonly LimitTake[],
  count: number,
): Promise<LimitVerdict[]> {
  return await Promise.all(
    Array.from({ length: count }, () => counters.take(takes, Bun.randomUUIDv7())),
  )
}

/** How many of them were let through. */
export function admitted(verdicts: readonly LimitVerdict[]): number {
  return verdicts.filter((verdict) => verdict.admitted).length
}

export interface CountersUnderTest {
  /** Ready to be asked, with a clock of its own. */
  open(nowMs: () => number): Promise<LimitBackend>
  /** Sequences that the windows are compared on. */
  readonly runs: number
}

/** Some time passes, or the clock is set; then something is given back or added, and something taken. */
const STEP = fc.record({
  afterMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 2_000 }),
    fc.integer({ min: 0, max: 70_000 }),
  ),
  jumpMs: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-3_600_000, 3_600_000, -86_400_000, 86_400_000, -3) },
  ),
  cost: fc.integer({ min: 0, max: 6 }),
  given: fc.option(fc.integer({ min: -4, max: 6 })),
})

type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

export function sharedCountersContract({ open, runs }: CountersUnderTest): void {
  test('it counts as the window of the core does, whatever arrives and however the clock is set', async () => {
    let nowMs = 1_000_000_000
    const backend = await open(() => nowMs)
    const walk = async (steps: readonly Step[]) => {
      const key = freshName()
      const max = 10
      const model = new SlidingWindow(60_000)
      const stamps: number[] = []
      for (const { afterMs, cost, given, jumpMs } of steps) {
        nowMs += afterMs + jumpMs
        const takenMs = stamps.at(-1)
        const corrections =
          given === null || takenMs === undefined
            ? []
            : [{ key, windowMs: 60_000, amount: -given, takenMs }]
        const requests = [{ takes: [take(key, max, { cost })], holder: '' }]
        const [verdict] = await backend.exchange({ ...NOTHING, corrections, requests })
        model.counted(nowMs)
        for (const { amount, takenMs: at } of corrections) {
          if (amount > 0) model.add(nowMs, amount)
          else model.giveBack(at, -amount)
        }
        const waitMs = model.waitMs(nowMs, max - cost)
        if (waitMs === 0) {
          model.add(nowMs, cost)
          stamps.push(nowMs)
        }
        expect(verdict?.admitted).toBe(waitMs === 0)
        expect(verdict?.states[0]?.remaining).toBe(Math.max(0, max - model.counted(nowMs)))
        if (waitMs > 0) expect(verdict?.retryAfterMs).toBe(Math.ceil(waitMs))
        expect(verdict?.states[0]?.resetMs).toBe(Math.ceil(model.resetMs(nowMs)))
      }
    }
    const walks = fc.array(STEP, { minLength: 10, maxLength: 40, size: 'max' })
    await fc.assert(fc.asyncProperty(walks, walk), { seed: SEED, numRuns: runs })
    await backend.close()
  }, 120_000)

  test('a place is free when it is released or its lease is over; one that is renewed stays, and a clock that is set back keeps nobody’s longer', async () => {
    let nowMs = Date.now()
    const backend = await open(() => nowMs)
    const key = freshName()
    const ask = async (holder: string, more: Partial<LimitBatch> = {}) => {
      const requests = [{ takes: [take(key, 2, { windowMs: 0 })], holder }]
      return (await backend.exchange({ ...NOTHING, ...more, requests }))[0]?.admitted
    }
    expect([await ask('dead'), await ask('alive'), await ask('third')]).toEqual([true, true, false])
    expect(await ask('third', { releases: [{ key, holder: 'alive' }] })).toBe(true)
    expect(await ask('fourth')).toBe(false)
    nowMs += LIMITS.limitLeaseMs - 1
    await backend.exchange({ ...NOTHING, renewals: [{ key, holder: 'third' }] })
    expect(await ask('fourth')).toBe(false)
    nowMs += 1
    expect([await ask('fourth'), await ask('fifth')]).toEqual([true, false])
    nowMs -= 86_400_000
    expect(await ask('fifth')).toBe(false)
    nowMs += LIMITS.limitLeaseMs
    const after = [await ask('fifth'), await ask('sixth'), await ask('seventh')]
    expect(after).toEqual([true, true, false])
    await backend.close()
  })
}
