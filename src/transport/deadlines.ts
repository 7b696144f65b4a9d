// All deadlines of running requests behind one timer: a request has several and most never fire, so a timer each would cost
// more than they guard. They fire up to a tenth of a second late, which limits of seconds can bear.

import { LIMITS } from '../core/limits.ts'
import type { Clock, Deadline, Deadlines } from '../core/ports.ts'

class Entry implements Deadline {
  readonly atMs: number
  readonly fire: () => void
  private readonly entries: Set<Entry>

  constructor(atMs: number, fire: () => void, entries: Set<Entry>) {
    this.atMs = atMs
    this.fire = fire
    this.entries = entries
  }

  cancel(): void {
    this.entries.delete(this)
  }
}

export class SharedDeadlines implements Deadlines {
  private readonly entries = new Set<Entry>()
  private timer: ReturnType<typeof setInterval> | undefined
  private idleTicks = 0
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  after(delayMs: number, fire: () => void): Deadline {
    const entry = new Entry(this.clock.monotonicMs() + delayMs, fire, this.entries)
    this.entries.add(entry)
    this.timer ??= setInterval(() => this.sweep(), LIMITS.deadlineTickMs)
    if (this.idleTicks > 0) {
      this.idleTicks = 0
      this.timer.ref()
    }
    return entry
  }

  private sweep(): void {
    const nowMs = this.clock.monotonicMs()
    for (const entry of this.entries) {
      if (entry.atMs > nowMs) continue
      this.entries.delete(entry)
      entry.fire()
    }
    // Under traffic the set empties all the time: the timer goes only once it has stayed empty.
    this.idleTicks = this.entries.size === 0 ? this.idleTicks + 1 : 0
    // A process with nothing else to do must not wait for that.
    if (this.idleTicks === 1) this.timer?.unref()
    if (this.idleTicks < 10) return
    clearInterval(this.timer)
    this.timer = undefined
    this.idleTicks = 0
  }
}

/** A limit on silence: it begins anew with each piece that is sent or comes. */
export class RestartedDeadline implements Deadline {
  private readonly deadlines: Deadlines
  private readonly delayMs: number
  private readonly fire: () => void
  private running: Deadline
  private over = false

  constructor(deadlines: Deadlines, delayMs: number, fire: () => void) {
    this.deadlines = deadlines
    this.delayMs = delayMs
    this.fire = fire
    this.running = deadlines.after(delayMs, fire)
  }

  restart(): void {
    if (this.over) return
    this.running.cancel()
    this.running = this.deadlines.after(this.delayMs, this.fire)
  }

  cancel(): void {
    this.over = true
    this.running.cancel()
  }
}
