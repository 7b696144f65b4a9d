// What this process and others like it learn of providers, told to each other where a Redis is configured. It joins the health of the
// gateway to the Redis of the storage; neither knows the other, and requests know nothing of it.

import { providerUid, type Provider } from './core/catalog.ts'
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
  /** By `providerUid`. */
  provider(uid: string): Provider | undefined
}

export class Replicas {
  private readonly ports: ReplicaPorts
  private readonly replicaId: string
  private shared: RedisHealth | undefined
  private settings: RedisSettings = {}
  private changing: Promise<void> = Promise.resolve()
  private stopped = false

  constructor(ports: ReplicaPorts) {
    this.ports = ports
    this.replicaId = ports.ids.uuid()
    ports.health.onChange((change) => {
      this.tell(change)
      this.publish(change)
    })
  }

  /** Shares through this Redis from now on, or through none. One change after the other: the last one told is in force. */
  use(settings: RedisSettings): Promise<void> {
    const before = this.changing
    this.changing = Promise.allSettled([before]).then(() => this.change(settings))
    return this.changing
  }

  private async change(settings: RedisSettings): Promise<void> {
    const { caFile, url } = settings
    if (this.stopped) return
    if (url === this.settings.url && caFile === this.settings.caFile) return
    this.settings = settings
    const before = this.shared
    this.shared = undefined
    await before?.close()
    if (url === undefined) return
    const { clock, health, logger } = this.ports
    const ca = redisAuthorities(caFile, logger)
    const shared = new RedisHealth({
      url,
      replicaId: this.replicaId,
      clock,
      logger,
      ...(ca === undefined ? {} : { ca }),
    })
    shared.subscribe((change) => {
      const found = this.meant(change)
      if (found !== undefined) health.adopt(found, { ...change, providerId: providerUid(found) })
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
    this.stopped = true
    await Promise.allSettled([this.changing])
    await this.shared?.close()
    this.shared = undefined
  }

  private publish(change: HealthChange): void {
    if (this.shared === undefined) return
    const provider = this.ports.provider(change.providerId)
    if (provider === undefined) return
    this.shared.publish({ ...change, providerId: sharedName(provider, change) })
  }

  /** The provider that another replica speaks of; undefined where this process has no such one. */
  private meant(change: HealthChange): Provider | undefined {
    const at = change.providerId.lastIndexOf(SEPARATOR)
    const provider = at < 0 ? undefined : this.ports.provider(change.providerId.slice(0, at))
    if (provider === undefined) return undefined
    return sharedName(provider, change) === change.providerId ? provider : undefined
  }

  private tell(change: HealthChange): void {
    const { clock, logger } = this.ports
    const { isByHand, providerId, state } = change
    // Told once for all of the provider, by whoever was asked for it.
    if (isByHand === true) return
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

/** Authorities to trust for Redis. Undefined where there are none of one's own, or they cannot be used: then the usual ones must do. */
export function redisAuthorities(caFile: string | undefined, logger: Logger): string | undefined {
  if (caFile === undefined) return undefined
  try {
    return loadMaterial({ caFile }).ca
  } catch (error) {
    if (!(error instanceof TlsFileProblem)) throw error
    logger.warn('the authorities for Redis cannot be used', { error: error.message })
    return undefined
  }
}

const SEPARATOR = '@'
/** Hexadecimal digits; enough that two providers of one name are hardly ever taken for each other. */
const MARK_CHARS = 12

/**
 * A provider as replicas name it: its `providerUid`, and a mark of its address and of the key that is spoken of. Who shares a Redis may have
 * another provider, or another key, by the same id, and so has a replica that has not read its configuration anew yet.
 */
function sharedName(provider: Provider, change: HealthChange): string {
  const { baseUrl, keys, type } = provider
  const keyId = change.kind === 'key' ? change.keyId : undefined
  const secret = keys.find((key) => key.id === keyId)?.secret ?? null
  const mark = Bun.SHA256.hash(JSON.stringify([type, baseUrl, secret]), 'hex')
  return `${providerUid(provider)}${SEPARATOR}${mark.slice(0, MARK_CHARS)}`
}
