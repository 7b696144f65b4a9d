// Figures of late: counts within a window that moves on with time, and means in which what is new weighs more. They cost a few
// numbers each whatever they are told. Pure: time is an argument.

/** Parts of a window: what it counts leaves it a part at a time. */
const PARTS = 10

/** Two counts over the last so many milliseconds, to within a tenth of them. */
export class MovingCounts {
  private readonly first: number[] = Array.from({ length: PARTS }, () => 0)
  private readonly second: number[] = Array.from({ length: PARTS }, () => 0)
  /** Number of the newest part since time began. */
  private newest = 0
  private partMs = 0

  /** Adds to the counts; a negative number takes back what was added within the window. */
  add(first: number, second: number, windowMs: number, nowMs: number): void {
    this.moveTo(windowMs, nowMs)
    const index = this.newest % PARTS
    this.first[index] = (this.first[index] ?? 0) + first
    this.second[index] = (this.second[index] ?? 0) + second
  }

  /** Sums over the window; never below 0. */
  sums(windowMs: number, nowMs: number): { readonly first: number; readonly second: number } {
    this.moveTo(windowMs, nowMs)
    return { first: sum(this.first), second: sum(this.second) }
  }

  clear(): void {
    this.first.fill(0)
    this.second.fill(0)
  }

  private moveTo(windowMs: number, nowMs: number): void {
    const partMs = Math.max(1, windowMs / PARTS)
    const part = Math.floor(nowMs / partMs)
    // Parts of another length are other parts.
    if (partMs !== this.partMs || part - this.newest >= PARTS) this.clear()
    else {
      for (let next = this.newest + 1; next <= part; next += 1) {
        this.first[next % PARTS] = 0
        this.second[next % PARTS] = 0
      }
      if (part < this.newest) return
    }
    this.partMs = partMs
    this.newest = part
  }
}

function sum(parts: readonly number[]): number {
  let total = 0
  for (const part of parts) total += part
  return Math.max(0, total)
}

/** Share of the newest value in a mean: some ten values back one counts for a tenth of the newest. */
const NEWEST_SHARE = 0.2

/** A mean that follows its values; forgotten when there was none for long. */
export class MovingMean {
  private mean: number | undefined
  private lastMs = 0

  add(value: number, nowMs: number): void {
    this.mean = this.mean === undefined ? value : this.mean + (value - this.mean) * NEWEST_SHARE
    this.lastMs = nowMs
  }

  /** Undefined until there was a value, and when the last one is older than that. */
  value(nowMs: number, oldestMs: number): number | undefined {
    if (this.mean !== undefined && nowMs - this.lastMs > oldestMs) this.mean = undefined
    return this.mean
  }
}
