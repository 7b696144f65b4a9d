// What has to be done for budgets besides requests: leases are kept alive, given back when idle, those of dead replicas ended, and
// thresholds that were passed are told once. All of it in the background, one round at a time, and only while there is anything to do.

import type { BudgetCharge } from '../core/outcome.ts'
import { LIMITS } from '../core/limits.ts'
import { thresholdsPassed } from '../core/policy/budget.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { BudgetAccount } from '../core/ports-money.ts'
import type { Lease, LedgerAccount } from './budget-lease.ts'
import { leaseKey, windowKey } from './budget-keys.ts'
import type { BudgetSql, LeaseSign } from './budget-sql.ts'
import type { BudgetWindows } from './budget-windows.ts'
import { describeFailure } from './errors.ts'

/** A threshold that was passed. */
export interface BudgetAlert {
  readonly account: BudgetAccount
  /** Share of the budget, in thousandths. */
  readonly threshold: number
  readonly spentNanoUsd: number
}

export interface CareOptions {
  readonly sql: BudgetSql
  readonly windows: BudgetWindows
  readonly clock: Clock
  readonly logger: Logger
  readonly accounts: ReadonlyMap<string, LedgerAccount>
  settings(): { readonly expiresMs: number }
  /** The lease is gone. */
  forget(account: LedgerAccount, lease: string): void
  /** Nothing is left of the account. */
  drop(account: LedgerAccount): void
}

interface Orphan {
  readonly charge: BudgetCharge
}

export class BudgetCare {
  tell: (alert: BudgetAlert) => void = () => undefined
  private readonly options: CareOptions
  private timer: ReturnType<typeof setTimeout> | undefined
  private looking: Promise<void> | undefined
  private orphans: Orphan[] = []
  private endedMs = Number.NEGATIVE_INFINITY
  private prunedMs = Number.NEGATIVE_INFINITY
  private isOver = false

  constructor(options: CareOptions) {
    this.options = options
  }

  /** There is something to look after. */
  wake(): void {
    if (this.timer !== undefined || this.isOver) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      void this.look()
    }, LIMITS.budgetTickMs)
    // What is not given back ends by itself: no reason to keep a finished process alive.
    this.timer.unref()
  }

  /** Spent, of a lease that is not known here any more. */
  orphan(charge: BudgetCharge): void {
    if (this.orphans.length < LIMITS.budgetAccountsMax) this.orphans.push({ charge })
  }

  /** Somebody was refused: where the whole budget is a threshold, that is as good as having spent it. */
  refused(account: LedgerAccount): void {
    const { rule } = account.account
    if (!rule.alertAt.some((share) => share >= 1) || account.told.includes(1_000)) return
    account.told = [...account.told, 1_000]
    void this.guarded('alerts', () => this.alert(account, [1_000]))
  }

  /** One round; those who ask while one runs get the next. */
  async look(): Promise<void> {
    while (this.looking !== undefined) await this.looking
    this.looking = this.round()
    try {
      await this.looking
    } finally {
      this.looking = undefined
    }
    if (this.options.accounts.size > 0 || this.orphans.length > 0) this.wake()
  }

  async close(): Promise<void> {
    this.isOver = true
    clearTimeout(this.timer)
    for (const account of this.options.accounts.values()) {
      if (account.lease?.isDone === true) account.closeLease()
    }
    await this.look()
  }

  private async round(): Promise<void> {
    const nowMs = this.options.clock.monotonicMs()
    const { expiresMs } = this.options.settings()
    await this.guarded('orphans', () => this.writeOrphans())
    await this.guarded('renewals', () => this.renew(nowMs, expiresMs))
    await this.guarded('returns', () => this.giveBack(nowMs))
    await this.guarded('alerts', () => this.lookAtThresholds())
    if (nowMs - this.endedMs >= expiresMs / 3) {
      this.endedMs = nowMs
      await this.guarded('ends', () => this.endOverdue())
    }
    if (nowMs - this.prunedMs >= LIMITS.budgetPruneIntervalMs) {
      this.prunedMs = nowMs
      await this.guarded('pruning', () => this.prune())
    }
  }

  /** A store that is away costs a round, never more: everything is done again in the next. */
  private async guarded(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const reason = describeFailure(error)
      this.options.logger.debug('budgets could not be looked after', { what, reason })
    }
  }

  private async writeOrphans(): Promise<void> {
    const { clock, sql } = this.options
    for (const account of this.options.accounts.values()) {
      for (const lease of account.leases) {
        const { leasedNanoUsd, nanoUsd } = lease.orphaned
        if (nanoUsd === 0) continue
        lease.orphaned.nanoUsd = 0
        lease.orphaned.leasedNanoUsd = 0
        await sql.spend(account.window, lease.name, { nanoUsd, leasedNanoUsd }, clock.nowMs())
        account.isChanged = true
      }
    }
    for (let first = this.orphans.shift(); first !== undefined; first = this.orphans.shift()) {
      const { charge } = first
      const window = { ...charge, endMs: charge.endMs }
      await sql.spend(window, charge.lease, charge, clock.nowMs())
    }
  }

  /** Leases of which something else is held than the store knows, and those that have not been told of for a while. */
  private async renew(nowMs: number, expiresMs: number): Promise<void> {
    const due: { account: LedgerAccount; lease: Lease; sign: LeaseSign }[] = []
    for (const account of this.options.accounts.values()) {
      for (const lease of account.leases) {
        if (lease.renewedMs === Number.NEGATIVE_INFINITY) continue
        const isOld = nowMs - lease.renewedMs >= expiresMs / 3
        if (!isOld && lease.toldHeld === lease.slice.held) continue
        const sign = { lease: lease.name, window: account.window, heldNanoUsd: lease.slice.held }
        due.push({ account, lease, sign })
      }
    }
    const { clock, sql } = this.options
    for (let at = 0; at < due.length; at += LIMITS.budgetLeasesAtOnceMax) {
      const some = due.slice(at, at + LIMITS.budgetLeasesAtOnceMax)
      const startedMs = clock.monotonicMs()
      const signs = some.map(({ sign }) => sign)
      const alive = await sql.renew(signs, clock.nowMs() + expiresMs)
      for (const { account, lease, sign } of some) {
        if (alive.has(leaseKey(sign))) {
          lease.renewedMs = startedMs
          lease.toldHeld = sign.heldNanoUsd
        } else if (account.lease === lease) account.closeLease()
      }
    }
  }

  private async giveBack(nowMs: number): Promise<void> {
    const { accounts, clock, drop, forget, sql } = this.options
    for (const account of accounts.values()) {
      const idleMs = nowMs - account.usedMs
      const isOver = account.account.window.endMs <= clock.nowMs()
      const isMissed = account.isTight || isOver || idleMs >= LIMITS.budgetIdleMs
      const { lease } = account
      const isFree = account.waiters.length === 0 && !account.isAsking
      if (lease?.isDone === true && isFree && isMissed) account.closeLease()
      for (const closed of account.closing.filter(({ isDone }) => isDone)) {
        await sql.giveBack(account.window, closed.name, clock.nowMs())
        account.closing = account.closing.filter((one) => one !== closed)
        forget(account, closed.name)
      }
      // One that only counts has no lease, and is remembered while it may have something to tell.
      if (account.isGone && !account.isChanged && idleMs >= LIMITS.budgetTickMs) drop(account)
    }
  }

  private async lookAtThresholds(): Promise<void> {
    const { accounts, windows } = this.options
    const changed = [...accounts.values()].filter(({ isChanged }) => isChanged)
    for (let at = 0; at < changed.length; at += LIMITS.budgetLeasesAtOnceMax) {
      const some = changed.slice(at, at + LIMITS.budgetLeasesAtOnceMax)
      for (const account of some) account.isChanged = false
      const untold = some.filter(
        ({ account: { rule }, told }) =>
          rule.alertAt.length > 0 && rule.alertAt.length > told.length,
      )
      if (untold.length === 0) continue
      const rows = await windows.windows(untold.map(({ window }) => window))
      const byKey = new Map(rows.map((row) => [windowKey(row), row]))
      for (const account of untold) {
        const row = byKey.get(account.key)
        if (row === undefined) continue
        const { rule } = account.account
        account.told = row.alerted
        const passed = thresholdsPassed(rule, row.spentNanoUsd, row.alerted)
        if (passed.length > 0) await this.alert(account, passed)
      }
    }
  }

  /** Tells of thresholds that nobody has told of yet. */
  private async alert(account: LedgerAccount, thresholds: readonly number[]): Promise<void> {
    const { windows } = this.options
    for (let tries = 0; tries < ALERT_RACES_MAX; tries += 1) {
      const [row] = (await windows.windows([account.window])).filter(
        (each) => windowKey(each) === account.key,
      )
      const before = row?.alerted ?? []
      const untold = thresholds.filter((each) => !before.includes(each))
      if (row === undefined || untold.length === 0) return
      if (!(await windows.noteAlerts(account.window, before, [...before, ...untold]))) continue
      account.told = [...before, ...untold]
      for (const threshold of untold) {
        this.tell({ account: account.account, threshold, spentNanoUsd: row.spentNanoUsd })
      }
      return
    }
  }

  private async endOverdue(): Promise<void> {
    const { clock, logger, sql } = this.options
    const { ended, nanoUsd } = await sql.endOverdue(clock.nowMs())
    if (ended === 0) return
    logger.warn('Leases of budgets were ended whose replica has not been heard of.', {
      leases: ended,
      counted_as_spent_nano_usd: nanoUsd,
    })
  }

  private async prune(): Promise<void> {
    const nowMs = this.options.clock.nowMs()
    await this.options.windows.prune(
      nowMs - LIMITS.budgetWindowsKeptMs,
      nowMs - LIMITS.budgetLeasesKeptMs,
    )
  }
}

/** Replicas that tell of thresholds of one window in the same moment. */
const ALERT_RACES_MAX = 20
