// The interfaces the outside implements for the inside: clock, ids, transport, sinks, repositories.
// The gateway depends on these alone; `app.ts` puts the real ones in.

import type { Actor } from './audit.ts'
import type {
  ApiKey,
  KeyOwner,
  Model,
  NetworkSettings,
  Provider,
  ProviderKey,
  Timeouts,
} from './catalog.ts'
import type { JsonValue } from './json.ts'
import type { TokenAudience } from './azure-cloud.ts'
import type { ModelFacts, ModelState, ProviderModel } from './model-status.ts'
import type { OwnLimits } from './money.ts'
import type { Outcome } from './outcome.ts'
import type { KeyPages } from './ports-keys.ts'

export interface Clock {
  /** Wall clock, UTC milliseconds. */
  nowMs(): number
  /** Monotonic milliseconds, for durations and deadlines. */
  monotonicMs(): number
}

/** A limit in time that can be called off. */
export interface Deadline {
  cancel(): void
}

export interface Deadlines {
  /** Calls `fire` once after the delay or a little later, unless it is cancelled before. */
  after(delayMs: number, fire: () => void): Deadline
}

export interface IdSource {
  /** A UUIDv7. */
  uuid(): string
  /** A number in [0, 1), for jitter and weights. */
  random(): number
}

export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

/** A body that is read while it is sent, such as one that lies on disk. */
export interface StreamedBody {
  /** Of the whole body; sent as `content-length`. */
  readonly bytes: number
  /** A fresh stream of the whole body: after an attempt that failed comes another. */
  open(): ReadableStream<Uint8Array>
}

export type UpstreamMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface UpstreamRequest {
  readonly url: string
  readonly method: UpstreamMethod
  readonly headers: Record<string, string>
  readonly body?: Uint8Array | string | StreamedBody
  readonly timeouts: Timeouts
  readonly network: NetworkSettings
  /** Aborts the request at once; fires when the client leaves. */
  readonly signal: AbortSignal
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  /**
   * The decompressed body. Reading it applies back-pressure; a broken connection rejects the read. Idle and total
   * deadlines are the reader's (`gateway/stream-watch.ts`), so that they hold for every transport.
   */
  readonly body: ReadableStream<Uint8Array> | null
  /** The whole body, refused with `upstream_bad_response` beyond `maxBytes`, and with `upstream_timeout` after a silence of the idle limit. */
  bytes(maxBytes: number): Promise<Uint8Array>
  /** Closes the connection; idempotent. */
  cancel(reason?: unknown): void
}

/** Bearer tokens of an identity service, in place of a provider's keys. */
export interface TokenSource {
  /**
   * A token that holds for a while yet; from memory where one is, so that nearly every call resolves at once.
   * @param audience what it is for; `models` unless given
   * @throws GatewayError `upstream_auth` when the service refuses the application, else `upstream_error` or `upstream_timeout`
   */
  bearer(provider: Provider, audience?: TokenAudience): Promise<string>
  /**
   * The token was refused where it was presented: it is not used again.
   * @returns whether another is worth a try. It is not when the last one was new and refused as well: then the application
   * lacks a right, which no token changes.
   */
  refused(provider: Provider, token: string, audience?: TokenAudience): boolean
}

/** What one replica has learned of a provider and the others should know. `providerId` is its `providerUid`. */
export type HealthChange =
  | {
      readonly kind: 'circuit'
      readonly providerId: string
      readonly model: string
      readonly state: 'open' | 'closed'
      /** Wall clock; when a request may try it again. */
      readonly untilMs: number
      /** Nobody has learned it: somebody has said so. */
      readonly isByHand?: true
    }
  | {
      readonly kind: 'key'
      readonly providerId: string
      readonly keyId: string
      readonly state: 'limited' | 'refused' | 'fit'
      readonly untilMs: number
      readonly isByHand?: true
    }

/** Tells other replicas what this one has learned. Neither method waits or throws: it is help, never a condition. */
export interface SharedHealth {
  publish(change: HealthChange): void
  /** What others have learned; never what this one published. */
  subscribe(receive: (change: HealthChange) => void): void
  close(): Promise<void>
}

/** The only way out. Throws GatewayError (`upstream_error`, `upstream_timeout`, `upstream_redirect`, `client_closed`). */
export interface Transport {
  send(request: UpstreamRequest): Promise<UpstreamResponse>
}

export interface NewApiKey {
  readonly id: string
  readonly tenantId: string
  readonly name: string
  readonly hash: string
  readonly prefix: string
  readonly lastFour: string
  readonly createdMs: number
  readonly expiresMs?: number
  readonly owner?: KeyOwner
  readonly models?: readonly string[]
  readonly actions?: readonly string[]
  readonly roles?: readonly string[]
  readonly allowedFrom?: readonly string[]
  readonly own?: OwnLimits
}

/** What of a key can be changed later; `null` takes a restriction away. */
export interface ApiKeyChange {
  readonly name?: string
  readonly expiresMs?: number | null
  readonly disabled?: boolean
  readonly models?: readonly string[] | null
  readonly actions?: readonly string[] | null
  readonly allowedFrom?: readonly string[] | null
  readonly own?: OwnLimits | null
}

/**
 * API keys of one store. Every method names its tenant: there is no query over all of them but `all`, for the snapshot. Changes are
 * recorded in the audit in the same transaction, in the name of `by`.
 */
export interface ApiKeyRepository extends KeyPages {
  create(key: NewApiKey, by: Actor): Promise<ApiKey>
  list(tenantId: string): Promise<ApiKey[]>
  find(tenantId: string, id: string): Promise<ApiKey | undefined>
  /**
   * Undefined when the tenant has no such key, or it is revoked.
   * @param change may be made of the key as it is within the change, and refuse it by throwing a GatewayError
   */
  update(
    tenantId: string,
    id: string,
    change: ApiKeyChange | ((key: ApiKey) => ApiKeyChange),
    by: Actor,
  ): Promise<ApiKey | undefined>
  /**
   * Makes the key that takes the place of this one, which goes on until `overlapEndsMs` at most. One transaction: there are never
   * two successors. Undefined when the tenant has no such key, or it is revoked or has a successor.
   */
  rotate(
    tenantId: string,
    id: string,
    successor: NewApiKey,
    overlapEndsMs: number,
    by: Actor,
  ): Promise<ApiKey | undefined>
  /** By id; undefined when the tenant has no such key. Idempotent: the first time stays. */
  revoke(tenantId: string, id: string, revokedMs: number, by: Actor): Promise<ApiKey | undefined>
  all(): Promise<ApiKey[]>
}

/** A provider to save; without `keys` those it has stay. */
export type ProviderToSave = Omit<Provider, 'keys' | 'origin'> & Partial<Pick<Provider, 'keys'>>

/** Providers with their keys opened; secrets are sealed at rest. One that does not open is left out. */
export interface ProviderRepository {
  all(): Promise<Provider[]>
  ofTenant(tenantId: string): Promise<Provider[]>
  find(tenantId: string, id: string): Promise<Provider | undefined>
  /** Creates or replaces a provider and, where `keys` is given, its keys. */
  save(tenantId: string, provider: ProviderToSave, by: Actor): Promise<void>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
  /** Masked keys: id, last four, creation, and whether it is on its way out. */
  maskedKeys(tenantId: string, providerId: string): Promise<MaskedKey[]>
  /**
   * Adds one key behind those there are. False when the tenant has no such provider or the id is taken.
   * @param replacedId a key that is on its way out from the same moment on; false when there is none of this id
   */
  addKey(
    tenantId: string,
    providerId: string,
    key: ProviderKey,
    by: Actor,
    replacedId?: string,
  ): Promise<boolean>
  /** Marks a key as on its way out, or as in use again. False when there is no such key. */
  setKeyDraining(
    tenantId: string,
    providerId: string,
    keyId: string,
    draining: boolean,
    by: Actor,
  ): Promise<boolean>
  /**
   * Deletes a key. False when there is no such key, or none would be left that is not on its way out.
   * @param even the last one that is in use
   */
  removeKey(
    tenantId: string,
    providerId: string,
    keyId: string,
    by: Actor,
    even?: 'the last',
  ): Promise<boolean>
}

export interface MaskedKey {
  readonly id: string
  readonly lastFour: string
  readonly draining: boolean
  readonly createdMs: number
}

export interface ModelRepository {
  all(): Promise<Model[]>
  /** Those of one tenant, by id. */
  list(tenantId: string): Promise<Model[]>
  find(tenantId: string, id: string): Promise<Model | undefined>
  /**
   * Makes of a model what `plan` says, on the state it is made on: two changes at once are one after the other.
   * @param plan given the model that is there, says what shall be; undefined: none. Asked again where others were quicker; what it throws
   * is thrown, and nothing is changed
   * @returns what is there now
   */
  change(
    tenantId: string,
    id: string,
    by: Actor,
    plan: (before: Model | undefined) => Model | undefined,
  ): Promise<Model | undefined>
  save(tenantId: string, model: Model, by: Actor): Promise<void>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

/** Which models providers have listed, by provider. */
export interface ModelStatusRepository {
  all(tenantId: string): Promise<ProviderModel[]>
  /**
   * What a provider lists now: those in the list are available (or what the list says of them), those it listed before and does not
   * any more are gone since now. One write, and none where nothing has changed but the time of the last look, unless that is
   * longer ago than `modelLastSeenIntervalMs`. Beyond `modelStatusRowsMax` those gone longest are forgotten.
   * @param isWhole false for the part of a list: then nothing is gone; absent: true
   */
  seen(
    tenantId: string,
    providerId: string,
    models: readonly {
      readonly model: string
      readonly state?: ModelState
      readonly facts: ModelFacts
    }[],
    nowMs: number,
    isWhole?: boolean,
  ): Promise<void>
}

export interface RequestFilter {
  readonly tenantId: string
  /** Rows after this sequence number, oldest first; for following. */
  readonly afterSequence?: number
  /** The newest rows when no `afterSequence` is given. At most 1,000. */
  readonly limit: number
  readonly status?: 'ok' | 'error'
  readonly model?: string
  readonly keyId?: string
  readonly sinceMs?: number
}

export interface StoredRequest {
  /** Grows with each row; the cursor for following. */
  readonly sequence: number
  readonly outcome: Outcome
  /** Its bodies lie outside of the store under this name, and are not among the outcome's. */
  readonly objectKey?: string
  /** It has bodies that cannot be read. */
  readonly isContentDamaged?: true
}

/** Reads of the request log; writes go through the log writer alone. */
export interface RequestRepository {
  list(filter: RequestFilter): Promise<StoredRequest[]>
  byLogId(tenantId: string, logId: string): Promise<StoredRequest | undefined>
  count(tenantId: string): Promise<number>
}

/** What is kept for later requests: an answer by its id, reasoning by tool-call id, who owns a file or a batch. */
export type KeptKind = 'response' | 'reasoning' | 'file' | 'batch' | 'answer'

export interface KeptItem {
  readonly kind: KeptKind
  /** Unique per kind and tenant; a second `put` of the same id replaces the first. */
  readonly id: string
  readonly tenantId: string
  /** Whose it is, as `callerOf` says; absent where nobody was named. Whoever reads compares it: a store looks at the tenant only. */
  readonly keyId?: string
  readonly providerId: string
  /** The provider's own model name; empty where it has none (files). */
  readonly model: string
  /** JSON text, or absent where the row alone says everything. */
  readonly value?: string
  readonly createdMs: number
  /** Never returned from then on; absent: until it is removed or makes room. */
  readonly expiresMs?: number
}

/**
 * Small things kept in the log store beside the requests. Every method names its tenant; expired rows are never returned.
 * Writes are queued and never hold up or fail a request, and what was put is found at once by the same process, whether or
 * not the store has it yet. Bounded in rows and bytes: the oldest go first.
 */
export interface KeptRepository {
  /** Resolves once it can be found, not once it is on disk; never rejects. What is larger than one item may be is not kept. */
  put(item: KeptItem): Promise<void>
  /** Throws GatewayError `storage_unavailable` when the store can't be read. */
  find(kind: KeptKind, tenantId: string, id: string): Promise<KeptItem | undefined>
  /** Those of the ids that are there, in any order. Throws as `find` does. */
  findMany(kind: KeptKind, tenantId: string, ids: readonly string[]): Promise<KeptItem[]>
  /** Newest first. Throws as `find` does. */
  list(kind: KeptKind, tenantId: string, limit: number): Promise<KeptItem[]>
  /** True when there was one; it is not found again from then on. Throws as `find` does. */
  remove(kind: KeptKind, tenantId: string, id: string): Promise<boolean>
  /** Deletes what has expired and what is over the bounds; the number of rows deleted. Never rejects. */
  prune(nowMs: number): Promise<number>
}

/** Settings of the configuration by their paths (`log.requests`), as they would be written in the file. */
export type SettingValues = Readonly<Record<string, JsonValue>>

/** Settings that were changed while the program ran; what the file says stands above them. */
export interface StoredSettingsRepository {
  all(): Promise<SettingValues>
  /** Keeps these, forgets those that are null, and leaves the others. False where nothing was to change. */
  change(values: SettingValues, by: Actor): Promise<boolean>
}

/** What was answered to a creation. */
export interface OnceAnswer {
  readonly status: number
  /** JSON text; it may hold a key that is shown once, so it is sealed where it is kept. */
  readonly body: string
  readonly etag?: string
}

/** Creations of the management API by their idempotency keys, known on every replica for a day. */
export interface OnceRepository {
  /**
   * Claims a name.
   * @param name hash of tenant, caller, route and key
   * @param asked hash of what was asked
   * @returns `new` for whoever is to do it; what was answered before; `running` while the first one is under way or its end is not known;
   * `other` where the name was used for something else
   */
  begin(name: string, asked: string): Promise<'new' | 'running' | 'other' | OnceAnswer>
  finish(name: string, answer: OnceAnswer): Promise<void>
  /** It came to nothing: the name may be used again. */
  forget(name: string): Promise<void>
}
