// Budgets, counted once whatever the number of replicas: each process leases a part of a window from the store and holds requests from
// it in memory; what they cost is written with their rows. Only a request that finds the lease used up waits for the store, and all
// that wait for one account ask once.

import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { BudgetCharge } from '../core/outcome.ts'
import { isAmount } from '../core/policy/budget.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type {
  BudgetAccount,
  BudgetHold,
  BudgetLedger,
  BudgetRefusal,
  BudgetStanding,
} from '../core/ports-money.ts'
import { BudgetCompanion, type ChargeBook } from './budget-companion.ts'
import { BudgetCare, type BudgetAlert } from './budget-care.ts'
import { leaseKey, windowKey, type LogStore } from './budget-keys.ts'
import { type Lease, LedgerAccount } from './budget-lease.ts'
import { LeaseAsking, type LedgerSettings } from './budget-asking.ts'
import { BudgetSql } from './budget-sql.ts'
import { BudgetWindows } from './budget-windows.ts'
import { toRepositoryError } from './errors.ts'

export interface LedgerOptions {
  readonly store: LogStore
  readonly clock: Clock
  readonly logger: Logger
  readonly settings?: LedgerSettings
  /** Records a reset before it is done: no audit, no change. */
  record(by: Actor, events: readonly AuditEvent[]): Promise<void>
}

const DEFAULT_SETTINGS: LedgerSettings = { share: 0.05, expiresMs: LIMITS.budgetLeaseMs }

/** Part of an account that one request holds. */
interface Held {
  readonly account: LedgerAccount
  /** Absent where nothing needs to be held: the account only counts. */
  readonly lease: Lease | undefined
}

export class BudgetLeases implements BudgetLedger, ChargeBook {
  readonly companion = new BudgetCompanion(this)
  private readonly windows: BudgetWindows
  private readonly clock: Clock
  private readonly record: LedgerOptions['record']
  private readonly asking: LeaseAsking
  private readonly care: BudgetCare
  private readonly accounts = new Map<string, LedgerAccount>()
  /** The same by the objects that callers use again and again. */
  private byObject = new WeakMap<BudgetAccount, LedgerAccount>()
  private readonly leases = new Map<string, Lease>()
  private settings: LedgerSettings

  constructor(options: LedgerOptions) {
    const { clock, logger, store } = options
    this.windows = new BudgetWindows(store)
    this.clock = clock
    this.record = options.record
    this.settings = options.settings ?? DEFAULT_SETTINGS
    const sql = new BudgetSql(store)
    const settings = () => this.settings
    this.care = new BudgetCare({
      sql,
      windows: this.windows,
      clock,
      logger,
      accounts: this.accounts,
      settings,
      forget: (account, lease) => this.leases.delete(leaseKey({ window: account.window, lease })),
      drop: (account) => this.accounts.delete(account.key),
    })
    const { care, leases } = this
    this.asking = new LeaseAsking({ sql, clock, logger, leases, settings, wake: () => care.wake() })
  }

  configure(settings: LedgerSettings): void {
    this.settings = settings
  }

  /** Called once for each threshold of each window, by whichever replica finds it passed. */
  set onAlert(tell: (alert: BudgetAlert) => void) {
    this.care.tell = tell
  }

  /** Why the store did not answer when a lease was asked for; undefined while it does. */
  get problem(): string | undefined {
    return this.asking.failure
  }

  /** What this process holds, for tests and for those who wait until nothing is under way. */
  get heldNanoUsd(): number {
    let sum = 0
    for (const account of this.accounts.values()) sum += account.held
    return sum
  }

  /** Accounts that are kept in memory, for tests. */
  get accountCount(): number {
    return this.accounts.size
  }

  hold(
    accounts: readonly BudgetAccount[],
    nanoUsd: number,
  ): BudgetHold | BudgetRefusal | Promise<BudgetHold | BudgetRefusal> {
    if (!isAmount(nanoUsd)) throw new GatewayError('internal', { cause: 'no amount' })
    const nowMs = this.clock.monotonicMs()
    const held: Held[] = []
    try {
      for (const [index, each] of accounts.entries()) {
        const account = this.accountOf(each, nowMs)
        const lease = this.heldAtOnce(account, nanoUsd, nowMs)
        if (lease === 'ask') return this.holdRest(accounts, index, held, nanoUsd)
        held.push({ account, lease })
      }
    } catch (error) {
      for (const one of held) one.lease?.slice.release(nanoUsd)
      throw error
    }
    return new Hold(this, held, nanoUsd)
  }

  async standings(tenantId: string): Promise<BudgetStanding[]> {
    try {
      const { leases, windows } = await this.windows.standings(tenantId, this.clock.nowMs())
      const held = new Map<string, number>()
      for (const lease of leases) {
        const key = windowKey(lease)
        held.set(key, (held.get(key) ?? 0) + lease.heldNanoUsd)
      }
      return windows.map((row) => ({
        account: {
          tenantId: row.tenantId,
          subject: row.subject,
          ruleId: row.ruleId,
          window: { startMs: row.startMs, endMs: row.endMs ?? Number.POSITIVE_INFINITY },
        },
        spentNanoUsd: row.spentNanoUsd,
        heldNanoUsd: held.get(windowKey(row)) ?? 0,
      }))
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  async reset(tenantId: string, ruleId: string, subject: string, by: Actor): Promise<boolean> {
    try {
      const standing = (await this.standings(tenantId)).find(
        ({ account }) => account.ruleId === ruleId && account.subject === subject,
      )
      if (standing === undefined) return false
      const before = { subject, spent_nano_usd: standing.spentNanoUsd }
      await this.record(by, [
        { tenantId, action: 'budget.reset', target: { kind: 'budget', id: ruleId }, before },
      ])
      const windows = await this.windows.reset(tenantId, ruleId, subject, this.clock.nowMs())
      for (const account of this.accounts.values()) {
        const { window } = account
        if (window.tenantId !== tenantId || window.ruleId !== ruleId) continue
        account.refused = undefined
        account.told = []
        account.closeLease()
      }
      return windows > 0
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** Looks after leases now instead of at the next tick; for the end and for tests. */
  async settled(): Promise<void> {
    await this.care.look()
  }

  /** Gives back every lease of which nothing is held; the rest ends by itself. The log must be written to its end before. */
  async close(): Promise<void> {
    this.asking.close()
    await this.care.close()
  }

  heldNow(charge: BudgetCharge): number | undefined {
    const lease = this.leases.get(leaseKey({ window: charge, lease: charge.lease }))
    if (lease === undefined) return undefined
    lease.toldHeld = lease.slice.held
    return lease.slice.held
  }

  written(charges: readonly BudgetCharge[]): void {
    for (const charge of charges) {
      const account = this.accounts.get(windowKey(charge))
      if (account !== undefined) {
        account.isChanged = true
        if (charge.lease === '') account.written()
      }
      this.leases.get(leaseKey({ window: charge, lease: charge.lease }))?.slice.written(charge)
    }
    this.care.wake()
  }

  unwritten(charges: readonly BudgetCharge[]): void {
    for (const charge of charges) {
      const lease = this.leases.get(leaseKey({ window: charge, lease: charge.lease }))
      if (lease === undefined) {
        const account = this.accounts.get(windowKey(charge))
        if (charge.lease === '') account?.written()
        this.care.orphan(charge)
        continue
      }
      // It stays leased until it is written by itself.
      lease.orphaned.nanoUsd += charge.nanoUsd
      lease.orphaned.leasedNanoUsd += charge.leasedNanoUsd
      lease.slice.written(charge)
    }
    this.care.wake()
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  /** A hold that has outgrown what was held: others are to see it. */
  grow(account: LedgerAccount, lease: Lease, nanoUsd: number): void {
    lease.slice.mustHold(nanoUsd)
    if (lease.slice.available < 0 && account.lease === lease) void this.asking.cover(account, lease)
  }

  private accountOf(account: BudgetAccount, nowMs: number): LedgerAccount {
    let known = this.byObject.get(account)
    if (known !== undefined && this.accounts.get(known.key) === known) {
      known.usedMs = nowMs
      return known
    }
    const { rule, subject, tenantId, window } = account
    const key = windowKey({ tenantId, ruleId: rule.id, subject, startMs: window.startMs })
    known = this.accounts.get(key)
    if (known === undefined) {
      if (this.accounts.size >= LIMITS.budgetAccountsMax) {
        throw new GatewayError('overloaded', { cause: 'too many accounts of budgets' })
      }
      known = new LedgerAccount(key, account, nowMs)
      this.accounts.set(key, known)
      this.care.wake()
    }
    known.account = account
    known.usedMs = nowMs
    this.byObject.set(account, known)
    return known
  }

  /** The lease it is held from; undefined where nothing is to be held. */
  private heldAtOnce(
    account: LedgerAccount,
    nanoUsd: number,
    nowMs: number,
  ): Lease | undefined | 'ask' {
    if (nanoUsd === 0 || account.account.rule.action === 'alert') return undefined
    const { lease } = account
    // Whoever waits came first.
    if (lease === undefined || account.waiters.length > 0 || !this.asking.isLive(lease, nowMs))
      return 'ask'
    return lease.slice.tryHold(nanoUsd) ? lease : 'ask'
  }

  private async holdRest(
    accounts: readonly BudgetAccount[],
    from: number,
    held: Held[],
    nanoUsd: number,
  ): Promise<BudgetHold | BudgetRefusal> {
    try {
      for (const each of accounts.slice(from)) {
        const nowMs = this.clock.monotonicMs()
        const account = this.accountOf(each, nowMs)
        const atOnce = this.heldAtOnce(account, nanoUsd, nowMs)
        const lease = atOnce === 'ask' ? await this.asking.asked(account, nanoUsd, nowMs) : atOnce
        if (lease === 'refused') {
          for (const one of held) one.lease?.slice.release(nanoUsd)
          return this.refusal(account)
        }
        held.push({ account, lease })
      }
    } catch (error) {
      for (const one of held) one.lease?.slice.release(nanoUsd)
      throw error
    }
    return new Hold(this, held, nanoUsd)
  }

  private refusal(account: LedgerAccount): BudgetRefusal {
    this.care.refused(account)
    return {
      account: account.account,
      resetMs: Math.max(0, account.account.window.endMs - this.clock.nowMs()),
    }
  }
}

/** What one request holds, in all of its accounts. */
class Hold implements BudgetHold {
  private readonly ledger: BudgetLeases
  private readonly held: readonly Held[]
  private nanoUsd: number
  private isSettled = false

  constructor(ledger: BudgetLeases, held: readonly Held[], nanoUsd: number) {
    this.ledger = ledger
    this.held = held
    this.nanoUsd = nanoUsd
    for (const { account, lease } of held) if (lease === undefined) account.counting += 1
  }

  grow(nanoUsd: number): void {
    if (this.isSettled || !isAmount(nanoUsd) || nanoUsd === 0) return
    this.nanoUsd += nanoUsd
    for (const { account, lease } of this.held) {
      if (lease !== undefined) this.ledger.grow(account, lease, nanoUsd)
    }
  }

  settle(nanoUsd: number): readonly BudgetCharge[] {
    if (this.isSettled) return []
    this.isSettled = true
    // What is no amount must not become one: what was held for it is the best that is known.
    const cost = isAmount(nanoUsd) ? nanoUsd : this.nanoUsd
    if (cost === 0) {
      for (const { account, lease } of this.held) {
        if (lease === undefined) account.counting -= 1
        else lease.slice.release(this.nanoUsd)
      }
      return []
    }
    return this.held.map(({ account, lease }) => {
      const { endMs, ...window } = account.window
      account.refused = undefined
      const taken =
        lease === undefined
          ? { nanoUsd: cost, heldNanoUsd: 0, leasedNanoUsd: 0 }
          : lease.slice.settle(this.nanoUsd, cost)
      return {
        ...window,
        ...(endMs === undefined ? {} : { endMs }),
        lease: lease?.name ?? '',
        ...taken,
      }
    })
  }
}
