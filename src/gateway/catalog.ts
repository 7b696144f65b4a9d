// Which models there are: aliases of the snapshot, and what providers list when asked. Lists are asked for in the background
// and kept for minutes; a request never waits for one, and a provider that does not answer only has no list.

import { DEFAULT_CONTEXT, type Provider } from '../core/catalog.ts'
import { parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger, Transport } from '../core/ports.ts'
import { mayUseModel, type Principal } from '../core/principal.ts'
import { credentialled } from '../providers/credential.ts'
import type { ListedModel, LocalModelFacts } from '../providers/provider.ts'
import { likelyCapabilities } from '../providers/capabilities.ts'
import { providerKind } from '../providers/registry.ts'
import type { PriceBook } from './deps.ts'
import { LocalModels } from './local-models.ts'
import { isUsable } from './resolve.ts'
import type { Snapshot } from './snapshot.ts'

/** One model as clients see it. */
export interface CatalogModel {
  /** What a client asks for: an alias or `provider/model`. */
  readonly id: string
  readonly ownedBy: string
  readonly contextWindow?: number
  readonly capabilities?: readonly string[]
  readonly createdMs?: number
}

interface ProviderList {
  readonly models: readonly ListedModel[]
  readonly expiresMs: number
  readonly reachable: boolean
}

export interface DirectoryPorts {
  readonly clock: Clock
  readonly logger: Logger
  readonly prices: PriceBook
  transport(provider: Provider): Transport
}

/** What of a local model's own length a request gets here: no more than may be asked for. */
function usableContext(provider: Provider, facts: LocalModelFacts = {}): number | undefined {
  const { configuredContext = 0, contextLength, remote } = facts
  const { guard, maxTokens } = provider.context ?? DEFAULT_CONTEXT
  if (contextLength === undefined || remote === true || !guard) return contextLength
  return Math.min(contextLength, Math.max(maxTokens, configuredContext))
}

export class ModelDirectory {
  private readonly lists = new Map<string, ProviderList>()
  private readonly asking = new Map<string, Promise<void>>()
  private readonly ports: DirectoryPorts
  /** What local servers say of their models. */
  readonly local: LocalModels

  constructor(ports: DirectoryPorts) {
    this.ports = ports
    this.local = new LocalModels(ports)
  }

  /** Asks a provider for its models now. Resolves when it has answered, failed or run out of time; never rejects. */
  refresh(provider: Provider): Promise<void> {
    const running = this.asking.get(provider.id)
    if (running !== undefined) return running
    const asking = this.ask(provider).finally(() => this.asking.delete(provider.id))
    this.asking.set(provider.id, asking)
    return asking
  }

  /** Asks every provider whose list is missing or old. */
  async refreshAll(snapshot: Snapshot): Promise<void> {
    const nowMs = this.ports.clock.monotonicMs()
    const due = [...snapshot.providers.values()].filter(
      (provider) => isUsable(provider) && (this.lists.get(provider.id)?.expiresMs ?? 0) <= nowMs,
    )
    await Promise.all(due.map((provider) => this.refresh(provider)))
  }

  /** The models a provider listed when last asked; undefined when it has not answered. */
  listed(providerId: string): readonly ListedModel[] | undefined {
    const list = this.lists.get(providerId)
    return list?.reachable === true ? list.models : undefined
  }

  /** The context length a provider has listed for one of its models. */
  listedContext(provider: Provider, model: string): number | undefined {
    return this.listed(provider.id)?.find(({ id }) => id === model)?.contextWindow
  }

  /** The provider that lists a model of this name, when it is the only one. Ollama's `:latest` may be left out. */
  providerOf(name: string, snapshot: Snapshot): { provider: Provider; model: string } | undefined {
    let found: { provider: Provider; model: string } | undefined
    for (const provider of snapshot.providers.values()) {
      const model = this.listed(provider.id)?.find(
        (listed) => listed.id === name || listed.id === `${name}:latest`,
      )
      if (model === undefined) continue
      if (found !== undefined) return undefined
      found = { provider, model: model.id }
    }
    return found
  }

  /** What this principal can ask for: aliases first, then each provider's own models as `provider/model`. */
  models(snapshot: Snapshot, principal: Principal): CatalogModel[] {
    const result: CatalogModel[] = []
    for (const model of snapshot.models.values()) {
      const first = model.targets[0]
      const facts =
        first === undefined ? {} : this.facts(snapshot.providers.get(first.providerId), first.model)
      const contextWindow = model.contextWindow ?? facts.contextWindow
      result.push({
        id: model.id,
        ownedBy: 'weir',
        ...facts,
        ...(contextWindow === undefined ? {} : { contextWindow }),
      })
    }
    for (const provider of snapshot.providers.values()) {
      for (const listed of this.listed(provider.id) ?? []) {
        if (result.length >= LIMITS.modelListEntriesMax) break
        result.push({
          id: `${provider.id}/${listed.id}`,
          ownedBy: provider.id,
          ...this.facts(provider, listed.id),
        })
      }
    }
    return result.filter((model) => mayUseModel(principal, model.id))
  }

  /** What is known of a provider's model, without asking anybody. */
  facts(
    provider: Provider | undefined,
    model: string,
  ): Pick<CatalogModel, 'contextWindow' | 'capabilities' | 'createdMs'> {
    if (provider === undefined) return {}
    const listed = this.listed(provider.id)?.find((candidate) => candidate.id === model)
    const shown = this.local.knownFacts(provider, model)
    const contextWindow =
      listed?.contextWindow ??
      usableContext(provider, shown) ??
      this.ports.prices.find(provider, model)?.contextWindow
    const capabilities = listed?.capabilities ?? shown?.capabilities ?? likelyCapabilities(model)
    return {
      ...(contextWindow === undefined ? {} : { contextWindow }),
      ...(capabilities === undefined ? {} : { capabilities }),
      ...(listed?.createdMs === undefined ? {} : { createdMs: listed.createdMs }),
    }
  }

  private async ask(provider: Provider): Promise<void> {
    const expiresMs = () => this.ports.clock.monotonicMs() + LIMITS.modelListTtlMs
    const models = providerKind(provider.type)?.models
    if (models === undefined) {
      this.lists.set(provider.id, { models: [], expiresMs: expiresMs(), reachable: true })
      return
    }
    try {
      const list = await this.fetchList(provider, models.url(provider), models.read)
      this.lists.set(provider.id, { models: list, expiresMs: expiresMs(), reachable: true })
    } catch (error) {
      this.ports.logger.debug('provider did not list its models', {
        provider: provider.id,
        error: error instanceof Error ? error.message : String(error),
      })
      const known = this.lists.get(provider.id)
      // An old list is better than none: providers come and go, names rarely.
      this.lists.set(provider.id, {
        models: known?.models ?? [],
        expiresMs: expiresMs(),
        reachable: known?.reachable ?? false,
      })
    }
  }

  private async fetchList(
    provider: Provider,
    url: string,
    read: (body: NonNullable<ReturnType<typeof parseJson>>) => ListedModel[],
  ): Promise<ListedModel[]> {
    const kind = providerKind(provider.type)!
    const dialect = kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const asking = { url, method: 'GET', headers: { accept: 'application/json' } } as const
    const secret = provider.keys[0]?.secret
    const nowMs = this.ports.clock.nowMs()
    const response = await this.ports.transport(provider).send({
      ...asking,
      headers: credentialled({ provider, kind, dialect }, secret, asking, nowMs),
      timeouts: {
        ...provider.timeouts,
        firstByteMs: Math.min(provider.timeouts.firstByteMs, LIMITS.discoveryTimeoutMs * 4),
      },
      network: provider.network,
      signal: AbortSignal.timeout(LIMITS.discoveryTimeoutMs * 8),
    })
    const bytes = await response.bytes(LIMITS.responseBodyBytesMax)
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    const body = parseJson(new TextDecoder().decode(bytes))
    if (body === undefined || body === null) throw new Error('the list is not JSON')
    return read(body).slice(0, LIMITS.modelListEntriesMax)
  }
}
