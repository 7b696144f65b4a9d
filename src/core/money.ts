// Limits and budgets as they are declared: whom a rule counts, what it counts and how much of it is let through. Pure data;
// the counting is behind ports, as it has to be the same on every replica.

import type { Origin } from './catalog.ts'

/** What one counter is kept for. `global` has a single one, every other kind one for each subject. */
export type LimitSubject =
  'global' | 'tenant' | 'team' | 'user' | 'key' | 'ip' | 'model' | 'provider'

/** Amounts; an absent one is no limit. Zero lets nothing through. */
export interface LimitAmounts {
  readonly requestsPerMinute?: number
  readonly requestsPerHour?: number
  readonly requestsPerDay?: number
  readonly tokensPerMinute?: number
  readonly tokensPerHour?: number
  readonly tokensPerDay?: number
  /** Requests that run at once. */
  readonly concurrent?: number
}

/** What happens to requests while the shared counters cannot be reached: `local` counts in this process alone. */
export type WhenUnavailable = 'open' | 'closed' | 'local'

/** A rule. It counts each subject of its kind apart. */
export interface LimitRule {
  /** Stable: a counter is kept under it. */
  readonly id: string
  readonly origin: Origin
  /** Whom it holds for; absent for a rule of the file, which holds in every tenant. */
  readonly tenantId?: string
  readonly per: LimitSubject
  /** One subject only, by its id or a pattern with `*`; absent: each of them. */
  readonly only?: string
  readonly amounts: LimitAmounts
  readonly whenUnavailable: WhenUnavailable
}

export type BudgetSubject = 'tenant' | 'team' | 'user' | 'key' | 'model'

export type BudgetWindow = 'day' | 'week' | 'month' | 'total'

/** An amount of money that requests may cost within a window of the calendar (UTC; weeks begin on Monday). */
export interface BudgetRule {
  readonly id: string
  readonly origin: Origin
  readonly tenantId?: string
  readonly per: BudgetSubject
  readonly only?: string
  readonly nanoUsd: number
  readonly window: BudgetWindow
  /** `block` refuses what would pass it, `alert` only tells. */
  readonly action: 'block' | 'alert'
  /** Shares of the budget, 0 to 1, that are told once in a window when they are passed. */
  readonly alertAt: readonly number[]
  /** Where alerts are posted besides the log; absent: nowhere else. */
  readonly webhookUrl?: string
  /** A request whose price is not known: `block` refuses it, `allow` lets it through and tells. */
  readonly unknownPrice: 'allow' | 'block'
}

/** What a key's own settings hold for it alone; the rule's id follows from the key's. */
export interface OwnLimits {
  readonly limits?: LimitAmounts
  readonly budget?: Pick<BudgetRule, 'nanoUsd' | 'window' | 'action'>
}

/** Where a window begins and ends, UTC milliseconds; `total` begins at 0 and has no end. */
export interface WindowSpan {
  readonly startMs: number
  /** Exclusive; Infinity for `total`. */
  readonly endMs: number
}
