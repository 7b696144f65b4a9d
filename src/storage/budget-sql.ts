// The statements of the budget ledger, on both engines: leases taken, kept alive, given back and ended, and requests settled. Each is one
// short transaction. The order of locks is the same everywhere, or replicas would stop each other: first a process's own lease, then
// the window, and several of a kind sorted by their keys. A lease whose `expires_ms` is negative has ended.

import { and, eq, gt, lt, sql, type SQL } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { LeaseDemand } from '../core/policy/budget.ts'
import { atomically } from './atomically.ts'
import {
  compareText,
  inWindow,
  leaseInside,
  leaseIs,
  leaseKey,
  whole,
  windowIs,
  type LogStore,
  type WindowIdentity,
  type WindowKey,
} from './budget-keys.ts'

/** What became of a question for a lease. */
export interface LeaseAnswer {
  /** What was given; undefined where it was refused. */
  readonly grantedNanoUsd: number | undefined
  /** The lease has ended without this process's doing: what is held of it counts as spent. */
  readonly isOver: boolean
  readonly spentNanoUsd: number
  readonly leasedNanoUsd: number
  /** Held by others, as they last told. */
  readonly heldByOthersNanoUsd: number
}

export interface LeaseQuestion extends LeaseDemand {
  readonly lease: string
  readonly limitNanoUsd: number
  readonly shareMillionths: number
  readonly heldNanoUsd: number
  readonly expiresMs: number
  /** It was spent already: it is given whatever is left. */
  readonly isForced: boolean
}

/** A lease that is alive, with what is held of it now. */
export interface LeaseSign {
  readonly lease: string
  readonly window: WindowKey
  readonly heldNanoUsd: number
}

/** Beyond any time. */
const MARK_MS = 4_000_000_000_000_000

function greater(left: SQL, right: SQL): SQL {
  return sql`CASE WHEN ${left} > ${right} THEN ${left} ELSE ${right} END`
}

function lesser(left: SQL, right: SQL): SQL {
  return sql`CASE WHEN ${left} < ${right} THEN ${left} ELSE ${right} END`
}

/** A value of a lease (`l`), or 0 where there is none of that kind. */
function ofLease(window: WindowKey, lease: string, value: SQL, kind: SQL = sql`1 = 1`): SQL {
  return sql`COALESCE((SELECT ${value} ${leaseInside(window, lease)} AND ${kind}), 0)`
}

/** The statements on one store. Every method throws the engine's error. */
export class BudgetSql {
  private readonly store: LogStore

  constructor(store: LogStore) {
    this.store = store
  }

  /** Asks for a part of a window: one conditional update, between the two locks. */
  async lease(window: WindowIdentity, asked: LeaseQuestion, nowMs: number): Promise<LeaseAnswer> {
    const { budgetLeases, budgetWindows } = this.store.tables
    const { expiresMs, heldNanoUsd, lease } = asked
    const { endMs, ...key } = window
    const own = leaseIs(this.store.tables, key, lease)
    const others = sql`(SELECT COALESCE(SUM(o.leased_nano_usd), 0) FROM budget_leases o WHERE o.tenant_id = ${key.tenantId} AND o.rule_id = ${key.ruleId} AND o.subject = ${key.subject} AND o.start_ms = ${whole(key.startMs)} AND o.replica_id <> ${lease})`
    const total = sql`(SELECT t.leased_nano_usd FROM budget_windows t WHERE t.tenant_id = ${key.tenantId} AND t.rule_id = ${key.ruleId} AND t.subject = ${key.subject} AND t.start_ms = ${whole(key.startMs)})`
    const { condition, grant } = this.grantSql(key, asked)
    const [mine, before, after, , held] = await atomically(this.store.database, (tx) => [
      tx
        .insert(budgetLeases)
        .values({ ...key, replicaId: lease, leasedNanoUsd: 0, heldNanoUsd, expiresMs })
        .onConflictDoUpdate({
          target: [
            budgetLeases.replicaId,
            budgetLeases.tenantId,
            budgetLeases.ruleId,
            budgetLeases.subject,
            budgetLeases.startMs,
          ],
          set: {
            heldNanoUsd: sql`CASE WHEN ${budgetLeases.expiresMs} > 0 THEN ${whole(heldNanoUsd)} ELSE ${budgetLeases.heldNanoUsd} END`,
            expiresMs: sql`CASE WHEN ${budgetLeases.expiresMs} > 0 THEN ${whole(expiresMs)} ELSE ${budgetLeases.expiresMs} END`,
          },
        })
        .returning({ expiresMs: budgetLeases.expiresMs }),
      tx
        .insert(budgetWindows)
        .values({
          ...key,
          endMs: endMs ?? null,
          spentNanoUsd: 0,
          leasedNanoUsd: 0,
          alerted: [],
          updatedMs: nowMs,
        })
        .onConflictDoUpdate({ target: this.windowTarget(), set: { updatedMs: nowMs } })
        .returning({ spent: budgetWindows.spentNanoUsd, leased: budgetWindows.leasedNanoUsd }),
      tx
        .update(budgetWindows)
        .set({ leasedNanoUsd: sql`${budgetWindows.leasedNanoUsd} + ${grant}` })
        .where(and(windowIs(this.store.tables, key), condition))
        .returning({ leased: budgetWindows.leasedNanoUsd }),
      tx
        .update(budgetLeases)
        .set({ leasedNanoUsd: sql`${total} - ${others}` })
        .where(and(own, gt(budgetLeases.expiresMs, 0))),
      tx
        .select({ held: sql<string | number>`COALESCE(SUM(${budgetLeases.heldNanoUsd}), 0)` })
        .from(budgetLeases)
        .where(
          and(
            inWindow(this.store.tables, key),
            gt(budgetLeases.expiresMs, 0),
            sql`${budgetLeases.replicaId} <> ${lease}`,
          ),
        ),
    ])
    const leasedBefore = before[0]?.leased ?? 0
    const leasedAfter = after[0]?.leased
    return {
      grantedNanoUsd: leasedAfter === undefined ? undefined : leasedAfter - leasedBefore,
      isOver: (mine[0]?.expiresMs ?? 0) <= 0,
      spentNanoUsd: before[0]?.spent ?? 0,
      leasedNanoUsd: leasedAfter ?? leasedBefore,
      heldByOthersNanoUsd: Number(held[0]?.held ?? 0),
    }
  }

  /** Says that leases live and what is held of them. @returns the leases that still do, as `keyOf` names them */
  async renew(signs: readonly LeaseSign[], expiresMs: number): Promise<ReadonlySet<string>> {
    const { budgetLeases } = this.store.tables
    const sorted = signs.toSorted((a, b) => compareText(leaseKey(a), leaseKey(b)))
    const results = await atomically(this.store.database, (tx) =>
      sorted.map(({ heldNanoUsd, lease, window }) =>
        tx
          .update(budgetLeases)
          .set({ heldNanoUsd, expiresMs })
          .where(and(leaseIs(this.store.tables, window, lease), gt(budgetLeases.expiresMs, 0)))
          .returning({ expiresMs: budgetLeases.expiresMs }),
      ),
    )
    return new Set(sorted.filter((_sign, at) => results[at]?.length === 1).map(leaseKey))
  }

  /**
   * Gives back what is left of a lease of which nothing is held and everything is written. One that was ended meanwhile takes back
   * what was counted as spent for requests that have been settled since. Repeating it changes nothing.
   */
  async giveBack(window: WindowKey, lease: string, nowMs: number): Promise<void> {
    const { budgetLeases, budgetWindows } = this.store.tables
    const own = leaseIs(this.store.tables, window, lease)
    await atomically(this.store.database, (tx) => [
      tx.update(budgetLeases).set({ replicaId: lease }).where(own),
      tx.update(budgetWindows).set({ updatedMs: nowMs }).where(windowIs(this.store.tables, window)),
      tx
        .update(budgetWindows)
        .set({
          leasedNanoUsd: sql`${budgetWindows.leasedNanoUsd} - ${ofLease(window, lease, sql`l.leased_nano_usd`)}`,
          spentNanoUsd: sql`${budgetWindows.spentNanoUsd} - ${ofLease(window, lease, sql`CASE WHEN l.expires_ms > 0 THEN 0 ELSE l.held_nano_usd END`)}`,
        })
        .where(windowIs(this.store.tables, window)),
      tx.delete(budgetLeases).where(own),
    ])
  }

  /** Writes what was spent where no row of the request log will say it. */
  async spend(
    window: WindowIdentity,
    lease: string,
    amounts: { readonly nanoUsd: number; readonly leasedNanoUsd: number },
    nowMs: number,
  ): Promise<void> {
    const { budgetLeases, budgetWindows } = this.store.tables
    const { endMs, ...key } = window
    const alive = sql`EXISTS (SELECT 1 ${leaseInside(key, lease)} AND l.expires_ms > 0)`
    const leased = whole(amounts.leasedNanoUsd)
    await atomically(this.store.database, (tx) => [
      tx
        .update(budgetLeases)
        .set({ replicaId: lease })
        .where(leaseIs(this.store.tables, key, lease)),
      tx
        .insert(budgetWindows)
        .values({
          ...key,
          endMs: endMs ?? null,
          spentNanoUsd: 0,
          leasedNanoUsd: 0,
          alerted: [],
          updatedMs: nowMs,
        })
        .onConflictDoUpdate({ target: this.windowTarget(), set: { updatedMs: nowMs } }),
      tx
        .update(budgetWindows)
        .set({
          spentNanoUsd: sql`${budgetWindows.spentNanoUsd} + ${whole(amounts.nanoUsd)}`,
          leasedNanoUsd: sql`${budgetWindows.leasedNanoUsd} - CASE WHEN ${alive} THEN ${leased} ELSE 0 END`,
        })
        .where(windowIs(this.store.tables, key)),
      tx
        .update(budgetLeases)
        .set({ leasedNanoUsd: sql`${budgetLeases.leasedNanoUsd} - ${leased}` })
        .where(and(leaseIs(this.store.tables, key, lease), gt(budgetLeases.expiresMs, 0))),
    ])
  }

  /**
   * Ends leases whose process has not been heard of: what it held counts as spent, the rest is given back. Each once, whichever replica
   * does it.
   * @returns how many were ended here, and what of them counts as spent
   */
  async endOverdue(nowMs: number): Promise<{ ended: number; nanoUsd: number }> {
    const { budgetLeases } = this.store.tables
    const overdue = await this.store.queries
      .select()
      .from(budgetLeases)
      .where(and(gt(budgetLeases.expiresMs, 0), lt(budgetLeases.expiresMs, nowMs)))
      .limit(LIMITS.budgetLeasesAtOnceMax)
    let ended = 0
    let nanoUsd = 0
    for (const row of overdue) {
      const heldNanoUsd = await this.endLease(row, row.replicaId, nowMs)
      if (heldNanoUsd === undefined) continue
      ended += 1
      nanoUsd += heldNanoUsd
    }
    return { ended, nanoUsd }
  }

  /** @returns what was held; undefined where another replica was first or its process has spoken */
  private async endLease(
    window: WindowKey,
    lease: string,
    nowMs: number,
  ): Promise<number | undefined> {
    const { budgetLeases, budgetWindows } = this.store.tables
    const own = leaseIs(this.store.tables, window, lease)
    // A mark that nobody else ever sees: it is gone again at the end of this transaction.
    const mark = -nowMs - MARK_MS
    const isMarked = sql`l.expires_ms = ${whole(mark)}`
    const isOverdue = and(gt(budgetLeases.expiresMs, 0), lt(budgetLeases.expiresMs, nowMs))
    const [taken] = await atomically(this.store.database, (tx) => [
      tx
        .update(budgetLeases)
        .set({ expiresMs: mark })
        .where(and(own, isOverdue))
        .returning({ heldNanoUsd: budgetLeases.heldNanoUsd }),
      tx.update(budgetWindows).set({ updatedMs: nowMs }).where(windowIs(this.store.tables, window)),
      tx
        .update(budgetWindows)
        .set({
          spentNanoUsd: sql`${budgetWindows.spentNanoUsd} + ${ofLease(window, lease, sql`l.held_nano_usd`, isMarked)}`,
          leasedNanoUsd: sql`${budgetWindows.leasedNanoUsd} - ${ofLease(window, lease, sql`l.leased_nano_usd`, isMarked)}`,
        })
        .where(windowIs(this.store.tables, window)),
      tx
        .update(budgetLeases)
        .set({ leasedNanoUsd: 0, expiresMs: -nowMs })
        .where(and(own, eq(budgetLeases.expiresMs, mark))),
      tx
        .delete(budgetLeases)
        .where(and(own, lt(budgetLeases.expiresMs, 0), eq(budgetLeases.heldNanoUsd, 0))),
    ])
    return taken[0]?.heldNanoUsd
  }

  /** `grantOf` of core/policy/budget.ts in SQL. */
  private grantSql(key: WindowKey, asked: LeaseQuestion): { condition: SQL; grant: SQL } {
    const { budgetWindows: windows } = this.store.tables
    const { isAlone, isForced, lease } = asked
    const limit = whole(asked.limitNanoUsd)
    const need = whole(asked.needNanoUsd)
    const left = sql`(${limit} - ${windows.spentNanoUsd} - ${windows.leasedNanoUsd} - ${whole(asked.beyondNanoUsd)})`
    const slice = sql`(${left} / 1000000 * ${whole(asked.shareMillionths)})`
    const most = sql`(${lesser(left, sql`(${greater(whole(asked.wantNanoUsd), slice)})`)})`
    const own = sql`(SELECT l.leased_nano_usd ${leaseInside(key, lease)} AND l.expires_ms > 0)`
    const fits = sql`${need} <= ${left}`
    const isLast = sql`(${windows.leasedNanoUsd} = ${own} AND ${windows.spentNanoUsd} + ${whole(asked.unwrittenNanoUsd)} < ${limit})`
    const passes = isForced ? sql`1 = 1` : isAlone ? sql`(${fits} OR ${isLast})` : fits
    return {
      condition: sql`${own} IS NOT NULL AND ${passes}`,
      grant: sql`CASE WHEN ${fits} THEN ${greater(need, most)} ELSE ${need} END`,
    }
  }

  private windowTarget() {
    const { budgetWindows } = this.store.tables
    return [
      budgetWindows.tenantId,
      budgetWindows.ruleId,
      budgetWindows.subject,
      budgetWindows.startMs,
    ]
  }
}
