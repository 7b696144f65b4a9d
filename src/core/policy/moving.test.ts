import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { MovingCounts, MovingMean } from './moving.ts'

test('counts what came within the window, and nothing older', () => {
  const events = fc.array(fc.record({ waitMs: fc.nat(3_000), first: fc.nat(5), second: fc.nat(5) }))
  fc.assert(
    fc.property(events, (all) => {
      const counts = new MovingCounts()
      const seen: { part: number; first: number; second: number }[] = []
      let nowMs = 12_345
      for (const { waitMs, first, second } of all) {
        nowMs += waitMs
        const part = Math.floor(nowMs / 1_000)
        counts.add(first, second, 10_000, nowMs)
        seen.push({ part, first, second })
        const late = seen.filter((one) => part - one.part < 10)
        expect(counts.sums(10_000, nowMs)).toEqual({
          first: late.reduce((sum, one) => sum + one.first, 0),
          second: late.reduce((sum, one) => sum + one.second, 0),
        })
      }
    }),
    checkParameters(200),
  )
})

test('is never below nothing, and starts anew with a window of another length', () => {
  const counts = new MovingCounts()
  counts.add(1, 0, 10_000, 0)
  counts.add(-3, 1, 10_000, 5_000)
  expect(counts.sums(10_000, 5_000)).toEqual({ first: 0, second: 1 })
  expect(counts.sums(20_000, 5_000)).toEqual({ first: 0, second: 0 })
})

test('a mean lies among its values, follows them, and is forgotten', () => {
  const mean = new MovingMean()
  expect(mean.value(0, 100)).toBeUndefined()
  mean.add(0, 0)
  expect(mean.value(0, 100)).toBe(0)
  for (let index = 0; index < 40; index += 1) mean.add(100, index)
  expect(mean.value(40, 100)).toBeGreaterThan(99)
  expect(mean.value(40, 100)).toBeLessThanOrEqual(100)
  expect(mean.value(140, 100)).toBeUndefined()
  mean.add(7, 200)
  expect(mean.value(200, 100)).toBe(7)
})
