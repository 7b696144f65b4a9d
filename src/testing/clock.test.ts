// The fake clock's few promises.

import { expect, test } from 'bun:test'
import { FakeClock } from './clock.ts'

test('time moves only when told, and a jump of the wall clock leaves durations alone', () => {
  const clock = new FakeClock(1_000)
  clock.advance(0)
  clock.advance(250)
  clock.setWallMs(5)
  expect([clock.nowMs(), clock.monotonicMs()]).toEqual([5, 250])
  expect(() => clock.advance(-1)).toThrow(RangeError)
  expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
})
