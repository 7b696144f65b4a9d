import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { SEED } from '../../testing/seed.ts'
import { SlidingWindow, WINDOW_PARTS } from './rate.ts'

const WINDOW_MS = 60_000
const PART_MS = WINDOW_MS / WINDOW_PARTS

/** What was let through, with the time that really passed. */
interface Taken {
  readonly atMs: number
  readonly amount: number
}

/** The most that lies in any half-open span of the window's length. */
function mostInAnyWindow(taken: readonly Taken[]): number {
  return taken.reduce((most, { atMs }) => {
    const within = taken.filter((other) => other.atMs > atMs - WINDOW_MS && other.atMs <= atMs)
    return Math.max(
      most,
      within.reduce((sum, { amount }) => sum + amount, 0),
    )
  }, 0)
}

const step = fc.record({
  afterMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 500 }),
    fc.integer({ min: 500, max: 20_000 }),
    fc.integer({ min: 20_000, max: 130_000 }),
  ),
  amount: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 8 })),
  /** What the clock is set by, besides the time that passes. */
  jumpMs: fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-3_600_000, -86_400_000, -1_000, -1) },
  ),
})

describe('a sliding window', () => {
  test('never lets more through than it may in any span, whatever arrives and however the clock is set back', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 30, maxLength: 120, size: 'max' }),
        fc.integer({ min: 1, max: 20 }),
        (steps, max) => {
          const window = new SlidingWindow(WINDOW_MS)
          const taken: Taken[] = []
          let realMs = 0
          let clockMs = 1_000_000_000
          for (const { afterMs, amount, jumpMs } of steps) {
            realMs += afterMs
            clockMs += afterMs + jumpMs
            if (window.waitMs(clockMs, max - amount) > 0) continue
            window.add(clockMs, amount)
            if (amount > 0) taken.push({ atMs: realMs, amount })
          }
          expect(mostInAnyWindow(taken)).toBeLessThanOrEqual(max)
        },
      ),
      { seed: SEED, numRuns: 300 },
    )
  })

  test('lets through all that an exact log would, but for one part of the window', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 30, maxLength: 120, size: 'max' }),
        fc.integer({ min: 1, max: 20 }),
        (steps, max) => {
          const window = new SlidingWindow(WINDOW_MS)
          const taken: Taken[] = []
          let nowMs = 0
          for (const { afterMs, amount } of steps) {
            nowMs += afterMs
            const passes = window.waitMs(nowMs, max - amount) === 0
            const since = nowMs - WINDOW_MS - PART_MS
            const counted = taken
              .filter(({ atMs }) => atMs > since)
              .reduce((sum, one) => sum + one.amount, 0)
            if (counted + amount <= max) expect(passes).toBe(true)
            if (!passes) continue
            window.add(nowMs, amount)
            taken.push({ atMs: nowMs, amount })
          }
        },
      ),
      { seed: SEED, numRuns: 300 },
    )
  })

  test('whoever waits exactly as long as it was told gets through, and not a moment earlier', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 30, maxLength: 80, size: 'max' }),
        fc.integer({ min: 1, max: 20 }),
        (steps, max) => {
          const window = new SlidingWindow(WINDOW_MS)
          let nowMs = 5
          for (const { afterMs, amount } of steps) {
            nowMs += afterMs
            const waitMs = window.waitMs(nowMs, max - amount)
            if (amount > max) expect(waitMs).toBe(Infinity)
            else if (waitMs > 0) {
              expect(waitMs).toBeLessThanOrEqual(WINDOW_MS)
              expect(window.waitMs(nowMs + waitMs - 1, max - amount)).toBe(1)
              nowMs += waitMs
              expect(window.waitMs(nowMs, max - amount)).toBe(0)
            }
            if (amount <= max) window.add(nowMs, amount)
          }
        },
      ),
      { seed: SEED, numRuns: 200 },
    )
  })

  test.each([3_600_000, -3_600_000, 86_400_000, -86_400_000])(
    'a clock set by %d ms neither freezes it nor opens it for more than one more window',
    (jumpMs) => {
      const window = new SlidingWindow(WINDOW_MS)
      const max = 10
      let clockMs = 1_000_000_000
      let passed = 0
      const arrive = () => {
        if (window.waitMs(clockMs, max - 1) > 0) return
        window.add(clockMs, 1)
        passed += 1
      }
      for (let count = 0; count < 50; count += 1) arrive()
      expect(passed).toBe(max)
      clockMs += jumpMs
      for (let count = 0; count < 50; count += 1) arrive()
      expect(passed).toBeLessThanOrEqual(jumpMs > 0 ? 2 * max : max)
      // Not frozen: after its length it is empty again, however long the jump was.
      clockMs += WINDOW_MS
      expect(window.counted(clockMs)).toBe(0)
      expect(window.isIdle(clockMs)).toBe(true)
    },
  )

  test('gives back what was taken then and nothing of what came before or after', () => {
    const window = new SlidingWindow(WINDOW_MS)
    window.add(0, 10)
    window.add(10_000, 100)
    window.add(20_000, 30)
    window.giveBack(10_000, 90)
    expect(window.counted(20_000)).toBe(50)
    expect(window.counted(60_000)).toBe(40)
    // More than there is of it, and what is over, are not given back.
    window.giveBack(10_000, 1_000)
    window.giveBack(0, 5)
    window.giveBack(15_000, 5)
    expect(window.counted(60_000)).toBe(30)
    expect(window.resetMs(60_000)).toBe(20_000)
    expect(window.counted(80_000)).toBe(0)
    expect(window.resetMs(80_000)).toBe(0)
  })

  test('with estimates given back, what is used is never more than it may be', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 5_000 }),
            estimate: fc.integer({ min: 1, max: 50 }),
            used: fc.integer({ min: 0, max: 50 }),
            lastsMs: fc.integer({ min: 0, max: 90_000 }),
          }),
          { minLength: 20, maxLength: 80, size: 'max' },
        ),
        (requests) => {
          const max = 100
          const window = new SlidingWindow(WINDOW_MS)
          const taken: Taken[] = []
          const ends: { readonly atMs: number; readonly takenMs: number; readonly back: number }[] =
            []
          let nowMs = 0
          for (const { afterMs, estimate, lastsMs, used } of requests) {
            nowMs += afterMs
            for (const end of ends.filter(({ atMs }) => atMs <= nowMs)) {
              ends.splice(ends.indexOf(end), 1)
              window.giveBack(end.takenMs, end.back)
            }
            if (window.waitMs(nowMs, max - estimate) > 0) continue
            window.add(nowMs, estimate)
            const real = Math.min(used, estimate)
            taken.push({ atMs: nowMs, amount: real })
            ends.push({ atMs: nowMs + lastsMs, takenMs: nowMs, back: estimate - real })
          }
          expect(mostInAnyWindow(taken)).toBeLessThanOrEqual(max)
        },
      ),
      { seed: SEED, numRuns: 200 },
    )
  })

  test('keeps no more parts than its bound, however many arrive', () => {
    const window = new SlidingWindow(WINDOW_MS)
    for (let nowMs = 0; nowMs < 10 * WINDOW_MS; nowMs += 7) window.add(nowMs, 1)
    const { parts } = window as unknown as { parts: unknown[] }
    expect(parts.length).toBeLessThanOrEqual(2 * WINDOW_PARTS + 2)
  })
})
