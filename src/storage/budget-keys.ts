// What names windows and leases of budgets, in memory and in SQL. Apart from the statements because everything about budgets uses it.

import { and, eq, sql, type SQL } from 'drizzle-orm'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'
import type * as sqliteTables from './schema-money.sqlite.ts'

/** The log store as its repositories get it; Postgres' tables are cast to SQLite's, which schema.test.ts makes safe. */
export interface LogStore {
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly tables: Pick<typeof sqliteTables, 'budgetWindows' | 'budgetLeases'>
}

/** One window of one account. */
export interface WindowKey {
  readonly tenantId: string
  readonly ruleId: string
  readonly subject: string
  readonly startMs: number
}

export interface WindowIdentity extends WindowKey {
  /** Undefined: it has no end. */
  readonly endMs: number | undefined
}

type Tables = LogStore['tables']

export function windowIs(
  { budgetWindows }: Tables,
  { ruleId, startMs, subject, tenantId }: WindowKey,
): SQL | undefined {
  return and(
    eq(budgetWindows.tenantId, tenantId),
    eq(budgetWindows.ruleId, ruleId),
    eq(budgetWindows.subject, subject),
    eq(budgetWindows.startMs, startMs),
  )
}

/** Leases of a window. */
export function inWindow(
  { budgetLeases }: Tables,
  { ruleId, startMs, subject, tenantId }: WindowKey,
): SQL | undefined {
  return and(
    eq(budgetLeases.tenantId, tenantId),
    eq(budgetLeases.ruleId, ruleId),
    eq(budgetLeases.subject, subject),
    eq(budgetLeases.startMs, startMs),
  )
}

export function leaseIs(tables: Tables, window: WindowKey, lease: string): SQL | undefined {
  return and(eq(tables.budgetLeases.replicaId, lease), inWindow(tables, window))
}

/** The lease as `l` in a query within another. */
export function leaseInside({ ruleId, startMs, subject, tenantId }: WindowKey, lease: string): SQL {
  return sql`FROM budget_leases l WHERE l.replica_id = ${lease} AND l.tenant_id = ${tenantId} AND l.rule_id = ${ruleId} AND l.subject = ${subject} AND l.start_ms = ${whole(startMs)}`
}

/** A parameter that both engines take for a large whole number. */
export function whole(value: number): SQL {
  return sql`CAST(${value} AS BIGINT)`
}

/** One text for one window, for maps and for sorting. */
export function windowKey({ ruleId, startMs, subject, tenantId }: WindowKey): string {
  return JSON.stringify([tenantId, ruleId, subject, startMs])
}

/** One text for one lease of one window. */
export function leaseKey({
  lease,
  window,
}: {
  readonly lease: string
  readonly window: WindowKey
}): string {
  return `${windowKey(window)}${lease}`
}

/** The same order on every machine, whatever its language. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
