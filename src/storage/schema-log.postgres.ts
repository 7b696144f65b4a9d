// The request log in Postgres' words: the same rows as schema-log.sqlite.ts, which explains them. schema.test.ts proves the
// row types equal: change both or none, then run `bun run db:generate`.

import {
  bigint,
  bigserial,
  boolean,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { GuardrailVerdict } from '../core/guardrail.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { AttemptRecord, CacheRecord, RouteRecord } from '../core/outcome.ts'
import type { KeptKind } from '../core/ports.ts'
import type { ObjectState } from './schema-log.sqlite.ts'

export * from './schema-money.postgres.ts'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/**
 * One row per request, in partitions by month, which the migration makes by hand: drizzle knows none. So the key ends with the time.
 * Many tenants share the table here, so the index by time begins with the tenant. The last one finds rows by their id, as in SQLite, and
 * keeps each of them single: a batch may be sent again whose first answer was lost.
 */
export const requests = pgTable(
  'requests',
  {
    sequence: bigserial('sequence', { mode: 'number' }).notNull(),
    logId: text('log_id').notNull(),
    logMs: bigint('log_ms', { mode: 'number' }).notNull(),
    timestampMs: bigint('timestamp_ms', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    requestId: text('request_id').notNull(),
    traceId: text('trace_id'),
    direction: text('direction').$type<'inbound'>().notNull(),
    apiKeyHash: text('api_key_hash'),
    apiKeyId: text('api_key_id'),
    endpoint: text('endpoint').notNull(),
    clientFormat: text('client_format').notNull(),
    operation: text('operation').notNull(),
    stream: boolean('stream').notNull(),
    status: integer('status').notNull(),
    errorKind: text('error_kind'),
    errorText: text('error_text'),
    modelRequested: text('model_requested'),
    modelResolved: text('model_resolved'),
    providerId: text('provider_id'),
    mode: text('mode').$type<'relay' | 'translate'>(),
    finish: text('finish'),
    inputTokens: bigint('input_tokens', { mode: 'number' }),
    cacheReadTokens: bigint('cache_read_tokens', { mode: 'number' }),
    cacheWrite5mTokens: bigint('cache_write_5m_tokens', { mode: 'number' }),
    cacheWrite1hTokens: bigint('cache_write_1h_tokens', { mode: 'number' }),
    outputTokens: bigint('output_tokens', { mode: 'number' }),
    reasoningTokens: bigint('reasoning_tokens', { mode: 'number' }),
    inputAudioTokens: bigint('input_audio_tokens', { mode: 'number' }),
    outputAudioTokens: bigint('output_audio_tokens', { mode: 'number' }),
    usageEstimated: boolean('usage_estimated'),
    costNanoUsd: bigint('cost_nano_usd', { mode: 'number' }),
    losses: jsonb('losses').$type<readonly Loss[]>().notNull(),
    attempts: jsonb('attempts').$type<readonly AttemptRecord[]>().notNull(),
    totalMs: bigint('total_ms', { mode: 'number' }).notNull(),
    providerMs: bigint('provider_ms', { mode: 'number' }),
    firstTokenMs: bigint('first_token_ms', { mode: 'number' }),
    requestBytes: bigint('request_bytes', { mode: 'number' }).notNull(),
    responseBytes: bigint('response_bytes', { mode: 'number' }).notNull(),
    userAgent: text('user_agent'),
    userId: text('user_id'),
    teamId: text('team_id'),
    serviceId: text('service_id'),
    route: jsonb('route').$type<readonly RouteRecord[]>(),
    queuedMs: bigint('queued_ms', { mode: 'number' }),
    guardrails: jsonb('guardrails').$type<readonly GuardrailVerdict[]>(),
    cache: jsonb('cache').$type<CacheRecord>(),
  },
  (table) => [
    primaryKey({ columns: [table.sequence, table.timestampMs] }),
    index('requests_tenant_time').on(table.tenantId, table.timestampMs),
    uniqueIndex('requests_log').on(table.logMs, table.logId, table.timestampMs),
  ],
)

/** Bodies, with content logging only, apart so that rows stay small to scan. In partitions that come and go with those of `requests`. */
export const requestBodies = pgTable(
  'request_bodies',
  {
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    /** Of the request, so that bodies can lie and go by time as requests do. */
    timestampMs: bigint('timestamp_ms', { mode: 'number' }).notNull().default(0),
    requestBody: text('request_body'),
    responseBody: text('response_body'),
    /** What went to the provider and came back, where that was not the same. */
    providerRequestBody: text('provider_request_body'),
    providerResponseBody: text('provider_response_body'),
    /** All four, packed; the columns before it are of rows from before bodies were packed. */
    packed: bytea('packed'),
    /** Where they lie, once they lie outside of the store. */
    objectKey: text('object_key'),
  },
  (table) => [primaryKey({ columns: [table.sequence, table.timestampMs] })],
)

/** Bodies that lie outside of the store, or are on their way there or away from there. Not in partitions: objects outlive their rows. */
export const contentObjects = pgTable(
  'content_objects',
  {
    objectKey: text('object_key').notNull(),
    tenantId: text('tenant_id').notNull(),
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    timestampMs: bigint('timestamp_ms', { mode: 'number' }).notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    state: text('state').$type<ObjectState>().notNull(),
    tries: integer('tries').notNull(),
    /** Not before then. */
    dueMs: bigint('due_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.objectKey] }),
    index('content_objects_sequence').on(table.sequence),
    index('content_objects_due').on(table.state, table.dueMs),
  ],
)

/** What is kept for later requests. Text in JSON stays text here: it is given back as it was, and never looked into. */
export const kept = pgTable(
  'kept',
  {
    kind: text('kind').$type<KeptKind>().notNull(),
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    keyId: text('key_id'),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    valueBytes: bigint('value_bytes', { mode: 'number' }).notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }),
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
