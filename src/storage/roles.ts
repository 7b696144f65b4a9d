// The repository of role definitions that tenants make themselves, or the operator for the whole installation. What they give is
// decided by their actions alone; that nobody defines more than they have is whoever calls this.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { RoleDefinition } from '../core/identity.ts'
import { ACTIONS } from '../core/permission.ts'
import type { RoleRepository } from '../core/ports-people.ts'
import { matchesPattern } from '../core/principal.ts'
import { builtInRole } from '../core/roles.ts'
import type { ControlDatabase } from './control-database.ts'
import {
  changeEvent,
  checkId,
  checkName,
  conflict,
  refused,
  requireTenantOrPlatform,
} from './people-rows.ts'
import type { roles } from './schema.sqlite.ts'

type Row = typeof roles.$inferSelect

const DESCRIPTION_CHARS_MAX = 1_000
const ACTION_NAMES = Object.keys(ACTIONS)

export function toRole(row: Row): RoleDefinition {
  const { actions, description, id, name, notActions, tenantId } = row
  return { tenantId, id, name, description, actions, notActions }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id, tenantId } = (after ?? before)!
  return changeEvent(action, { tenantId, kind: 'role', id }, before, after)
}

/** A pattern that no action fits is a slip of the pen: it would give nothing, or take nothing away. */
function checkActions(param: string, patterns: readonly string[]): void {
  const isKnown = (pattern: string) => ACTION_NAMES.some((name) => matchesPattern(pattern, name))
  if (patterns.length > ACTION_NAMES.length || !patterns.every(isKnown)) {
    throw refused(param, 'Each entry must be an action, or a pattern such as key.* that fits one.')
  }
}

function checkRole({ actions, description, id, name, notActions }: RoleDefinition): void {
  checkId(id)
  if (builtInRole(id) !== undefined) {
    throw conflict('built_in', 'A built-in role has this id; take another.')
  }
  checkName(name)
  if (description.length > DESCRIPTION_CHARS_MAX) {
    throw refused('description', `A description has at most ${DESCRIPTION_CHARS_MAX} characters.`)
  }
  checkActions('actions', actions)
  checkActions('not_actions', notActions)
}

/** Role definitions of one store; see the port for the contract. */
export class Roles implements RoleRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** @throws GatewayError 400, 404 for a tenant there is not, 409 `built_in` */
  async save(role: RoleDefinition & { readonly tenantId: string }, by: Actor): Promise<void> {
    checkRole(role)
    const { roles } = this.database.tables
    const { description, id, name, tenantId } = role
    const [actions, notActions] = [[...role.actions], [...role.notActions]]
    await this.database.change(by, async () => {
      await requireTenantOrPlatform(this.database, tenantId)
      const before = await this.row(tenantId, id)
      const updatedMs = this.database.nowMs()
      const values = { name, description, actions, notActions, updatedMs }
      const after = { tenantId, id, createdMs: before?.createdMs ?? updatedMs, ...values }
      return {
        events: [event(before === undefined ? 'role.create' : 'role.update', before, after)],
        build: (tx) => [
          before === undefined
            ? tx.insert(roles).values(after)
            : tx.update(roles).set(values).where(this.one(tenantId, id)),
        ],
      }
    })
  }

  async list(tenantId: string): Promise<RoleDefinition[]> {
    const { roles } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(roles).where(eq(roles.tenantId, tenantId)).orderBy(asc(roles.id)),
    )
    return rows.map(toRole)
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { assignments, roles } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const given = and(eq(assignments.tenantId, tenantId), eq(assignments.roleId, id))
      if ((await this.database.read((db) => db.$count(assignments, given))) > 0) {
        throw conflict('in_use', 'The role is assigned; take it away from everybody first.')
      }
      return {
        events: [event('role.delete', before)],
        build: (tx) => [tx.delete(roles).where(this.one(tenantId, id))],
      }
    })
    return done !== undefined
  }

  private one(tenantId: string, id: string) {
    const { roles } = this.database.tables
    return and(eq(roles.tenantId, tenantId), eq(roles.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { roles } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(roles).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
