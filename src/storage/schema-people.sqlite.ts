// The control tables of people, rights, money and the audit in SQLite's words; schema.sqlite.ts hands them on with its own and says
// the rules. schema-people.postgres.ts says the same in Postgres' words: change both or none, then run `bun run db:generate`.

import {
  foreignKey,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'
import type { AuditAction } from '../core/audit.ts'
import type { FlagRule } from '../core/flags.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import type { AssigneeKind, Claimed, Status } from '../core/identity.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import type { OnceKind } from '../core/ports-people.ts'

export const tenants = sqliteTable('tenants', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  status: text('status').$type<Status>().notNull(),
  createdMs: integer('created_ms').notNull(),
  updatedMs: integer('updated_ms').notNull(),
})

export const teams = sqliteTable(
  'teams',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** People. The hash of a password is of local ones alone; everybody else proves who they are to an issuer. */
export const users = sqliteTable(
  'users',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    name: text('name'),
    email: text('email'),
    passwordHash: text('password_hash'),
    claimed: text('claimed', { mode: 'json' }).$type<Claimed>(),
    status: text('status').$type<Status>().notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
    lastLoginMs: integer('last_login_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('users_subject').on(table.issuer, table.subject),
  ],
)

export const groups = sqliteTable(
  'groups',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    external: text('external'),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Who is in which team or group. */
export const memberships = sqliteTable(
  'memberships',
  {
    tenantId: text('tenant_id').notNull(),
    kind: text('kind').$type<'team' | 'group'>().notNull(),
    id: text('id').notNull(),
    userId: text('user_id').notNull(),
    createdMs: integer('created_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.kind, table.id, table.userId] }),
    foreignKey({
      columns: [table.tenantId, table.userId],
      foreignColumns: [users.tenantId, users.id],
    }).onDelete('cascade'),
  ],
)

export const services = sqliteTable(
  'services',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    issuer: text('issuer'),
    clientId: text('client_id'),
    status: text('status').$type<Status>().notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('services_client').on(table.issuer, table.clientId),
  ],
)

/** Role definitions of tenants; the built-in ones are in the program. */
export const roles = sqliteTable(
  'roles',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    actions: text('actions', { mode: 'json' }).$type<readonly string[]>().notNull(),
    notActions: text('not_actions', { mode: 'json' }).$type<readonly string[]>().notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

export const assignments = sqliteTable(
  'assignments',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    roleId: text('role_id').notNull(),
    assigneeKind: text('assignee_kind').$type<AssigneeKind>().notNull(),
    assigneeId: text('assignee_id').notNull(),
    scope: text('scope').notNull(),
    effect: text('effect').$type<'allow' | 'deny'>().notNull(),
    createdMs: integer('created_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('assignments_same').on(
      table.tenantId,
      table.roleId,
      table.assigneeKind,
      table.assigneeId,
      table.scope,
      table.effect,
    ),
  ],
)

/** Browsers that are logged in, by the hash of what they hold. */
export const sessions = sqliteTable(
  'sessions',
  {
    idHash: text('id_hash').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    userId: text('user_id').notNull(),
    issuer: text('issuer').notNull(),
    issuerSessionId: text('issuer_session_id'),
    claimed: text('claimed', { mode: 'json' }).$type<Claimed>().notNull(),
    sealedTokens: text('sealed_tokens'),
    userAgent: text('user_agent'),
    fromAddress: text('from_address'),
    createdMs: integer('created_ms').notNull(),
    lastSeenMs: integer('last_seen_ms').notNull(),
    expiresMs: integer('expires_ms').notNull(),
  },
  (table) => [
    index('sessions_user').on(table.tenantId, table.userId),
    index('sessions_issuer').on(table.issuer, table.issuerSessionId),
    index('sessions_end').on(table.expiresMs),
  ],
)

/** Logins that have begun. Their secrets are sealed: who reads the table must not be able to end them. */
export const loginAttempts = sqliteTable(
  'login_attempts',
  {
    stateHash: text('state_hash').primaryKey(),
    issuer: text('issuer').notNull(),
    browserHash: text('browser_hash').notNull(),
    sealedProof: text('sealed_proof').notNull(),
    returnTo: text('return_to').notNull(),
    expiresMs: integer('expires_ms').notNull(),
  },
  (table) => [index('login_attempts_end').on(table.expiresMs)],
)

/** Things that may be shown once, until they would have expired anyway. */
export const usedOnce = sqliteTable(
  'used_once',
  {
    kind: text('kind').$type<OnceKind>().notNull(),
    id: text('id').notNull(),
    expiresMs: integer('expires_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.id] })],
)

export const limitRules = sqliteTable(
  'limit_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: text('rule', { mode: 'json' })
      .$type<Omit<LimitRule, 'id' | 'tenantId' | 'origin'>>()
      .notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** The webhook's address may hold a token, so it is sealed. */
export const budgetRules = sqliteTable(
  'budget_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: text('rule', { mode: 'json' })
      .$type<Omit<BudgetRule, 'id' | 'tenantId' | 'origin' | 'webhookUrl'>>()
      .notNull(),
    sealedWebhookUrl: text('sealed_webhook_url'),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Guardrails, in the order in which they are asked. What of a check's options is secret is sealed beside the rest. */
export const guardrailRules = sqliteTable(
  'guardrail_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    position: integer('position').notNull(),
    rule: text('rule', { mode: 'json' })
      .$type<Omit<GuardrailRule, 'id' | 'tenantId' | 'origin'>>()
      .notNull(),
    sealedSecrets: text('sealed_secrets'),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** How a feature flag differs from its default, for a tenant or for all. */
export const flagRules = sqliteTable(
  'flag_rules',
  {
    tenantId: text('tenant_id').notNull(),
    flag: text('flag').notNull(),
    rule: text('rule', { mode: 'json' }).$type<Pick<FlagRule, 'value' | 'percent'>>().notNull(),
    createdMs: integer('created_ms').notNull(),
    updatedMs: integer('updated_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.flag] })],
)

/** Keys that columns are sealed with, each wrapped by a master key that is never stored. Belongs to no tenant. */
export const dataKeys = sqliteTable('data_keys', {
  id: text('id').primaryKey(),
  purpose: text('purpose').$type<'seal' | 'audit'>().notNull(),
  masterKeyId: text('master_key_id').notNull(),
  wrapped: text('wrapped').notNull(),
  createdMs: integer('created_ms').notNull(),
  /** Nothing new is sealed with it from then on. */
  retiredMs: integer('retired_ms'),
})

/** The chain. Rows are inserted and never touched again; the number is the link before it plus one. */
export const audit = sqliteTable(
  'audit',
  {
    sequence: integer('sequence').notNull(),
    tenantId: text('tenant_id').notNull(),
    timestampMs: integer('timestamp_ms').notNull(),
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id').notNull(),
    actorName: text('actor_name'),
    actorTenantId: text('actor_tenant_id'),
    fromAddress: text('from_address'),
    requestId: text('request_id'),
    action: text('action').$type<AuditAction>().notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    /** JSON text, kept as it was hashed. */
    before: text('before'),
    after: text('after'),
    hash: text('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sequence] }),
    index('audit_tenant').on(table.tenantId, table.sequence),
    index('audit_time').on(table.timestampMs),
  ],
)
