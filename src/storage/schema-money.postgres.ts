// The tables that count money and use in Postgres' words: the same rows as schema-money.sqlite.ts, which explains them.
// schema.test.ts proves the row types equal: change both or none, then run `bun run db:generate`.

import { bigint, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'

/** Totals of an hour for each combination of who asked for what; `''` stands for none. */
export const usageHourly = pgTable(
  'usage_hourly',
  {
    hourMs: bigint('hour_ms', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    teamId: text('team_id').notNull(),
    userId: text('user_id').notNull(),
    serviceId: text('service_id').notNull(),
    keyId: text('key_id').notNull(),
    model: text('model').notNull(),
    providerId: text('provider_id').notNull(),
    providerModel: text('provider_model').notNull(),
    operation: text('operation').notNull(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
    errors: bigint('errors', { mode: 'number' }).notNull(),
    inputTokens: bigint('input_tokens', { mode: 'number' }).notNull(),
    cacheReadTokens: bigint('cache_read_tokens', { mode: 'number' }).notNull(),
    cacheWrite5mTokens: bigint('cache_write_5m_tokens', { mode: 'number' }).notNull(),
    cacheWrite1hTokens: bigint('cache_write_1h_tokens', { mode: 'number' }).notNull(),
    outputTokens: bigint('output_tokens', { mode: 'number' }).notNull(),
    reasoningTokens: bigint('reasoning_tokens', { mode: 'number' }).notNull(),
    inputAudioTokens: bigint('input_audio_tokens', { mode: 'number' }).notNull(),
    outputAudioTokens: bigint('output_audio_tokens', { mode: 'number' }).notNull(),
    costNanoUsd: bigint('cost_nano_usd', { mode: 'number' }).notNull(),
    unpricedRequests: bigint('unpriced_requests', { mode: 'number' }).notNull(),
    estimatedRequests: bigint('estimated_requests', { mode: 'number' }).notNull(),
    totalMs: bigint('total_ms', { mode: 'number' }).notNull(),
    /** From here on null where whoever wrote the line did not count it yet. */
    serverErrors: bigint('server_errors', { mode: 'number' }),
    fallbacks: bigint('fallbacks', { mode: 'number' }),
    cacheHits: bigint('cache_hits', { mode: 'number' }),
    firstTokenMs: bigint('first_token_ms', { mode: 'number' }),
    firstTokenRequests: bigint('first_token_requests', { mode: 'number' }),
    responseHits: bigint('response_hits', { mode: 'number' }),
    savedNanoUsd: bigint('saved_nano_usd', { mode: 'number' }),
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
export const keyUses = pgTable(
  'key_uses',
  {
    tenantId: text('tenant_id').notNull(),
    keyId: text('key_id').notNull(),
    lastUsedMs: bigint('last_used_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.keyId] })],
)

/** What was spent of each budget in each window, and what replicas have leased of it. */
export const budgetWindows = pgTable(
  'budget_windows',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    subject: text('subject').notNull(),
    startMs: bigint('start_ms', { mode: 'number' }).notNull(),
    /** Null for a window without an end. */
    endMs: bigint('end_ms', { mode: 'number' }),
    spentNanoUsd: bigint('spent_nano_usd', { mode: 'number' }).notNull(),
    leasedNanoUsd: bigint('leased_nano_usd', { mode: 'number' }).notNull(),
    /** Thresholds that were told, in thousandths. */
    alerted: jsonb('alerted').$type<readonly number[]>().notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.ruleId, table.subject, table.startMs] }),
    index('budget_windows_end').on(table.endMs),
  ],
)

/** What one replica has taken of a window to hold for its requests, and until when it is believed to live. */
export const budgetLeases = pgTable(
  'budget_leases',
  {
    replicaId: text('replica_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    subject: text('subject').notNull(),
    startMs: bigint('start_ms', { mode: 'number' }).notNull(),
    leasedNanoUsd: bigint('leased_nano_usd', { mode: 'number' }).notNull(),
    /** The part that requests under way held when this was last written. */
    heldNanoUsd: bigint('held_nano_usd', { mode: 'number' }).notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.replicaId, table.tenantId, table.ruleId, table.subject, table.startMs],
    }),
    index('budget_leases_end').on(table.expiresMs),
  ],
)
