// The repository of tenants. The one that is always there has no row: it is shown, but neither made, changed nor deleted. An id is
// given once: what a tenant has left in the log and the audit must not become another one's.

import { and, asc, eq, inArray, isNotNull, isNull, ne } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { PLATFORM_TENANT_ID, type Tenant } from '../core/identity.ts'
import { scopeContains, scopes } from '../core/permission.ts'
import type { TenantRepository } from '../core/ports-people.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { DEFAULT_TENANT } from '../core/rights.ts'
import { isTenantId } from '../core/roles.ts'
import { assignmentEvent, type AssignmentRow } from './assignment-rows.ts'
import type { ControlDatabase } from './control-database.ts'
import { changeEvent, checkName, conflict, refused } from './people-rows.ts'
import type { tenants } from './schema.sqlite.ts'

type Row = typeof tenants.$inferSelect

export function toTenant({ createdMs, id, name, status }: Row): Tenant {
  return { id, name, status, createdMs }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id } = (after ?? before)!
  return changeEvent(action, { tenantId: id, kind: 'tenant', id }, before, after)
}

/** Tenants of one store; see the port for the contract. */
export class Tenants implements TenantRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /**
   * @throws GatewayError 400 for an id that cannot be one, 409 `already_exists` for one there is, 409 `already_used` for one there was
   */
  async create(tenant: Omit<Tenant, 'status'>, by: Actor): Promise<Tenant> {
    const { tenants } = this.database.tables
    const { createdMs, id, name } = tenant
    if (!isTenantId(id)) {
      throw refused('id', 'A tenant’s id has lower-case letters, digits and dashes, 63 at most.')
    }
    checkName(name)
    if (id === DEFAULT_TENANT_ID) throw conflict('already_exists', 'This tenant is always there.')
    const row: Row = { id, name, status: 'active', createdMs, updatedMs: createdMs }
    await this.database.change(by, async () => {
      if (await this.wasDeleted(id)) {
        throw conflict(
          'already_used',
          'A tenant of this id was deleted; its log and audit are still kept under it. Take another.',
        )
      }
      return {
        events: [event('tenant.create', undefined, row)],
        build: (tx) => [tx.insert(tenants).values(row)],
      }
    })
    return toTenant(row)
  }

  /** The one that is always there comes first. */
  async list(): Promise<Tenant[]> {
    const { tenants } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(tenants).orderBy(asc(tenants.createdMs), asc(tenants.id)),
    )
    return [DEFAULT_TENANT, ...rows.map(toTenant)]
  }

  async find(id: string): Promise<Tenant | undefined> {
    if (id === DEFAULT_TENANT_ID) return DEFAULT_TENANT
    const row = await this.row(id)
    return row === undefined ? undefined : toTenant(row)
  }

  /** A tenant that is turned off loses its sessions. @throws GatewayError 409 `built_in` for the one that is always there */
  async update(
    id: string,
    change: { readonly name?: string; readonly status?: Tenant['status'] },
    by: Actor,
  ): Promise<Tenant | undefined> {
    refuseBuiltIn(id)
    if (change.name !== undefined) checkName(change.name)
    const { sessions, tenants } = this.database.tables
    let after: Row | undefined
    await this.database.change(by, async () => {
      const before = await this.row(id)
      if (before === undefined) return undefined
      const { name = before.name, status = before.status } = change
      const values = { name, status, updatedMs: this.database.nowMs() }
      after = { ...before, ...values }
      return {
        events: [event('tenant.update', before, after)],
        build: (tx) => [
          tx.update(tenants).set(values).where(eq(tenants.id, id)),
          ...(status === 'disabled' ? [tx.delete(sessions).where(eq(sessions.tenantId, id))] : []),
        ],
      }
    })
    return after === undefined ? undefined : toTenant(after)
  }

  /** Revoked keys and what was remembered of models go with it, and assignments of the whole installation that reach into it. */
  async remove(id: string, by: Actor): Promise<boolean> {
    refuseBuiltIn(id)
    const { apiKeys, assignments, flagRules, providerModels, sessions, tenants } =
      this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(id)
      if (before === undefined) return undefined
      await this.refuseOwning(id)
      const reaching = await this.reaching(id)
      const reachingIds = reaching.map((row) => row.id)
      return {
        events: [
          ...reaching.map((row) => assignmentEvent('assignment.delete', row)),
          event('tenant.delete', before),
        ],
        build: (tx) => [
          tx.delete(apiKeys).where(and(eq(apiKeys.tenantId, id), isNotNull(apiKeys.revokedMs))),
          tx.delete(providerModels).where(eq(providerModels.tenantId, id)),
          tx.delete(flagRules).where(eq(flagRules.tenantId, id)),
          tx.delete(sessions).where(eq(sessions.tenantId, id)),
          ...(reachingIds.length === 0
            ? []
            : [
                tx
                  .delete(assignments)
                  .where(
                    and(
                      eq(assignments.tenantId, PLATFORM_TENANT_ID),
                      inArray(assignments.id, reachingIds),
                    ),
                  ),
              ]),
          tx.delete(tenants).where(eq(tenants.id, id)),
        ],
      }
    })
    return done !== undefined
  }

  private async row(id: string): Promise<Row | undefined> {
    const { tenants } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(tenants)
        // A row that was put there under a name that no tenant has is none.
        .where(and(eq(tenants.id, id), ne(tenants.id, PLATFORM_TENANT_ID))),
    )
    return rows[0]
  }

  private async wasDeleted(id: string): Promise<boolean> {
    const { audit } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select({ sequence: audit.sequence })
        .from(audit)
        .where(
          and(
            eq(audit.tenantId, id),
            eq(audit.action, 'tenant.delete'),
            eq(audit.targetKind, 'tenant'),
          ),
        )
        .limit(1),
    )
    return rows.length > 0
  }

  /** @throws GatewayError 409 `not_empty` that says what is there */
  private async refuseOwning(id: string): Promise<void> {
    const { tables } = this.database
    const counted = async (table: SQLiteTable, condition: ReturnType<typeof eq> | undefined) =>
      await this.database.read((db) => db.$count(table, condition))
    const owned: readonly (readonly [string, number])[] = [
      ['users', await counted(tables.users, eq(tables.users.tenantId, id))],
      ['teams', await counted(tables.teams, eq(tables.teams.tenantId, id))],
      ['groups', await counted(tables.groups, eq(tables.groups.tenantId, id))],
      ['services', await counted(tables.services, eq(tables.services.tenantId, id))],
      ['roles', await counted(tables.roles, eq(tables.roles.tenantId, id))],
      ['assignments', await counted(tables.assignments, eq(tables.assignments.tenantId, id))],
      [
        'API keys that are not revoked',
        await counted(
          tables.apiKeys,
          and(eq(tables.apiKeys.tenantId, id), isNull(tables.apiKeys.revokedMs)),
        ),
      ],
      ['providers', await counted(tables.providers, eq(tables.providers.tenantId, id))],
      ['models', await counted(tables.models, eq(tables.models.tenantId, id))],
      ['limits', await counted(tables.limitRules, eq(tables.limitRules.tenantId, id))],
      ['content rules', await counted(tables.contentRules, eq(tables.contentRules.tenantId, id))],
      ['holds', await counted(tables.holds, eq(tables.holds.tenantId, id))],
      ['budgets', await counted(tables.budgetRules, eq(tables.budgetRules.tenantId, id))],
      ['guardrails', await counted(tables.guardrailRules, eq(tables.guardrailRules.tenantId, id))],
    ]
    const kinds = owned.filter(([, count]) => count > 0).map(([kind]) => kind)
    if (kinds.length === 0) return
    throw conflict('not_empty', `The tenant still has ${kinds.join(', ')}.`)
  }

  /** Assignments of the whole installation whose scope lies in the tenant, or that name somebody of it. */
  private async reaching(id: string): Promise<AssignmentRow[]> {
    const { assignments } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(assignments).where(eq(assignments.tenantId, PLATFORM_TENANT_ID)),
    )
    return rows.filter(
      (row) => scopeContains(scopes.tenant(id), row.scope) || row.assigneeId.startsWith(`${id}/`),
    )
  }
}

function refuseBuiltIn(id: string): void {
  if (id !== DEFAULT_TENANT_ID) return
  throw conflict('built_in', 'This tenant is always there and stays as it is.')
}
