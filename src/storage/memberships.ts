// The repository of who is in which team and group. Each membership lies within one tenant: user, team and group are looked for in it
// alone.

import { and, asc, eq, type SQL } from 'drizzle-orm'
import type { Actor } from '../core/audit.ts'
import type { Membership } from '../core/identity.ts'
import type { MembershipRepository } from '../core/ports-people.ts'
import type { ControlDatabase } from './control-database.ts'
import { changeEvent } from './people-rows.ts'

/** Memberships of one store; see the port for the contract. */
export class Memberships implements MembershipRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async add(membership: Membership, by: Actor): Promise<boolean> {
    const { memberships } = this.database.tables
    const { id, kind, tenantId, userId } = membership
    const done = await this.database.change(by, async () => {
      const canBe = (await this.hasUser(tenantId, userId)) && (await this.hasPlace(membership))
      if (!canBe || (await this.has(membership))) return undefined
      const row = { tenantId, kind, id, userId, createdMs: this.database.nowMs() }
      return {
        events: [
          changeEvent('membership.add', targetOf(membership), undefined, { kind, id, userId }),
        ],
        build: (tx) => [tx.insert(memberships).values(row)],
      }
    })
    return done !== undefined
  }

  async remove(membership: Membership, by: Actor): Promise<boolean> {
    const { memberships } = this.database.tables
    const { id, kind, userId } = membership
    const done = await this.database.change(by, async () => {
      if (!(await this.has(membership))) return undefined
      return {
        events: [
          changeEvent('membership.remove', targetOf(membership), { kind, id, userId }, undefined),
        ],
        build: (tx) => [tx.delete(memberships).where(this.one(membership))],
      }
    })
    return done !== undefined
  }

  async list(tenantId: string, kind: Membership['kind'], id: string): Promise<Membership[]> {
    const { memberships } = this.database.tables
    return this.found(
      and(eq(memberships.tenantId, tenantId), eq(memberships.kind, kind), eq(memberships.id, id)),
    )
  }

  async ofUser(tenantId: string, userId: string): Promise<Membership[]> {
    const { memberships } = this.database.tables
    return this.found(and(eq(memberships.tenantId, tenantId), eq(memberships.userId, userId)))
  }

  private found(condition: SQL | undefined): Promise<Membership[]> {
    const { memberships } = this.database.tables
    return this.database.read((db) =>
      db
        .select({
          tenantId: memberships.tenantId,
          kind: memberships.kind,
          id: memberships.id,
          userId: memberships.userId,
        })
        .from(memberships)
        .where(condition)
        .orderBy(asc(memberships.createdMs), asc(memberships.id), asc(memberships.userId)),
    )
  }

  private one({ id, kind, tenantId, userId }: Membership) {
    const { memberships } = this.database.tables
    return and(
      eq(memberships.tenantId, tenantId),
      eq(memberships.kind, kind),
      eq(memberships.id, id),
      eq(memberships.userId, userId),
    )
  }

  private async has(membership: Membership): Promise<boolean> {
    const { memberships } = this.database.tables
    return (await this.database.read((db) => db.$count(memberships, this.one(membership)))) > 0
  }

  private async hasUser(tenantId: string, userId: string): Promise<boolean> {
    const { users } = this.database.tables
    const one = and(eq(users.tenantId, tenantId), eq(users.id, userId))
    return (await this.database.read((db) => db.$count(users, one))) > 0
  }

  private async hasPlace({ id, kind, tenantId }: Membership): Promise<boolean> {
    const { groups, teams } = this.database.tables
    const table = kind === 'team' ? teams : groups
    const one = and(eq(table.tenantId, tenantId), eq(table.id, id))
    return (await this.database.read((db) => db.$count(table, one))) > 0
  }
}

function targetOf({ id, kind, tenantId, userId }: Membership) {
  return { tenantId, kind: 'membership', id: `${kind}:${id}/${userId}` }
}
