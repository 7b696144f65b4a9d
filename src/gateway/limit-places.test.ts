// What people are told of counters is what requests are counted in: the counters that are looked at for a principal, and for every subject of
// a tenant, are those that its requests take.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ApiKey } from '../core/catalog.ts'
import { EMPTY_DIRECTORY } from '../core/identity.ts'
import type { LimitRule, LimitSubject } from '../core/money.ts'
import type { LimitTake } from '../core/ports-money.ts'
import type { Principal } from '../core/principal.ts'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import { systemClock, systemIds } from '../system.ts'
import { SEED } from '../testing/seed.ts'
import { testKey } from '../testing/server.ts'
import type { Asked } from './admit.ts'
import { countersAt, principalPlaces, tenantPlaces } from './limit-places.ts'
import { LimitRules } from './limit-rules.ts'
import { Limiting } from './limiting.ts'
import type { RequestRecord } from './record.ts'
import { buildSnapshot } from './snapshot.ts'

const KINDS: readonly LimitSubject[] = ['global', 'tenant', 'team', 'user', 'key', 'ip']

/** The counters that a request of a principal takes. */
function taken(rules: readonly LimitRule[], principal: Principal, from?: string): string[] {
  const seen: LimitTake[] = []
  class Seeing extends MemoryLimits {
    override take(takes: readonly LimitTake[]) {
      seen.push(...takes)
      return {
        admitted: true,
        states: takes.map((each) => ({ ...each, remaining: 1, resetMs: 0 })),
      }
    }
  }
  const counters = new Seeing(systemClock)
  const inForce = new LimitRules(rules)
  const limiting = new Limiting({
    rules: () => inForce,
    counters: () => counters,
    clock: systemClock,
    ids: systemIds,
    refused: () => undefined,
  })
  const inbound = { principal, dialect: 'openai-chat', ...(from === undefined ? {} : { from }) }
  const record = { inbound, atSettled: () => undefined }
  void limiting.take(
    { inbound, modelName: '' } as unknown as Asked,
    record as unknown as RequestRecord,
  )
  return seen.map(({ key }) => key).toSorted()
}

const name = fc.constantFrom('ann', 'bob', 'ci', 'x', '10.0.0.1')

const rules = fc.array(
  fc.record(
    {
      per: fc.constantFrom(...KINDS),
      only: fc.constantFrom('ann', 'b*', '*', '10.0.0.0/8', 'default'),
      tenantId: fc.constantFrom('default', 'other'),
    },
    { requiredKeys: ['per'] },
  ),
  { maxLength: 6 },
)

const principals = fc.record(
  {
    keyId: name,
    keyName: name,
    userId: name,
    teamId: name,
    teamIds: fc.uniqueArray(name, { maxLength: 3 }),
  },
  { requiredKeys: [] },
)

test('a principal is shown the counters that its requests take, and no others', () => {
  fc.assert(
    fc.property(rules, principals, fc.option(name, { nil: undefined }), (list, facts, from) => {
      const all = list.map((each, at): LimitRule => ({
        id: `rule-${at}`,
        origin: 'store',
        amounts: { requestsPerMinute: 1, concurrent: 2 },
        whenUnavailable: 'local',
        ...each,
      }))
      const principal: Principal = { kind: 'key', tenantId: 'default', grants: [], ...facts }
      const shown = all.flatMap((rule) =>
        principalPlaces(rule.per, principal, from).flatMap((place) =>
          countersAt(rule, 'default', place).map(({ take }) => take.key),
        ),
      )
      expect(shown.toSorted()).toEqual(taken(all, principal, from))
    }),
    { seed: SEED },
  )
})

test('every subject of a tenant is among those that are shown', () => {
  const key: ApiKey = testKey('weir_secret', { owner: { kind: 'team', id: 'red' } })
  const snapshot = buildSnapshot(
    1,
    [{ providers: [], models: [], keys: [key, testKey('weir_gone', { revokedMs: 1 })] }],
    undefined,
    {
      ...EMPTY_DIRECTORY,
      teams: [{ tenantId: 'default', id: 'red', name: 'Red', createdMs: 0 }],
      users: [
        {
          tenantId: 'default',
          id: 'ann',
          issuer: 'local',
          subject: 'ann',
          status: 'active',
          createdMs: 0,
        },
      ],
    },
  )
  const principal = snapshot.principalOf(key)!
  for (const per of KINDS.filter((each) => each !== 'ip' && each !== 'user')) {
    const rule: LimitRule = {
      id: per,
      origin: 'store',
      per,
      amounts: { requestsPerMinute: 1 },
      whenUnavailable: 'local',
    }
    const shown = tenantPlaces(per, 'default', snapshot).flatMap((place) =>
      countersAt(rule, 'default', place).map(({ take }) => take.key),
    )
    expect(shown, per).toEqual(taken([rule], principal))
    expect(shown, per).toHaveLength(1)
  }
  expect(tenantPlaces('user', 'default', snapshot).map(({ id }) => id)).toEqual(['ann'])
  expect(tenantPlaces('ip', 'default', snapshot)).toEqual([])
  expect(tenantPlaces('ip', 'default', snapshot, '2001:db8::1')).toMatchObject([
    { subject: { id: '2001:db8:0:0::/64' } },
  ])
})
