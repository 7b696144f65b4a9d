// The control tables of content in SQLite's words: rules of the policy, legal holds, erasures, and what entries of the audit quote. schema-content.postgres.ts says the same in
// Postgres' words: change both or none, then run `bun run db:generate`.

import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { ContentRule, Erasure, Hold } from '../core/content.ts'

export const contentRules = sqliteTable(
  'content_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: text('rule', { mode: 'json' })
      .$type<Omit<ContentRule, 'id' | 'tenantId' | 'origin'>>()
      .notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Holds that are in force: a released one is in the audit alone. */
export const holds = sqliteTable(
  'holds',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    hold: text('hold', { mode: 'json' })
      .$type<Omit<Hold, 'id' | 'tenantId' | 'createdMs'>>()
      .notNull(),
    createdMs: integer('created_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Erasures and how far they are. `changes` grows with each change, so that of two processes one goes on with it. */
export const erasures = sqliteTable(
  'erasures',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    erasure: text('erasure', { mode: 'json' })
      .$type<Omit<Erasure, 'id' | 'tenantId' | 'createdMs'>>()
      .notNull(),
    changes: integer('changes').notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
    finishedMs: integer('finished_ms'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/**
 * What an entry of the audit quotes of a request. The entry itself has the HMAC of the text under this row's nonce, so that a row can be
 * deleted, and its text be guessed by nobody, while the chain stays whole.
 */
export const auditContent = sqliteTable(
  'audit_content',
  {
    tenantId: text('tenant_id').notNull(),
    /** As the entry names it. */
    id: text('id').notNull(),
    /** Of the request's row in the log. */
    logId: text('log_id').notNull(),
    userId: text('user_id'),
    keyId: text('key_id'),
    timestampMs: integer('timestamp_ms').notNull(),
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
