// A response cache for tests: the real one over memory, with settings that a test may change and a wall clock that stands until the test
// moves it.

import type { AnswerStore, CacheSettings } from '../core/answer-cache.ts'
import type { Clock } from '../core/ports.ts'
import { ResponseCache } from '../gateway/cache/response-cache.ts'
import { SemanticCache, type Embed } from '../gateway/cache/semantic.ts'
import type { GatewayDeps } from '../gateway/deps.ts'
import { MemoryAnswers } from '../storage/memory-answers.ts'

export const CACHE_ON: CacheSettings = {
  exact: {
    enabled: true,
    ttlMs: 60_000,
    entryBytesMax: 262_144,
    bytesMax: 4_194_304,
    place: 'memory',
  },
  semantic: { enabled: false, threshold: 0.95, entriesMax: 100, ttlMs: 60_000 },
  scope: 'tenant',
  toolCalls: false,
  onlyDeterministic: false,
  coalesce: true,
  coalesceWaitMs: 60_000,
  models: [],
}

export class TestCache {
  settings: CacheSettings = CACHE_ON
  store: AnswerStore
  readonly cache: ResponseCache
  /** Milliseconds by which the wall clock is ahead of the moment in which this was made. Nothing grows old by itself. */
  aheadMs = 0
  readonly semantic: SemanticCache | undefined

  /** Gives the cache to a gateway. */
  constructor(deps: GatewayDeps, over: Partial<CacheSettings> = {}, embed?: Embed) {
    const madeMs = deps.clock.nowMs()
    const clock: Clock = {
      nowMs: () => madeMs + this.aheadMs,
      monotonicMs: () => deps.clock.monotonicMs(),
    }
    const { deadlines, flags, ids, logger } = deps
    this.settings = { ...CACHE_ON, ...over }
    this.store = new MemoryAnswers(clock, () => this.settings.exact.bytesMax)
    this.semantic =
      embed === undefined
        ? undefined
        : new SemanticCache({ clock, deadlines, embed, flags, logger })
    this.cache = new ResponseCache({
      settings: () => this.settings,
      store: () => this.store,
      clock,
      deadlines,
      ids,
      logger,
      ...(this.semantic === undefined ? {} : { semantic: this.semantic }),
    })
    Object.assign(deps, { cache: () => this.cache })
  }
}

/** The same where only the gateway matters. */
export function withCache(
  deps: GatewayDeps,
  over: Partial<CacheSettings> = {},
  embed?: Embed,
): TestCache {
  return new TestCache(deps, over, embed)
}
