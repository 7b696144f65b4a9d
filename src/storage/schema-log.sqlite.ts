// The request log in SQLite's words, apart from the control tables because it is a database of its own that may be slow,
// full or broken without harming them. schema-log.postgres.ts says the same in Postgres' words; change both or none,
// then run `bun run db:generate`.

import { blob, index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { GuardrailVerdict } from '../core/guardrail.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { AttemptRecord, CacheRecord, RouteRecord } from '../core/outcome.ts'
import type { KeptKind } from '../core/ports.ts'

export * from './schema-money.sqlite.ts'

/**
 * One row per request, written by the log writer alone. Each index costs every request, and one over text five times one over
 * a single integer (2 µs against 0.4): so rows are found by time, and by id through the millisecond within it.
 */
export const requests = sqliteTable(
  'requests',
  {
    sequence: integer('sequence').primaryKey({ autoIncrement: true }),
    logId: text('log_id').notNull(),
    /** The time within `log_id`, a UUIDv7; see logMs. */
    logMs: integer('log_ms').notNull(),
    timestampMs: integer('timestamp_ms').notNull(),
    tenantId: text('tenant_id').notNull(),
    requestId: text('request_id').notNull(),
    traceId: text('trace_id'),
    direction: text('direction').$type<'inbound'>().notNull(),
    apiKeyHash: text('api_key_hash'),
    apiKeyId: text('api_key_id'),
    endpoint: text('endpoint').notNull(),
    clientFormat: text('client_format').notNull(),
    operation: text('operation').notNull(),
    stream: integer('stream', { mode: 'boolean' }).notNull(),
    status: integer('status').notNull(),
    errorKind: text('error_kind'),
    errorText: text('error_text'),
    modelRequested: text('model_requested'),
    modelResolved: text('model_resolved'),
    providerId: text('provider_id'),
    mode: text('mode').$type<'relay' | 'translate'>(),
    finish: text('finish'),
    inputTokens: integer('input_tokens'),
    cacheReadTokens: integer('cache_read_tokens'),
    cacheWrite5mTokens: integer('cache_write_5m_tokens'),
    cacheWrite1hTokens: integer('cache_write_1h_tokens'),
    outputTokens: integer('output_tokens'),
    reasoningTokens: integer('reasoning_tokens'),
    inputAudioTokens: integer('input_audio_tokens'),
    outputAudioTokens: integer('output_audio_tokens'),
    usageEstimated: integer('usage_estimated', { mode: 'boolean' }),
    costNanoUsd: integer('cost_nano_usd'),
    losses: text('losses', { mode: 'json' }).$type<readonly Loss[]>().notNull(),
    attempts: text('attempts', { mode: 'json' }).$type<readonly AttemptRecord[]>().notNull(),
    totalMs: integer('total_ms').notNull(),
    providerMs: integer('provider_ms'),
    firstTokenMs: integer('first_token_ms'),
    requestBytes: integer('request_bytes').notNull(),
    responseBytes: integer('response_bytes').notNull(),
    userAgent: text('user_agent'),
    userId: text('user_id'),
    teamId: text('team_id'),
    serviceId: text('service_id'),
    route: text('route', { mode: 'json' }).$type<readonly RouteRecord[]>(),
    queuedMs: integer('queued_ms'),
    guardrails: text('guardrails', { mode: 'json' }).$type<readonly GuardrailVerdict[]>(),
    cache: text('cache', { mode: 'json' }).$type<CacheRecord>(),
  },
  (table) => [
    index('requests_time').on(table.timestampMs),
    index('requests_log_ms').on(table.logMs),
  ],
)

/** Bodies, with content logging only, apart so that rows stay small to scan. */
export const requestBodies = sqliteTable(
  'request_bodies',
  {
    sequence: integer('sequence')
      .notNull()
      .references(() => requests.sequence, { onDelete: 'cascade' }),
    tenantId: text('tenant_id').notNull(),
    /** Of the request, so that bodies can lie and go by time as requests do. */
    timestampMs: integer('timestamp_ms').notNull().default(0),
    requestBody: text('request_body'),
    responseBody: text('response_body'),
    /** What went to the provider and came back, where that was not the same. */
    providerRequestBody: text('provider_request_body'),
    providerResponseBody: text('provider_response_body'),
    /** All four, packed; the columns before it are of rows from before bodies were packed. */
    packed: blob('packed', { mode: 'buffer' }),
    /** Where they lie, once they lie outside of the store. */
    objectKey: text('object_key'),
  },
  (table) => [primaryKey({ columns: [table.sequence] })],
)

/** `waiting`: the bodies are in the store and are to go out; `stored`: they lie there; `leaving`: the object is to be deleted. */
export type ObjectState = 'waiting' | 'stored' | 'leaving'

/** Bodies that lie outside of the store, or are on their way there or away from there. */
export const contentObjects = sqliteTable(
  'content_objects',
  {
    objectKey: text('object_key').notNull(),
    tenantId: text('tenant_id').notNull(),
    sequence: integer('sequence').notNull(),
    timestampMs: integer('timestamp_ms').notNull(),
    bytes: integer('bytes').notNull(),
    state: text('state').$type<ObjectState>().notNull(),
    tries: integer('tries').notNull(),
    /** Not before then. */
    dueMs: integer('due_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.objectKey] }),
    index('content_objects_sequence').on(table.sequence),
    index('content_objects_due').on(table.state, table.dueMs),
  ],
)

/**
 * What is kept for later requests, by kind: answers by their id, reasoning by tool call, who owns a file. The second index holds
 * all that bounding a kind needs, so that rows with their values are never scanned.
 */
export const kept = sqliteTable(
  'kept',
  {
    kind: text('kind').$type<KeptKind>().notNull(),
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    keyId: text('key_id'),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    valueBytes: integer('value_bytes').notNull(),
    createdMs: integer('created_ms').notNull(),
    expiresMs: integer('expires_ms'),
    value: text('value'),
    /** Of the key that the value is sealed with: '' where there is no value, null for a row of a release that sealed none. */
    sealKeyId: text('seal_key_id'),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.tenantId, table.id] }),
    index('kept_expires').on(table.expiresMs),
    index('kept_age').on(table.kind, table.createdMs, table.valueBytes),
    index('kept_seal').on(table.sealKeyId),
  ],
)
