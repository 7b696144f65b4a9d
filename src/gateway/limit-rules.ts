// Which counters a request passes: the rules of file and store compiled once, and for each subject found once. A request asks by its
// subjects and is never held against every rule; where there are no rules it asks nothing. It counts nothing itself.

import { parseAddressRange, parseIpAddress, rangeContains } from '../core/address.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { LimitAmounts, LimitRule, LimitSubject, WhenUnavailable } from '../core/money.ts'
import type { LimitTake } from '../core/ports-money.ts'
import { matchesPattern } from '../core/principal.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** What a counter counts. */
export type Counts = 'requests' | 'tokens' | 'concurrent'

/** A counter for one subject of a rule. */
export interface Counter {
  readonly per: LimitSubject
  readonly counts: Counts
  /** What a request takes from it; of tokens with a cost of 0, to be filled in. */
  readonly take: LimitTake
}

/** A subject of one kind: what its counter is kept under, and the names that a rule may call it by. */
export interface Subject {
  readonly id: string
  readonly names: readonly string[]
}

const AMOUNTS: readonly (readonly [keyof LimitAmounts, Counts, number])[] = [
  ['requestsPerMinute', 'requests', MINUTE_MS],
  ['requestsPerHour', 'requests', HOUR_MS],
  ['requestsPerDay', 'requests', DAY_MS],
  ['tokensPerMinute', 'tokens', MINUTE_MS],
  ['tokensPerHour', 'tokens', HOUR_MS],
  ['tokensPerDay', 'tokens', DAY_MS],
  ['concurrent', 'concurrent', 0],
]

/** Longest name of a counter; beyond it the name is hashed. */
const KEY_CHARS_MAX = 200

/** The counters of one rule for one subject. @param owner what the rule is kept under, apart from every other */
export function countersOf(
  owner: string,
  per: LimitSubject,
  subject: string,
  amounts: LimitAmounts,
  whenUnavailable: WhenUnavailable,
): readonly Counter[] {
  return AMOUNTS.flatMap(([amount, counts, windowMs]) => {
    const max = amounts[amount]
    if (max === undefined) return []
    const name = `${owner}|${subject}|${counts[0]}${windowMs}`
    const key = name.length <= KEY_CHARS_MAX ? name : `#${Bun.SHA256.hash(name, 'hex')}`
    const cost = counts === 'tokens' ? 0 : 1
    return [{ per, counts, take: { key, windowMs, max, cost, whenUnavailable } }]
  })
}

/** The rules of one kind. */
class KindRules {
  private readonly rules: readonly LimitRule[]
  private readonly known = new Map<string, readonly Counter[]>()

  constructor(rules: readonly LimitRule[]) {
    this.rules = rules
  }

  counters(tenantId: string, subject: Subject): readonly Counter[] {
    // Addresses of one block are counted as one, and a rule may name some of them.
    const named = subject.id.includes('::/') ? `|${subject.names.join('|')}` : ''
    const name = `${tenantId}|${subject.id}${named}`
    const known = this.known.get(name)
    if (known !== undefined) return known
    const found = this.rules
      .filter((rule) => concerns(rule, tenantId, subject))
      .flatMap((rule) =>
        countersOf(ownerOf(rule), rule.per, subject.id, rule.amounts, rule.whenUnavailable),
      )
    if (this.known.size >= LIMITS.limitSubjectsMax) this.known.clear()
    this.known.set(name, found)
    return found
  }
}

function concerns({ only, per, tenantId }: LimitRule, asking: string, subject: Subject): boolean {
  if (tenantId !== undefined && tenantId !== PLATFORM_TENANT_ID && tenantId !== asking) return false
  if (only === undefined) return true
  return subject.names.some(
    (name) => matchesPattern(only, name) || (per === 'ip' && isIn(only, name)),
  )
}

function isIn(block: string, address: string): boolean {
  const range = parseAddressRange(block)
  const parsed = parseIpAddress(address)
  return range !== undefined && parsed !== undefined && rangeContains(range, parsed)
}

/** Ids of the store are a tenant's own: another's rule may have the same. */
function ownerOf({ id, tenantId }: LimitRule): string {
  return tenantId === undefined ? id : `${tenantId}/${id}`
}

/** All rules that are in force. Immutable: a change makes a new one, and counters go on under the same names. */
export class LimitRules {
  private readonly kinds: ReadonlyMap<LimitSubject, KindRules>

  constructor(rules: readonly LimitRule[]) {
    this.kinds = new Map(
      [...Map.groupBy(rules, ({ per }) => per)].map(([per, of]) => [per, new KindRules(of)]),
    )
  }

  get isEmpty(): boolean {
    return this.kinds.size === 0
  }

  /** Whether any rule counts subjects of that kind: only then is it worth knowing who that would be. */
  has(per: LimitSubject): boolean {
    return this.kinds.has(per)
  }

  /** The counters of a subject, of all rules that concern it in that tenant. */
  counters(per: LimitSubject, tenantId: string, subject: Subject): readonly Counter[] {
    return this.kinds.get(per)?.counters(tenantId, subject) ?? []
  }
}

export const NO_LIMIT_RULES = new LimitRules([])
