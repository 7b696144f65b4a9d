// The tables of the log store that count money and use, in SQLite's words: beside the request rows, because they are written in the same
// transaction. schema-money.postgres.ts says the same in Postgres' words: change both or none, then run `bun run db:generate`.

import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** Totals of an hour for each combination of who asked for what; `''` stands for none. */
export const usageHourly = sqliteTable(
  'usage_hourly',
  {
    hourMs: integer('hour_ms').notNull(),
    tenantId: text('tenant_id').notNull(),
    teamId: text('team_id').notNull(),
    userId: text('user_id').notNull(),
    serviceId: text('service_id').notNull(),
    keyId: text('key_id').notNull(),
    model: text('model').notNull(),
    providerId: text('provider_id').notNull(),
    providerModel: text('provider_model').notNull(),
    operation: text('operation').notNull(),
    requests: integer('requests').notNull(),
    errors: integer('errors').notNull(),
    inputTokens: integer('input_tokens').notNull(),
    cacheReadTokens: integer('cache_read_tokens').notNull(),
    cacheWrite5mTokens: integer('cache_write_5m_tokens').notNull(),
    cacheWrite1hTokens: integer('cache_write_1h_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    reasoningTokens: integer('reasoning_tokens').notNull(),
    inputAudioTokens: integer('input_audio_tokens').notNull(),
    outputAudioTokens: integer('output_audio_tokens').notNull(),
    costNanoUsd: integer('cost_nano_usd').notNull(),
    unpricedRequests: integer('unpriced_requests').notNull(),
    estimatedRequests: integer('estimated_requests').notNull(),
    totalMs: integer('total_ms').notNull(),
    /** From here on null where whoever wrote the line did not count it yet. */
    serverErrors: integer('server_errors'),
    fallbacks: integer('fallbacks'),
    cacheHits: integer('cache_hits'),
    firstTokenMs: integer('first_token_ms'),
    firstTokenRequests: integer('first_token_requests'),
    responseHits: integer('response_hits'),
    savedNanoUsd: integer('saved_nano_usd'),
  },
  (table) => [
    primaryKey({
      // Postgres cuts names at 63 characters.
      name: 'usage_hourly_pk',
      columns: [
        table.hourMs,
        table.tenantId,
        table.teamId,
        table.userId,
        table.serviceId,
        table.keyId,
        table.model,
        table.providerId,
        table.providerModel,
        table.operation,
      ],
    }),
    index('usage_hourly_tenant').on(table.tenantId, table.hourMs),
  ],
)

/** When keys were last used. */
export const keyUses = sqliteTable(
  'key_uses',
  {
    tenantId: text('tenant_id').notNull(),
    keyId: text('key_id').notNull(),
    lastUsedMs: integer('last_used_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.keyId] })],
)

/** What was spent of each budget in each window, and what replicas have leased of it. */
export const budgetWindows = sqliteTable(
  'budget_windows',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    subject: text('subject').notNull(),
    startMs: integer('start_ms').notNull(),
    /** Null for a window without an end. */
    endMs: integer('end_ms'),
    spentNanoUsd: integer('spent_nano_usd').notNull(),
    leasedNanoUsd: integer('leased_nano_usd').notNull(),
    /** Thresholds that were told, in thousandths. */
    alerted: text('alerted', { mode: 'json' }).$type<readonly number[]>().notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.ruleId, table.subject, table.startMs] }),
    index('budget_windows_end').on(table.endMs),
  ],
)

/** What one replica has taken of a window to hold for its requests, and until when it is believed to live. */
export const budgetLeases = sqliteTable(
  'budget_leases',
  {
    replicaId: text('replica_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    subject: text('subject').notNull(),
    startMs: integer('start_ms').notNull(),
    leasedNanoUsd: integer('leased_nano_usd').notNull(),
    /** The part that requests under way held when this was last written. */
    heldNanoUsd: integer('held_nano_usd').notNull(),
    expiresMs: integer('expires_ms').notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.replicaId, table.tenantId, table.ruleId, table.subject, table.startMs],
    }),
    index('budget_leases_end').on(table.expiresMs),
  ],
)
