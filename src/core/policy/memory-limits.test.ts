import { describe, expect, test } from 'bun:test'
import { FakeClock } from '../../testing/clock.ts'
import type { LimitTake } from '../ports-money.ts'
import { CONCURRENCY_RETRY_MS, MemoryLimits } from './memory-limits.ts'

function take(key: string, max: number, over: Partial<LimitTake> = {}): LimitTake {
  return { key, max, windowMs: 60_000, cost: 1, whenUnavailable: 'local', ...over }
}

describe('counters in memory', () => {
  test('take from all counters or from none', () => {
    const counters = new MemoryLimits(new FakeClock())
    const both = [take('wide', 100), take('narrow', 2)]
    expect(counters.take(both, 'a').admitted).toBe(true)
    expect(counters.take(both, 'b').admitted).toBe(true)
    for (let count = 0; count < 10; count += 1) {
      const refused = counters.take([...both, take('running', 5, { windowMs: 0 })], `c${count}`)
      expect(refused).toMatchObject({ admitted: false, refusedAt: 1, retryAfterMs: 60_000 })
      // Nothing of a refused request is kept: neither its place nor its turn.
      expect(refused.states.map(({ remaining }) => remaining)).toEqual([98, 0, 5])
    }
  })

  test('name the counter that is full for longest, and the wait after which all pass', () => {
    const clock = new FakeClock()
    const counters = new MemoryLimits(clock)
    const rules = [take('minute', 1), take('hour', 1, { windowMs: 3_600_000 })]
    counters.take(rules, 'a')
    clock.advance(10_000)
    const refused = counters.take(rules, 'b')
    expect(refused).toMatchObject({ refusedAt: 1, retryAfterMs: 3_590_000 })
    clock.advance(refused.retryAfterMs! - 1)
    expect(counters.take(rules, 'c').admitted).toBe(false)
    clock.advance(1)
    expect(counters.take(rules, 'd').admitted).toBe(true)
  })

  test('a maximum of nothing lets nothing through, ever', () => {
    const counters = new MemoryLimits(new FakeClock())
    const verdict = counters.take([take('closed', 0)], 'a')
    expect(verdict).toMatchObject({ admitted: false, refusedAt: 0, retryAfterMs: Infinity })
    const running = counters.take([take('none', 0, { windowMs: 0 })], 'a')
    expect(running.retryAfterMs).toBe(Infinity)
    // One that is larger than the whole is refused for good while nothing is in the way of a smaller one.
    expect(counters.take([take('tokens', 10, { cost: 11 })], 'a').retryAfterMs).toBe(Infinity)
    expect(counters.take([take('tokens', 10, { cost: 10 })], 'a').admitted).toBe(true)
  })

  test('what runs at once counts until it is released, each of it once', () => {
    const counters = new MemoryLimits(new FakeClock())
    const running = [take('running', 2, { windowMs: 0 })]
    expect(counters.take(running, 'a').states[0]?.remaining).toBe(1)
    expect(counters.take(running, 'b').admitted).toBe(true)
    const refused = counters.take(running, 'c')
    expect(refused).toMatchObject({ admitted: false, retryAfterMs: CONCURRENCY_RETRY_MS })
    counters.release(['running'], 'nobody')
    expect(counters.take(running, 'c').admitted).toBe(false)
    counters.release(['running'], 'a')
    counters.release(['running'], 'a')
    expect(counters.take(running, 'c').admitted).toBe(true)
    expect(counters.take(running, 'd').admitted).toBe(false)
  })

  test('an estimate is corrected both ways, and beyond the maximum if it must be', () => {
    const clock = new FakeClock()
    const counters = new MemoryLimits(clock)
    const tokens = (cost: number) => [take('tokens', 100, { cost })]
    const first = counters.take(tokens(80), 'a')
    expect(counters.take(tokens(30), 'b').admitted).toBe(false)
    counters.correct('tokens', 60_000, -60, first.takenMs)
    expect(counters.take(tokens(30), 'b').admitted).toBe(true)
    counters.correct('tokens', 60_000, 500)
    expect(counters.take(tokens(1), 'c')).toMatchObject({ admitted: false })
    clock.advance(60_000)
    expect(counters.take(tokens(100), 'd').admitted).toBe(true)
    // Too late: what it would be given back of does not count any more.
    counters.correct('tokens', 60_000, -80, first.takenMs)
    expect(counters.take(tokens(1), 'e').admitted).toBe(false)
  })

  test('a lower maximum holds at once for what was counted before', () => {
    const counters = new MemoryLimits(new FakeClock())
    for (let count = 0; count < 5; count += 1) counters.take([take('key', 10)], `${count}`)
    expect(counters.take([take('key', 5)], 'a')).toMatchObject({ admitted: false })
    expect(counters.take([take('key', 6)], 'a')).toMatchObject({ admitted: true })
  })

  test('looking at counters takes nothing', async () => {
    const counters = new MemoryLimits(new FakeClock())
    const rules = [take('key', 3), take('running', 3, { windowMs: 0 })]
    counters.take(rules, 'a')
    for (let count = 0; count < 5; count += 1) {
      const states = await counters.peek(rules)
      expect(states.map(({ remaining }) => remaining)).toEqual([2, 2])
    }
  })

  test('their number is bounded, those that are used stay, and idle ones go', () => {
    const clock = new FakeClock()
    const counters = new MemoryLimits(clock, 100)
    for (let count = 0; count < 1_000; count += 1) {
      counters.take([take('used', 1_000_000), take(`address ${count}`, 5)], `${count}`)
      expect(counters.size).toBeLessThanOrEqual(100)
    }
    expect(counters.take([take('used', 1_000)], 'a').admitted).toBe(false)
    clock.advance(60_000)
    for (let count = 0; count < 50; count += 1) counters.take([take(`new ${count}`, 5)], 'b')
    expect(counters.size).toBeLessThanOrEqual(51)
  })
})
