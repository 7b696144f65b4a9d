import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { grantOf, isAmount, Slice, thresholdsPassed, windowOf, type Settled } from './budget.ts'

describe('windows', () => {
  test('hold the moment, touch their neighbours, and know nothing of daylight saving', () => {
    const moment = fc.integer({ min: 0, max: Date.UTC(2200, 0) })
    fc.assert(
      fc.property(moment, fc.constantFrom('day', 'week', 'month', 'total'), (atMs, name) => {
        const { endMs, startMs } = windowOf(name, atMs)
        expect(startMs <= atMs && atMs < endMs).toBe(true)
        if (name === 'total') return
        expect(windowOf(name, startMs)).toEqual({ startMs, endMs })
        expect(windowOf(name, endMs - 1)).toEqual({ startMs, endMs })
        expect(windowOf(name, endMs).startMs).toBe(endMs)
        const at = new Date(startMs)
        expect(at.getUTCHours() + at.getUTCMinutes() + at.getUTCMilliseconds()).toBe(0)
        if (name === 'week') expect(at.getUTCDay()).toBe(1)
        if (name === 'month') expect(at.getUTCDate()).toBe(1)
      }),
      checkParameters(500),
    )
  })

  test('of days that have 23 and 25 hours elsewhere', () => {
    for (const day of [Date.UTC(2026, 2, 29), Date.UTC(2026, 9, 25)]) {
      expect(windowOf('day', day + 5_000)).toEqual({ startMs: day, endMs: day + 86_400_000 })
    }
    expect(windowOf('month', Date.UTC(2026, 11, 31, 23, 59, 59, 999)).endMs).toBe(Date.UTC(2027, 0))
    expect(windowOf('total', 5)).toEqual({ startMs: 0, endMs: Infinity })
  })
})

describe('grants', () => {
  const amount = fc.nat(10_000_000)
  const states = fc.record({ spentNanoUsd: amount, othersNanoUsd: amount, ownNanoUsd: amount })
  const demands = fc.record({
    needNanoUsd: amount,
    wantNanoUsd: amount,
    beyondNanoUsd: fc.nat(1_000),
    unwrittenNanoUsd: amount,
    isAlone: fc.boolean(),
  })

  test('fit, or are the last: never more than the budget, but for one that stands alone', () => {
    fc.assert(
      fc.property(amount, states, demands, fc.nat(1_000_000), (limit, state, demand, share) => {
        const { othersNanoUsd, ownNanoUsd, spentNanoUsd } = state
        const leasedNanoUsd = othersNanoUsd + ownNanoUsd
        const granted = grantOf(limit, { spentNanoUsd, leasedNanoUsd, ownNanoUsd }, demand, share)
        if (granted === undefined) return
        expect(granted).toBeGreaterThanOrEqual(demand.needNanoUsd)
        const after = spentNanoUsd + leasedNanoUsd + demand.beyondNanoUsd + granted
        if (after <= limit) return
        expect(granted).toBe(demand.needNanoUsd)
        expect(othersNanoUsd).toBe(0)
        expect(demand.isAlone).toBe(true)
        expect(spentNanoUsd + demand.unwrittenNanoUsd).toBeLessThan(limit)
      }),
      checkParameters(2_000),
    )
  })

  test('a budget of nothing grants nothing', () => {
    const state = { spentNanoUsd: 0, leasedNanoUsd: 0, ownNanoUsd: 0 }
    const demand = {
      needNanoUsd: 1,
      wantNanoUsd: 1,
      beyondNanoUsd: 0,
      unwrittenNanoUsd: 0,
      isAlone: true,
    }
    expect(grantOf(0, state, demand, 1_000_000)).toBeUndefined()
  })
})

describe('slices', () => {
  test('any order of holds, settlements and grants: nothing is lost and nothing is made', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('grant' as const), amount: fc.nat(1_000) }),
      fc.record({ kind: fc.constant('hold' as const), amount: fc.nat(300) }),
      fc.record({ kind: fc.constant('settle' as const), amount: fc.nat(400) }),
      fc.record({ kind: fc.constant('write' as const), amount: fc.constant(0) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const slice = new Slice()
        const held: number[] = []
        const settled: Settled[] = []
        let granted = 0
        let spentOfLease = 0
        for (const { amount, kind } of steps) {
          if (kind === 'grant') {
            slice.granted(amount, 0)
            granted += amount
          } else if (kind === 'hold') {
            const before = slice.available
            expect(slice.tryHold(amount)).toBe(amount <= before)
            if (amount <= before) held.push(amount)
          } else if (kind === 'settle') {
            const hold = held.pop()
            if (hold === undefined) continue
            const taken = slice.settle(hold, amount)
            expect(taken.leasedNanoUsd).toBeLessThanOrEqual(amount)
            spentOfLease += taken.leasedNanoUsd
            settled.push(taken)
          } else {
            const taken = settled.pop()
            if (taken !== undefined) slice.written(taken)
          }
          expect(slice.leased).toBe(granted - spentOfLease)
          expect(slice.leased).toBeGreaterThanOrEqual(0)
          expect(slice.held).toBe(held.reduce((sum, one) => sum + one, 0))
        }
        for (const taken of settled) slice.written(taken)
        expect([slice.unwritten, slice.beyond]).toEqual([0, 0])
      }),
      checkParameters(500),
    )
  })

  test('what went beyond the budget for one request is nobody else’s', () => {
    const slice = new Slice()
    slice.granted(30, 20)
    slice.mustHold(30)
    expect(slice.tryHold(1)).toBe(false)
    slice.settle(30, 4)
    expect(slice.available).toBe(6)
  })
})

test('thresholds are passed once, in their order, and never by nothing', () => {
  const rule = { alertAt: [1, 0.5, 0.8, 0], nanoUsd: 1_000 }
  expect(thresholdsPassed(rule, 0, [])).toEqual([])
  expect(thresholdsPassed(rule, 499, [])).toEqual([0])
  expect(thresholdsPassed(rule, 800, [0])).toEqual([500, 800])
  expect(thresholdsPassed(rule, 5_000, [0, 500])).toEqual([800, 1_000])
})

test('amounts are whole and not below zero', () => {
  for (const wrong of [Number.NaN, -1, 0.5, Infinity, 2 ** 53]) expect(isAmount(wrong)).toBe(false)
  expect(isAmount(0)).toBe(true)
})
