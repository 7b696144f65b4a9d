// Turns validated settings into the types of the catalogue: providers, models, API keys. Pure but for hashing; the secret of
// a client's key ends here, only its hash goes on.

import { classifyAddress } from '../core/address.ts'
import type {
  ApiKey,
  EntraSettings,
  Model,
  ModelPrice,
  NetworkSettings,
  Origin,
  Provider,
  RoutingSettings,
  TargetAbilities,
} from '../core/catalog.ts'
import { NANO_PER_USD, nanoPerToken } from '../core/nano-usd.ts'
import { toOwnLimits } from './own-limits.ts'
import { DEFAULT_BASE_URLS } from './base-urls.ts'
import type { ValueOf } from './node.ts'
import { toModelCache } from './schema-cache.ts'
import type { KeySettings, ModelSettings } from './schema-catalog.ts'
import type { ProviderSettings } from './schema-provider.ts'
import type { NETWORK } from './schema-network.ts'

type NetworkValues = ValueOf<typeof NETWORK>

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without the members that are undefined: absent and undefined are different types here. */
function defined<T extends object>(value: T): Partial<Defined<T>> {
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members) as Partial<Defined<T>>
}

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}

export function toProvider(settings: ProviderSettings, origin: Origin): Provider {
  const { check, circuit, concurrency, context, retries, timeouts } = settings
  const baseUrl = settings.base_url ?? DEFAULT_BASE_URLS[settings.type] ?? ''
  const named = (secret: string) => `${origin}:${settings.id}:${sha256(secret).slice(0, 8)}`
  return {
    id: settings.id,
    type: settings.type,
    origin,
    baseUrl,
    ...defined({
      compatible: settings.compatible,
      apiVersion: settings.api_version,
      region: settings.region,
      configId: settings.config_id,
    }),
    // Named by what it is, not by its place: a key keeps its health when others come and go.
    keys: [
      ...settings.keys.map((secret) => ({ id: named(secret), secret })),
      ...settings.draining_keys.map((secret) => ({ id: named(secret), secret, draining: true })),
    ],
    timeouts: {
      connectMs: timeouts.connect,
      firstByteMs: timeouts.first_byte,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
    },
    retries: { max: retries.max, baseMs: retries.base, capMs: retries.cap },
    network: toNetwork(settings.network),
    keyStrategy: settings.key_strategy,
    circuit: {
      enabled: circuit.enabled,
      failures: circuit.failures,
      errorRate: circuit.error_rate,
      windowMs: circuit.window,
      openMs: circuit.open,
      ...defined({ openMaxMs: circuit.open_max ?? (isHere(baseUrl) ? circuit.open : undefined) }),
    },
    headers: settings.headers,
    ...defined({
      concurrency:
        concurrency === undefined
          ? undefined
          : {
              max: concurrency.max,
              queue: concurrency.queue,
              queueTimeoutMs: concurrency.queue_timeout,
            },
      check:
        check === undefined
          ? undefined
          : { intervalMs: check.interval, ...defined({ model: check.model }) },
      entra: settings.entra === undefined ? undefined : toEntra(settings.entra),
      context:
        context === undefined
          ? undefined
          : {
              guard: context.guard,
              maxTokens: context.max_tokens,
              reserveTokens: context.reserve,
            },
    }),
  }
}

/** The address is one of this machine. */
function isHere(baseUrl: string): boolean {
  const url = URL.parse(baseUrl)
  return url !== null && classifyAddress(url.hostname) === 'loopback'
}

/** The network settings as they were given: nothing stands for what was not. */
export function toNetwork(network: NetworkValues): NetworkSettings {
  return defined({
    proxy: network.proxy,
    noProxy: network.no_proxy,
    caFile: network.ca_file,
    certFile: network.cert_file,
    keyFile: network.key_file,
    keyPassphrase: network.key_passphrase,
    verify: network.verify,
    minTlsVersion: network.min_tls_version,
    allowPrivate: network.allow_private,
  })
}

function toEntra(entra: NonNullable<ProviderSettings['entra']>): EntraSettings {
  return {
    tenant: entra.tenant,
    clientId: entra.client_id,
    cloud: entra.cloud,
    ...defined({
      clientSecret: entra.client_secret,
      certFile: entra.cert_file,
      keyFile: entra.key_file,
      keyPassphrase: entra.key_passphrase,
      authority: entra.authority,
      management: entra.management,
      scope: entra.scope,
    }),
  }
}

type PriceValues = NonNullable<ModelSettings['price']>

function toPrice(price: PriceValues): ModelPrice {
  const nano = (dollars: number | undefined) =>
    dollars === undefined ? undefined : nanoPerToken(dollars)
  return defined({
    input: nano(price.input),
    output: nano(price.output),
    cacheRead: nano(price.cache_read),
    cacheWrite: nano(price.cache_write),
    cacheWrite1h: nano(price.cache_write_1h),
    reasoning: nano(price.reasoning),
    inputAudio: nano(price.input_audio),
    outputAudio: nano(price.output_audio),
    request: price.request === undefined ? undefined : Math.round(price.request * NANO_PER_USD),
  })
}

export function toModel(settings: ModelSettings, origin: Origin): Model {
  return {
    id: settings.id,
    origin,
    targets: settings.targets.map((target) => ({
      providerId: target.provider,
      model: target.model,
      order: target.order,
      weight: target.weight,
      ...(target.tags.length === 0 ? {} : { tags: target.tags }),
      ...(Object.keys(target.overrides).length === 0 ? {} : { overrides: target.overrides }),
      ...defined({
        abilities: target.abilities === undefined ? undefined : toAbilities(target.abilities),
      }),
    })),
    defaults: settings.defaults,
    losses: settings.losses,
    ...defined({
      contextWindow: settings.context_window,
      tenantId: settings.tenant,
      access: settings.access,
      price: settings.price === undefined ? undefined : toPrice(settings.price),
      priceChanges: settings.price_changes?.map((change) => ({
        fromMs: Date.parse(change.from),
        price: toPrice(change),
      })),
      routing: settings.routing === undefined ? undefined : toRouting(settings.routing),
      cache: toModelCache(settings.cache, settings.cache_ttl),
    }),
  }
}

function toAbilities(
  abilities: NonNullable<ModelSettings['targets'][number]['abilities']>,
): TargetAbilities {
  return defined({
    vision: abilities.vision,
    tools: abilities.tools,
    jsonSchema: abilities.json_schema,
    chat: abilities.chat,
    prefill: abilities.prefill,
    contextWindow: abilities.context_window,
  })
}

function toRouting(routing: NonNullable<ModelSettings['routing']>): RoutingSettings {
  return {
    strategy: routing.strategy,
    fallbacks: defined(routing.fallbacks),
    retryRefused: routing.retry_refused,
    continuation: routing.continuation,
    ...defined({ sticky: routing.sticky, hedgeAfterMs: routing.hedge_after }),
  }
}

/** `createdMs` is when the file that declares the key was last changed. */
export function toApiKey(settings: KeySettings, createdMs: number): ApiKey {
  const { actions, allowed_from: allowedFrom, expires, key, models, name, roles, team } = settings
  return {
    id: `file:${name}`,
    origin: 'file',
    tenantId: settings.tenant,
    name,
    hash: sha256(key),
    prefix: key.slice(0, key.startsWith('weir_') ? 9 : 4),
    lastFour: key.slice(-4),
    createdMs,
    ...defined({
      expiresMs: expires === undefined ? undefined : Date.parse(expires),
      models,
      roles,
      actions,
      allowedFrom,
      owner: team === undefined ? undefined : { kind: 'team' as const, id: team },
      own: toOwnLimits(settings),
    }),
  }
}
