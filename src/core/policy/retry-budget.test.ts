import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { LIMITS } from '../limits.ts'
import { RetryBudget } from './retry-budget.ts'

test('a few repeats are free, then a fifth of what is sent', () => {
  const budget = new RetryBudget()
  const free = Array.from({ length: 50 }, () => budget.take(0)).filter(Boolean)
  expect(free).toHaveLength(LIMITS.retryBudgetFreeMax)
  for (let index = 0; index < 4; index += 1) budget.sent(1)
  expect(budget.take(1)).toBe(false)
  budget.sent(1)
  expect(budget.left(1)).toBe(1)
  expect(budget.take(1)).toBe(true)
  expect(budget.take(1)).toBe(false)
})

test('what was taken is given back with time, and what was not used is not saved up', () => {
  const budget = new RetryBudget()
  for (let index = 0; index < 1_000; index += 1) budget.sent(0)
  expect(budget.left(0)).toBe(LIMITS.retryBudgetFreeMax + 200)
  expect(budget.left(LIMITS.retryBudgetWindowMs * 2)).toBe(LIMITS.retryBudgetFreeMax)
  while (budget.take(30_000));
  expect(budget.left(30_000)).toBe(0)
  expect(budget.left(30_000 + LIMITS.retryBudgetWindowMs)).toBe(LIMITS.retryBudgetFreeMax)
})

test('an outage under load adds at most a fifth and the few, however greedy everybody is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 60 }), (rate, s) => {
      const budget = new RetryBudget()
      let sent = 0
      let repeated = 0
      for (let nowMs = 0; nowMs < s * 1_000; nowMs += 100) {
        for (let index = 0; index < rate / 10; index += 1) {
          budget.sent(nowMs)
          sent += 1
          while (budget.take(nowMs)) repeated += 1
        }
      }
      const windows = Math.ceil((s * 1_000) / LIMITS.retryBudgetWindowMs) + 1
      expect(repeated).toBeLessThanOrEqual(sent * 0.2 + windows * LIMITS.retryBudgetFreeMax)
    }),
    checkParameters(20),
  )
})
