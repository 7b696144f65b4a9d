// What this process and others like it learn of providers, told to each other where a Redis is configured. It joins the health of the
// gateway to the Redis of the storage; neither knows the other, and requests know nothing of it.

import type { Provider } from './core/catalog.ts'
import type { Clock, HealthChange, IdSource, Logger } from './core/ports.ts'
import type { Health } from './gateway/health.ts'
import { RedisHealth } from './storage/redis-health.ts'
import { loadMaterial, TlsFileProblem } from './transport/tls-files.ts'

export interface RedisSettings {
  readonly url?: string
  /** Absolute path of authorities to trust beside the usual ones. */
  readonly caFile?: string
}

export interface ReplicaPorts {
  readonly health: Health
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
  provider(id: string): Provider | undefined
}

export class Replicas {
  private readonly ports: ReplicaPorts
  private readonly replicaId: string
  private shared: RedisHealth | undefined
  private settings: RedisSettings = {}

  constructor(ports: ReplicaPorts) {
    this.ports = ports
    this.replicaId = ports.ids.uuid()
    ports.health.onChange((change) => {
      this.tell(change)
      this.shared?.publish(change)
    })
  }

  /** Shares through this Redis from now on, or through none. */
  async use(settings: RedisSettings): Promise<void> {
    const { caFile, url } = settings
    if (url === this.settings.url && caFile === this.settings.caFile) return
    this.settings = settings
    const before = this.shared
    this.shared = undefined
    await before?.close()
    if (url === undefined) return
    const ca = this.readAuthorities(caFile)
    const { clock, health, logger } = this.ports
    const shared = new RedisHealth({
      url,
      replicaId: this.replicaId,
      clock,
      logger,
      ...(ca === undefined ? {} : { ca }),
    })
    shared.subscribe((change) => {
      const told = this.ports.provider(change.providerId)
      if (told !== undefined) health.adopt(told, change)
    })
    this.shared = shared
  }

  state(): { configured: boolean; connected: boolean } {
    return {
      configured: this.settings.url !== undefined,
      connected: this.shared?.connected ?? false,
    }
  }

  async stop(): Promise<void> {
    await this.shared?.close()
    this.shared = undefined
  }

  /** Undefined where there are none of one's own, or they cannot be used: then the usual ones must do. */
  private readAuthorities(caFile: string | undefined): string | undefined {
    if (caFile === undefined) return undefined
    try {
      return loadMaterial({ caFile }).ca
    } catch (error) {
      if (!(error instanceof TlsFileProblem)) throw error
      this.ports.logger.warn('the authorities for Redis cannot be used', { error: error.message })
      return undefined
    }
  }

  private tell(change: HealthChange): void {
    const { clock, logger } = this.ports
    const { providerId, state } = change
    const forMs = Math.max(0, Math.round(change.untilMs - clock.nowMs()))
    if (change.kind === 'circuit') {
      const fields = { provider: providerId, model: change.model }
      if (state === 'closed') logger.info('a target answers again', fields)
      else logger.warn('a target failed too often and is left alone', { ...fields, forMs })
      return
    }
    const fields = { provider: providerId, key: change.keyId }
    if (state === 'fit') logger.info('a provider key is fit again', fields)
    else logger.warn(`a provider key is ${state} and rests`, { ...fields, forMs })
  }
}
