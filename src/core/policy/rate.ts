// A sliding window that never lets more through than it may, in any span of its length, and needs little memory: what came close
// together is counted as one part, and the whole part counts until its last moment is as old as the window. Pure: the time is
// handed in, and a clock that is set back or forward neither freezes it nor opens it for good.

/** Parts that a window is made of at most, give or take one: the finer, the sooner what is over counts no more. */
export const WINDOW_PARTS = 60

interface Part {
  firstMs: number
  lastMs: number
  amount: number
}

/**
 * What was taken within the last `windowMs`. A span is half open: what was taken at 0 counts no more at `windowMs`.
 * The same is written in Lua (`storage/redis-limits-script.ts`) and in PL/pgSQL (`storage/postgres-limits.ts`).
 */
export class SlidingWindow {
  private readonly windowMs: number
  private readonly partMs: number
  /** Oldest first; those before `head` are over. */
  private parts: Part[] = []
  private head = 0
  private total = 0

  constructor(windowMs: number) {
    this.windowMs = windowMs
    this.partMs = windowMs / WINDOW_PARTS
  }

  /** What counts now. */
  counted(nowMs: number): number {
    this.bring(nowMs)
    return this.total
  }

  /** Takes an amount, whatever there is. */
  add(nowMs: number, amount: number): void {
    this.bring(nowMs)
    if (amount === 0) return
    this.total += amount
    const newest = this.parts.at(-1)
    if (newest !== undefined && this.head < this.parts.length) {
      if (nowMs - newest.firstMs < this.partMs) {
        newest.lastMs = nowMs
        newest.amount += amount
        return
      }
    }
    this.parts.push({ firstMs: nowMs, lastMs: nowMs, amount })
  }

  /**
   * Gives back a part of what was taken at that time; never more than still counts of it. What the clock has moved meanwhile is not
   * found any more and goes on counting.
   */
  giveBack(takenMs: number, amount: number): void {
    for (let index = this.parts.length - 1; index >= this.head; index -= 1) {
      const part = this.parts[index]!
      if (takenMs > part.lastMs) return
      if (takenMs < part.firstMs) continue
      const given = Math.min(amount, part.amount)
      part.amount -= given
      this.total -= given
      return
    }
  }

  /** How long until no more than that counts, if nothing is taken meanwhile; Infinity where that is less than nothing. */
  waitMs(nowMs: number, most: number): number {
    this.bring(nowMs)
    if (most < 0) return Infinity
    let left = this.total
    if (left <= most) return 0
    for (let index = this.head; index < this.parts.length; index += 1) {
      const part = this.parts[index]!
      left -= part.amount
      if (left <= most) return part.lastMs + this.windowMs - nowMs
    }
    return Infinity
  }

  /** How long until it is as if nothing had been taken. */
  resetMs(nowMs: number): number {
    this.bring(nowMs)
    const newest = this.parts.at(-1)
    return newest === undefined || this.total === 0 ? 0 : newest.lastMs + this.windowMs - nowMs
  }

  /** Nothing in it counts any more: it may be forgotten. */
  isIdle(nowMs: number): boolean {
    this.bring(nowMs)
    return this.head === this.parts.length
  }

  /** Drops what is over. */
  private bring(nowMs: number): void {
    const newest = this.parts.at(-1)
    if (newest === undefined) return
    if (nowMs < newest.lastMs) this.shift(nowMs - newest.lastMs)
    while (this.head < this.parts.length) {
      const part = this.parts[this.head]!
      if (nowMs - part.lastMs < this.windowMs) break
      this.total -= part.amount
      this.head += 1
    }
    if (this.head === this.parts.length) {
      this.parts = []
      this.head = 0
      this.total = 0
    } else if (this.head > WINDOW_PARTS) {
      this.parts = this.parts.slice(this.head)
      this.head = 0
    }
  }

  /** The clock was set back: what was taken last was taken just now, as far as can be known, and the rest as long before it. */
  private shift(byMs: number): void {
    for (const part of this.parts) {
      part.firstMs += byMs
      part.lastMs += byMs
    }
  }
}
