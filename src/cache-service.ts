// The response cache as this process has it: which place answers are kept in, by the configuration in force, and what compares requests by
// their meaning. It joins the gateway's cache to the places of the storage; neither knows the other. While it is off there is none.

import type {
  AnswerStore,
  CacheHolding,
  CacheSelection,
  CacheSettings,
  CacheTally,
} from './core/answer-cache.ts'
import { GatewayError } from './core/error.ts'
import type { GuardrailRule } from './core/guardrail.ts'
import type { Clock, Deadlines, IdSource, Logger } from './core/ports.ts'
import { ResponseCache } from './gateway/cache/response-cache.ts'
import { SemanticCache, type Embed } from './gateway/cache/semantic.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import { guardModelCaller } from './gateway/guard/model-caller.ts'
import { redisAuthorities, type RedisSettings } from './replicas.ts'
import { MemoryAnswers } from './storage/memory-answers.ts'
import type { RedisAnswers } from './storage/redis-answers.ts'
import type { Store } from './storage/store.ts'

export interface CacheServiceParts {
  readonly store: Pick<Store, 'answers' | 'answerSeal'>
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly ids: IdSource
  readonly logger: Logger
  gateway(): GatewayDeps
}

/** What the management API asks. */
export interface CacheState {
  readonly enabled: boolean
  readonly place: AnswerStore['place']
  readonly holdings: readonly CacheHolding[]
  readonly tallies: readonly CacheTally[]
}

export class CacheService {
  private readonly parts: CacheServiceParts
  private settings: CacheSettings | undefined
  private readonly memory: MemoryAnswers
  private readonly semantic: SemanticCache
  private readonly cache: ResponseCache
  private redis: { readonly place: string; readonly answers: RedisAnswers } | undefined
  private changing: Promise<void> = Promise.resolve()
  private isOn = false
  private hasRedis = false
  private stopped = false

  constructor(parts: CacheServiceParts) {
    this.parts = parts
    const { clock, deadlines, ids, logger } = parts
    const flags: GatewayDeps['flags'] = {
      value: (...asked) => parts.gateway().flags.value(...asked),
    }
    this.memory = new MemoryAnswers(clock, () => this.settings?.exact.bytesMax ?? 0)
    const embed = embedding(() => parts.gateway())
    this.semantic = new SemanticCache({ clock, deadlines, embed, flags, logger })
    this.cache = new ResponseCache({
      settings: () => this.settings!,
      store: () => this.place(),
      clock,
      deadlines,
      ids,
      logger,
      semantic: this.semantic,
    })
  }

  /** Undefined while it is off. */
  current(): ResponseCache | undefined {
    return this.isOn ? this.cache : undefined
  }

  /**
   * These settings hold from now on, and what is kept in memory goes where it is turned off. Resolves when Redis is the right one, which
   * nobody has to wait for.
   */
  use(settings: CacheSettings, redis: RedisSettings): Promise<void> {
    this.settings = settings
    this.hasRedis = redis.url !== undefined
    const { exact, semantic } = settings
    this.isOn = exact.enabled || semantic.enabled
    if (exact.place === 'store') this.parts.store.answers.useBytesMax(exact.bytesMax)
    if (!this.isOn || exact.place !== 'memory') this.memory.clear()
    if (!this.isOn) this.semantic.purge({})
    const before = this.changing
    this.changing = Promise.allSettled([before]).then(() => this.connect(settings, redis))
    return this.changing
  }

  /** What is kept and what it did. @param tenantId absent: of every tenant @throws GatewayError `storage_unavailable` */
  async state(tenantId: string | undefined): Promise<CacheState> {
    const store = this.place()
    return {
      enabled: this.isOn,
      place: store.place,
      holdings: await store.holdings(tenantId),
      tallies: this.cache.tally(tenantId),
    }
  }

  /** @throws GatewayError `storage_unavailable` where nobody can know that they are gone */
  purge(which: CacheSelection): Promise<number> {
    return this.cache.purge(which)
  }

  /**
   * Forgets answers that these callers have asked for, for the erasure of a person's data. While it is off nothing lies in memory, and what
   * lies in Redis ends by itself.
   * @throws as `purge` does
   */
  async forget(tenantId: string, callers: readonly string[]): Promise<number> {
    return this.isOn ? await this.cache.purge({ tenantId, callers }) : 0
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.allSettled([this.changing])
    await this.redis?.answers.close()
    this.redis = undefined
  }

  /** One change after the other: the last one told is in force. */
  private async connect(
    { exact, semantic }: CacheSettings,
    { caFile, url }: RedisSettings,
  ): Promise<void> {
    if (this.stopped) return
    const isWanted = (exact.enabled || semantic.enabled) && exact.place === 'redis'
    const place = isWanted && url !== undefined ? JSON.stringify([url, caFile]) : undefined
    if (place === this.redis?.place) return
    const before = this.redis
    this.redis = undefined
    await before?.answers.close()
    if (place === undefined || url === undefined) return
    this.redis = { place, answers: await this.redisAnswers(url, caFile) }
  }

  private async redisAnswers(url: string, caFile: string | undefined): Promise<RedisAnswers> {
    // Loaded where it is needed: a start without it does not pay for it.
    const { RedisAnswers } = await import('./storage/redis-answers.ts')
    const { clock, logger, store } = this.parts
    const ca = redisAuthorities(caFile, logger)
    return new RedisAnswers({
      url,
      seal: store.answerSeal,
      clock,
      logger,
      bytesMax: () => this.settings?.exact.bytesMax ?? 0,
      ...(ca === undefined ? {} : { ca }),
    })
  }

  private place(): AnswerStore {
    switch (this.settings?.exact.place) {
      case 'store':
        return this.parts.store.answers
      case 'redis':
        return this.redis?.answers ?? (this.hasRedis ? UNREACHED : NOWHERE)
      default:
        return this.memory
    }
  }
}

/** A Redis that is not there: `config` refuses to name it without an address. */
const NOWHERE: AnswerStore = {
  place: 'redis',
  get: () => undefined,
  put: () => undefined,
  drop: () => undefined,
  purge: () => Promise.resolve(0),
  holdings: () => Promise.resolve([]),
}

/** One that is not asked now, as the cache is off or only beginning: answers may lie there. */
const UNREACHED: AnswerStore = {
  ...NOWHERE,
  purge: () => Promise.reject(new GatewayError('storage_unavailable')),
}

/** In whose name the embedding model is asked: a question of the operator's, on behalf of the caller, as those of guardrails are. */
const ASKING: GuardrailRule = {
  id: 'response-cache',
  origin: 'file',
  enabled: true,
  stages: ['input'],
  mode: 'observe',
  check: 'topic',
  options: {},
  timeoutMs: 0,
  onFailure: 'open',
  windowChars: 0,
}

function embedding(gateway: () => GatewayDeps): Embed {
  return async ({ forms, model, signal, text }) => {
    const caller = guardModelCaller(ASKING, forms.inbound, gateway())
    const [vector] = await caller.embed({ model, texts: [text], signal })
    if (vector === undefined) throw new Error('the embedding model gave no vector')
    return vector
  }
}
