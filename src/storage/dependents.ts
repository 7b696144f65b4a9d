// What goes with somebody who is removed, in the same transaction: their assignments and memberships, and the keys that have their
// rights. Ids of teams, groups and services are chosen by people: whoever comes by one later must not find rights under it.

import { and, eq, inArray, type SQL } from 'drizzle-orm'
import type { AuditEvent } from '../core/audit.ts'
import type { ApiKey } from '../core/catalog.ts'
import { PLATFORM_TENANT_ID, platformAssigneeId } from '../core/identity.ts'
import { scopeContains, scopes } from '../core/permission.ts'
import { keyEvent } from './api-keys.ts'
import { assignmentEvent } from './assignment-rows.ts'
import type { AtomicQuery, QueryBuilder } from './atomically.ts'
import type { ControlDatabase } from './control-database.ts'

type Kind = 'user' | 'team' | 'group' | 'service'

export interface Dependents {
  readonly events: readonly AuditEvent[]
  /** What the audit shows beside the row itself: memberships as `team:research`, of a team or group the ids of its users. */
  readonly members: readonly string[]
  build(tx: QueryBuilder): readonly AtomicQuery[]
}

/** Reads what depends on somebody of a tenant and says how it ends. */
export async function dependentsOf(
  database: ControlDatabase,
  tenantId: string,
  kind: Kind,
  id: string,
): Promise<Dependents> {
  const { apiKeys, assignments, memberships } = database.tables
  const given = await assignmentsOf(database, tenantId, kind, id)
  const keys = kind === 'group' ? [] : await keysOf(database, tenantId, { kind, id })
  const ofMembers = membersOf(database, tenantId, kind, id)
  const members =
    ofMembers === undefined
      ? []
      : await database.read((db) => db.select().from(memberships).where(ofMembers))
  const nowMs = database.nowMs()
  const ids = given.map((row) => row.id)
  const ended = { revokedMs: nowMs, updatedMs: nowMs }
  const keyIds = keys.map((key) => key.id)
  return {
    events: [
      ...given.map((row) => assignmentEvent('assignment.delete', row)),
      ...keys.map((key) => keyEvent('key.revoke', key, { ...key, ...ended })),
    ],
    members: members.map((row) => (kind === 'user' ? `${row.kind}:${row.id}` : row.userId)),
    build: (tx) => [
      ...(ids.length === 0
        ? []
        : [
            tx
              .delete(assignments)
              .where(
                and(
                  inArray(assignments.tenantId, [tenantId, PLATFORM_TENANT_ID]),
                  inArray(assignments.id, ids),
                ),
              ),
          ]),
      ...(ofMembers === undefined ? [] : [tx.delete(memberships).where(ofMembers)]),
      ...(keyIds.length === 0
        ? []
        : [
            tx
              .update(apiKeys)
              .set(ended)
              .where(and(eq(apiKeys.tenantId, tenantId), inArray(apiKeys.id, keyIds))),
          ]),
    ],
  }
}

/** Those given to it, in its tenant and over the whole installation; of a team also those at its scope. */
async function assignmentsOf(database: ControlDatabase, tenantId: string, kind: Kind, id: string) {
  const { assignments } = database.tables
  const rows = await database.read((db) =>
    db
      .select()
      .from(assignments)
      .where(inArray(assignments.tenantId, [tenantId, PLATFORM_TENANT_ID])),
  )
  const everywhere = platformAssigneeId(tenantId, { kind, id })
  return rows.filter((row) => {
    const own = row.tenantId === tenantId ? id : everywhere
    if (row.assigneeKind === kind && row.assigneeId === own) return true
    return kind === 'team' && scopeContains(scopes.team(tenantId, id), row.scope)
  })
}

/** Keys that are not revoked. The owner is a document, which the engines compare differently: it is looked for here. */
async function keysOf(
  database: ControlDatabase,
  tenantId: string,
  owner: NonNullable<ApiKey['owner']>,
) {
  const { apiKeys } = database.tables
  const rows = await database.read((db) =>
    db.select().from(apiKeys).where(eq(apiKeys.tenantId, tenantId)),
  )
  return rows.filter(
    (row) => row.revokedMs === null && row.owner?.kind === owner.kind && row.owner.id === owner.id,
  )
}

function membersOf(
  { tables: { memberships } }: ControlDatabase,
  tenantId: string,
  kind: Kind,
  id: string,
): SQL | undefined {
  if (kind === 'service') return undefined
  const own =
    kind === 'user'
      ? eq(memberships.userId, id)
      : and(eq(memberships.kind, kind), eq(memberships.id, id))
  return and(eq(memberships.tenantId, tenantId), own)
}
