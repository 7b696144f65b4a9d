// The control tables in Postgres' words: the same rows as schema.sqlite.ts, which explains them, with native jsonb and
// 64-bit integers read as numbers. schema.test.ts proves the row types equal: change both or none, then run
// `bun run db:generate`.

import {
  bigint,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { ModelPrice, ProviderType, RetrySettings, Timeouts } from '../core/catalog.ts'
import type { StoredNetwork } from './stored-network.ts'

/** Facts about the store itself, as the check value of the master key. Belongs to no tenant. */
export const settings = pgTable('settings', {
  key: text('key').primaryKey(),
  value: text('value').notNull(),
})

/** Upstreams. What may hold a secret (the proxy's password, header values) is in the sealed columns alone. */
export const providers = pgTable(
  'providers',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    type: text('type').$type<ProviderType>().notNull(),
    baseUrl: text('base_url').notNull(),
    compatible: text('compatible').$type<'openai' | 'anthropic'>(),
    apiVersion: text('api_version'),
    timeouts: jsonb('timeouts').$type<Timeouts>().notNull(),
    retries: jsonb('retries').$type<RetrySettings>().notNull(),
    network: jsonb('network').$type<StoredNetwork>().notNull(),
    sealedProxy: text('sealed_proxy'),
    sealedHeaders: text('sealed_headers'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Credentials of a provider, in the order they were given. */
export const providerKeys = pgTable(
  'provider_keys',
  {
    tenantId: text('tenant_id').notNull(),
    providerId: text('provider_id').notNull(),
    id: text('id').notNull(),
    position: integer('position').notNull(),
    sealedSecret: text('sealed_secret').notNull(),
    lastFour: text('last_four').notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.providerId, table.id] }),
    foreignKey({
      columns: [table.tenantId, table.providerId],
      foreignColumns: [providers.tenantId, providers.id],
    }).onDelete('cascade'),
  ],
)

/** Aliases clients ask for. */
export const models = pgTable(
  'models',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    defaults: jsonb('defaults').$type<Record<string, unknown>>().notNull(),
    losses: text('losses').$type<'report' | 'reject'>().notNull(),
    contextWindow: bigint('context_window', { mode: 'number' }),
    price: jsonb('price').$type<ModelPrice>(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Where a model leads. The provider may be declared in the file, so it is no foreign key. */
export const targets = pgTable(
  'targets',
  {
    tenantId: text('tenant_id').notNull(),
    modelId: text('model_id').notNull(),
    position: integer('position').notNull(),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    order: integer('try_order').notNull(),
    weight: doublePrecision('weight').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.modelId, table.position] }),
    foreignKey({
      columns: [table.tenantId, table.modelId],
      foreignColumns: [models.tenantId, models.id],
    }).onDelete('cascade'),
  ],
)

/** Clients' keys; only their hashes are kept. */
export const apiKeys = pgTable(
  'api_keys',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    name: text('name').notNull(),
    hash: text('hash').notNull(),
    prefix: text('prefix').notNull(),
    lastFour: text('last_four').notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }),
    revokedMs: bigint('revoked_ms', { mode: 'number' }),
    models: jsonb('models').$type<readonly string[]>(),
  },
  (table) => [
    uniqueIndex('api_keys_hash').on(table.hash),
    index('api_keys_tenant').on(table.tenantId, table.createdMs),
  ],
)
