// A circuit breaker of one target: left alone after it has failed too often, tried again by one request at a time, asked freely
// once that worked. A pure state machine: time and settings are arguments, and it knows nothing of what a failure is.

import type { CircuitSettings } from '../catalog.ts'

export type CircuitState = 'closed' | 'open' | 'half_open'

export class Circuit {
  /**
   * Whether a request may go now. `probe` is the one request that tries a target which was left alone: whoever gets it must say
   * `succeeded`, `failed` or `released`, or no other is let through until the open time has passed once more.
   */
  ask(_settings: CircuitSettings, _nowMs: number): 'closed' | 'probe' | 'open' {
    return 'closed'
  }

  succeeded(_settings: CircuitSettings, _nowMs: number): void {}

  failed(_settings: CircuitSettings, _nowMs: number): void {}

  /** A request ended without a verdict: its client left. */
  released(): void {}

  state(_settings: CircuitSettings, _nowMs: number): CircuitState {
    return 'closed'
  }

  /** Milliseconds until a request may try it again; 0 unless it is open. */
  opensInMs(_nowMs: number): number {
    return 0
  }
}
