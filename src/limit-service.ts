// Limits as this process has them: the rules in force, the toll that takes them, and the place where they are counted, which is this
// process alone, or a Redis or a Postgres that replicas share. It joins the gateway's limits to the counters of the storage; neither knows the other.

import type { ApiKey } from './core/catalog.ts'
import { LIMITS } from './core/limits.ts'
import type { LimitRule, LimitSubject } from './core/money.ts'
import { MemoryLimits } from './core/policy/memory-limits.ts'
import type { Clock, IdSource, Logger } from './core/ports.ts'
import type { LimitCounters, LimitState as CounterState, LimitTake } from './core/ports-money.ts'
import { LimitRules, NO_LIMIT_RULES, type Counts } from './gateway/limit-rules.ts'
import { Limiting } from './gateway/limiting.ts'
import { redisAuthorities, type RedisSettings } from './replicas.ts'
import type { LimitBackend } from './storage/limit-exchange.ts'
import { RedisLimits } from './storage/redis-limits.ts'
import { SharedLimits } from './storage/shared-limits.ts'

export interface LimitServicePorts {
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
  /** A request was refused, for the metrics. */
  refused(per: LimitSubject, counts: Counts): void
  /** Where limits are counted when there is no Redis; undefined: in this process. */
  fallback(): LimitBackend | undefined
}

/** Where limits are counted, as it is told. */
export interface LimitState {
  readonly counted: 'process' | 'redis' | 'postgres'
  /** Whether the shared counters answer; of counters of this process always. */
  readonly connected: boolean
}

export class LimitService {
  readonly limiting: Limiting
  private readonly ports: LimitServicePorts
  private readonly local: MemoryLimits
  private counters: LimitCounters
  private shared: SharedLimits | undefined
  private counted: LimitState['counted'] = 'process'
  private inForce: LimitRules = NO_LIMIT_RULES
  private all: readonly LimitRule[] = []
  private settings: RedisSettings | undefined
  private isWanted = false
  /** Where it counts; undefined where there is nothing to count. */
  private place: string | undefined
  private changing: Promise<void> = Promise.resolve()
  private stopped = false

  constructor(ports: LimitServicePorts) {
    this.ports = ports
    this.local = new MemoryLimits(ports.clock)
    this.counters = this.local
    this.limiting = new Limiting({
      rules: () => this.inForce,
      counters: () => this.counters,
      clock: ports.clock,
      ids: ports.ids,
      refused: (per, counts) => ports.refused(per, counts),
    })
  }

  /**
   * These rules hold from now on. What was counted under a rule that is still there goes on.
   * @param keys those that may have limits of their own; where there is no limit at all nobody is connected to
   */
  useRules(rules: readonly LimitRule[], keys: readonly Pick<ApiKey, 'own'>[]): void {
    this.all = rules
    this.inForce = rules.length === 0 ? NO_LIMIT_RULES : new LimitRules(rules)
    this.isWanted = rules.length > 0 || keys.some(({ own }) => own?.limits !== undefined)
    if (this.settings === undefined) return
    this.use(this.settings).catch((error: unknown) => {
      this.ports.logger.error('limits could not be counted elsewhere', { error: String(error) })
    })
  }

  /** Counts in this Redis from now on, or without one. One change after the other: the last one told is in force. */
  use(settings: RedisSettings): Promise<void> {
    const before = this.changing
    this.changing = Promise.allSettled([before]).then(() => this.change(settings))
    return this.changing
  }

  /** Those that hold for a tenant, of file and store. */
  rulesOf(tenantId: string): readonly LimitRule[] {
    return this.all.filter((rule) => rule.tenantId === undefined || rule.tenantId === tenantId)
  }

  /** Counters as they stand, taking nothing. */
  peek(takes: readonly LimitTake[]): Promise<readonly CounterState[]> {
    return this.counters.peek(takes)
  }

  state(): LimitState {
    return { counted: this.counted, connected: this.shared?.connected ?? true }
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.allSettled([this.changing])
    await this.shared?.close()
    this.shared = undefined
  }

  private async change(settings: RedisSettings): Promise<void> {
    if (this.stopped) return
    this.settings = settings
    const { caFile, url } = settings
    const place = this.isWanted ? JSON.stringify([url, caFile]) : undefined
    if (place === this.place) return
    this.place = place
    const before = this.shared
    const { clock, logger } = this.ports
    const backend = this.isWanted ? this.backend(settings) : undefined
    this.shared =
      backend === undefined
        ? undefined
        : new SharedLimits({ backend, local: this.local, clock, logger })
    this.counters = this.shared ?? this.local
    this.counted = backend?.name ?? 'process'
    await before?.close()
    // The first requests should be counted with the others; that they are answered matters more.
    await this.shared?.whenConnected(LIMITS.limitConnectMs)
  }

  private backend({ caFile, url }: RedisSettings): LimitBackend | undefined {
    if (url === undefined) return this.ports.fallback()
    const ca = redisAuthorities(caFile, this.ports.logger)
    return new RedisLimits({ url, ...(ca === undefined ? {} : { ca }) })
  }
}
