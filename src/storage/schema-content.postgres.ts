// The control tables of content in Postgres' words: the same rows as schema-content.sqlite.ts, which explains them. schema.test.ts proves the
// row types equal: change both or none, then run `bun run db:generate`.

import { bigint, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import type { ContentRule, Erasure, Hold } from '../core/content.ts'

export const contentRules = pgTable(
  'content_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: jsonb('rule').$type<Omit<ContentRule, 'id' | 'tenantId' | 'origin'>>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Holds that are in force: a released one is in the audit alone. */
export const holds = pgTable(
  'holds',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    hold: jsonb('hold').$type<Omit<Hold, 'id' | 'tenantId' | 'createdMs'>>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Erasures and how far they are. `changes` grows with each change, so that of two processes one goes on with it. */
export const erasures = pgTable(
  'erasures',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    erasure: jsonb('erasure').$type<Omit<Erasure, 'id' | 'tenantId' | 'createdMs'>>().notNull(),
    changes: bigint('changes', { mode: 'number' }).notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
    finishedMs: bigint('finished_ms', { mode: 'number' }),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/**
 * What an entry of the audit quotes of a request. The entry itself has the HMAC of the text under this row's nonce, so that a row can be
 * deleted, and its text be guessed by nobody, while the chain stays whole.
 */
export const auditContent = pgTable(
  'audit_content',
  {
    tenantId: text('tenant_id').notNull(),
    /** As the entry names it. */
    id: text('id').notNull(),
    /** Of the request's row in the log. */
    logId: text('log_id').notNull(),
    userId: text('user_id'),
    keyId: text('key_id'),
    timestampMs: bigint('timestamp_ms', { mode: 'number' }).notNull(),
    nonce: text('nonce').notNull(),
    sealedExcerpt: text('sealed_excerpt').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    index('audit_content_timestamp_ms').on(table.timestampMs),
    index('audit_content_user_id').on(table.tenantId, table.userId),
    index('audit_content_key_id').on(table.tenantId, table.keyId),
  ],
)
