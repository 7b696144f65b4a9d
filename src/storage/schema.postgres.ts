// The control tables in Postgres' words: the same rows as schema.sqlite.ts, which explains them, with native jsonb and
// 64-bit integers read as numbers. schema.test.ts proves the row types equal: change both or none, then run
// `bun run db:generate`.

import {
  bigint,
  boolean,
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
import type {
  Model,
  ModelPrice,
  ProviderType,
  RetrySettings,
  RoutingSettings,
  TargetAbilities,
  Timeouts,
} from '../core/catalog.ts'
import type { ModelFacts, ModelState } from '../core/model-status.ts'
import type { KeyOwner } from '../core/catalog.ts'
import type { OwnLimits } from '../core/money.ts'
import type { StoredNetwork, StoredOptions } from './stored-network.ts'

export * from './schema-content.postgres.ts'
export * from './schema-people.postgres.ts'

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
    options: jsonb('options').$type<StoredOptions>(),
    sealedSecrets: text('sealed_secrets'),
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
    draining: boolean('draining').notNull().default(false),
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
    access: jsonb('access').$type<readonly string[]>(),
    priceChanges: jsonb('price_changes').$type<NonNullable<Model['priceChanges']>>(),
    routing: jsonb('routing').$type<RoutingSettings>(),
    cache: jsonb('cache').$type<NonNullable<Model['cache']>>(),
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
    tags: jsonb('tags').$type<readonly string[]>(),
    abilities: jsonb('abilities').$type<TargetAbilities>(),
    overrides: jsonb('overrides').$type<Record<string, unknown>>(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.modelId, table.position] }),
    foreignKey({
      columns: [table.tenantId, table.modelId],
      foreignColumns: [models.tenantId, models.id],
    }).onDelete('cascade'),
  ],
)

/**
 * What each provider has listed, and what became of it: a model that is gone is marked and kept, so that whoever asks for it learns
 * why. The provider may be declared in the file, so it is no foreign key.
 */
export const providerModels = pgTable(
  'provider_models',
  {
    tenantId: text('tenant_id').notNull(),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    state: text('state').$type<ModelState>().notNull(),
    facts: jsonb('facts').$type<ModelFacts>().notNull(),
    firstSeenMs: bigint('first_seen_ms', { mode: 'number' }).notNull(),
    lastSeenMs: bigint('last_seen_ms', { mode: 'number' }).notNull(),
    goneMs: bigint('gone_ms', { mode: 'number' }),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.providerId, table.model] })],
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
    roles: jsonb('roles').$type<readonly string[]>(),
    disabled: boolean('disabled').notNull().default(false),
    owner: jsonb('owner').$type<KeyOwner>(),
    actions: jsonb('actions').$type<readonly string[]>(),
    allowedFrom: jsonb('allowed_from').$type<readonly string[]>(),
    own: jsonb('own').$type<OwnLimits>(),
    replacedBy: text('replaced_by'),
    updatedMs: bigint('updated_ms', { mode: 'number' }),
  },
  (table) => [
    uniqueIndex('api_keys_hash').on(table.hash),
    index('api_keys_tenant').on(table.tenantId, table.createdMs),
  ],
)

/** See schema.sqlite.ts. */
export const onceAnswers = pgTable(
  'once_answers',
  {
    name: text('name').primaryKey(),
    asked: text('asked').notNull(),
    status: integer('status'),
    sealedAnswer: text('sealed_answer'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  },
  (table) => [index('once_answers_age').on(table.createdMs)],
)
