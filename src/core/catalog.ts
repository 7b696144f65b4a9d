// The words of the catalogue: providers, models and their targets, API keys, as configuration and store both declare them.
// Pure data; the gateway reads them in one immutable snapshot that is replaced as a whole.

import type { ModelCache } from './answer-cache.ts'
import type { OwnLimits } from './money.ts'

/** Every type there is, in the order in which they are shown. */
export const PROVIDER_TYPES = [
  'openai',
  'azure',
  'anthropic',
  'ollama',
  'gemini',
  'cohere',
  'bedrock',
  'mistral',
  'openrouter',
  'lmstudio',
  'nemo',
  'custom',
  'mock',
] as const

export type ProviderType = (typeof PROVIDER_TYPES)[number]

/** Where a declaration came from: what the file or the environment declares is read-only everywhere else. */
export type Origin = 'file' | 'environment' | 'store' | 'built-in'

/** All in milliseconds. */
export interface Timeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number
}

export interface RetrySettings {
  readonly max: number
  readonly baseMs: number
  readonly capMs: number
}

export type TlsVersion = '1.2' | '1.3'

/**
 * How to reach a provider; paths are absolute. What a provider leaves out comes from the settings for all, which the snapshot
 * has merged in (`core/network.ts`).
 */
export interface NetworkSettings {
  /** `http://user:password@host:port` or `https://…`. Absent: none, whatever the environment says. */
  readonly proxy?: string
  /** Hosts reached without the proxy: names, `.domain`, addresses, CIDR blocks, each with or without a port; `*` is all. */
  readonly noProxy?: readonly string[]
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  /** PEM texts of what the files hold, for whoever may name no file of this machine. */
  readonly ca?: string
  readonly cert?: string
  /** A secret. */
  readonly key?: string
  /** Opens an encrypted `keyFile` or `key`. A secret. */
  readonly keyPassphrase?: string
  /** False accepts any certificate. */
  readonly verify?: boolean
  readonly minTlsVersion?: TlsVersion
  /** Whether loopback and private addresses may be connected to. Metadata services never may. */
  readonly allowPrivate?: boolean
  /** Whether the proxy may stand at such an address: an operator's may. Follows from the rest and is never declared; absent: it may. */
  readonly allowPrivateProxy?: boolean
}

/** When a target is left alone after failing, and how it is tried again. */
export interface CircuitSettings {
  readonly enabled: boolean
  /** Failures in a row that open it. */
  readonly failures: number
  /** Share of failures within the window, 0 to 1, that opens it once there were enough answers to tell. */
  readonly errorRate: number
  readonly windowMs: number
  /** How long it stays open at first; doubled each time a probe fails. */
  readonly openMs: number
  /** How long it stays open at most; absent: `LIMITS.circuitOpenMs`. */
  readonly openMaxMs?: number
}

/** Requests of one provider that run at once, and those that wait for their turn. Absent: no bound of its own. */
export interface ConcurrencySettings {
  readonly max: number
  readonly queue: number
  readonly queueTimeoutMs: number
}

/** Asks a provider whether it is well without being asked by a client; off unless configured. */
export interface CheckSettings {
  readonly intervalMs: number
  /** A model to be asked for one token; absent: the model list, which is free. */
  readonly model?: string
}

/** In which order a provider's keys are used. */
export type KeyStrategy = 'round_robin' | 'order' | 'least_used' | 'remaining'

export type EntraCloud = 'public' | 'us_government' | 'china'

/** An Entra ID application that stands in for a key (client credentials, with a secret or a certificate). */
export interface EntraSettings {
  readonly tenant: string
  readonly clientId: string
  readonly clientSecret?: string
  /** PEM, with its key in `keyFile` or in the same file; used where there is no secret. */
  readonly certFile?: string
  readonly keyFile?: string
  readonly keyPassphrase?: string
  readonly cloud: EntraCloud
  /** Replaces the cloud's own address of the token service; for private clouds. */
  readonly authority?: string
  /** Replaces the cloud's own address of the management API. */
  readonly management?: string
  /** Replaces the scope that the cloud's Azure OpenAI takes. */
  readonly scope?: string
}

/** How a local server is kept from cutting prompts without a word. */
export interface ContextSettings {
  /** False leaves every request as it is. */
  readonly guard: boolean
  /** Largest context an Ollama is asked for, in tokens: memory grows with it. */
  readonly maxTokens: number
  /** Room for an answer whose length the client does not limit, in tokens. */
  readonly reserveTokens: number
}

/** Where nothing is configured. 32,768 tokens take some 4 GB beside a model of 8 billion parameters. */
export const DEFAULT_CONTEXT: ContextSettings = {
  guard: true,
  maxTokens: 32_768,
  reserveTokens: 2_048,
}

export interface ProviderKey {
  readonly id: string
  /** In clear, in memory only. */
  readonly secret: string
  /** On its way out: not used for new requests while another key is fit. */
  readonly draining?: boolean
}

export interface Provider {
  /** What clients and targets call it; unique in what one tenant sees. */
  readonly id: string
  /** Whose it is; absent for one that every tenant sees, as file and environment declare them. */
  readonly tenantId?: string
  readonly type: ProviderType
  readonly origin: Origin
  readonly baseUrl: string
  /** Dialect of a `custom` provider: `openai` or `anthropic`. */
  readonly compatible?: 'openai' | 'anthropic'
  /** Azure's `api-version`; absent means the newer `/openai/v1` paths. */
  readonly apiVersion?: string
  /** AWS region that requests are signed for; absent means the one in the address. */
  readonly region?: string
  /** Which of its configurations a NeMo Guardrails server uses for models that name none. */
  readonly configId?: string
  readonly keys: readonly ProviderKey[]
  readonly timeouts: Timeouts
  readonly retries: RetrySettings
  readonly network: NetworkSettings
  readonly headers: Readonly<Record<string, string>>
  /** Absent: `DEFAULT_CONTEXT`. Read for servers that run models themselves. */
  readonly context?: ContextSettings
  /** Absent: `round_robin`. */
  readonly keyStrategy?: KeyStrategy
  /** Absent: `DEFAULT_CIRCUIT`. */
  readonly circuit?: CircuitSettings
  readonly concurrency?: ConcurrencySettings
  readonly check?: CheckSettings
  /** Absent: it is asked with its keys. */
  readonly entra?: EntraSettings
}

/** Where nothing is configured. */
export const DEFAULT_CIRCUIT: CircuitSettings = {
  enabled: true,
  failures: 5,
  errorRate: 0.5,
  windowMs: 30_000,
  openMs: 5_000,
}

export interface Target {
  readonly providerId: string
  /** The provider's own model name. */
  readonly model: string
  /** Lower is tried first; equal orders share by the model's strategy. */
  readonly order: number
  readonly weight: number
  /** Words a request may ask for (`x-weir-tags`). */
  readonly tags?: readonly string[]
  /** What the operator says the target can do. */
  readonly abilities?: TargetAbilities
  /** Request members set in place of the client's, by OpenAI's names; null takes one away (see `gateway/overrides.ts`). */
  readonly overrides?: Readonly<Record<string, unknown>>
}

/**
 * What a target can do. An absent member is unknown and stops nothing; false is a target that is passed over by requests that
 * need it.
 */
export interface TargetAbilities {
  readonly vision?: boolean
  readonly tools?: boolean
  readonly jsonSchema?: boolean
  /** Chats; false for a model that only completes. */
  readonly chat?: boolean
  /** Goes on from the beginning of an answer that it is given as the last message. */
  readonly prefill?: boolean
  /** Tokens of prompt and answer together. */
  readonly contextWindow?: number
}

/** How targets of the same order share a model's requests. */
export type RoutingStrategy =
  'weighted' | 'order' | 'round_robin' | 'least_busy' | 'latency' | 'cost'

/** What keeps going to the same target, so that a provider's prompt cache stays warm. */
export type Stickiness = 'key' | 'user' | 'session'

/** Why a request goes on to other models. `any` stands for every cause that has no list of its own but `content_filter`. */
export type FallbackCause =
  'rate_limited' | 'timed_out' | 'context_length' | 'content_filter' | 'failed' | 'any'

export interface RoutingSettings {
  readonly strategy: RoutingStrategy
  readonly sticky?: Stickiness
  /** Models asked in turn when the model's own targets did not answer. */
  readonly fallbacks: Readonly<Partial<Record<FallbackCause, readonly string[]>>>
  /** Whether a prompt that one provider's content rules refused is put to the next target. */
  readonly retryRefused: boolean
  /** Asks the next target as well when no answer has begun after so long; absent: never. */
  readonly hedgeAfterMs?: number
  /** Whether an answer that broke off is continued by another target, where that can take a beginning. */
  readonly continuation: boolean
}

/** Where nothing is configured. */
export const DEFAULT_ROUTING: RoutingSettings = {
  strategy: 'weighted',
  fallbacks: {},
  retryRefused: false,
  continuation: false,
}

/** Nano-dollars per token of each class of usage; an absent class has no known price. */
export interface PriceClasses {
  readonly input?: number
  readonly output?: number
  readonly cacheRead?: number
  /** Writing to a cache kept for five minutes; `cacheWrite1h` for one hour. */
  readonly cacheWrite?: number
  readonly cacheWrite1h?: number
  readonly inputAudio?: number
  readonly outputAudio?: number
  /** Absent: that of output. */
  readonly reasoning?: number
  /** Nano-dollars for each request, besides its tokens. */
  readonly request?: number
}

export interface ModelPrice extends PriceClasses {
  /** Other prices for the whole request once its input, of every class, is longer than this. */
  readonly steps?: readonly (PriceClasses & { readonly aboveInputTokens: number })[]
}

export interface Model {
  /** The alias clients ask for. */
  readonly id: string
  /** Whose it is; absent for one that every tenant sees. */
  readonly tenantId?: string
  /** Who may use it (`group:engineers`, `key:ci`, …; see `isOnList`); absent: everyone in the tenant. */
  readonly access?: readonly string[]
  readonly origin: Origin
  readonly targets: readonly Target[]
  /** Request members set where the client gave none, by OpenAI's names (see `gateway/defaults.ts`). */
  readonly defaults: Readonly<Record<string, unknown>>
  readonly losses: 'report' | 'reject'
  readonly contextWindow?: number
  readonly price?: ModelPrice
  /** Prices that take the place of `price` from a moment on, UTC milliseconds, in the order of time. */
  readonly priceChanges?: readonly { readonly fromMs: number; readonly price: ModelPrice }[]
  /** Absent: `DEFAULT_ROUTING`. */
  readonly routing?: RoutingSettings
  /** What it says of the response cache; absent: nothing of its own. */
  readonly cache?: ModelCache
}

/** An API key of a client. Only its hash is known. */
export interface ApiKey {
  readonly id: string
  readonly origin: Origin
  readonly tenantId: string
  readonly name: string
  /** Hex SHA-256 of the whole key. */
  readonly hash: string
  /** `weir_` and the first characters after it; for a file key its first four. */
  readonly prefix: string
  readonly lastFour: string
  readonly createdMs: number
  readonly expiresMs?: number
  readonly revokedMs?: number
  /** Turned off for a while; the key itself stays good. */
  readonly disabled?: boolean
  /** Whose rights it has; absent: those of a member of its tenant, and of `roles`. */
  readonly owner?: KeyOwner
  /** Patterns; undefined allows every model that its owner may use. */
  readonly models?: readonly string[]
  /** Actions it is narrowed to, as patterns; undefined: all that its owner may. */
  readonly actions?: readonly string[]
  /** Built-in roles it has in its tenant by itself, where it has no owner; absent: `member`. */
  readonly roles?: readonly string[]
  /** Addresses and CIDR blocks it may be used from; absent: any. */
  readonly allowedFrom?: readonly string[]
  readonly own?: OwnLimits
  /** The key that takes its place: this one holds on until `expiresMs`. */
  readonly replacedBy?: string
}

export interface KeyOwner {
  readonly kind: 'user' | 'service' | 'team'
  /** Row id. */
  readonly id: string
}

/**
 * A name for a provider that no other tenant's has: what is kept of providers beyond one tenant's sight (health, model lists, queues)
 * is kept under it.
 */
export function providerUid(provider: Pick<Provider, 'id' | 'tenantId'>): string {
  return provider.tenantId === undefined ? provider.id : `${provider.tenantId}:${provider.id}`
}
