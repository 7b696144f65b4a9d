// A circuit breaker of one target: left alone after it has failed too often, tried again by one request at a time, asked freely
// once that worked. A pure state machine: time and settings are arguments, and it knows nothing of what a failure is.

import type { CircuitSettings } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { MovingCounts } from './moving.ts'

/** Answers within the window from which on their share of failures says something. */
const ENOUGH_ANSWERS = 10

export type CircuitState = 'closed' | 'open' | 'half_open'

/**
 * A verdict is told with the `turn` that held when its request was let through. Requests of before the circuit opened or closed
 * say nothing about how its target fares since, however late they end.
 */
export class Circuit {
  private readonly answers = new MovingCounts()
  private failuresInRow = 0
  private brokenInRow = 0
  /** Monotonic moment from which it may be tried; undefined while it is closed. */
  private openUntilMs: number | undefined
  private openMs = 0
  /** The turn of its opening: probes have later ones. */
  private openedTurn = 0
  /** Until when the probe that runs keeps others out; undefined when none runs. */
  private probeUntilMs: number | undefined
  private currentTurn = 0

  /** Grows whenever the circuit opens or closes or lets a probe through; read right after `ask`. */
  get turn(): number {
    return this.currentTurn
  }

  /**
   * Whether a request may go now. `probe` is the one request that tries a target which was left alone: whoever gets it must say
   * `succeeded`, `failed` or `released`, or no other is let through until the open time has passed once more.
   */
  ask(settings: CircuitSettings, nowMs: number): 'closed' | 'probe' | 'open' {
    if (!settings.enabled) {
      if (this.openUntilMs !== undefined) this.close()
      return 'closed'
    }
    if (this.openUntilMs === undefined) return 'closed'
    if (nowMs < this.openUntilMs) return 'open'
    if (this.probeUntilMs !== undefined && nowMs < this.probeUntilMs) return 'open'
    this.probeUntilMs = nowMs + this.openMs
    this.currentTurn += 1
    return 'probe'
  }

  /** The head of a good answer came. @returns whether that closed the circuit */
  succeeded(settings: CircuitSettings, nowMs: number, turn = this.currentTurn): boolean {
    if (!settings.enabled) return false
    if (this.openUntilMs !== undefined) {
      // Any probe since it opened will do, also one whose place another has taken meanwhile: the target works.
      if (turn <= this.openedTurn) return false
      this.close()
      return true
    }
    if (turn !== this.currentTurn) return false
    this.failuresInRow = 0
    this.answers.add(1, 0, settings.windowMs, nowMs)
    return false
  }

  /** A good answer came to its proper end. */
  finished(turn = this.currentTurn): void {
    if (turn === this.currentTurn) this.brokenInRow = 0
  }

  /** An answer that had begun well broke off; `succeeded` was told of it before. @returns whether that opened the circuit */
  broke(settings: CircuitSettings, nowMs: number, turn = this.currentTurn): boolean {
    if (!settings.enabled || this.openUntilMs !== undefined) return false
    if (turn !== this.currentTurn) return false
    this.brokenInRow += 1
    this.answers.add(-1, 1, settings.windowMs, nowMs)
    return this.openIfTooMany(settings, nowMs, this.brokenInRow)
  }

  /** There was no good answer. @returns whether that opened the circuit, or opened it once more */
  failed(settings: CircuitSettings, nowMs: number, turn = this.currentTurn): boolean {
    if (!settings.enabled) return false
    if (this.openUntilMs !== undefined) {
      if (turn <= this.openedTurn || nowMs < this.openUntilMs) return false
      this.open(Math.min(this.openMs * 2, longestOf(settings)), nowMs)
      return true
    }
    if (turn !== this.currentTurn) return false
    this.failuresInRow += 1
    this.answers.add(0, 1, settings.windowMs, nowMs)
    return this.openIfTooMany(settings, nowMs, this.failuresInRow)
  }

  /** A request ended without a verdict: its client left. */
  released(turn = this.currentTurn): void {
    if (turn === this.currentTurn) this.probeUntilMs = undefined
  }

  /** Others found the target failing: it is left alone until then, unless this circuit knows a later moment. */
  adoptOpen(untilMs: number, settings: CircuitSettings, nowMs: number): void {
    if (!settings.enabled || untilMs <= nowMs || untilMs <= (this.openUntilMs ?? 0)) return
    const closed = this.openUntilMs === undefined
    const longestMs = longestOf(settings)
    const openMs = Math.min(Math.max(settings.openMs, untilMs - nowMs), longestMs)
    this.open(openMs, nowMs)
    this.openUntilMs = Math.min(untilMs, nowMs + longestMs)
    if (closed) this.openedTurn = this.currentTurn
  }

  /** Others found the target well again. */
  adoptClosed(): void {
    if (this.openUntilMs !== undefined) this.close()
  }

  state(settings: CircuitSettings, nowMs: number): CircuitState {
    if (!settings.enabled || this.openUntilMs === undefined) return 'closed'
    return nowMs < this.openUntilMs ? 'open' : 'half_open'
  }

  /** Milliseconds until a request may try it again; 0 unless it is open. */
  opensInMs(nowMs: number): number {
    return this.openUntilMs === undefined ? 0 : Math.max(0, this.openUntilMs - nowMs)
  }

  /** Share of failures among the answers of late, 0 to 1; 0 where there were none. */
  errorRate(settings: CircuitSettings, nowMs: number): number {
    const { first: good, second: bad } = this.answers.sums(settings.windowMs, nowMs)
    return bad === 0 ? 0 : bad / (good + bad)
  }

  private openIfTooMany(settings: CircuitSettings, nowMs: number, inRow: number): boolean {
    const { first: good, second: bad } = this.answers.sums(settings.windowMs, nowMs)
    const answers = good + bad
    const tooMany = answers >= ENOUGH_ANSWERS && bad / answers >= settings.errorRate
    if (inRow < settings.failures && !tooMany) return false
    this.open(settings.openMs, nowMs)
    this.openedTurn = this.currentTurn
    return true
  }

  private open(openMs: number, nowMs: number): void {
    this.openMs = openMs
    this.openUntilMs = nowMs + openMs
    this.probeUntilMs = undefined
    this.failuresInRow = 0
    this.brokenInRow = 0
    this.currentTurn += 1
  }

  private close(): void {
    this.openUntilMs = undefined
    this.probeUntilMs = undefined
    this.failuresInRow = 0
    this.brokenInRow = 0
    this.answers.clear()
    this.currentTurn += 1
  }
}

/** How long it is left alone at most. */
function longestOf({ openMs, openMaxMs = LIMITS.circuitOpenMs }: CircuitSettings): number {
  return Math.max(openMs, openMaxMs)
}
