// Settled requests on their way into the budgets, with the rows that tell of them. It only says statements; what was leased and held is
// the ledger's, which it tells when they are in the store.

import type { BudgetCharge, Outcome } from '../core/outcome.ts'
import { compareText, leaseKey, windowKey } from './budget-keys.ts'
import type { LogCompanion, LogStatement, LogValue } from './log-companion.ts'

/** What the ledger wants to know of charges, and knows of leases. */
export interface ChargeBook {
  /** What is held of a lease now; undefined for one of another process. */
  heldNow(charge: BudgetCharge): number | undefined
  written(charges: readonly BudgetCharge[]): void
  /** Their rows will never be in the store. */
  unwritten(charges: readonly BudgetCharge[]): void
  nowMs(): number
}

/** Takes the lock on a lease before that on its window, as everything does. */
const LOCK_LEASE =
  'UPDATE budget_leases SET replica_id = $1 WHERE replica_id = $1 AND tenant_id = $2 AND rule_id = $3 AND subject = $4 AND start_ms = $5'

/**
 * Of a lease that was ended because its process seemed dead, what was held counts as spent already: a request that is settled after all
 * takes that back.
 */
const SPEND = `INSERT INTO budget_windows (tenant_id, rule_id, subject, start_ms, end_ms, spent_nano_usd, leased_nano_usd, alerted, updated_ms)
VALUES ($1, $2, $3, $4, $5,
 CAST($6 AS BIGINT) - COALESCE((SELECT CASE WHEN expires_ms > 0 THEN 0 WHEN held_nano_usd < CAST($7 AS BIGINT) THEN held_nano_usd ELSE CAST($7 AS BIGINT) END
  FROM budget_leases WHERE replica_id = $8 AND tenant_id = $1 AND rule_id = $2 AND subject = $3 AND start_ms = $4), 0),
 0 - COALESCE((SELECT CASE WHEN expires_ms > 0 THEN CAST($9 AS BIGINT) ELSE 0 END
  FROM budget_leases WHERE replica_id = $8 AND tenant_id = $1 AND rule_id = $2 AND subject = $3 AND start_ms = $4), 0),
 '[]', $10)
ON CONFLICT (tenant_id, rule_id, subject, start_ms) DO UPDATE SET
 spent_nano_usd = budget_windows.spent_nano_usd + excluded.spent_nano_usd,
 leased_nano_usd = budget_windows.leased_nano_usd + excluded.leased_nano_usd,
 updated_ms = excluded.updated_ms`

/** `$2` is what is held now, below 0 where that is not known: then what was held for the settled is taken off. */
const REDUCE_LEASE = `UPDATE budget_leases SET
 leased_nano_usd = CASE WHEN expires_ms > 0 THEN leased_nano_usd - CAST($1 AS BIGINT) ELSE leased_nano_usd END,
 held_nano_usd = CASE WHEN expires_ms > 0 AND CAST($2 AS BIGINT) >= 0 THEN CAST($2 AS BIGINT)
  WHEN held_nano_usd < CAST($3 AS BIGINT) THEN 0 ELSE held_nano_usd - CAST($3 AS BIGINT) END
WHERE replica_id = $4 AND tenant_id = $5 AND rule_id = $6 AND subject = $7 AND start_ms = $8`

/** Charges of one lease of one window, or those held from none. */
interface Group {
  readonly charge: BudgetCharge
  nanoUsd: number
  heldNanoUsd: number
  leasedNanoUsd: number
}

/** Counts what requests cost against their budgets. */
export class BudgetCompanion implements LogCompanion {
  readonly name = 'budgets'
  private readonly book: ChargeBook

  constructor(book: ChargeBook) {
    this.book = book
  }

  statementsFor(batch: readonly Outcome[]): readonly LogStatement[] {
    const groups = grouped(chargesOf(batch))
    if (groups.length === 0) return []
    const nowMs = this.book.nowMs()
    const leased = groups.filter(({ charge }) => charge.lease !== '')
    return [
      ...leased.map(({ charge }) => ({ text: LOCK_LEASE, values: leaseValues(charge) })),
      ...groups.map((group) => ({ text: SPEND, values: spendValues(group, nowMs) })),
      ...leased.map((group) => ({
        text: REDUCE_LEASE,
        values: [
          group.leasedNanoUsd,
          this.book.heldNow(group.charge) ?? -1,
          group.heldNanoUsd,
          ...leaseValues(group.charge),
        ],
      })),
    ]
  }

  committed(batch: readonly Outcome[]): void {
    const charges = chargesOf(batch)
    if (charges.length > 0) this.book.written(charges)
  }

  lost(batch: readonly Outcome[]): void {
    const charges = chargesOf(batch)
    if (charges.length > 0) this.book.unwritten(charges)
  }
}

function chargesOf(batch: readonly Outcome[]): readonly BudgetCharge[] {
  const found: BudgetCharge[] = []
  // Of most requests there are none: no list is made for each.
  for (const { charges } of batch) if (charges !== undefined) found.push(...charges)
  return found
}

/** One group for each lease of each window, sorted by window and then by lease. */
function grouped(charges: readonly BudgetCharge[]): Group[] {
  const groups = new Map<string, Group>()
  for (const charge of charges) {
    const key = leaseKey({ window: charge, lease: charge.lease })
    const group = groups.get(key)
    if (group === undefined) {
      const { heldNanoUsd, leasedNanoUsd, nanoUsd } = charge
      groups.set(key, { charge, nanoUsd, heldNanoUsd, leasedNanoUsd })
      continue
    }
    group.nanoUsd += charge.nanoUsd
    group.heldNanoUsd += charge.heldNanoUsd
    group.leasedNanoUsd += charge.leasedNanoUsd
  }
  return [...groups.values()].toSorted(
    (a, b) =>
      compareText(windowKey(a.charge), windowKey(b.charge)) ||
      compareText(a.charge.lease, b.charge.lease),
  )
}

function leaseValues({ lease, ruleId, startMs, subject, tenantId }: BudgetCharge): LogValue[] {
  return [lease, tenantId, ruleId, subject, startMs]
}

function spendValues(group: Group, nowMs: number): LogValue[] {
  const { charge, heldNanoUsd, leasedNanoUsd, nanoUsd } = group
  const { endMs, lease, ruleId, startMs, subject, tenantId } = charge
  return [
    tenantId,
    ruleId,
    subject,
    startMs,
    endMs ?? null,
    nanoUsd,
    heldNanoUsd,
    lease,
    leasedNanoUsd,
    nowMs,
  ]
}
