// Windows of budgets as a whole: what was spent in them, which thresholds were told, a new beginning, and their end. Nothing here is
// asked for by a request.

import { and, eq, gt, inArray, isNotNull, lt, sql } from 'drizzle-orm'
import { atomically } from './atomically.ts'
import { whole, windowIs, type LogStore, type WindowKey } from './budget-keys.ts'

/** The statements on one store. Every method throws the engine's error. */
export class BudgetWindows {
  private readonly store: LogStore

  constructor(store: LogStore) {
    this.store = store
  }

  /** Deletes windows that ended before the first moment, and ended leases from before the second. */
  async prune(windowsBeforeMs: number, leasesBeforeMs: number): Promise<void> {
    const { budgetLeases, budgetWindows } = this.store.tables
    await atomically(this.store.database, (tx) => [
      tx
        .delete(budgetLeases)
        .where(and(lt(budgetLeases.expiresMs, 0), gt(budgetLeases.expiresMs, -leasesBeforeMs))),
      tx
        .delete(budgetWindows)
        .where(and(isNotNull(budgetWindows.endMs), lt(budgetWindows.endMs, windowsBeforeMs))),
    ])
  }

  /** Windows of a tenant that have not ended, with what live leases hold of them. */
  async standings(tenantId: string, nowMs: number) {
    const { budgetLeases, budgetWindows } = this.store.tables
    const [windows, held] = await atomically(this.store.database, (tx) => [
      tx
        .select()
        .from(budgetWindows)
        .where(
          and(
            eq(budgetWindows.tenantId, tenantId),
            sql`(${budgetWindows.endMs} IS NULL OR ${budgetWindows.endMs} > ${whole(nowMs)})`,
          ),
        ),
      tx
        .select()
        .from(budgetLeases)
        .where(and(eq(budgetLeases.tenantId, tenantId), gt(budgetLeases.expiresMs, 0))),
    ])
    return { windows, leases: held }
  }

  /** Windows with what was told of them. */
  async windows(keys: readonly WindowKey[]) {
    const { budgetWindows } = this.store.tables
    const tenants = [...new Set(keys.map(({ tenantId }) => tenantId))]
    const rules = [...new Set(keys.map(({ ruleId }) => ruleId))]
    const subjects = [...new Set(keys.map(({ subject }) => subject))]
    const starts = [...new Set(keys.map(({ startMs }) => startMs))]
    return await this.store.queries
      .select()
      .from(budgetWindows)
      .where(
        and(
          inArray(budgetWindows.tenantId, tenants),
          inArray(budgetWindows.ruleId, rules),
          inArray(budgetWindows.subject, subjects),
          inArray(budgetWindows.startMs, starts),
        ),
      )
  }

  /** Notes that thresholds were told. @returns false where somebody else has told of one meanwhile */
  async noteAlerts(
    window: WindowKey,
    before: readonly number[],
    after: readonly number[],
  ): Promise<boolean> {
    const { budgetWindows } = this.store.tables
    const [changed] = await atomically(this.store.database, (tx) => [
      tx
        .update(budgetWindows)
        .set({ alerted: after })
        .where(and(windowIs(this.store.tables, window), eq(budgetWindows.alerted, before)))
        .returning({ startMs: budgetWindows.startMs }),
    ])
    return changed.length === 1
  }

  /** Begins windows of an account that have not ended anew. @returns how many there were */
  async reset(tenantId: string, ruleId: string, subject: string, nowMs: number): Promise<number> {
    const { budgetLeases, budgetWindows } = this.store.tables
    const [, changed] = await atomically(this.store.database, (tx) => [
      tx
        .delete(budgetLeases)
        .where(
          and(
            eq(budgetLeases.tenantId, tenantId),
            eq(budgetLeases.ruleId, ruleId),
            eq(budgetLeases.subject, subject),
            lt(budgetLeases.expiresMs, 0),
          ),
        ),
      tx
        .update(budgetWindows)
        .set({ spentNanoUsd: 0, alerted: [], updatedMs: nowMs })
        .where(
          and(
            eq(budgetWindows.tenantId, tenantId),
            eq(budgetWindows.ruleId, ruleId),
            eq(budgetWindows.subject, subject),
            sql`(${budgetWindows.endMs} IS NULL OR ${budgetWindows.endMs} > ${whole(nowMs)})`,
          ),
        )
        .returning({ startMs: budgetWindows.startMs }),
    ])
    return changed.length
  }
}
