// The repository of role assignments: who has which role where. An assignment of a tenant names people of that tenant and lies within
// it; those of the whole installation name them with their tenant. That nobody gives more than they have is whoever calls this.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor } from '../core/audit.ts'
import { PLATFORM_TENANT_ID, type RoleAssignment } from '../core/identity.ts'
import { isScope, scopes, tenantOfScope } from '../core/permission.ts'
import type { AssignmentRepository } from '../core/ports-people.ts'
import { builtInRole, isTenantId } from '../core/roles.ts'
import { assignmentEvent, toAssignment, type AssignmentRow } from './assignment-rows.ts'
import type { ControlDatabase } from './control-database.ts'
import { refused, requireTenant, requireTenantOrPlatform } from './people-rows.ts'

const GROUP_CHARS_MAX = 300

type NewAssignment = Omit<RoleAssignment, 'origin'>

/** Role assignments of one store; see the port for the contract. */
export class Assignments implements AssignmentRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /**
   * @throws GatewayError 400 for a scope outside the tenant, a role or somebody there is not; 409 `already_exists` for the same again;
   * 404 for a tenant there is not
   */
  async create(assignment: NewAssignment, by: Actor): Promise<RoleAssignment> {
    const { assignments } = this.database.tables
    const { assignee, createdMs, effect, id, scope, tenantId } = assignment
    // A synonym is the role it stands for: else the same could be given twice.
    const roleId = builtInRole(assignment.roleId)?.id ?? assignment.roleId
    const row: AssignmentRow = {
      tenantId,
      id,
      roleId,
      assigneeKind: assignee.kind,
      assigneeId: assignee.id,
      scope,
      effect,
      createdMs,
    }
    checkScope(assignment)
    await this.database.change(by, async () => {
      await this.check({ ...assignment, roleId })
      return {
        events: [assignmentEvent('assignment.create', row)],
        build: (tx) => [tx.insert(assignments).values(row)],
      }
    })
    return toAssignment(row)
  }

  async list(tenantId: string): Promise<RoleAssignment[]> {
    const { assignments } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(assignments)
        .where(eq(assignments.tenantId, tenantId))
        .orderBy(asc(assignments.createdMs), asc(assignments.id)),
    )
    return rows.map(toAssignment)
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { assignments } = this.database.tables
    const one = and(eq(assignments.tenantId, tenantId), eq(assignments.id, id))
    const done = await this.database.change(by, async () => {
      const [row] = await this.database.read((db) => db.select().from(assignments).where(one))
      if (row === undefined) return undefined
      return {
        events: [assignmentEvent('assignment.delete', row)],
        build: (tx) => [tx.delete(assignments).where(one)],
      }
    })
    return done !== undefined
  }

  /** Whether all that it names is there. */
  private async check(assignment: NewAssignment): Promise<void> {
    const { assignee, roleId, scope, tenantId } = assignment
    await requireTenantOrPlatform(this.database, tenantId)
    const scopeTenant = tenantOfScope(scope)
    if (scopeTenant !== undefined && scopeTenant !== tenantId) {
      await requireTenant(this.database, scopeTenant)
    }
    if (builtInRole(roleId) === undefined) {
      const { roles } = this.database.tables
      if (!(await this.has(roles, tenantId, roleId))) {
        throw refused('role', 'There is no such role here.')
      }
    }
    const { teams } = this.database.tables
    const team = teamOfScope(scope)
    if (team !== undefined && !(await this.has(teams, scopeTenant ?? tenantId, team))) {
      throw refused('scope', 'There is no such team.')
    }
    if (tenantId !== PLATFORM_TENANT_ID) return this.checkAssignee(tenantId, assignment)
    return this.checkEverywhere(assignee, assignment)
  }

  private async checkEverywhere(
    { id, kind }: RoleAssignment['assignee'],
    assignment: NewAssignment,
  ): Promise<void> {
    if (kind === 'everyone' && id === '*') return
    if (kind === 'user' || kind === 'key') return this.checkUnique(kind, assignment)
    const slash = id.indexOf('/')
    const of = id.slice(0, Math.max(0, slash))
    if (!isTenantId(of)) {
      throw refused(
        'assignee',
        'Over the whole installation it is named with its tenant: acme/ops.',
      )
    }
    await requireTenant(this.database, of)
    return this.checkAssignee(of, { ...assignment, assignee: { kind, id: id.slice(slash + 1) } })
  }

  /** A user or a key, which no tenant's name goes before: their ids are nobody else's. */
  private async checkUnique(kind: 'user' | 'key', assignment: NewAssignment): Promise<void> {
    const { apiKeys, users } = this.database.tables
    const { id } = assignment.assignee
    const table = kind === 'user' ? users : apiKeys
    const rows = await this.database.read((db) =>
      db.select({ tenantId: table.tenantId }).from(table).where(eq(table.id, id)),
    )
    const owner = rows[0]?.tenantId
    if (owner !== undefined) return this.checkAssignee(owner, assignment)
    // A key of the file is not in the store.
    if (kind === 'user' || !id.startsWith('file:')) throw nobody()
  }

  private async checkAssignee(
    tenantId: string,
    { assignee, effect }: NewAssignment,
  ): Promise<void> {
    const { services, teams, users } = this.database.tables
    const { id, kind } = assignee
    if (kind === 'everyone') {
      if (id !== '*') throw refused('assignee', 'Everyone is written as *.')
    } else if (kind === 'group') {
      // It may be an issuer's, which the store need not know.
      if (id.trim() === '' || id.length > GROUP_CHARS_MAX) throw nobody()
    } else if (kind === 'key') {
      await this.checkKey(tenantId, id, effect)
    } else {
      const table = kind === 'user' ? users : kind === 'team' ? teams : services
      if (!(await this.has(table, tenantId, id))) throw nobody()
    }
  }

  private async checkKey(
    tenantId: string,
    id: string,
    effect: RoleAssignment['effect'],
  ): Promise<void> {
    if (id.startsWith('file:')) return
    const { apiKeys } = this.database.tables
    const [key] = await this.database.read((db) =>
      db
        .select({ owner: apiKeys.owner })
        .from(apiKeys)
        .where(and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, id))),
    )
    if (key === undefined) throw nobody()
    if (key.owner?.kind === 'user' && effect === 'allow') {
      throw refused(
        'assignee',
        'A user’s key has the user’s rights and no more: assign to the user.',
      )
    }
  }

  private async has(table: OfTenant, tenantId: string, id: string): Promise<boolean> {
    const one = and(eq(table.tenantId, tenantId), eq(table.id, id))
    return (await this.database.read((db) => db.$count(table, one))) > 0
  }
}

type Tables = ControlDatabase['tables']
type OfTenant = Tables['users'] | Tables['teams'] | Tables['services'] | Tables['roles']

function nobody() {
  return refused('assignee', 'There is nobody of this id here.')
}

function checkScope({ scope, tenantId }: NewAssignment): void {
  const isHere = tenantId === PLATFORM_TENANT_ID || tenantOfScope(scope) === tenantId
  if (isScope(scope) && isHere) return
  throw refused('scope', `The scope must be ${scopes.tenant('ID')} of the tenant, or lie below it.`)
}

function teamOfScope(scope: string): string | undefined {
  return /^\/tenants\/[^/]+\/teams\/(.+)$/.exec(scope)?.[1]
}
