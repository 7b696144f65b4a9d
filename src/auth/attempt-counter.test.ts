import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { FakeClock } from '../testing/clock.ts'
import { checkParameters } from '../testing/seed.ts'
import { addressGroup, AttemptCounter } from './attempt-counter.ts'

function isTaken(counter: AttemptCounter, name: string): boolean {
  try {
    counter.take(name)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError)
    expect((error as GatewayError).retryAfterMs).toBeGreaterThan(0)
    return false
  }
}

test('never more than so many in any window, and each is let in again when its window is over', () => {
  const max = 3
  fc.assert(
    fc.property(fc.array(fc.nat({ max: LIMITS.loginWindowMs }), { maxLength: 60 }), (waits) => {
      const clock = new FakeClock()
      const counter = new AttemptCounter(clock, max)
      const taken: number[] = []
      for (const waitMs of waits) {
        clock.advance(waitMs)
        const nowMs = clock.monotonicMs()
        const recent = taken.filter((atMs) => nowMs - atMs < LIMITS.loginWindowMs).length
        const isLetIn = isTaken(counter, 'x')
        expect(isLetIn).toBe(recent < max)
        if (isLetIn) taken.push(nowMs)
      }
    }),
    checkParameters(200),
  )
})

test('one name is not another, and a success gives its try back', () => {
  const counter = new AttemptCounter(new FakeClock(), 1)
  expect(isTaken(counter, 'a')).toBe(true)
  expect(isTaken(counter, 'a')).toBe(false)
  expect(isTaken(counter, 'b')).toBe(true)
  counter.giveBack('a')
  expect(isTaken(counter, 'a')).toBe(true)
})

test('what is remembered is bounded, and whoever tried last is remembered longest', () => {
  const counter = new AttemptCounter(new FakeClock(), 1)
  isTaken(counter, 'early')
  for (let count = 0; count < LIMITS.loginCountersMax - 1; count += 1) isTaken(counter, `n${count}`)
  expect(isTaken(counter, 'early')).toBe(false)
  isTaken(counter, 'one more')
  isTaken(counter, 'and another')
  expect(isTaken(counter, 'and another')).toBe(false)
  const { counters } = counter as unknown as { counters: Map<string, unknown> }
  expect(counters.size).toBeLessThanOrEqual(LIMITS.loginCountersMax)
})

test('an address stands for those its owner has', () => {
  expect(addressGroup('10.1.2.3')).toBe('10.1.2.3')
  expect(addressGroup('::ffff:10.1.2.3')).toBe('10.1.2.3')
  expect(addressGroup('2001:db8:1:2:3:4:5:6')).toBe(addressGroup('2001:DB8:1:2::1'))
  expect(addressGroup('2001:db8:1:2::1')).not.toBe(addressGroup('2001:db8:1:3::1'))
  expect(addressGroup('::1')).toBe('0:0:0:0')
  expect(addressGroup(undefined)).toBe('unknown')
})
