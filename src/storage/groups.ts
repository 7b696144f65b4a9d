// The repository of groups: people who are listed in it, or whom an issuer counts to it in its tokens.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Group } from '../core/identity.ts'
import type { GroupRepository } from '../core/ports-people.ts'
import type { ControlDatabase } from './control-database.ts'
import { dependentsOf } from './dependents.ts'
import { changeEvent, checkId, checkName, refused, requireTenant } from './people-rows.ts'
import type { groups } from './schema.sqlite.ts'

type Row = typeof groups.$inferSelect

const EXTERNAL_CHARS_MAX = 300

export function toGroup({ createdMs, external, id, name, tenantId }: Row): Group {
  return { tenantId, id, name, createdMs, ...(external === null ? {} : { external }) }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id, tenantId } = (after ?? before)!
  return changeEvent(action, { tenantId, kind: 'group', id }, before, after)
}

function checkExternal(external: string): void {
  if (external.trim() !== '' && external.length <= EXTERNAL_CHARS_MAX) return
  throw refused(
    'external',
    `An issuer’s name of a group has 1 to ${EXTERNAL_CHARS_MAX} characters.`,
  )
}

/** Groups of one store; see the port for the contract. */
export class Groups implements GroupRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** @throws GatewayError 409 `already_exists`, 404 for a tenant there is not */
  async create(group: Group, by: Actor): Promise<Group> {
    const { groups } = this.database.tables
    const { createdMs, external, id, name, tenantId } = group
    checkId(id)
    checkName(name)
    if (external !== undefined) checkExternal(external)
    const shared = { tenantId, id, name, createdMs, updatedMs: createdMs }
    const row: Row = { ...shared, external: external ?? null }
    await this.database.change(by, async () => {
      await requireTenant(this.database, tenantId)
      return {
        events: [event('group.create', undefined, row)],
        build: (tx) => [tx.insert(groups).values(row)],
      }
    })
    return toGroup(row)
  }

  async list(tenantId: string): Promise<Group[]> {
    const { groups } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(groups).where(eq(groups.tenantId, tenantId)).orderBy(asc(groups.id)),
    )
    return rows.map(toGroup)
  }

  async update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly external?: string | null },
    by: Actor,
  ): Promise<Group | undefined> {
    if (change.name !== undefined) checkName(change.name)
    if (typeof change.external === 'string') checkExternal(change.external)
    const { groups } = this.database.tables
    let after: Row | undefined
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const { external = before.external, name = before.name } = change
      const values = { name, external, updatedMs: this.database.nowMs() }
      after = { ...before, ...values }
      return {
        events: [event('group.update', before, after)],
        build: (tx) => [tx.update(groups).set(values).where(this.one(tenantId, id))],
      }
    })
    return after === undefined ? undefined : toGroup(after)
  }

  /** With its memberships and assignments. What was given to the issuer's name of it stays: that is the issuer's group. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { groups } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const dependents = await dependentsOf(this.database, tenantId, 'group', id)
      const { members } = dependents
      const shown = { ...before, members }
      return {
        events: [
          ...dependents.events,
          changeEvent('group.delete', { tenantId, kind: 'group', id }, shown, undefined),
        ],
        build: (tx) => [...dependents.build(tx), tx.delete(groups).where(this.one(tenantId, id))],
      }
    })
    return done !== undefined
  }

  private one(tenantId: string, id: string) {
    const { groups } = this.database.tables
    return and(eq(groups.tenantId, tenantId), eq(groups.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { groups } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(groups).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
