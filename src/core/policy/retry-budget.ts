// How many repeats one provider may get: a share of the requests it was sent lately and a few besides, so that an outage is not
// made worse by everybody trying again. Pure: time is an argument.

import { LIMITS } from '../limits.ts'
import { MovingCounts } from './moving.ts'

/** Repeats for each first attempt. */
const REPEATED_SHARE = 0.2

export class RetryBudget {
  private readonly counts = new MovingCounts()

  /** A first attempt was sent. */
  sent(nowMs: number): void {
    this.counts.add(1, 0, LIMITS.retryBudgetWindowMs, nowMs)
  }

  /** Takes one repeat out of the budget; false when there is none left. */
  take(nowMs: number): boolean {
    if (this.left(nowMs) < 1) return false
    this.counts.add(0, 1, LIMITS.retryBudgetWindowMs, nowMs)
    return true
  }

  /** Repeats that may still be made now. */
  left(nowMs: number): number {
    const { first: sent, second: taken } = this.counts.sums(LIMITS.retryBudgetWindowMs, nowMs)
    return Math.max(0, LIMITS.retryBudgetFreeMax + Math.floor(sent * REPEATED_SHARE) - taken)
  }
}
