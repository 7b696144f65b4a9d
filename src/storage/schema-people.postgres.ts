// The tables of people, rights, money and the audit in Postgres' words: the same rows as schema-people.sqlite.ts, which explains them.
// schema.test.ts proves the row types equal: change both or none, then run `bun run db:generate`.

import {
  bigint,
  foreignKey,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { AuditAction } from '../core/audit.ts'
import type { FlagRule } from '../core/flags.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import type { AssigneeKind, Claimed, Status } from '../core/identity.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import type { OnceKind } from '../core/ports-people.ts'

export const tenants = pgTable('tenants', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  status: text('status').$type<Status>().notNull(),
  createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
})

export const teams = pgTable(
  'teams',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** People. The hash of a password is of local ones alone; everybody else proves who they are to an issuer. */
export const users = pgTable(
  'users',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    name: text('name'),
    email: text('email'),
    passwordHash: text('password_hash'),
    claimed: jsonb('claimed').$type<Claimed>(),
    status: text('status').$type<Status>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
    lastLoginMs: bigint('last_login_ms', { mode: 'number' }),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('users_subject').on(table.issuer, table.subject),
  ],
)

export const groups = pgTable(
  'groups',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    external: text('external'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Who is in which team or group. */
export const memberships = pgTable(
  'memberships',
  {
    tenantId: text('tenant_id').notNull(),
    kind: text('kind').$type<'team' | 'group'>().notNull(),
    id: text('id').notNull(),
    userId: text('user_id').notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.kind, table.id, table.userId] }),
    foreignKey({
      columns: [table.tenantId, table.userId],
      foreignColumns: [users.tenantId, users.id],
    }).onDelete('cascade'),
  ],
)

export const services = pgTable(
  'services',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    issuer: text('issuer'),
    clientId: text('client_id'),
    status: text('status').$type<Status>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('services_client').on(table.issuer, table.clientId),
  ],
)

/** Role definitions of tenants; the built-in ones are in the program. */
export const roles = pgTable(
  'roles',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    actions: jsonb('actions').$type<readonly string[]>().notNull(),
    notActions: jsonb('not_actions').$type<readonly string[]>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

export const assignments = pgTable(
  'assignments',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    roleId: text('role_id').notNull(),
    assigneeKind: text('assignee_kind').$type<AssigneeKind>().notNull(),
    assigneeId: text('assignee_id').notNull(),
    scope: text('scope').notNull(),
    effect: text('effect').$type<'allow' | 'deny'>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
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
export const sessions = pgTable(
  'sessions',
  {
    idHash: text('id_hash').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    userId: text('user_id').notNull(),
    issuer: text('issuer').notNull(),
    issuerSessionId: text('issuer_session_id'),
    claimed: jsonb('claimed').$type<Claimed>().notNull(),
    sealedTokens: text('sealed_tokens'),
    userAgent: text('user_agent'),
    fromAddress: text('from_address'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    lastSeenMs: bigint('last_seen_ms', { mode: 'number' }).notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    index('sessions_user').on(table.tenantId, table.userId),
    index('sessions_issuer').on(table.issuer, table.issuerSessionId),
    index('sessions_end').on(table.expiresMs),
  ],
)

/** Logins that have begun. Their secrets are sealed: who reads the table must not be able to end them. */
export const loginAttempts = pgTable(
  'login_attempts',
  {
    stateHash: text('state_hash').primaryKey(),
    issuer: text('issuer').notNull(),
    browserHash: text('browser_hash').notNull(),
    sealedProof: text('sealed_proof').notNull(),
    returnTo: text('return_to').notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }).notNull(),
  },
  (table) => [index('login_attempts_end').on(table.expiresMs)],
)

/** Things that may be shown once, until they would have expired anyway. */
export const usedOnce = pgTable(
  'used_once',
  {
    kind: text('kind').$type<OnceKind>().notNull(),
    id: text('id').notNull(),
    expiresMs: bigint('expires_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.id] })],
)

export const limitRules = pgTable(
  'limit_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: jsonb('rule').$type<Omit<LimitRule, 'id' | 'tenantId' | 'origin'>>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** The webhook's address may hold a token, so it is sealed. */
export const budgetRules = pgTable(
  'budget_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    rule: jsonb('rule')
      .$type<Omit<BudgetRule, 'id' | 'tenantId' | 'origin' | 'webhookUrl'>>()
      .notNull(),
    sealedWebhookUrl: text('sealed_webhook_url'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** Guardrails, in the order in which they are asked. What of a check's options is secret is sealed beside the rest. */
export const guardrailRules = pgTable(
  'guardrail_rules',
  {
    tenantId: text('tenant_id').notNull(),
    id: text('id').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    rule: jsonb('rule').$type<Omit<GuardrailRule, 'id' | 'tenantId' | 'origin'>>().notNull(),
    sealedSecrets: text('sealed_secrets'),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
)

/** How a feature flag differs from its default, for a tenant or for all. */
export const flagRules = pgTable(
  'flag_rules',
  {
    tenantId: text('tenant_id').notNull(),
    flag: text('flag').notNull(),
    rule: jsonb('rule').$type<Pick<FlagRule, 'value' | 'percent'>>().notNull(),
    createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
    updatedMs: bigint('updated_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.flag] })],
)

/** Keys that columns are sealed with, each wrapped by a master key that is never stored. Belongs to no tenant. */
export const dataKeys = pgTable('data_keys', {
  id: text('id').primaryKey(),
  purpose: text('purpose').$type<'seal' | 'audit'>().notNull(),
  masterKeyId: text('master_key_id').notNull(),
  wrapped: text('wrapped').notNull(),
  createdMs: bigint('created_ms', { mode: 'number' }).notNull(),
  /** Nothing new is sealed with it from then on. */
  retiredMs: bigint('retired_ms', { mode: 'number' }),
})

/** The chain. Rows are inserted and never touched again; the number is the link before it plus one. */
export const audit = pgTable(
  'audit',
  {
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    tenantId: text('tenant_id').notNull(),
    timestampMs: bigint('timestamp_ms', { mode: 'number' }).notNull(),
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
