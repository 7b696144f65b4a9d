// What is known of all providers at one moment, for whoever runs this server: `/admin/health` and metrics tell it, `/readyz` a yes or no
// of it. It holds no secret, and asking for it changes nothing.

import type { Provider } from '../core/catalog.ts'
import type { KeyReport } from '../core/policy/key-choice.ts'
import type { CheckReport } from './checks.ts'
import type { GatewayDeps } from './deps.ts'
import { circuitOf, type TargetView } from './health-target.ts'
import { isUsable } from './resolve.ts'

/** Stands for the targets that are not named in metrics. */
export const OTHER_TARGETS = 'other'

export interface TargetReport extends TargetView {
  readonly model: string
  /** Aliases that lead to it. */
  readonly usedByModels: readonly string[]
}

export interface ProviderReport {
  readonly id: string
  readonly type: string
  readonly origin: string
  /** Whether requests can be sent to it at all. */
  readonly usable: boolean
  readonly keys: readonly KeyReport[]
  readonly retriesLeft: number
  /** Absent where it has no bound of its own. */
  readonly queue?: { readonly running: number; readonly waiting: number; readonly max: number }
  readonly check?: { readonly intervalMs: number; readonly last?: CheckReport }
  readonly targets: readonly TargetReport[]
  readonly warnings: readonly string[]
}

/** Where the last check of a provider is asked for. */
export interface CheckSource {
  report(provider: Provider): CheckReport | undefined
}

/** Every provider of the catalogue, in its order, with the targets that aliases name and those that were asked. */
export function reportProviders(
  deps: Pick<GatewayDeps, 'clock' | 'gates' | 'health' | 'snapshot'>,
  checks: CheckSource,
): ProviderReport[] {
  const { models, providers } = deps.snapshot()
  const users = new Map<string, Map<string, string[]>>()
  for (const { id, targets } of models.values()) {
    for (const { model, providerId } of targets) {
      let ofProvider = users.get(providerId)
      if (ofProvider === undefined) users.set(providerId, (ofProvider = new Map()))
      const ids = ofProvider.get(model)
      if (ids === undefined) ofProvider.set(model, [id])
      else ids.push(id)
    }
  }
  const nowMs = deps.clock.monotonicMs()
  return [...providers.values()].map((provider) => {
    const { check, concurrency, id, origin, type } = provider
    const gate = deps.gates.of(provider)
    const last = checks.report(provider)
    return {
      id,
      type,
      origin,
      usable: isUsable(provider),
      keys: deps.health.keys(provider).report(provider.keys, nowMs),
      retriesLeft: deps.health.retries(provider).left(nowMs),
      ...(gate === undefined || concurrency === undefined
        ? {}
        : { queue: { running: gate.running, waiting: gate.waiting, max: concurrency.max } }),
      ...(check === undefined
        ? {}
        : { check: { intervalMs: check.intervalMs, ...(last === undefined ? {} : { last }) } }),
      targets: targetsOf(provider, users.get(id) ?? new Map(), deps),
      warnings: warningsOf(provider),
    }
  })
}

/**
 * Whether a request could be answered: one usable provider has a key that is not refused, and a target that is not left alone or was
 * never asked. A target counts that an alias leads to or that has ever answered; one that only a client named says nothing, unless
 * there is no other. The mock, which is always there, counts only where there is no other.
 */
export function anyProviderFit(deps: Pick<GatewayDeps, 'clock' | 'health' | 'snapshot'>): boolean {
  const nowMs = deps.clock.monotonicMs()
  const usable = [...deps.snapshot().providers.values()].filter(isUsable)
  const real = usable.filter(({ type }) => type !== 'mock')
  return (real.length > 0 ? real : usable).some(
    (provider) => hasKey(provider, deps, nowMs) && hasTarget(provider, deps),
  )
}

function hasKey(
  provider: Provider,
  { health }: Pick<GatewayDeps, 'health'>,
  nowMs: number,
): boolean {
  if (provider.keys.length === 0) return true
  return health
    .keys(provider)
    .report(provider.keys, nowMs)
    .some(({ state }) => state !== 'refused')
}

function hasTarget(
  provider: Provider,
  { health, snapshot }: Pick<GatewayDeps, 'health' | 'snapshot'>,
): boolean {
  const known = new Map(health.views(provider).map((one) => [one.model, one]))
  const isFit = (model: string) => known.get(model)?.view.circuit !== 'open'
  let counts = false
  for (const { targets } of snapshot().models.values()) {
    for (const { model, providerId } of targets) {
      if (providerId !== provider.id) continue
      if (isFit(model)) return true
      counts = true
    }
  }
  const others = [...known.values()]
  const proven = others.filter(({ hasAnswered }) => hasAnswered)
  const judged = counts || proven.length > 0 ? proven : others
  return judged.some(({ view }) => view.circuit !== 'open') || (judged.length === 0 && !counts)
}

function targetsOf(
  provider: Provider,
  users: ReadonlyMap<string, readonly string[]>,
  { health }: Pick<GatewayDeps, 'health'>,
): TargetReport[] {
  const known = new Map(health.views(provider).map(({ model, view }) => [model, view]))
  const models = new Set([...users.keys(), ...known.keys()])
  return [...models].map((model) => ({
    model,
    ...(known.get(model) ?? health.view(provider, model)),
    usedByModels: users.get(model) ?? [],
  }))
}

function warningsOf(provider: Provider): string[] {
  return [
    ...(provider.network.verify === false ? ['certificates are not verified'] : []),
    ...(circuitOf(provider).enabled ? [] : ['targets that fail are not left alone']),
    ...(provider.keys.length > 0 && provider.keys.every(({ draining }) => draining === true)
      ? ['every key is on its way out']
      : []),
  ]
}
