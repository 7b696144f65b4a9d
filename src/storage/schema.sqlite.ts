// The control tables in SQLite's words; the request log has a file and a schema of its own (schema-log.sqlite.ts).
// schema.postgres.ts says the same in Postgres' words and schema.test.ts proves the row types equal: change both or none,
// then run `bun run db:generate`.

import {
  foreignKey,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'
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

export * from './schema-content.sqlite.ts'
export * from './schema-people.sqlite.ts'

/** Facts about the store itself, as the check value of the master key. Belongs to no tenant. */
export const settings = sqliteTable('settings', {
  key: text('key').primaryKey(),
  value: text('value').notNull(),
})

/** Upstreams. What may hold a secret (the proxy's password, header values) is in the sealed columns alone. */
export const providers = sqliteTable(
  'providers',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    type: text('type').$type<ProviderType>().notNull(),
    baseUrl: text('base_url').notNull(),
    compatible: text('compatible').$type<'openai' | 'anthropic'>(),
    apiVersion: text('api_version'),
    timeouts: text('timeouts', { mode: 'json' }).$type<Timeouts>().notNull(),
    retries: text('retries', { mode: 'json' }).$type<RetrySettings>().notNull(),
    network: text('network', { mode: 'json' }).$type<StoredNetwork>().notNull(),
    sealedProxy: text('sealed_proxy'),
    sealedHeaders: text('sealed_headers'),
    options: text('options', { mode: 'json' }).$type<StoredOptions>(),
    sealedSecrets: text('sealed_secrets'),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Credentials of a provider, in the order they were given. */
export const providerKeys = sqliteTable(
  'provider_keys',
  {
    tenantId: text('tenant_id').notNull(),
    providerId: text('provider_id').notNull(),
    id: text('id').notNull(),
    position: integer('position').notNull(),
    sealedSecret: text('sealed_secret').notNull(),
    lastFour: text('last_four').notNull(),
    draining: integer('draining', { mode: 'boolean' }).notNull().default(false),
    createdMs: integer('created_ms').notNull(),
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
export const models = sqliteTable(
  'models',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    defaults: text('defaults', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    losses: text('losses').$type<'report' | 'reject'>().notNull(),
    contextWindow: integer('context_window'),
    price: text('price', { mode: 'json' }).$type<ModelPrice>(),
    access: text('access', { mode: 'json' }).$type<readonly string[]>(),
    priceChanges: text('price_changes', { mode: 'json' }).$type<
      NonNullable<Model['priceChanges']>
    >(),
    routing: text('routing', { mode: 'json' }).$type<RoutingSettings>(),
    cache: text('cache', { mode: 'json' }).$type<NonNullable<Model['cache']>>(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Where a model leads. The provider may be declared in the file, so it is no foreign key. */
export const targets = sqliteTable(
  'targets',
  {
    tenantId: text('tenant_id').notNull(),
    modelId: text('model_id').notNull(),
    position: integer('position').notNull(),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    order: integer('try_order').notNull(),
    weight: real('weight').notNull(),
    tags: text('tags', { mode: 'json' }).$type<readonly string[]>(),
    abilities: text('abilities', { mode: 'json' }).$type<TargetAbilities>(),
    overrides: text('overrides', { mode: 'json' }).$type<Record<string, unknown>>(),
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
export const providerModels = sqliteTable(
  'provider_models',
  {
    tenantId: text('tenant_id').notNull(),
    providerId: text('provider_id').notNull(),
    model: text('model').notNull(),
    state: text('state').$type<ModelState>().notNull(),
    facts: text('facts', { mode: 'json' }).$type<ModelFacts>().notNull(),
    firstSeenMs: integer('first_seen_ms').notNull(),
    lastSeenMs: integer('last_seen_ms').notNull(),
    goneMs: integer('gone_ms'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.providerId, table.model] })],
)

/** Clients' keys; only their hashes are kept. */
export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    name: text('name').notNull(),
    hash: text('hash').notNull(),
    prefix: text('prefix').notNull(),
    lastFour: text('last_four').notNull(),
    createdMs: integer('created_ms').notNull(),
    expiresMs: integer('expires_ms'),
    revokedMs: integer('revoked_ms'),
    models: text('models', { mode: 'json' }).$type<readonly string[]>(),
    roles: text('roles', { mode: 'json' }).$type<readonly string[]>(),
    disabled: integer('disabled', { mode: 'boolean' }).notNull().default(false),
    owner: text('owner', { mode: 'json' }).$type<KeyOwner>(),
    actions: text('actions', { mode: 'json' }).$type<readonly string[]>(),
    allowedFrom: text('allowed_from', { mode: 'json' }).$type<readonly string[]>(),
    own: text('own', { mode: 'json' }).$type<OwnLimits>(),
    replacedBy: text('replaced_by'),
    updatedMs: integer('updated_ms'),
  },
  (table) => [
    uniqueIndex('api_keys_hash').on(table.hash),
    index('api_keys_tenant').on(table.tenantId, table.createdMs),
  ],
)

/** Creations by their idempotency keys, for a day; the answer is null while the first is under way. */
export const onceAnswers = sqliteTable(
  'once_answers',
  {
    name: text('name').primaryKey(),
    asked: text('asked').notNull(),
    status: integer('status'),
    sealedAnswer: text('sealed_answer'),
    createdMs: integer('created_ms').notNull(),
  },
  (table) => [index('once_answers_age').on(table.createdMs)],
)
