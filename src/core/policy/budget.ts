// The arithmetic of budgets: windows of the calendar, what one process holds of a window, how much it asks for, which thresholds were
// passed. Pure; the store and the clock are its callers'. All amounts are whole nano-dollars.

import type { BudgetRule, BudgetWindow, WindowSpan } from '../money.ts'

const DAY_MS = 24 * 60 * 60_000
const WEEK_MS = 7 * DAY_MS
/** 1970-01-05, the first Monday of the count. */
const FIRST_MONDAY_MS = 4 * DAY_MS

/**
 * The window of the calendar that a moment lies in. UTC has no daylight saving, so days are days; a clock that jumps only ever
 * names another window.
 */
export function windowOf(window: BudgetWindow, atMs: number): WindowSpan {
  switch (window) {
    case 'total':
      return { startMs: 0, endMs: Number.POSITIVE_INFINITY }
    case 'day': {
      const startMs = Math.floor(atMs / DAY_MS) * DAY_MS
      return { startMs, endMs: startMs + DAY_MS }
    }
    case 'week': {
      const startMs = Math.floor((atMs - FIRST_MONDAY_MS) / WEEK_MS) * WEEK_MS + FIRST_MONDAY_MS
      return { startMs, endMs: startMs + WEEK_MS }
    }
    case 'month': {
      const at = new Date(atMs)
      const year = at.getUTCFullYear()
      const month = at.getUTCMonth()
      return { startMs: Date.UTC(year, month, 1), endMs: Date.UTC(year, month + 1, 1) }
    }
  }
}

/** An amount that can be counted with: whole, not negative, exact. */
export function isAmount(nanoUsd: number): boolean {
  return Number.isSafeInteger(nanoUsd) && nanoUsd >= 0
}

/** What a settled request takes out of a window, and out of the part of it that its process has leased. */
export interface Settled {
  readonly nanoUsd: number
  /** What was held for it. */
  readonly heldNanoUsd: number
  /** The part of `nanoUsd` that the lease covers; the rest is beyond it. */
  readonly leasedNanoUsd: number
}

/**
 * What one process may spend of one window without asking anybody: what it has leased, what of that is held for requests under way,
 * and what was spent and is not in the store yet. It never holds more than is leased unless it is told to.
 */
export class Slice {
  /** Leased and not yet spent. The store's number is higher by what of the lease is spent and not written yet. */
  leased = 0
  held = 0
  /** The part of what was leased that went beyond the budget, for one request that did not fit: nobody else has it. */
  overdrawn = 0
  /** Settled, and not yet in the store. */
  unwritten = 0
  /** The part of `unwritten` that no lease covers. */
  beyond = 0

  /** What can be held at once; negative where more is held than was leased. */
  get available(): number {
    return this.leased - this.held - this.overdrawn
  }

  /** Nothing of it is needed. */
  get isIdle(): boolean {
    return this.held === 0 && this.unwritten === 0
  }

  /** Holds an amount where it fits. */
  tryHold(nanoUsd: number): boolean {
    if (nanoUsd > this.available) return false
    this.held += nanoUsd
    return true
  }

  /** Holds an amount that cannot be refused any more. */
  mustHold(nanoUsd: number): void {
    this.held += nanoUsd
  }

  /** Nothing came of it. */
  release(heldNanoUsd: number): void {
    this.held -= heldNanoUsd
  }

  /** The cost is known. What the request held is free again; what it cost is spent. */
  settle(heldNanoUsd: number, nanoUsd: number): Settled {
    const leasedNanoUsd = Math.min(nanoUsd, this.leased)
    this.held -= heldNanoUsd
    this.leased -= leasedNanoUsd
    this.unwritten += nanoUsd
    this.beyond += nanoUsd - leasedNanoUsd
    return { nanoUsd, heldNanoUsd, leasedNanoUsd }
  }

  /** What was settled is in the store. */
  written({ leasedNanoUsd, nanoUsd }: Settled): void {
    this.unwritten -= nanoUsd
    this.beyond -= nanoUsd - leasedNanoUsd
  }

  /**
   * @param beyondNanoUsd by how much all that is spent and leased of the window is more than the budget
   */
  granted(nanoUsd: number, beyondNanoUsd: number): void {
    this.leased += nanoUsd
    this.overdrawn = Math.max(0, Math.min(this.leased, beyondNanoUsd))
  }
}

/** What a process asks of a window. */
export interface LeaseDemand {
  /** Without this much it cannot go on. */
  readonly needNanoUsd: number
  /** What all that wait come to. */
  readonly wantNanoUsd: number
  /** What was spent beyond the lease and is not in the store yet. */
  readonly beyondNanoUsd: number
  /** All that was spent and is not in the store yet. */
  readonly unwrittenNanoUsd: number
  /** Nothing of this process is under way: it may take the last of a budget even where it does not fit. */
  readonly isAlone: boolean
}

/** A window as it stands in the store. */
export interface WindowState {
  readonly spentNanoUsd: number
  readonly leasedNanoUsd: number
  /** The part of `leasedNanoUsd` that is the asking process's own. */
  readonly ownNanoUsd: number
}

/**
 * How much a process is given of a window; undefined where it is refused. What does not fit is given all the same when nothing else is
 * under way anywhere and something is left: so a budget is passed by one request at most, and used up to its end.
 * The store says the same in SQL (`budget-ledger.ts`); a test holds the two together.
 * @param shareMillionths of what is left that is leased at once, in millionths
 */
export function grantOf(
  limitNanoUsd: number,
  state: WindowState,
  demand: LeaseDemand,
  shareMillionths: number,
): number | undefined {
  const { leasedNanoUsd, ownNanoUsd, spentNanoUsd } = state
  const { beyondNanoUsd, isAlone, needNanoUsd, unwrittenNanoUsd, wantNanoUsd } = demand
  const left = limitNanoUsd - spentNanoUsd - leasedNanoUsd - beyondNanoUsd
  if (needNanoUsd <= left) {
    const slice = Math.floor(left / 1_000_000) * shareMillionths
    return Math.max(needNanoUsd, Math.min(left, Math.max(wantNanoUsd, slice)))
  }
  const isAloneAnywhere = isAlone && leasedNanoUsd === ownNanoUsd
  return isAloneAnywhere && spentNanoUsd + unwrittenNanoUsd < limitNanoUsd ? needNanoUsd : undefined
}

/** Thresholds in thousandths that an amount has reached and that were not told yet, ascending. */
export function thresholdsPassed(
  rule: Pick<BudgetRule, 'alertAt' | 'nanoUsd'>,
  spentNanoUsd: number,
  told: readonly number[],
): number[] {
  const passed = new Set<number>()
  for (const share of rule.alertAt) {
    const thousandths = Math.round(share * 1_000)
    if (spentNanoUsd < (rule.nanoUsd * thousandths) / 1_000) continue
    // Nothing spent has passed nothing, whatever the threshold.
    if (spentNanoUsd === 0 || told.includes(thousandths)) continue
    passed.add(thousandths)
  }
  return [...passed].toSorted((a, b) => a - b)
}
