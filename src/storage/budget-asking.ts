// Asks the store for leases: one question at a time for each account, however many requests wait, and those who wait are served in
// their order. Whether the store answers is remembered here.

import { randomUUID } from 'node:crypto'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { leaseKey } from './budget-keys.ts'
import { Lease, type LedgerAccount, type Waiter } from './budget-lease.ts'
import type { BudgetSql } from './budget-sql.ts'
import { describeFailure, toRepositoryError } from './errors.ts'

export interface LedgerSettings {
  /** Share of what is left that is leased at once, 0 to 1. */
  readonly share: number
  /** A replica that has not been heard of for so long has ended. */
  readonly expiresMs: number
}

export interface AskingOptions {
  readonly sql: BudgetSql
  readonly clock: Clock
  readonly logger: Logger
  /** Every lease that is known, by `leaseKey`. */
  readonly leases: Map<string, Lease>
  settings(): LedgerSettings
  /** There is something to look after. */
  wake(): void
}

export class LeaseAsking {
  /** Why the store did not answer; undefined while it does. */
  failure: string | undefined
  private readonly options: AskingOptions
  private readonly process = randomUUID()
  private leaseCount = 0
  private isClosing = false

  constructor(options: AskingOptions) {
    this.options = options
  }

  close(): void {
    this.isClosing = true
  }

  /** Others may have ended it as soon as it has not been heard of for too long, so nothing is held from it a little before. */
  isLive(lease: Lease, nowMs: number): boolean {
    return (
      !lease.isClosed && nowMs - lease.renewedMs < this.options.settings().expiresMs * LIVE_SHARE
    )
  }

  /** Waits for a lease that has room. @throws GatewayError where the store does not answer, or too many wait */
  asked(account: LedgerAccount, nanoUsd: number, sinceMs: number): Promise<Lease | 'refused'> {
    if (account.waiters.length >= LIMITS.budgetWaitersMax || this.isClosing) {
      throw new GatewayError('overloaded', { cause: 'too many requests wait for a budget' })
    }
    return new Promise((resolve, reject) => {
      account.waiters.push({
        nanoUsd,
        sinceMs,
        resolve: (outcome, lease) => resolve(outcome === 'held' ? lease : 'refused'),
        reject,
      })
      if (!account.isAsking) void this.ask(account)
    })
  }

  /** Serves those who wait, the first first, until none is left. */
  private async ask(account: LedgerAccount): Promise<void> {
    account.isAsking = true
    try {
      while (account.waiters.length > 0) await this.askOnce(account)
    } catch (error) {
      this.failed(account, error)
    } finally {
      account.isAsking = false
      this.options.wake()
    }
  }

  private async askOnce(account: LedgerAccount): Promise<void> {
    const lease = this.leaseFor(account)
    const isServed = this.isLive(lease, this.options.clock.monotonicMs()) && serve(account, lease)
    const first = account.waiters[0]
    if (first === undefined) return
    if (!isServed && isRefusedStill(account, first, this.options.clock.monotonicMs())) {
      return refuse(account, lease)
    }
    const startedMs = this.options.clock.monotonicMs()
    const answer = await this.lease(account, lease, first.nanoUsd, false)
    this.reached()
    if (answer.isOver) {
      lease.isClosed = true
      if (account.lease === lease) account.closeLease()
      return
    }
    lease.renewedMs = startedMs
    if (lease !== account.lease) {
      account.closeLease()
      account.lease = lease
    }
    if (answer.grantedNanoUsd !== undefined) {
      lease.slice.granted(answer.grantedNanoUsd, answer.beyondLimitNanoUsd)
      account.refused = undefined
      // It was given for the first, who may have more than is left.
      account.waiters.shift()
      lease.slice.mustHold(first.nanoUsd)
      first.resolve('held', lease)
      serve(account, lease)
      return
    }
    if (answer.mayComeFree && startedMs - first.sinceMs < LIMITS.budgetWaitMs) {
      await Bun.sleep(LIMITS.budgetWaitStepMs)
      return
    }
    const untilMs = this.options.clock.monotonicMs() + LIMITS.budgetRefusalMs
    account.refused = { untilMs, fromNanoUsd: first.nanoUsd }
    refuse(account, lease)
  }

  /** The account's lease, or a new one where that is not sure of what it has. */
  private leaseFor(account: LedgerAccount): Lease {
    const { lease } = account
    if (lease !== undefined && !lease.isUncertain && !lease.isClosed) return lease
    this.leaseCount += 1
    const fresh = new Lease(`${this.process}.${this.leaseCount}`, Number.NEGATIVE_INFINITY)
    this.options.leases.set(leaseKey({ window: account.window, lease: fresh.name }), fresh)
    if (lease === undefined) account.lease = fresh
    return fresh
  }

  private async lease(account: LedgerAccount, lease: Lease, nanoUsd: number, isForced: boolean) {
    const { slice } = lease
    const limitNanoUsd = Math.min(account.account.rule.nanoUsd, Number.MAX_SAFE_INTEGER)
    const waiting = account.waiters.reduce((sum, waiter) => sum + waiter.nanoUsd, 0)
    const unwrittenNanoUsd = account.unwritten
    const beyondNanoUsd = account.beyond
    lease.toldHeld = slice.held + nanoUsd
    try {
      const answer = await this.options.sql.lease(
        account.window,
        {
          lease: lease.name,
          limitNanoUsd,
          shareMillionths: Math.round(this.options.settings().share * 1_000_000),
          needNanoUsd: Math.max(0, nanoUsd - slice.available),
          wantNanoUsd: Math.max(0, waiting - slice.available),
          beyondNanoUsd,
          unwrittenNanoUsd,
          // As it will be: whoever waits is served with what comes.
          heldNanoUsd: slice.held + nanoUsd,
          isAlone: account.held === 0,
          isForced,
          expiresMs: this.options.clock.nowMs() + this.options.settings().expiresMs,
        },
        this.options.clock.nowMs(),
      )
      const left = limitNanoUsd - answer.spentNanoUsd - answer.leasedNanoUsd
      account.isTight = left < nanoUsd * TIGHT_REQUESTS
      const heldNow = answer.heldByOthersNanoUsd + account.held + unwrittenNanoUsd
      const mayComeFree = answer.spentNanoUsd + heldNow + nanoUsd <= limitNanoUsd
      const beyondLimitNanoUsd = beyondNanoUsd - left
      return { ...answer, beyondLimitNanoUsd, mayComeFree }
    } catch (error) {
      lease.isUncertain = true
      // A new one that is not known to be there: whatever it may have is given back when it is not heard of.
      if (account.lease !== lease) this.forget(account, lease.name)
      throw error
    }
  }

  private forget(account: LedgerAccount, lease: string): void {
    this.options.leases.delete(leaseKey({ window: account.window, lease }))
  }

  /** Leases what is held already, whether or not there is room. */
  async cover(account: LedgerAccount, lease: Lease): Promise<void> {
    if (account.isAsking) return
    account.isAsking = true
    try {
      const answer = await this.lease(account, lease, 0, true)
      if (answer.grantedNanoUsd !== undefined) {
        lease.slice.granted(answer.grantedNanoUsd, answer.beyondLimitNanoUsd)
      }
    } catch (error) {
      this.options.logger.debug('a budget could not be told of a growing answer', {
        reason: describeFailure(error),
      })
    } finally {
      account.isAsking = false
      if (account.waiters.length > 0) void this.ask(account)
    }
  }

  /** The store did not answer: nobody who waits can be told that there is room. */
  private failed(account: LedgerAccount, error: unknown): void {
    if (this.failure === undefined) {
      this.options.logger.error(
        'Budgets cannot be read; requests that need more than was leased wait.',
        {
          reason: describeFailure(error),
        },
      )
    }
    this.failure = describeFailure(error)
    for (const waiter of account.waiters.splice(0)) waiter.reject(toRepositoryError(error))
  }

  private reached(): void {
    if (this.failure === undefined) return
    this.failure = undefined
    this.options.logger.info('Budgets can be read again.')
  }
}

/** So much of a lease's life, counted from before it was asked for, it is held from: the rest is for slow clocks and slow stores. */
const LIVE_SHARE = 0.8

/** Where less is left than so many requests as the one that asked, an idle lease is missed elsewhere. */
const TIGHT_REQUESTS = 20

/** Holds what waits, as far as the lease goes. @returns whether anybody was served */
function serve(account: LedgerAccount, lease: Lease): boolean {
  let served = 0
  for (const waiter of account.waiters) {
    if (!lease.slice.tryHold(waiter.nanoUsd)) break
    served += 1
  }
  for (const waiter of account.waiters.splice(0, served)) waiter.resolve('held', lease)
  return served > 0
}

function isRefusedStill({ refused }: LedgerAccount, first: Waiter, nowMs: number): boolean {
  return refused !== undefined && nowMs < refused.untilMs && first.nanoUsd >= refused.fromNanoUsd
}

/** Refuses the first, and all that need as much. */
function refuse(account: LedgerAccount, lease: Lease): void {
  const first = account.waiters[0]
  if (first === undefined) return
  const refused = account.waiters.filter(({ nanoUsd }) => nanoUsd >= first.nanoUsd)
  account.waiters = account.waiters.filter(({ nanoUsd }) => nanoUsd < first.nanoUsd)
  for (const waiter of refused) waiter.resolve('refused', lease)
}
