// One target's condition and one attempt at it: its circuit, how many requests run, how fast it answers. It learns from what the
// attempt tells and sends nothing.

import { DEFAULT_CIRCUIT, type CircuitSettings, type Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { Circuit, type CircuitState } from '../core/policy/circuit.ts'
import { MovingMean } from '../core/policy/moving.ts'
import type { Clock } from '../core/ports.ts'

/** How a running attempt tells what became of it. Exactly one of `failed` and `released`, or `answered` and then `ended`. */
export interface Attempting {
  /** The head of a good answer is there. */
  answered(): void
  /** Something came that says neither how well the target answers nor how fast; in place of `answered`. */
  reached(): void
  /** The answer is over: whole, or broken off by the provider. Only after `answered`; ignored when told again. */
  ended(proper: boolean): void
  /** The target failed by its own fault: nothing the request itself or this gateway's key is to blame for. */
  failed(): void
  /** No verdict: the client left, the request was wrong, the key was refused or limited. */
  released(): void
}

export interface TargetView {
  readonly circuit: CircuitState
  /** Milliseconds until it may be tried again; 0 unless the circuit is open. */
  readonly opensInMs: number
  /** Milliseconds for which the provider wants to be asked nothing more for this model; 0 where it has not said so. */
  readonly limitedForMs: number
  readonly running: number
  /** Moving mean from sending to the head of the answer; undefined until there was one, and when that was long ago. */
  readonly firstByteMs?: number
  /** Moving mean from sending to the end of the answer. */
  readonly totalMs?: number
  /** Of late, 0 to 1. */
  readonly errorRate: number
}

/** A target of which nothing is known. */
export const UNKNOWN_TARGET: TargetView = {
  circuit: 'closed',
  opensInMs: 0,
  limitedForMs: 0,
  running: 0,
  errorRate: 0,
}

/** Told when a circuit opened, until a monotonic moment, or closed. */
export type CircuitListener = (state: 'open' | 'closed', untilMs: number) => void

export class TargetHealth {
  readonly circuit = new Circuit()
  readonly firstByte = new MovingMean()
  readonly total = new MovingMean()
  running = 0
  /** When it was last asked. */
  askedMs = 0
  /** Until then its provider wants to be asked nothing more for this model. */
  limitedUntilMs = 0
  /** When it last began a good answer. */
  goodMs = Number.NEGATIVE_INFINITY
  readonly tell: CircuitListener

  constructor(tell: CircuitListener) {
    this.tell = tell
  }

  view(settings: CircuitSettings, nowMs: number): TargetView {
    const { circuit, running } = this
    const firstByteMs = this.firstByte.value(nowMs, LIMITS.healthMeanMs)
    const totalMs = this.total.value(nowMs, LIMITS.healthMeanMs)
    const state = circuit.state(settings, nowMs)
    return {
      circuit: state,
      opensInMs: state === 'open' ? circuit.opensInMs(nowMs) : 0,
      limitedForMs: Math.max(0, this.limitedUntilMs - nowMs),
      running,
      errorRate: circuit.errorRate(settings, nowMs),
      ...(firstByteMs === undefined ? {} : { firstByteMs }),
      ...(totalMs === undefined ? {} : { totalMs }),
    }
  }
}

export function circuitOf(provider: Provider): CircuitSettings {
  return provider.circuit ?? DEFAULT_CIRCUIT
}

/** An attempt that runs. */
export class TargetAttempt implements Attempting {
  private readonly target: TargetHealth
  private readonly settings: CircuitSettings
  private readonly clock: Clock
  private readonly turn: number
  private readonly startedMs: number
  private stage: 'asked' | 'answered' | 'reached' | 'over' = 'asked'

  /** Right after the target's circuit let it through. */
  constructor(target: TargetHealth, settings: CircuitSettings, clock: Clock) {
    this.target = target
    this.settings = settings
    this.clock = clock
    this.turn = target.circuit.turn
    this.startedMs = clock.monotonicMs()
    target.running += 1
  }

  answered(): void {
    if (this.stage !== 'asked') return
    this.stage = 'answered'
    const { target } = this
    const nowMs = this.clock.monotonicMs()
    target.goodMs = nowMs
    target.firstByte.add(nowMs - this.startedMs, nowMs)
    if (target.circuit.succeeded(this.settings, nowMs, this.turn)) target.tell('closed', nowMs)
  }

  reached(): void {
    if (this.stage !== 'asked') return
    this.stage = 'reached'
    this.target.circuit.released(this.turn)
  }

  ended(proper: boolean): void {
    if (this.stage === 'reached') return this.over()
    if (this.stage !== 'answered') return
    this.over()
    const { target } = this
    const nowMs = this.clock.monotonicMs()
    if (proper) {
      target.total.add(nowMs - this.startedMs, nowMs)
      target.circuit.finished(this.turn)
    } else if (target.circuit.broke(this.settings, nowMs, this.turn)) this.tellOpen(nowMs)
  }

  failed(): void {
    if (this.stage !== 'asked') return
    this.over()
    const nowMs = this.clock.monotonicMs()
    if (this.target.circuit.failed(this.settings, nowMs, this.turn)) this.tellOpen(nowMs)
  }

  released(): void {
    if (this.stage !== 'asked') return
    this.over()
    this.target.circuit.released(this.turn)
  }

  private tellOpen(nowMs: number): void {
    this.target.tell('open', nowMs + this.target.circuit.opensInMs(nowMs))
  }

  private over(): void {
    this.stage = 'over'
    this.target.running -= 1
  }
}
