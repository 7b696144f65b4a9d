// Whom limits count, by name: every subject of a kind that a tenant has, and those that one principal counts for, named as `Limiting` names
// them when a request comes. For people who look at counters; a request does not pass here.

import { providerUid } from '../core/catalog.ts'
import type { LimitAmounts, LimitRule, LimitSubject } from '../core/money.ts'
import type { Principal } from '../core/principal.ts'
import { countersOf, LimitRules, type Counter, type Subject } from './limit-rules.ts'
import { addressSubject } from './limit-subjects.ts'
import type { Snapshot } from './snapshot.ts'

/** A subject with the id that people know it by, which is not the one its counter is kept under. */
export interface Place {
  readonly id: string
  readonly subject: Subject
}

function place(id: string, under = id, names: readonly string[] = [id]): Place {
  return { id, subject: { id: under, names } }
}

/**
 * The subjects of a kind that a tenant has. Addresses cannot be told; of them, and of models that are no alias, only the one that a rule
 * names is known.
 */
export function tenantPlaces(
  per: LimitSubject,
  tenantId: string,
  snapshot: Snapshot,
  only?: string,
): readonly Place[] {
  const named = only === undefined || only.includes('*') || only.includes('/') ? [] : [only]
  const { rights } = snapshot
  switch (per) {
    case 'global':
      return [place('*')]
    case 'tenant':
      return [place(tenantId)]
    case 'team':
      return rights.teamsOf(tenantId).map(({ id }) => place(id, `${tenantId}/${id}`))
    case 'user':
      return rights.usersOf(tenantId).map(({ id }) => place(id))
    case 'key':
      return [...snapshot.keysByHash.values()]
        .filter((key) => key.tenantId === tenantId && key.revokedMs === undefined)
        .map(({ id, name }) => place(id, `${tenantId}/${id}`, [id, name]))
    case 'ip':
      return named.map((address) => place(address, addressSubject(address), [address]))
    case 'model': {
      const exact = only === undefined || only.includes('*') ? [] : [only]
      const names = new Set([...snapshot.of(tenantId).models.keys(), ...exact])
      return [...names].map((name) => place(name, `${tenantId}/${name}`))
    }
    case 'provider':
      return [...snapshot.of(tenantId).providers.values()].map((provider) =>
        place(provider.id, providerUid(provider)),
      )
  }
}

/** The subjects of a kind that every request of a principal counts for. @param from its address; undefined: not known */
export function principalPlaces(
  per: LimitSubject,
  principal: Principal,
  from: string | undefined,
): readonly Place[] {
  const { keyId, keyName, teamId, teamIds = [], tenantId, userId } = principal
  switch (per) {
    case 'global':
      return [place('*')]
    case 'tenant':
      return [place(tenantId)]
    case 'team': {
      const teams = new Set(teamId === undefined ? teamIds : [teamId, ...teamIds])
      return [...teams].map((team) => place(team, `${tenantId}/${team}`))
    }
    case 'user':
      return userId === undefined ? [] : [place(userId)]
    case 'key':
      if (keyId === undefined) return []
      return [
        place(keyId, `${tenantId}/${keyId}`, keyName === undefined ? [keyId] : [keyId, keyName]),
      ]
    case 'ip':
      return [place(from ?? 'unknown', addressSubject(from), [from ?? ''])]
    default:
      return []
  }
}

/**
 * Whether a counter counts what all tenants do together: of a rule that holds in all of them, everything, an address, or a provider that
 * they all see. What others do is not one tenant's to know.
 */
export function isCommon(rule: LimitRule, tenantId: string, { id, subject }: Place): boolean {
  if (rule.tenantId === tenantId) return false
  if (rule.per === 'global' || rule.per === 'ip') return true
  return rule.per === 'provider' && subject.id === id
}

/** The counters that a rule keeps of a subject; none where it does not concern it. */
export function countersAt(
  rule: LimitRule,
  tenantId: string,
  { subject }: Place,
): readonly Counter[] {
  return new LimitRules([rule]).counters(rule.per, tenantId, subject)
}

/** The counters of a key's own limits. */
export function ownCountersOf(
  tenantId: string,
  keyId: string,
  amounts: LimitAmounts,
): readonly Counter[] {
  return countersOf('own', 'key', `${tenantId}/${keyId}`, amounts, 'local')
}
