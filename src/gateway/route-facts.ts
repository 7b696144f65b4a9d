// What is known of a target when a request is to be sent: whether it can be asked, how it fares, what its provider says of it and
// what it costs. Looked up only where the decision reads it; nobody is asked for anything here.

import type { Model, ModelPrice, Provider, Target } from '../core/catalog.ts'
import type {
  LearnedFacts,
  RouteHealth,
  RouteTarget,
  Unusable,
} from '../core/policy/route-candidate.ts'
import type { GatewayDeps } from './deps.ts'
import { isUsable } from './resolve.ts'
import { targetPrice } from './target-price.ts'
import type { Catalog } from './snapshot.ts'

/** What routing needs of the outside. */
export type RoutingDeps = Pick<
  GatewayDeps,
  'clock' | 'directory' | 'health' | 'prices' | 'ids' | 'turns'
>

/** Whether a provider has the operation for a model of it. */
export type Offers = (provider: Provider, model: string) => boolean

const WELL: RouteHealth = { circuit: 'closed', opensInMs: 0, running: 0 }
const NOTHING: LearnedFacts = {}

/** Abilities that a provider's list has no word for: that they are not there says nothing. */
const UNTOLD: Readonly<Partial<Record<Provider['type'], readonly string[]>>> = {
  azure: ['tools', 'vision'],
  bedrock: ['tools'],
}

/** One target with what is known of it, each fact when it is read. */
export class KnownTarget implements RouteTarget {
  readonly target: Target
  readonly health: RouteHealth
  readonly unusable: Unusable | undefined
  private readonly provider: Provider | undefined
  private readonly model: Model
  private readonly deps: RoutingDeps

  constructor(
    target: Target,
    model: Model,
    operation: { readonly name: string; readonly offers: Offers },
    catalog: Catalog,
    deps: RoutingDeps,
  ) {
    const provider = catalog.providers.get(target.providerId)
    this.target = target
    this.model = model
    this.provider = provider
    this.deps = deps
    this.unusable = whyUnusable(provider, target, operation)
    this.health = provider === undefined ? WELL : deps.health.view(provider, target.model)
  }

  get learned(): LearnedFacts {
    const { deps, provider, target } = this
    return provider === undefined ? NOTHING : new ToldFacts(provider, target.model, deps.directory)
  }

  get price(): ModelPrice | undefined {
    const { deps, model, provider, target } = this
    if (provider === undefined) return undefined
    return targetPrice(model, provider, target.model, deps.prices, deps.clock.nowMs())
  }
}

function whyUnusable(
  provider: Provider | undefined,
  { model }: Target,
  { name, offers }: { readonly name: string; readonly offers: Offers },
): Unusable | undefined {
  if (provider === undefined) return { kind: 'missing', reason: 'its provider is not there' }
  if (!isUsable(provider)) return { kind: 'missing', reason: 'its provider has no credential' }
  if (offers(provider, model)) return undefined
  return { kind: 'unoffered', reason: `its provider does not offer this operation (${name})` }
}

/** What the provider itself says of its model, each fact when it is read; guesses from the name are no facts. */
class ToldFacts implements LearnedFacts {
  readonly gone: boolean
  private readonly provider: Provider
  private readonly model: string
  private readonly directory: RoutingDeps['directory']
  private readonly capabilities: readonly string[] | undefined

  constructor(provider: Provider, model: string, directory: RoutingDeps['directory']) {
    this.provider = provider
    this.model = model
    this.directory = directory
    const state = directory.stateOf(provider, model)
    this.gone = state !== undefined && state !== 'available'
    this.capabilities = directory.toldCapabilities(provider, model)
  }

  get chat(): boolean | undefined {
    return this.says('completion')
  }

  get vision(): boolean | undefined {
    return this.says('vision')
  }

  get tools(): boolean | undefined {
    return this.says('tools')
  }

  /** The price book's where the provider says none. */
  get contextWindow(): number | undefined {
    return this.directory.toldContext(this.provider, this.model)
  }

  private says(word: string): boolean | undefined {
    if (UNTOLD[this.provider.type]?.includes(word) === true) return undefined
    return this.capabilities?.includes(word)
  }
}
