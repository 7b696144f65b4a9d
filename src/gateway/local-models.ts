// What servers that load models themselves say of each: its own context length, the context it is loaded with now, and what we
// last asked for. Asked when a request needs to know, never at start; kept for a while, bounded, and a server that does not
// answer in time only leaves us without the fact.

import { providerUid, type Provider } from '../core/catalog.ts'
import { parseJson, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger, Transport } from '../core/ports.ts'
import type { LocalModelFacts } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'

export interface LocalModelPorts {
  readonly clock: Clock
  readonly logger: Logger
  transport(provider: Provider): Transport
}

interface Kept<T> {
  readonly value: T
  readonly expiresMs: number
}

/** Values by key, each for a time, the oldest put out when there are too many. */
class Cache<T> {
  private readonly entries = new Map<string, Kept<T>>()

  get(key: string, nowMs: number): T | undefined {
    const kept = this.entries.get(key)
    return kept !== undefined && kept.expiresMs > nowMs ? kept.value : undefined
  }

  delete(key: string): void {
    this.entries.delete(key)
  }

  set(key: string, value: T, expiresMs: number): void {
    this.entries.delete(key)
    this.entries.set(key, { value, expiresMs })
    if (this.entries.size <= LIMITS.localModelEntriesMax) return
    const oldest = this.entries.keys().next()
    if (oldest.done !== true) this.entries.delete(oldest.value)
  }
}

const NOT_LOADED: ReadonlyMap<string, number> = new Map()

export class LocalModels {
  private readonly ports: LocalModelPorts
  private readonly shown = new Cache<LocalModelFacts>()
  private readonly loaded = new Cache<ReadonlyMap<string, number>>()
  private readonly asked = new Cache<number>()
  private readonly running = new Map<string, Promise<JsonValue | undefined>>()

  constructor(ports: LocalModelPorts) {
    this.ports = ports
  }

  /** What the server says of the model; empty when it says nothing in time. Never rejects. */
  async facts(provider: Provider, model: string): Promise<LocalModelFacts> {
    const local = providerKind(provider.type)?.local
    if (local === undefined) return {}
    const key = keyOf(provider, model)
    const known = this.shown.get(key, this.nowMs())
    if (known !== undefined) return known
    const body = await this.once(key, () =>
      this.ask(provider, local.showUrl(provider), JSON.stringify({ model })),
    )
    const facts = body === undefined ? {} : local.readShow(body)
    const keptMs = body === undefined ? LIMITS.localModelRetryMs : LIMITS.modelListTtlMs
    this.shown.set(key, facts, this.nowMs() + keptMs)
    return facts
  }

  /** What is known of the model without asking. */
  knownFacts(provider: Provider, model: string): LocalModelFacts | undefined {
    return this.shown.get(keyOf(provider, model), this.nowMs())
  }

  /** The context the model is in memory with now; undefined when it is not, or nobody says. Never rejects. */
  async loadedContext(provider: Provider, model: string): Promise<number | undefined> {
    const local = providerKind(provider.type)?.local
    if (local === undefined) return undefined
    const key = keyOf(provider, '')
    let loaded = this.loaded.get(key, this.nowMs())
    if (loaded === undefined) {
      const body = await this.once(key, () => this.ask(provider, local.loadedUrl(provider)))
      loaded = body === undefined ? NOT_LOADED : local.readLoaded(body)
      this.loaded.set(key, loaded, this.nowMs() + LIMITS.localModelLoadedTtlMs)
    }
    return loaded.get(model)
  }

  /** The context this gateway last asked for, as long as the model may still be in memory with it. */
  askedContext(provider: Provider, model: string): number | undefined {
    return this.asked.get(keyOf(provider, model), this.nowMs())
  }

  noteAsked(provider: Provider, model: string, contextTokens: number): void {
    const nowMs = this.nowMs()
    this.asked.set(keyOf(provider, model), contextTokens, nowMs + LIMITS.localModelKeepMs)
    const all = keyOf(provider, '')
    const loaded = this.loaded.get(all, nowMs)
    // The model is about to be loaded anew: what was in memory tells nothing any more.
    if (loaded !== undefined && loaded.get(model) !== contextTokens) this.loaded.delete(all)
  }

  private nowMs(): number {
    return this.ports.clock.monotonicMs()
  }

  /** One question at a time for each key: whoever comes meanwhile shares the answer. */
  private once(
    key: string,
    ask: () => Promise<JsonValue | undefined>,
  ): Promise<JsonValue | undefined> {
    const running = this.running.get(key)
    if (running !== undefined) return running
    const asking = ask().finally(() => this.running.delete(key))
    this.running.set(key, asking)
    return asking
  }

  private async ask(
    provider: Provider,
    url: string,
    body?: string,
  ): Promise<JsonValue | undefined> {
    const kind = providerKind(provider.type)!
    try {
      const response = await this.ports.transport(provider).send({
        url,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...provider.headers,
          ...kind.authorize(provider, provider.keys[0]?.secret, 'ollama'),
        },
        ...(body === undefined ? {} : { body }),
        timeouts: provider.timeouts,
        network: provider.network,
        signal: AbortSignal.timeout(LIMITS.localModelTimeoutMs),
      })
      // A model's licence and template come along.
      const bytes = await response.bytes(LIMITS.responseBodyBytesMax)
      if (response.status !== 200) throw new Error(`status ${response.status}`)
      return parseJson(new TextDecoder().decode(bytes))
    } catch (error) {
      this.ports.logger.debug('local server did not describe its models', {
        provider: provider.id,
        error: error instanceof Error ? error.message : String(error),
      })
      return undefined
    }
  }
}

function keyOf(provider: Provider, model: string): string {
  return `${providerUid(provider)}\n${provider.baseUrl}\n${model}`
}
