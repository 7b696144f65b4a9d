// Whether a service outside is worth asking: after failures in a row it is left alone for a while, then one question tries it. So a service
// that is down costs requests no time. It knows no service and sends nothing.

import { LIMITS } from '../../core/limits.ts'

export type CircuitState = 'closed' | 'open' | 'half-open'

export class ServerCircuit {
  private failures = 0
  private openUntilMs: number | undefined
  private openMs: number = LIMITS.guardCircuitOpenMs
  private probing = false

  state(nowMs: number): CircuitState {
    if (this.openUntilMs === undefined) return 'closed'
    return nowMs < this.openUntilMs ? 'open' : 'half-open'
  }

  /**
   * Asks for leave to ask.
   * @returns how long nobody may, or 0; who gets 0 says how it went
   */
  enter(nowMs: number): number {
    if (this.openUntilMs === undefined) return 0
    if (nowMs < this.openUntilMs) return this.openUntilMs - nowMs
    if (this.probing) return LIMITS.guardCircuitOpenMs
    this.probing = true
    return 0
  }

  succeeded(): void {
    this.failures = 0
    this.probing = false
    this.openUntilMs = undefined
    this.openMs = LIMITS.guardCircuitOpenMs
  }

  failed(nowMs: number): void {
    this.failures += 1
    const isProbe = this.probing
    this.probing = false
    if (isProbe) this.openMs = Math.min(LIMITS.guardCircuitOpenMaxMs, this.openMs * 2)
    else if (this.failures < LIMITS.guardCircuitFailuresMax) return
    // Those that were under way when it opened say nothing new.
    else if (this.openUntilMs !== undefined) return
    this.openUntilMs = nowMs + this.openMs
  }

  /** Nobody knows how it went: the client left. */
  leftOpen(): void {
    this.probing = false
  }
}
