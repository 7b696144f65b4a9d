// What is known of how providers fare: each target's circuit and speed, each provider's retry budget and keys. Learned from
// traffic, from checks and from other replicas; read by routing, by the attempts, by `/admin/health`, `/readyz` and metrics. It
// decides nothing about a request and sends nothing.

import { providerUid, type Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { KeyRing } from '../core/policy/key-choice.ts'
import { RetryBudget } from '../core/policy/retry-budget.ts'
import type { Clock, HealthChange } from '../core/ports.ts'
import {
  circuitOf,
  TargetAttempt,
  TargetHealth,
  UNKNOWN_TARGET,
  type Attempting,
  type TargetView,
} from './health-target.ts'

export type { Attempting, TargetView } from './health-target.ts'

/** Share of its open time by which another replica's circuit is left alone longer here, so that not all try it at once. */
const ADOPTED_JITTER = 0.2

export class Health {
  private readonly clock: Clock
  private readonly random: () => number
  private readonly providers = new Map<string, ProviderHealth>()
  private listener: (change: HealthChange) => void = () => {}

  /** @param ports.random in [0, 1), for jitter; absent: none */
  constructor(ports: { readonly clock: Clock; readonly random?: () => number }) {
    this.clock = ports.clock
    this.random = ports.random ?? (() => 0)
  }

  /** Tells what this process learns itself, at once; one listener, which must not throw. */
  onChange(listener: (change: HealthChange) => void): void {
    this.listener = listener
  }

  /** The target's state as routing sees it; asks for nothing and changes nothing. */
  view(provider: Provider, model: string): TargetView {
    const target = this.providers.get(providerUid(provider))?.targets.get(model)
    if (target === undefined) return UNKNOWN_TARGET
    return target.view(circuitOf(provider), this.clock.monotonicMs())
  }

  /** Every target of a provider that is remembered, by its model, and whether it has ever answered well. */
  views(
    provider: Provider,
  ): { readonly model: string; readonly view: TargetView; readonly hasAnswered: boolean }[] {
    const known = this.providers.get(providerUid(provider))
    if (known === undefined) return []
    const nowMs = this.clock.monotonicMs()
    const settings = circuitOf(provider)
    return [...known.targets].map(([model, target]) => ({
      model,
      view: target.view(settings, nowMs),
      hasAnswered: target.goodMs !== Number.NEGATIVE_INFINITY,
    }))
  }

  /** The provider has had enough of this model until a monotonic moment; a later moment already known stays. */
  limit(provider: Provider, model: string, untilMs: number): void {
    const target = this.provider(provider).target(model)
    target.limitedUntilMs = Math.max(target.limitedUntilMs, untilMs)
  }

  /** Milliseconds for which the target is to be left alone as its provider has said so; 0 where it has not. */
  limitedForMs(provider: Provider, model: string): number {
    const untilMs =
      this.providers.get(providerUid(provider))?.targets.get(model)?.limitedUntilMs ?? 0
    return untilMs === 0 ? 0 : Math.max(0, untilMs - this.clock.monotonicMs())
  }

  /** Begins an attempt; undefined when the target's circuit is open. */
  begin(provider: Provider, model: string): Attempting | undefined {
    const target = this.provider(provider).target(model)
    const nowMs = this.clock.monotonicMs()
    target.askedMs = nowMs
    const settings = circuitOf(provider)
    if (target.circuit.ask(settings, nowMs) === 'open') return undefined
    return new TargetAttempt(target, settings, this.clock)
  }

  /** The keys of a provider and their condition. */
  keys(provider: Provider): KeyRing {
    return this.provider(provider).ring
  }

  /** What may be repeated at a provider. */
  retries(provider: Provider): RetryBudget {
    return this.provider(provider).budget
  }

  /**
   * Takes over what another replica has learned. A target that has just answered well here stays as it is: the other's way to it may
   * be what is broken.
   */
  adopt(provider: Provider, change: HealthChange): void {
    const known = this.provider(provider)
    const nowMs = this.clock.monotonicMs()
    const lastsMs = change.untilMs - this.clock.nowMs()
    if (change.kind === 'key') {
      const { keyId, state } = change
      known.ring.adopt(provider.keys, keyId, { state, untilMs: nowMs + lastsMs }, nowMs)
      return
    }
    if (change.state === 'closed') {
      known.targets.get(change.model)?.circuit.adoptClosed()
      return
    }
    const target = known.target(change.model)
    if (nowMs - target.goodMs < LIMITS.healthOwnWordMs) return
    const untilMs = nowMs + lastsMs * (1 + ADOPTED_JITTER * this.random())
    target.circuit.adoptOpen(untilMs, circuitOf(provider), nowMs)
  }

  /**
   * Somebody who knows better says that all is well: circuits close, limits and the rests of keys are forgotten, here and, as far as they
   * are told, on other replicas.
   * @param models targets to speak of besides those that are remembered here: others may have left them alone
   * @returns how many targets were left alone, and how many keys rested
   */
  reset(provider: Provider, models: Iterable<string>): { circuits: number; keys: number } {
    const cleared = this.clear(provider)
    const known = this.provider(provider)
    for (const model of new Set([...known.targets.keys(), ...models])) {
      known.tellWell({ kind: 'circuit', model })
    }
    for (const { id } of provider.keys) known.tellWell({ kind: 'key', keyId: id })
    return cleared
  }

  /** As `reset`, and nobody is told: those who said so have told it themselves. */
  clear(provider: Provider): { circuits: number; keys: number } {
    const known = this.provider(provider)
    const nowMs = this.clock.monotonicMs()
    const settings = circuitOf(provider)
    let circuits = 0
    for (const target of known.targets.values()) {
      if (target.circuit.state(settings, nowMs) !== 'closed') circuits += 1
      target.circuit.adoptClosed()
      target.limitedUntilMs = 0
    }
    let keys = 0
    for (const { id, state } of known.ring.report(provider.keys, nowMs)) {
      if (state === 'limited' || state === 'refused') keys += 1
      known.ring.renew(id)
    }
    return { circuits, keys }
  }

  /**
   * Forgets providers that are not there any more, and what was learned at an address or of a key that has changed.
   * @param providers by `providerUid`
   */
  keep(providers: ReadonlyMap<string, Provider>): void {
    for (const [id, known] of this.providers) {
      const provider = providers.get(id)
      if (provider === undefined) this.providers.delete(id)
      else known.follow(provider)
    }
  }

  private provider(provider: Provider): ProviderHealth {
    const known = this.providers.get(providerUid(provider))
    if (known !== undefined) return known
    const made = new ProviderHealth(provider, {
      clock: this.clock,
      changed: (change) => this.listener(change),
    })
    this.providers.set(providerUid(provider), made)
    return made
  }
}

interface ProviderPorts {
  readonly clock: Clock
  changed(change: HealthChange): void
}

class ProviderHealth {
  readonly targets = new Map<string, TargetHealth>()
  readonly ring: KeyRing
  readonly budget = new RetryBudget()
  private readonly id: string
  private readonly ports: ProviderPorts
  private provider: Provider

  constructor(provider: Provider, ports: ProviderPorts) {
    this.id = providerUid(provider)
    this.ports = ports
    this.provider = provider
    this.ring = new KeyRing((keyId, state, untilMonotonicMs) => {
      const untilMs = this.wallMs(untilMonotonicMs)
      ports.changed({ kind: 'key', providerId: this.id, keyId, state, untilMs })
    })
  }

  target(model: string): TargetHealth {
    const known = this.targets.get(model)
    if (known !== undefined) return known
    if (this.targets.size >= LIMITS.healthTargetsMax) this.makeRoom()
    const made = new TargetHealth((state, untilMonotonicMs) => {
      const untilMs = this.wallMs(untilMonotonicMs)
      this.ports.changed({ kind: 'circuit', providerId: this.id, model, state, untilMs })
    })
    this.targets.set(model, made)
    return made
  }

  /** Tells others that a target or a key is well, as somebody says. */
  tellWell(
    what:
      | { readonly kind: 'circuit'; readonly model: string }
      | { readonly kind: 'key'; readonly keyId: string },
  ): void {
    const common = {
      providerId: this.id,
      untilMs: this.ports.clock.nowMs(),
      isByHand: true,
    } as const
    this.ports.changed(
      what.kind === 'key'
        ? { ...what, ...common, state: 'fit' }
        : { ...what, ...common, state: 'closed' },
    )
  }

  /** What was learned at one address says nothing of another, and what was learned of a key nothing of the next of its name. */
  follow(provider: Provider): void {
    const before = this.provider
    this.provider = provider
    const hasMoved = provider.baseUrl !== before.baseUrl
    if (hasMoved) this.targets.clear()
    for (const { id, secret } of before.keys) {
      const isSame = provider.keys.some((key) => key.id === id && key.secret === secret)
      if (hasMoved || !isSame) this.ring.renew(id)
    }
  }

  private wallMs(monotonicMs: number): number {
    const { clock } = this.ports
    return clock.nowMs() + Math.max(0, monotonicMs - clock.monotonicMs())
  }

  /** A quarter at once, those asked longest ago first, so that it is done seldom. Running ones are counted and stay. */
  private makeRoom(): void {
    const idle = [...this.targets].filter(([, target]) => target.running === 0)
    idle.sort(([, one], [, other]) => one.askedMs - other.askedMs)
    for (const [model] of idle.slice(0, Math.ceil(LIMITS.healthTargetsMax / 4))) {
      this.targets.delete(model)
    }
  }
}
