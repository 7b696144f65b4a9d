// What is left of budgets, with a store that is slow, away or asked too often first.

import { describe, expect, test } from 'bun:test'
import { BudgetGauges } from './budget-gauges.ts'
import { LIMITS } from './core/limits.ts'
import type { BudgetRule } from './core/money.ts'
import type { BudgetStanding } from './core/ports-money.ts'
import { SILENT_LOGGER } from './telemetry/log.ts'
import { FakeClock } from './testing/clock.ts'

function rule(over: Partial<BudgetRule> & Pick<BudgetRule, 'id'>): BudgetRule {
  return {
    origin: 'file',
    per: 'user',
    nanoUsd: 10e9,
    window: 'month',
    action: 'block',
    alertAt: [],
    unknownPrice: 'allow',
    ...over,
  }
}

function standing(tenantId: string, ruleId: string, subject: string, usd: number): BudgetStanding {
  const window = { startMs: 0, endMs: 1 }
  return {
    account: { tenantId, ruleId, subject, window },
    spentNanoUsd: usd * 1e9,
    heldNanoUsd: 0,
  }
}

interface World {
  readonly gauges: BudgetGauges
  readonly clock: FakeClock
  readonly asked: string[]
  answer: (tenantId: string) => Promise<BudgetStanding[]>
}

function world(rules: readonly BudgetRule[], tenants: readonly string[] = ['default']): World {
  const clock = new FakeClock()
  clock.advance(1_000_000)
  const made: World = {
    clock,
    asked: [],
    answer: () => Promise.resolve([]),
    gauges: new BudgetGauges({
      rules: () => rules,
      tenants: () => tenants,
      standings: (tenantId) => {
        made.asked.push(tenantId)
        return made.answer(tenantId)
      },
      clock,
      logger: SILENT_LOGGER,
    }),
  }
  return made
}

async function left({ gauges }: World): Promise<Record<string, number>> {
  const [usd] = await gauges.families()
  return Object.fromEntries(usd!.samples.map(({ labels, value }) => [labels.join('|'), value]))
}

describe('what is left of budgets', () => {
  test('a store that is away is told of nothing, and asked again only after a while', async () => {
    const it = world([rule({ id: 'b' })])
    it.answer = () => Promise.reject(new Error('away'))
    expect(await left(it)).toEqual({})
    it.answer = () => Promise.resolve([standing('default', 'b', 'u', 4)])
    expect(await left(it)).toEqual({})
    expect(it.asked).toHaveLength(1)
    it.clock.advance(LIMITS.metricBudgetsFreshMs)
    expect(await left(it)).toEqual({ 'b||user|month': 6 })
    // What was known stays while it is away again.
    it.clock.advance(LIMITS.metricBudgetsFreshMs)
    it.answer = () => Promise.reject(new Error('away'))
    expect(await left(it)).toEqual({ 'b||user|month': 6 })
  })

  test('scrapes beside each other ask it once', async () => {
    const it = world([rule({ id: 'b' })])
    await Promise.all([left(it), left(it), left(it)])
    expect(it.asked).toEqual(['default'])
  })

  test('of many subjects the one with least left is told, and an overspent one is below nothing', async () => {
    const it = world([rule({ id: 'b' }), rule({ id: 'fresh' }), rule({ id: 'over' })])
    it.answer = () =>
      Promise.resolve([
        standing('default', 'b', 'ann', 1),
        standing('default', 'b', 'bob', 7),
        standing('default', 'over', 'bob', 12),
        standing('default', 'key:own', 'key', 9),
      ])
    expect(await left(it)).toEqual({
      'b||user|month': 3,
      'fresh||user|month': 10,
      'over||user|month': -2,
    })
    const [, ratio] = await it.gauges.families()
    expect(ratio!.samples.map(({ value }) => value)).toEqual([0.3, 1, -0.2])
  })

  test('rules of two tenants that are called the same are two', async () => {
    const it = world([
      rule({ id: 'b', tenantId: 'one', origin: 'store' }),
      rule({ id: 'b', tenantId: 'two', origin: 'store' }),
    ])
    it.answer = (tenantId) =>
      Promise.resolve([standing(tenantId, 'b', 'u', tenantId === 'one' ? 1 : 2)])
    expect(await left(it)).toEqual({ 'b|one|user|month': 9, 'b|two|user|month': 8 })
    expect(it.asked.toSorted()).toEqual(['one', 'two'])
  })

  test('so many rules and tenants, and no more; without rules nobody is asked', async () => {
    const many = Array.from({ length: LIMITS.metricBudgetsMax + 5 }, (_, at) =>
      rule({ id: `b${at}` }),
    )
    const it = world(
      many,
      Array.from({ length: LIMITS.metricBudgetTenantsMax + 5 }, (_, at) => `t${at}`),
    )
    expect(Object.keys(await left(it))).toHaveLength(LIMITS.metricBudgetsMax)
    expect(it.asked).toHaveLength(LIMITS.metricBudgetTenantsMax)
    const none = world([])
    expect(await left(none)).toEqual({})
    expect(none.asked).toEqual([])
  })
})
