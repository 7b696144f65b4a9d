// What is known of how providers fare: each target's circuit and speed, each provider's retry budget and keys. Learned from
// traffic, from checks and from other replicas; read by routing, by the attempts, by `/admin/health`, `/readyz` and metrics. It
// decides nothing about a request and sends nothing.

import { DEFAULT_CIRCUIT, type Provider } from '../core/catalog.ts'
import { Circuit, type CircuitState } from '../core/policy/circuit.ts'
import { KeyRing } from '../core/policy/key-choice.ts'
import { RetryBudget } from '../core/policy/retry-budget.ts'
import type { Clock } from '../core/ports.ts'

/** How a running attempt tells what became of it. Exactly one of `failed` and `released`, or `answered` and then `ended`. */
export interface Attempting {
  /** The head of a good answer is there. */
  answered(): void
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
  readonly running: number
  /** Moving mean from sending to the head of the answer; undefined until there was one. */
  readonly firstByteMs?: number
  /** Moving mean from sending to the end of the answer. */
  readonly totalMs?: number
  /** Of late, 0 to 1. */
  readonly errorRate: number
}

export class Health {
  private readonly clock: Clock
  private readonly rings = new Map<string, KeyRing>()
  private readonly budgets = new Map<string, RetryBudget>()
  private readonly circuits = new Map<string, Circuit>()

  constructor(ports: { readonly clock: Clock }) {
    this.clock = ports.clock
  }

  /** The target's state as routing sees it; asks for nothing and changes nothing. */
  view(_provider: Provider, _model: string): TargetView {
    return { circuit: 'closed', opensInMs: 0, running: 0, errorRate: 0 }
  }

  /** Begins an attempt; undefined when the target's circuit is open. */
  begin(provider: Provider, model: string): Attempting | undefined {
    const id = `${provider.id}/${model}`
    let circuit = this.circuits.get(id)
    if (circuit === undefined) this.circuits.set(id, (circuit = new Circuit()))
    const nowMs = this.clock.monotonicMs()
    const settings = provider.circuit ?? DEFAULT_CIRCUIT
    if (circuit.ask(settings, nowMs) === 'open') return undefined
    return { answered() {}, ended() {}, failed() {}, released() {} }
  }

  /** The keys of a provider and their condition. */
  keys(provider: Provider): KeyRing {
    let ring = this.rings.get(provider.id)
    if (ring === undefined) this.rings.set(provider.id, (ring = new KeyRing()))
    return ring
  }

  /** What may be repeated at a provider. */
  retries(provider: Provider): RetryBudget {
    let budget = this.budgets.get(provider.id)
    if (budget === undefined) this.budgets.set(provider.id, (budget = new RetryBudget()))
    return budget
  }
}
