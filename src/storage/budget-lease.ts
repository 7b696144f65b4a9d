// One account's window as one process sees it: the lease it holds from, those that are coming to their end, and the requests that wait
// for more. Memory alone; `budget-ledger.ts` asks the store.

import type { BudgetAccount } from '../core/ports-money.ts'
import { Slice } from '../core/policy/budget.ts'
import type { WindowIdentity } from './budget-keys.ts'

/** A lease by its name, which no other ever has. */
export class Lease {
  readonly name: string
  readonly slice = new Slice()
  /** Monotonic; when its process was last known to live by the store. */
  renewedMs: number
  /** Ended by another replica, or on its way back: nothing is held from it any more. */
  isClosed = false
  /** The store was asked for more and did not answer: it may have given more than is known here. */
  isUncertain = false
  /** What is held of it as the store knows it. */
  toldHeld = 0
  /** Settled, and its rows will never say so. */
  readonly orphaned = { nanoUsd: 0, leasedNanoUsd: 0 }

  constructor(name: string, nowMs: number) {
    this.name = name
    this.renewedMs = nowMs
  }

  /** Nobody needs it any more. */
  get isDone(): boolean {
    return this.slice.isIdle && this.orphaned.nanoUsd === 0
  }
}

/** A request that waits for a lease. */
export interface Waiter {
  readonly nanoUsd: number
  /** Monotonic. */
  readonly sinceMs: number
  resolve(outcome: 'held' | 'refused', lease: Lease): void
  reject(error: unknown): void
}

export class LedgerAccount {
  readonly key: string
  account: BudgetAccount
  readonly window: WindowIdentity
  lease: Lease | undefined
  /** Leases that nothing is held from any more, but that have not been given back. */
  closing: Lease[] = []
  waiters: Waiter[] = []
  /** The store is being asked. */
  isAsking = false
  /** Monotonic. */
  usedMs: number
  /** Until when, monotonic, and from which amount on a refusal holds without asking anew. */
  refused: { untilMs: number; fromNanoUsd: number } | undefined
  /** What is left is little: an idle lease is missed elsewhere. */
  isTight = false
  /** Requests that are counted without a lease and not written yet. */
  counting = 0
  /** Something was spent since thresholds were looked at. */
  isChanged = false
  /** Thresholds that were told, as far as is known. */
  told: readonly number[] = []

  constructor(key: string, account: BudgetAccount, nowMs: number) {
    const { rule, subject, tenantId, window } = account
    this.key = key
    this.account = account
    this.window = {
      tenantId,
      ruleId: rule.id,
      subject,
      startMs: window.startMs,
      endMs: Number.isFinite(window.endMs) ? window.endMs : undefined,
    }
    this.usedMs = nowMs
  }

  get leases(): readonly Lease[] {
    return this.lease === undefined ? this.closing : [...this.closing, this.lease]
  }

  /** Nothing is held, waited for or unwritten, and no lease is left. */
  get isGone(): boolean {
    return (
      this.leases.length === 0 && this.waiters.length === 0 && !this.isAsking && this.counting === 0
    )
  }

  /** Everything held, of all leases. */
  get held(): number {
    return this.leases.reduce((sum, { slice }) => sum + slice.held, 0)
  }

  get unwritten(): number {
    return this.leases.reduce((sum, { slice }) => sum + slice.unwritten, 0)
  }

  get beyond(): number {
    return this.leases.reduce((sum, { slice }) => sum + slice.beyond, 0)
  }

  /** A charge without a lease is in the store, or never will be. Rows that an earlier process left were not counted here. */
  written(): void {
    this.counting = Math.max(0, this.counting - 1)
  }

  /** Nothing more is held from the lease. */
  closeLease(): void {
    if (this.lease === undefined) return
    this.lease.isClosed = true
    this.closing.push(this.lease)
    this.lease = undefined
  }
}
