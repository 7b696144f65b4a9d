// The repository of teams: names under which keys, budgets and rights of several people are kept. Who is in one is told by
// memberships.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Team } from '../core/identity.ts'
import type { TeamRepository } from '../core/ports-people.ts'
import type { ControlDatabase } from './control-database.ts'
import { dependentsOf } from './dependents.ts'
import { changeEvent, checkId, checkName, requireTenant } from './people-rows.ts'
import type { teams } from './schema.sqlite.ts'

type Row = typeof teams.$inferSelect

export function toTeam({ createdMs, id, name, tenantId }: Row): Team {
  return { tenantId, id, name, createdMs }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id, tenantId } = (after ?? before)!
  return changeEvent(action, { tenantId, kind: 'team', id }, before, after)
}

/** Teams of one store; see the port for the contract. */
export class Teams implements TeamRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** @throws GatewayError 409 `already_exists`, 404 for a tenant there is not */
  async create(team: Team, by: Actor): Promise<Team> {
    const { teams } = this.database.tables
    const { createdMs, id, name, tenantId } = team
    checkId(id)
    checkName(name)
    const row: Row = { tenantId, id, name, createdMs, updatedMs: createdMs }
    await this.database.change(by, async () => {
      await requireTenant(this.database, tenantId)
      return {
        events: [event('team.create', undefined, row)],
        build: (tx) => [tx.insert(teams).values(row)],
      }
    })
    return toTeam(row)
  }

  async list(tenantId: string): Promise<Team[]> {
    const { teams } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(teams).where(eq(teams.tenantId, tenantId)).orderBy(asc(teams.id)),
    )
    return rows.map(toTeam)
  }

  async rename(tenantId: string, id: string, name: string, by: Actor): Promise<Team | undefined> {
    checkName(name)
    const { teams } = this.database.tables
    let after: Row | undefined
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const values = { name, updatedMs: this.database.nowMs() }
      after = { ...before, ...values }
      return {
        events: [event('team.update', before, after)],
        build: (tx) => [tx.update(teams).set(values).where(this.one(tenantId, id))],
      }
    })
    return after === undefined ? undefined : toTeam(after)
  }

  /** With its memberships and assignments; keys that it owns are revoked. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { teams } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const dependents = await dependentsOf(this.database, tenantId, 'team', id)
      const { members } = dependents
      const shown = { ...before, members }
      return {
        events: [
          ...dependents.events,
          changeEvent('team.delete', { tenantId, kind: 'team', id }, shown, undefined),
        ],
        build: (tx) => [...dependents.build(tx), tx.delete(teams).where(this.one(tenantId, id))],
      }
    })
    return done !== undefined
  }

  private one(tenantId: string, id: string) {
    const { teams } = this.database.tables
    return and(eq(teams.tenantId, tenantId), eq(teams.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { teams } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(teams).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
