// What is known of all providers at one moment, for whoever runs this server: `/admin/health` and metrics tell it, `/readyz` a yes or no
// of it. It holds no secret, and asking for it changes nothing.

import { providerUid, type Model, type Provider } from '../core/catalog.ts'
import type { KeyReport } from '../core/policy/key-choice.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { CheckReport } from './checks.ts'
import type { GatewayDeps } from './deps.ts'
import { circuitOf, type TargetView } from './health-target.ts'
import { isUsable } from './resolve.ts'
import type { Snapshot } from './snapshot.ts'

/** Stands for the targets that are not named in metrics. */
export const OTHER_TARGETS = 'other'

export interface TargetReport extends TargetView {
  readonly model: string
  /** Aliases that lead to it. */
  readonly usedByModels: readonly string[]
}

export interface ProviderReport {
  readonly id: string
  /** Whose it is; absent for one that every tenant sees. */
  readonly tenantId?: string
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

/** What a report is of. */
export interface ReportView {
  readonly providers: Iterable<Provider>
  /** The aliases that may be named in it. */
  readonly models: Iterable<Model>
  /** Whether targets that no such alias leads to are told too: others than whoever asks may have named them. */
  isWhole(provider: Provider): boolean
}

/** Everything, for whoever runs the installation. */
export function wholeView({ allModels, allProviders }: Snapshot): ReportView {
  return { providers: allProviders.values(), models: allModels, isWhole: () => true }
}

/** Every provider of the view, in its order, with the targets that aliases name and those that were asked. */
export function reportProviders(
  deps: Pick<GatewayDeps, 'clock' | 'gates' | 'health'>,
  checks: CheckSource,
  view: ReportView,
): ProviderReport[] {
  const users = usersOf(view)
  const nowMs = deps.clock.monotonicMs()
  return [...view.providers].map((provider) => {
    const { check, concurrency, id, origin, tenantId, type } = provider
    const gate = deps.gates.of(provider)
    const last = checks.report(provider)
    return {
      id,
      ...(tenantId === undefined ? {} : { tenantId }),
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
      targets: targetsOf(provider, users.get(id) ?? [], view.isWhole(provider), deps),
      warnings: warningsOf(provider),
    }
  })
}

interface Use {
  readonly model: string
  readonly alias: Model
}

/** Which aliases lead to which model, by the id of the provider. */
function usersOf({ models }: ReportView): ReadonlyMap<string, readonly Use[]> {
  const users = new Map<string, Use[]>()
  for (const alias of models) {
    for (const { model, providerId } of alias.targets) {
      const known = users.get(providerId)
      if (known === undefined) users.set(providerId, [{ model, alias }])
      else known.push({ model, alias })
    }
  }
  return users
}

/** Whether an alias that names a provider of this id can mean this one: what belongs to two tenants never meets. */
function canLeadTo(alias: Model, { tenantId }: Provider): boolean {
  return alias.tenantId === undefined || tenantId === undefined || alias.tenantId === tenantId
}

/** The models of a provider that aliases lead to. */
export function namedTargets(provider: Provider, { allModels }: Snapshot): ReadonlySet<string> {
  const named = new Set<string>()
  for (const alias of allModels) {
    if (!canLeadTo(alias, provider)) continue
    for (const { model, providerId } of alias.targets) {
      if (providerId === provider.id) named.add(model)
    }
  }
  return named
}

/** A name as whoever runs the installation tells it from another tenant's: with its tenant in front, but for the default one. */
export function shownName(entry: { readonly id: string; readonly tenantId?: string }): string {
  return entry.tenantId === DEFAULT_TENANT_ID ? entry.id : providerUid(entry)
}

/**
 * Whether a request could be answered: one usable provider has a key that is not refused, and a target that is not left alone or was
 * never asked. A target counts that an alias leads to or that has ever answered; one that only a client named says nothing, unless
 * there is no other. The mock, which is always there, counts only where there is no other.
 */
export function anyProviderFit(deps: Pick<GatewayDeps, 'clock' | 'health' | 'snapshot'>): boolean {
  const nowMs = deps.clock.monotonicMs()
  const usable = [...deps.snapshot().allProviders.values()].filter(isUsable)
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
  const named = namedTargets(provider, snapshot())
  if ([...named].some(isFit)) return true
  const counts = named.size > 0
  const others = [...known.values()]
  const proven = others.filter(({ hasAnswered }) => hasAnswered)
  const judged = counts || proven.length > 0 ? proven : others
  return judged.some(({ view }) => view.circuit !== 'open') || (judged.length === 0 && !counts)
}

function targetsOf(
  provider: Provider,
  uses: readonly Use[],
  isWhole: boolean,
  { health }: Pick<GatewayDeps, 'health'>,
): TargetReport[] {
  const known = new Map(health.views(provider).map(({ model, view }) => [model, view]))
  const users = new Map<string, string[]>()
  for (const { alias, model } of uses) {
    if (!canLeadTo(alias, provider)) continue
    const names = users.get(model)
    if (names === undefined) users.set(model, [shownName(alias)])
    else names.push(shownName(alias))
  }
  const models = new Set([...users.keys(), ...(isWhole ? known.keys() : [])])
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
