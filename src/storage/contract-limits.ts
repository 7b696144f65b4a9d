// The contract of the repository of limits: what every engine must do alike. Called from each engine's tests; imported by tests alone.

import { expect, test } from 'bun:test'
import type { LimitRule } from '../core/money.ts'
import type { AuditRepository } from '../core/ports-people.ts'
import type { LimitRuleRepository } from '../core/ports-money.ts'
import { TEST_ACTOR } from './test-store.ts'

export interface LimitsStore {
  readonly limitRules: LimitRuleRepository
  readonly audit: AuditRepository
}

function rule(tenantId: string, over: Partial<LimitRule> = {}): LimitRule & { tenantId: string } {
  return {
    id: 'a',
    origin: 'store',
    per: 'key',
    amounts: { requestsPerMinute: 0, tokensPerDay: 5_000_000_000, concurrent: 3 },
    whenUnavailable: 'closed',
    ...over,
    tenantId,
  }
}

export function limitRulesContract(open: () => Promise<LimitsStore>): void {
  test('a rule comes back as it was saved, 0 and absent kept apart, in its tenant alone', async () => {
    const { limitRules } = await open()
    const own = rule('default', { only: 'ci-*' })
    const others = rule('other', { per: 'global', amounts: { requestsPerHour: 1 } })
    await limitRules.save(own, TEST_ACTOR)
    await limitRules.save(others, TEST_ACTOR)
    expect(await limitRules.list('default')).toEqual([own])
    expect(await limitRules.list('other')).toEqual([others])
    expect(await limitRules.list('nobody')).toEqual([])
    expect(await limitRules.all()).toEqual([own, others])
  })

  test('is replaced whole, and removed by its own tenant alone', async () => {
    const { limitRules } = await open()
    await limitRules.save(rule('default', { only: 'x' }), TEST_ACTOR)
    const next = rule('default', { amounts: { concurrent: 0 } })
    await limitRules.save(next, TEST_ACTOR)
    expect(await limitRules.list('default')).toEqual([next])
    expect(await limitRules.remove('other', 'a', TEST_ACTOR)).toBe(false)
    expect(await limitRules.remove('default', 'b', TEST_ACTOR)).toBe(false)
    expect(await limitRules.remove('default', 'a', TEST_ACTOR)).toBe(true)
    expect(await limitRules.remove('default', 'a', TEST_ACTOR)).toBe(false)
    expect(await limitRules.all()).toEqual([])
  })

  test('every change, and nothing else, is in the audit with before and after', async () => {
    const { audit, limitRules } = await open()
    await limitRules.save(rule('default'), TEST_ACTOR)
    await limitRules.save(rule('default', { amounts: { requestsPerMinute: 9 } }), TEST_ACTOR)
    await limitRules.remove('default', 'a', TEST_ACTOR)
    await limitRules.remove('default', 'a', TEST_ACTOR)
    const records = await audit.list({ tenantId: 'default', targetKind: 'limit', limit: 100 })
    const told = records
      .toReversed()
      .map(({ action, after, before, target }) => [
        action,
        target.id,
        (before?.['amounts'] as { requestsPerMinute?: number } | undefined)?.requestsPerMinute,
        (after?.['amounts'] as { requestsPerMinute?: number } | undefined)?.requestsPerMinute,
      ])
    expect(told).toEqual([
      ['limit.save', 'a', undefined, 0],
      ['limit.save', 'a', 0, 9],
      ['limit.delete', 'a', 9, undefined],
    ])
    expect((await audit.verify()).broken).toBeUndefined()
  })
}
