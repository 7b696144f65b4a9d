// The bounded ring between requests and the log store: outcomes in order, bounded in rows and in characters of bodies. It
// only holds; when to write is the log writer's.

import type { Outcome } from '../core/outcome.ts'
import { bodyChars, withoutBodies } from './log-row.ts'

export interface LogQueueLimits {
  readonly rowsMax: number
  readonly bodyCharsMax: number
}

/** What became of a pushed outcome. */
export type Pushed = 'kept' | 'kept-without-bodies' | 'dropped'

/** First in, first out; full means that the newest is dropped. */
export class LogQueue {
  /** How many outcomes wait. */
  size = 0
  private readonly limits: LogQueueLimits
  /** Grows to what was needed at once and never beyond `rowsMax`: most processes never hold more than a batch. */
  private ring: (Outcome | undefined)[]
  private head = 0
  private chars = 0

  constructor(limits: LogQueueLimits) {
    this.limits = limits
    this.ring = Array.from<Outcome | undefined>({ length: Math.min(1024, limits.rowsMax) })
  }

  push(outcome: Outcome): Pushed {
    if (this.size >= this.limits.rowsMax) return 'dropped'
    if (this.size === this.ring.length) this.grow()
    const chars = bodyChars(outcome)
    const tooMuch = this.chars + chars > this.limits.bodyCharsMax
    const kept = tooMuch ? withoutBodies(outcome) : outcome
    if (!tooMuch) this.chars += chars
    this.ring[(this.head + this.size) % this.ring.length] = kept
    this.size += 1
    return tooMuch ? 'kept-without-bodies' : 'kept'
  }

  /** The oldest outcomes, left in their place: at most `rowsMax`, and fewer when their bodies are long, but at least one. */
  peek(rowsMax: number, bodyCharsMax: number): Outcome[] {
    const batch: Outcome[] = []
    let chars = 0
    for (let at = 0; at < Math.min(this.size, rowsMax); at += 1) {
      const outcome = this.ring[(this.head + at) % this.ring.length]
      if (outcome === undefined) break
      chars += bodyChars(outcome)
      if (at > 0 && chars > bodyCharsMax) break
      batch.push(outcome)
    }
    return batch
  }

  /** The one that waits longest; undefined where none waits. */
  get oldest(): Outcome | undefined {
    return this.size === 0 ? undefined : this.ring[this.head]
  }

  /** Takes the oldest `rows` away. */
  remove(rows: number): void {
    for (let left = Math.min(rows, this.size); left > 0; left -= 1) {
      const outcome = this.ring[this.head]
      if (outcome !== undefined) this.chars -= bodyChars(outcome)
      this.ring[this.head] = undefined
      this.head = (this.head + 1) % this.ring.length
      this.size -= 1
    }
  }

  private grow(): void {
    const length = Math.min(this.ring.length * 2, this.limits.rowsMax)
    const ordered = [...this.ring.slice(this.head), ...this.ring.slice(0, this.head)]
    ordered.length = length
    this.ring = ordered.fill(undefined, this.size)
    this.head = 0
  }
}
