// A clock that stands still until a test moves it. It exists so that no test waits for real time to be right.

import type { Clock } from '../core/ports.ts'

/** Wall and monotonic time move together with `advance`; `setWallMs` jumps the wall clock alone, as an administrator would. */
export class FakeClock implements Clock {
  private wallMs: number
  private elapsedMs = 0

  constructor(wallMs: number = Date.UTC(2026, 0, 1)) {
    this.wallMs = wallMs
  }

  nowMs(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.elapsedMs
  }

  /** Lets time pass. Throws on a negative duration: monotonic time never goes back. */
  advance(durationMs: number): void {
    if (!(durationMs >= 0)) throw new RangeError('Time only goes forward; use setWallMs to jump.')
    this.wallMs += durationMs
    this.elapsedMs += durationMs
  }

  setWallMs(wallMs: number): void {
    this.wallMs = wallMs
  }
}
