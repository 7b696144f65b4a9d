// Models as JSON: as they would be declared in `weir.yaml`, and with what is known of their targets now. Of providers it tells ids and
// whether they can be asked, never what they are asked with.

import {
  DEFAULT_ROUTING,
  type Model,
  type ModelPrice,
  type Provider,
  type RoutingSettings,
  type Target,
  type TargetAbilities,
} from '../../core/catalog.ts'
import { compact, type JsonObject } from '../../core/json.ts'
import type { ProviderModel } from '../../core/model-status.ts'
import { priceInDollars } from '../../core/nano-usd.ts'
import { isoTime } from '../../gateway/model-status.ts'
import { isUsable, resolve } from '../../gateway/resolve.ts'
import type { Catalog } from '../../gateway/snapshot.ts'
import { targetPrice } from '../../gateway/target-price.ts'
import type { ServerDeps } from '../context.ts'

type Known = Pick<ServerDeps['gateway'], 'directory' | 'prices'>

/** A model's own id and settings with the names and units of `models` in `weir.yaml`; defaults are filled in, what is absent is null. */
export function modelDocument(model: Model): JsonObject {
  return {
    id: model.id,
    targets: model.targets.map(targetDocument),
    defaults: { ...model.defaults } as JsonObject,
    routing: model.routing === undefined ? null : routingDocument(model.routing),
    losses: model.losses,
    context_window: model.contextWindow ?? null,
    price: model.price === undefined ? null : priceJson(model.price),
    price_changes:
      model.priceChanges?.map(({ fromMs, price }) => ({
        from: isoTime(fromMs),
        ...compact(priceInDollars(price)),
      })) ?? null,
    access: model.access === undefined ? null : [...model.access],
    cache: model.cache?.mode ?? null,
    cache_ttl: model.cache?.ttlMs === undefined ? null : durationText(model.cache.ttlMs),
  }
}

/** A target as it would be declared. */
export function targetDocument(target: Target): JsonObject {
  return {
    provider: target.providerId,
    model: target.model,
    order: target.order,
    weight: target.weight,
    tags: [...(target.tags ?? [])],
    abilities: target.abilities === undefined ? null : abilitiesJson(target.abilities),
    overrides: { ...target.overrides } as JsonObject,
  }
}

function abilitiesJson(abilities: TargetAbilities): JsonObject {
  return compact({
    vision: abilities.vision,
    tools: abilities.tools,
    json_schema: abilities.jsonSchema,
    chat: abilities.chat,
    prefill: abilities.prefill,
    context_window: abilities.contextWindow,
  })
}

function routingDocument(routing: RoutingSettings): JsonObject {
  const fallbacks = Object.entries(routing.fallbacks).map(([cause, ids]) => [cause, [...ids]])
  return {
    strategy: routing.strategy,
    sticky: routing.sticky ?? null,
    fallbacks: Object.fromEntries(fallbacks) as JsonObject,
    retry_refused: routing.retryRefused,
    hedge_after: routing.hedgeAfterMs === undefined ? null : durationText(routing.hedgeAfterMs),
    continuation: routing.continuation,
  }
}

/** As the configuration reads it. */
function durationText(durationMs: number): string {
  return durationMs % 1_000 === 0 && durationMs > 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`
}

/** Dollars per million tokens; what is not in it is unknown. */
export function priceJson(price: ModelPrice): JsonObject {
  const { steps } = price
  return {
    ...compact(priceInDollars(price)),
    ...(steps === undefined
      ? {}
      : {
          steps: steps.map((step) => ({
            above_input_tokens: step.aboveInputTokens,
            ...compact(priceInDollars(step)),
          })),
        }),
  }
}

/** Why nobody changes it here; null where they can. */
export function readOnlyReason(origin: Model['origin']): string | null {
  switch (origin) {
    case 'file':
      return 'The configuration file declares it; change it there.'
    case 'environment':
      return 'A variable of the environment declares it; change it there.'
    case 'built-in':
      return 'It is built in.'
    default:
      return null
  }
}

/** An alias with what is known of it now. */
export function aliasJson(model: Model, catalog: Catalog, known: Known, nowMs: number): JsonObject {
  const targets = model.targets.map((target) => targetJson(model, target, catalog, known, nowMs))
  return {
    ...modelDocument(model),
    kind: 'alias',
    origin: model.origin,
    tenant: model.tenantId ?? null,
    read_only: readOnlyReason(model.origin),
    targets,
    status: null,
    problems: problemsOf(model, targets, catalog, known),
  }
}

function targetJson(
  model: Model,
  target: Target,
  catalog: Catalog,
  { directory, prices }: Known,
  nowMs: number,
): JsonObject {
  const provider = catalog.providers.get(target.providerId)
  const facts = directory.facts(provider, target.model)
  const price = provider && targetPrice(model, provider, target.model, prices, nowMs)
  return {
    ...targetDocument(target),
    state: (provider && directory.stateOf(provider, target.model)) ?? null,
    provider_state: stateOf(provider),
    context_window:
      target.abilities?.contextWindow ?? model.contextWindow ?? facts.contextWindow ?? null,
    capabilities: facts.capabilities === undefined ? null : [...facts.capabilities],
    price: price === undefined ? null : priceJson(price),
  }
}

function stateOf(provider: Provider | undefined): 'usable' | 'no_key' | 'missing' {
  if (provider === undefined) return 'missing'
  return isUsable(provider) ? 'usable' : 'no_key'
}

function problemsOf(
  model: Model,
  targets: readonly JsonObject[],
  catalog: Catalog,
  { directory }: Known,
): string[] {
  const ofTargets = targets.flatMap((target) => {
    const name = `${String(target['provider'])}/${String(target['model'])}`
    if (target['provider_state'] === 'missing') return [`${name}: there is no such provider.`]
    if (target['provider_state'] === 'no_key') return [`${name}: the provider has no key.`]
    if (target['state'] === 'gone') return [`${name}: the provider lists it no more.`]
    return target['state'] === 'retired' ? [`${name}: the provider has retired it.`] : []
  })
  const { fallbacks } = model.routing ?? DEFAULT_ROUTING
  const names = [...new Set(Object.values(fallbacks).flat())]
  const lost = names.filter((name) => resolve(name, catalog, directory) === undefined)
  return [...ofTargets, ...lost.map((name) => `Fallback ${name}: there is no such model.`)]
}

/** A model of one provider, asked for by its own name. @param status what became of it; undefined for one that was never listed */
export function directJson(
  provider: Provider,
  name: string,
  status: ProviderModel | undefined,
  catalog: Catalog,
  known: Known,
  nowMs: number,
): JsonObject {
  const model: Model = {
    id: `${provider.id}/${name}`,
    origin: 'built-in',
    targets: [{ providerId: provider.id, model: name, order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
  }
  const alias = aliasJson(model, catalog, known, nowMs)
  return {
    ...alias,
    kind: 'direct',
    origin: 'provider',
    tenant: provider.tenantId ?? null,
    read_only: 'It is as the provider has it. Make an alias to say more about it.',
    status: status === undefined ? null : directStatus(status),
  }
}

function directStatus({
  facts,
  firstSeenMs,
  goneMs,
  lastSeenMs,
  state,
}: ProviderModel): JsonObject {
  return {
    state,
    base_model: facts.baseModel ?? null,
    version: facts.version ?? null,
    status: facts.status ?? null,
    retires: isoTime(facts.retiresMs),
    first_seen: isoTime(firstSeenMs),
    last_seen: isoTime(lastSeenMs),
    gone_since: isoTime(goneMs),
  }
}
