// Which models there are: aliases of the snapshot, and what providers list when asked. Lists are asked for in the background every
// so often and remembered in the store, so that names are known before providers have answered; a request never waits for one.

import { DEFAULT_CONTEXT, providerUid, type Model, type Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { ModelState, ProviderModel } from '../core/model-status.ts'
import type { Clock, Logger, ModelStatusRepository, TokenSource, Transport } from '../core/ports.ts'
import { isTargetDenied, mayUseModel } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { ListedModel, LocalModelFacts } from '../providers/provider.ts'
import { likelyCapabilities } from '../providers/capabilities.ts'
import { providerKind } from '../providers/registry.ts'
import type { PriceBook } from './deps.ts'
import { LocalModels } from './local-models.ts'
import { reachableModel } from './model-access.ts'
import { askModels, listsModels, type AskedList } from './model-list-question.ts'
import { ModelBook, listedAgain } from './model-status.ts'
import {
  addressOf,
  joined,
  nameOf,
  ownerOf,
  placeName,
  type ProviderList,
} from './provider-list.ts'
import { isUsable } from './resolve.ts'
import type { Catalog, Snapshot } from './snapshot.ts'

/** One model as clients see it. */
export interface CatalogModel {
  /** What a client asks for: an alias or `provider/model`. */
  readonly id: string
  readonly ownedBy: string
  readonly contextWindow?: number
  readonly capabilities?: readonly string[]
  readonly createdMs?: number
}

/** What came of asking a provider last. */
export interface Asked {
  readonly answered: boolean
  /** False when only a part of its list could be read. */
  readonly isWhole: boolean
  readonly models: number
  /** Wall clock of the last answer. */
  readonly answeredMs?: number
  /** Why there was none, in words for an administrator. */
  readonly problem?: string
}

export interface DirectoryPorts {
  readonly clock: Clock
  readonly logger: Logger
  readonly prices: PriceBook
  readonly tokens: TokenSource
  transport(provider: Provider): Transport
  /**
   * What a provider has deployed, where somebody else knows: its own list has the models that could be. Undefined: ask itself.
   * @throws GatewayError when it could not be asked now
   */
  deployments?(provider: Provider): Promise<AskedList | undefined>
  /** Where what became of models is kept; absent: in memory alone. */
  readonly statuses?: Pick<ModelStatusRepository, 'seen'>
  /** In [0, 1), so that replicas do not ask at the same moment; absent: no jitter. */
  readonly random?: () => number
}

/** Share of the interval between rounds by which each is earlier or later. */
const REFRESH_JITTER = 0.2

/** What of a local model's own length a request gets here: no more than may be asked for. */
function usableContext(provider: Provider, facts: LocalModelFacts = {}): number | undefined {
  const { configuredContext = 0, contextLength, remote } = facts
  const { guard, maxTokens } = provider.context ?? DEFAULT_CONTEXT
  if (contextLength === undefined || remote === true || !guard) return contextLength
  return Math.min(contextLength, Math.max(maxTokens, configuredContext))
}

export class ModelDirectory {
  private readonly lists = new Map<string, ProviderList>()
  /** By owner. */
  private readonly books = new Map<string, ModelBook>()
  private readonly asking = new Map<string, { address: string; done: Promise<void> }>()
  /** Providers of which something new could not be written. */
  private readonly unsaved = new Set<string>()
  private readonly ports: DirectoryPorts
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly stopping = new AbortController()
  /** What local servers say of their models. */
  readonly local: LocalModels

  constructor(ports: DirectoryPorts) {
    this.ports = ports
    this.local = new LocalModels(ports)
  }

  /**
   * Takes over what was known when the program last ran, for as long as a provider has not answered.
   * @param tenantId whose providers' they are; the default tenant's are also those of nobody's
   */
  load(tenantId: string, models: readonly ProviderModel[]): void {
    this.book(tenantId).load(models)
    const byProvider = Map.groupBy(models, ({ providerId }) => providerId)
    for (const [providerId, known] of byProvider) {
      const name = placeName(tenantId, providerId)
      if (this.lists.has(name)) continue
      const there = known.filter(({ state }) => state !== 'gone')
      this.lists.set(name, {
        models: new Map(there.map((model) => [model.model, listedAgain(model)])),
        expiresMs: Number.NEGATIVE_INFINITY,
        reachable: false,
      })
    }
  }

  /** Asks every provider from now on, every so often; the first round is one interval away. */
  start(snapshot: () => Snapshot): void {
    if (this.stopping.signal.aborted) return
    const { random = () => 0.5 } = this.ports
    const share = 1 + REFRESH_JITTER * (2 * random() - 1)
    this.timer = setTimeout(() => {
      void this.refreshAll(snapshot()).finally(() => this.start(snapshot))
    }, LIMITS.modelListRefreshIntervalMs * share)
    this.timer.unref()
  }

  /** Asks nobody any more and writes nothing: the store is about to be closed. */
  stop(): void {
    this.stopping.abort()
    clearTimeout(this.timer)
  }

  /** Asks a provider for its models now. Resolves when it has answered, failed or run out of time; never rejects. */
  refresh(provider: Provider): Promise<void> {
    const name = nameOf(provider)
    const running = this.asking.get(name)
    const address = addressOf(provider)
    if (running?.address === address) return running.done
    // Another address was asked by this id: what it says must not come after what this one says.
    if (running !== undefined) return running.done.then(() => this.refresh(provider))
    const done = this.ask(provider).finally(() => this.asking.delete(name))
    this.asking.set(name, { address, done })
    return done
  }

  /** Asks every provider whose list is missing or old, a few at a time. */
  async refreshAll(snapshot: Snapshot): Promise<void> {
    const nowMs = this.ports.clock.monotonicMs()
    const due = [...snapshot.allProviders.values()].filter((provider) =>
      this.isDue(provider, nowMs),
    )
    await this.refreshEach(due)
  }

  /** Asks these providers now, a few at a time. */
  async refreshEach(providers: readonly Provider[]): Promise<void> {
    const waiting = [...providers]
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await this.refresh(next)
      }
    }
    await Promise.all(Array.from({ length: LIMITS.modelListsAtOnceMax }, work))
  }

  private isDue(provider: Provider, nowMs: number): boolean {
    const running = this.asking.get(nameOf(provider))
    if (!isUsable(provider) || running?.address === addressOf(provider)) return false
    if (running !== undefined) return true
    const list = this.lists.get(nameOf(provider))
    if (list === undefined || list.expiresMs <= nowMs) return true
    return list.address !== addressOf(provider)
  }

  /** The models a provider listed when last asked; undefined when it has not answered. */
  listed(provider: Provider): readonly ListedModel[] | undefined {
    const list = this.lists.get(nameOf(provider))
    return list?.reachable === true ? [...list.models.values()] : undefined
  }

  /** What came of the last question; undefined for a provider that was never asked. */
  asked(provider: Provider): Asked | undefined {
    const list = this.lists.get(nameOf(provider))
    if (list?.address === undefined) return undefined
    return {
      answered: list.problem === undefined,
      isWhole: list.isWhole === true,
      models: list.models.size,
      ...(list.answeredMs === undefined ? {} : { answeredMs: list.answeredMs }),
      ...(list.problem === undefined ? {} : { problem: list.problem }),
    }
  }

  /** Every model that a provider has listed since it is remembered, with what became of it, by name. */
  statuses(provider: Provider): ProviderModel[] {
    const list = this.lists.get(nameOf(provider))
    return this.book(ownerOf(provider))
      .of(provider.id)
      .map((known) => {
        // Written now and then only; the last answer is what it was seen in.
        const isListed = known.state !== 'gone' && list?.models.has(known.model) === true
        const lastSeenMs = Math.max(known.lastSeenMs, isListed ? (list.answeredMs ?? 0) : 0)
        return { ...known, lastSeenMs }
      })
  }

  /** What became of a provider's model; undefined when it was never listed, which says nothing of it. */
  stateOf(provider: Provider, model: string): ModelState | undefined {
    return this.book(ownerOf(provider)).find(provider.id, model)?.state
  }

  /** The context length a provider has listed for one of its models. */
  listedContext(provider: Provider, model: string): number | undefined {
    return this.lists.get(nameOf(provider))?.models.get(model)?.contextWindow
  }

  /** The provider that lists a model of this name, when it is the only one. Ollama's `:latest` may be left out. */
  providerOf(name: string, catalog: Catalog): { provider: Provider; model: string } | undefined {
    return onlyOne(catalog, (provider) => {
      const models = this.lists.get(nameOf(provider))?.models
      return models?.get(name) === undefined ? models?.get(`${name}:latest`)?.id : name
    })
  }

  /** The provider that once listed a model of this name, when it is the only one: its own answer says what became of it. */
  formerProviderOf(
    name: string,
    catalog: Catalog,
  ): { provider: Provider; model: string } | undefined {
    return onlyOne(
      catalog,
      (provider) => this.book(ownerOf(provider)).find(provider.id, name)?.model,
    )
  }

  /** What this principal can ask for: aliases first, then each provider's own models as `provider/model`. */
  models(catalog: Catalog, principal: Principal): CatalogModel[] {
    const result: CatalogModel[] = []
    for (const alias of catalog.models.values()) {
      const model = mayUseModel(principal, alias.id) ? reachableModel(alias, principal) : undefined
      if (model !== undefined) result.push(this.ofAlias(model, catalog))
    }
    for (const provider of catalog.providers.values()) {
      for (const listed of this.lists.get(nameOf(provider))?.models.values() ?? []) {
        if (result.length >= LIMITS.modelListEntriesMax) return result
        const id = `${provider.id}/${listed.id}`
        // An alias of this name is what is asked for by it, and was judged by itself.
        if (catalog.models.has(id) || !mayUseModel(principal, id)) continue
        if (isTargetDenied(principal, { providerId: provider.id, model: listed.id })) continue
        result.push({ id, ownedBy: provider.id, ...this.facts(provider, listed.id) })
      }
    }
    return result
  }

  private ofAlias(model: Model, catalog: Catalog): CatalogModel {
    const first = model.targets[0]
    const facts =
      first === undefined ? {} : this.facts(catalog.providers.get(first.providerId), first.model)
    const contextWindow = model.contextWindow ?? facts.contextWindow
    return {
      id: model.id,
      ownedBy: 'weir',
      ...facts,
      ...(contextWindow === undefined ? {} : { contextWindow }),
    }
  }

  /** What is known of a provider's model, without asking anybody. */
  facts(
    provider: Provider | undefined,
    model: string,
  ): Pick<CatalogModel, 'contextWindow' | 'capabilities' | 'createdMs'> {
    if (provider === undefined) return {}
    const listed = this.lists.get(nameOf(provider))?.models.get(model)
    const contextWindow = this.toldContext(provider, model)
    const capabilities = this.toldCapabilities(provider, model) ?? likelyCapabilities(model)
    return {
      ...(contextWindow === undefined ? {} : { contextWindow }),
      ...(capabilities === undefined ? {} : { capabilities }),
      ...(listed?.createdMs === undefined ? {} : { createdMs: listed.createdMs }),
    }
  }

  /** What the provider itself says its model can do; nothing is guessed from the name. */
  toldCapabilities(provider: Provider, model: string): readonly string[] | undefined {
    const listed = this.lists.get(nameOf(provider))?.models.get(model)
    return listed?.capabilities ?? this.local.knownFacts(provider, model)?.capabilities
  }

  /** The context length of a model as its provider has it, else as it is known of a model of this name there. */
  toldContext(provider: Provider, model: string): number | undefined {
    return (
      this.listedContext(provider, model) ??
      usableContext(provider, this.local.knownFacts(provider, model)) ??
      this.ports.prices.find(provider, model)?.contextWindow
    )
  }

  private async ask(provider: Provider): Promise<void> {
    const address = addressOf(provider)
    try {
      const answer = await this.question(provider)
      await this.take(provider, address, answer)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      const shown = providerUid(provider)
      this.ports.logger.debug('provider did not list its models', {
        provider: shown,
        error: problem,
      })
      const known = this.listAt(provider, address)
      // An old list is better than none: providers come and go, names rarely.
      this.lists.set(nameOf(provider), {
        ...known,
        models: known?.models ?? new Map<string, ListedModel>(),
        reachable: known?.reachable ?? false,
        expiresMs: this.expiresMs(),
        address,
        problem,
      })
    }
  }

  /** Undefined for a kind of provider without any list. */
  private async question(provider: Provider): Promise<AskedList | undefined> {
    const kind = providerKind(provider.type)
    if (!listsModels(kind)) return undefined
    const deployed = await this.ports.deployments?.(provider)
    if (deployed !== undefined) return deployed
    const asked = await askModels(provider, kind, this.ports, this.stopping.signal)
    // A list of what could be deployed says nothing of deployments that were listed before.
    return provider.entra === undefined ? asked : { ...asked, isWhole: false }
  }

  private async take(
    provider: Provider,
    address: string,
    answer: AskedList | undefined,
  ): Promise<void> {
    const { id } = provider
    const name = nameOf(provider)
    const owner = ownerOf(provider)
    const nowMs = this.ports.clock.nowMs()
    const { isWhole = true, models = [] } = answer ?? {}
    // What a part does not have may be there still.
    const before = isWhole ? undefined : this.listAt(provider, address)?.models
    this.lists.set(name, {
      models: joined(before, models),
      expiresMs: this.expiresMs(),
      reachable: true,
      address,
      answeredMs: nowMs,
      isWhole,
    })
    if (answer === undefined || this.stopping.signal.aborted) return
    const { isNews, seen } = this.book(owner).learn(id, models, nowMs, isWhole)
    if (!isNews && !this.unsaved.has(name)) return
    try {
      await this.ports.statuses?.seen(owner, id, seen, nowMs, isWhole)
      this.unsaved.delete(name)
    } catch (error) {
      this.unsaved.add(name)
      this.ports.logger.warn('what a provider lists could not be kept; it is tried again', {
        provider: providerUid(provider),
        error: error instanceof Error ? error.message : String(error),
      })
    }
  }

  /** What is known of the provider at this address; what the store remembers counts for any. */
  private listAt(provider: Provider, address: string): ProviderList | undefined {
    const known = this.lists.get(nameOf(provider))
    return known?.address === undefined || known.address === address ? known : undefined
  }

  private book(owner: string): ModelBook {
    let book = this.books.get(owner)
    if (book === undefined) this.books.set(owner, (book = new ModelBook()))
    return book
  }

  private expiresMs(): number {
    return this.ports.clock.monotonicMs() + LIMITS.modelListTtlMs
  }
}

function onlyOne(
  catalog: Catalog,
  modelAt: (provider: Provider) => string | undefined,
): { provider: Provider; model: string } | undefined {
  let found: { provider: Provider; model: string } | undefined
  for (const provider of catalog.providers.values()) {
    const model = modelAt(provider)
    if (model === undefined) continue
    if (found !== undefined) return undefined
    found = { provider, model }
  }
  return found
}
