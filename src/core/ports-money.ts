// The interfaces behind which limits, budgets and usage are counted, so that they are counted once whatever the number of replicas.
// Apart from `ports.ts` only because of their number.

import type { Actor } from './audit.ts'
import type { BudgetRule, LimitRule, WhenUnavailable, WindowSpan } from './money.ts'
import type { BudgetCharge } from './outcome.ts'

/** One counter that a request passes. */
export interface LimitTake {
  /** Names the counter on every replica, as `key:{id}:requests:60000`. */
  readonly key: string
  /** Length of the sliding window in milliseconds; 0 counts what runs at once. */
  readonly windowMs: number
  readonly max: number
  /** How much is taken: 1 for a request, an estimate for tokens. */
  readonly cost: number
  readonly whenUnavailable: WhenUnavailable
}

export interface LimitState {
  readonly key: string
  readonly max: number
  /** After this request, never below 0. */
  readonly remaining: number
  /** Until the counter is as if nothing had been taken. */
  readonly resetMs: number
}

export interface LimitVerdict {
  readonly admitted: boolean
  /** The state of every counter asked for, in the same order. */
  readonly states: readonly LimitState[]
  /** Of a refusal: the index of the counter that is full for longest, and after how long the request would pass; Infinity: never. */
  readonly refusedAt?: number
  readonly retryAfterMs?: number
  /** The shared counters could not be reached: decided by each counter's own word for that. */
  readonly degraded?: boolean
  /** When it was taken, by the counters' own clock; for `correct`. */
  readonly takenMs?: number
}

/** Counters of limits, in this process or shared. Never rejects: what cannot be counted is decided by `whenUnavailable`. */
export interface LimitCounters {
  /**
   * Takes from all counters or from none.
   * @param holder names what runs, for counters of what runs at once; unique for each request
   */
  take(takes: readonly LimitTake[], holder: string): LimitVerdict | Promise<LimitVerdict>
  /**
   * Corrects an estimate once the amount is known: positive takes more (beyond the maximum if it must), negative gives back, as far
   * as what was taken then still counts.
   * @param takenMs of the verdict; without it nothing is given back
   */
  correct(key: string, windowMs: number, amount: number, takenMs?: number): void
  /** What ran has ended. */
  release(keys: readonly string[], holder: string): void
  /** The counters as they stand, taking nothing. */
  peek(takes: readonly LimitTake[]): Promise<readonly LimitState[]>
  close(): Promise<void>
}

export interface LimitRuleRepository {
  all(): Promise<LimitRule[]>
  list(tenantId: string): Promise<LimitRule[]>
  save(rule: LimitRule & { readonly tenantId: string }, by: Actor): Promise<void>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

export interface BudgetRuleRepository {
  all(): Promise<BudgetRule[]>
  list(tenantId: string): Promise<BudgetRule[]>
  save(rule: BudgetRule & { readonly tenantId: string }, by: Actor): Promise<void>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

/** One account that a request is charged to: a rule and the subject it counts, within the window of now. */
export interface BudgetAccount {
  readonly rule: BudgetRule
  readonly tenantId: string
  /** Id of the tenant, team, user, key or the model's name. */
  readonly subject: string
  readonly window: WindowSpan
}

/** A reservation that is to be settled exactly once. */
export interface BudgetHold {
  /** More is needed than was held: so much more is held, whether or not there is room for it, so that others see it. */
  grow(nanoUsd: number): void
  /**
   * The amount is known now. What it charges must be written with the request's row.
   * @returns nothing where it was settled before
   */
  settle(nanoUsd: number): readonly BudgetCharge[]
}

export interface BudgetRefusal {
  readonly account: BudgetAccount
  /** Until the window ends; Infinity for `total`. */
  readonly resetMs: number
}

export interface BudgetStanding {
  readonly account: Pick<BudgetAccount, 'tenantId' | 'subject' | 'window'> & {
    readonly ruleId: string
  }
  readonly spentNanoUsd: number
  /** Held for requests under way, on all replicas. */
  readonly heldNanoUsd: number
}

/** Money reserved before a request and settled after it. */
export interface BudgetLedger {
  /**
   * Holds the amount in every account or in none. At once where this process has leased enough.
   * @throws GatewayError `storage_unavailable` when an account that blocks cannot be reached
   */
  hold(
    accounts: readonly BudgetAccount[],
    nanoUsd: number,
  ): BudgetHold | BudgetRefusal | Promise<BudgetHold | BudgetRefusal>
  /** What was spent in windows that have not ended, for reports. */
  standings(tenantId: string): Promise<BudgetStanding[]>
  /** Begins a window anew. */
  reset(tenantId: string, ruleId: string, subject: string, by: Actor): Promise<boolean>
  close(): Promise<void>
}

/** By what usage can be grouped. */
export const USAGE_DIMENSIONS = [
  'tenant',
  'team',
  'user',
  'service',
  'key',
  'model',
  'provider',
  'provider_model',
  'operation',
  'hour',
  'day',
  'month',
] as const

export type UsageDimension = (typeof USAGE_DIMENSIONS)[number]

export interface UsageFilter {
  /** Absent: of all tenants, for those with rights over the whole installation. */
  readonly tenantId?: string
  readonly teamId?: string
  readonly userId?: string
  readonly serviceId?: string
  readonly keyId?: string
  readonly model?: string
  readonly providerId?: string
  /** Whole hours, UTC: rounded down. */
  readonly sinceMs: number
  /** Exclusive; rounded up to a whole hour. */
  readonly untilMs: number
  readonly groupBy: readonly UsageDimension[]
  /** At most 10,000 groups, those that cost most first. */
  readonly limit: number
}

export interface UsageRow {
  /** Values of the dimensions asked for, in their order; null where a request had none. */
  readonly group: readonly (string | number | null)[]
  readonly requests: number
  readonly errors: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly costNanoUsd: number
  /** Answered requests whose cost is not known: `costNanoUsd` lacks them. */
  readonly unpricedRequests: number
  /** Requests whose usage is an estimate of ours. */
  readonly estimatedRequests: number
  /** Answered from the response cache, and what those answers had cost when they were bought. */
  readonly responseHits: number
  readonly savedNanoUsd: number
}

/** Reports from the hourly totals, which are written in the same transaction as the rows they sum. */
export interface UsageRepository {
  report(filter: UsageFilter): Promise<UsageRow[]>
  /** Last use of keys, by id. @param keyIds of these alone; at most a page of them */
  keysLastUsed(tenantId: string, keyIds?: readonly string[]): Promise<ReadonlyMap<string, number>>
  /**
   * Computes the hours anew from the rows and compares.
   * @param mend writes what is right where it differs
   */
  reconcile(span: WindowSpan, mend: boolean): Promise<ReconcileReport>
}

export interface ReconcileReport {
  readonly hours: number
  readonly rows: number
  readonly differences: readonly {
    readonly hourMs: number
    readonly tenantId: string
    /** The line of the totals, by the names of its columns. */
    readonly group: Readonly<Record<string, string>>
    /** The columns that differ, with what stands there and what the rows say. */
    readonly columns: Readonly<Record<string, { readonly stored: number; readonly actual: number }>>
    /** Fewer rows than were counted: they are gone, or were never kept. Nothing is mended there. */
    readonly rowsMissing?: true
  }[]
  /** Hours whose totals were written anew. */
  readonly mended: number
}
