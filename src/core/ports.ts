// The interfaces the outside implements for the inside: clock, ids, transport, sinks, repositories.
// The gateway depends on these alone; `app.ts` puts the real ones in.

import type { ApiKey, Model, NetworkSettings, Provider, Timeouts } from './catalog.ts'
import type { Outcome } from './outcome.ts'

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

export interface UpstreamRequest {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Record<string, string>
  readonly body?: Uint8Array | string
  readonly timeouts: Timeouts
  readonly network: NetworkSettings
  /** Aborts the request at once; fires when the client leaves. */
  readonly signal: AbortSignal
  /** An operator's own loopback and private addresses are fine; a URL that came from elsewhere is held to public ones. */
  readonly allowPrivate: boolean
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  /**
   * The decompressed body. Reading it applies back-pressure; a broken connection rejects the read. Idle and total
   * deadlines are the reader's (`gateway/stream-watch.ts`), so that they hold for every transport.
   */
  readonly body: ReadableStream<Uint8Array> | null
  /** The whole body, refused with `upstream_bad_response` beyond `maxBytes`. */
  bytes(maxBytes: number): Promise<Uint8Array>
  /** Closes the connection; idempotent. */
  cancel(reason?: unknown): void
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
  readonly models?: readonly string[]
}

/** API keys of one store. Every method names its tenant: there is no query over all of them but `all`, for the snapshot. */
export interface ApiKeyRepository {
  create(key: NewApiKey): Promise<ApiKey>
  list(tenantId: string): Promise<ApiKey[]>
  /** By id; undefined when the tenant has no such key. Idempotent: the first time stays. */
  revoke(tenantId: string, id: string, revokedMs: number): Promise<ApiKey | undefined>
  all(): Promise<ApiKey[]>
}

/** Providers with their keys opened; secrets are sealed at rest. */
export interface ProviderRepository {
  all(): Promise<Provider[]>
  /** Creates or replaces a provider and, where `keys` is given, its keys. */
  save(tenantId: string, provider: Provider): Promise<void>
  remove(tenantId: string, id: string): Promise<boolean>
  /** Masked keys: id, last four, creation. */
  maskedKeys(tenantId: string, providerId: string): Promise<MaskedKey[]>
}

export interface MaskedKey {
  readonly id: string
  readonly lastFour: string
  readonly createdMs: number
}

export interface ModelRepository {
  all(): Promise<Model[]>
  save(tenantId: string, model: Model): Promise<void>
  remove(tenantId: string, id: string): Promise<boolean>
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
}

/** Reads of the request log; writes go through the log writer alone. */
export interface RequestRepository {
  list(filter: RequestFilter): Promise<StoredRequest[]>
  byLogId(tenantId: string, logId: string): Promise<StoredRequest | undefined>
  count(tenantId: string): Promise<number>
}
