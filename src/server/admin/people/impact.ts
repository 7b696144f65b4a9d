// What goes with somebody or something that is deleted, counted before it is done. The store decides at the end: this is for whoever asks
// first.

import { PLATFORM_TENANT_ID, type RoleAssignment } from '../../../core/identity.ts'
import { assignmentsNaming } from '../../../core/policy/giving.ts'
import type { ServerDeps } from '../../context.ts'

export type Kind = 'user' | 'group' | 'team' | 'service'

/** Counts of what deleting takes along. */
export async function impactOf(deps: ServerDeps, tenantId: string, kind: Kind, id: string) {
  const { people } = deps
  const assignments = await assignmentsSeen(deps, tenantId)
  const members = kind === 'group' || kind === 'team'
  return {
    keys: await ownedKeys(deps, tenantId, kind, id),
    sessions: kind === 'user' ? ((await deps.login?.desk.sessions(tenantId, id)) ?? []).length : 0,
    assignments: assignmentsNaming({ assignments }, tenantId, kind, id).length,
    members: members
      ? (await people.memberships.list(tenantId, kind, id)).length
      : kind === 'user'
        ? (await people.memberships.ofUser(tenantId, id)).length
        : 0,
  }
}

/** Of a tenant, and of the whole installation. */
export async function assignmentsSeen(
  { people }: Pick<ServerDeps, 'people'>,
  tenantId: string,
): Promise<RoleAssignment[]> {
  const [own, everywhere] = await Promise.all([
    people.assignments.list(tenantId),
    people.assignments.list(PLATFORM_TENANT_ID),
  ])
  return [...own, ...everywhere]
}

async function ownedKeys(
  { keys }: ServerDeps,
  tenantId: string,
  kind: Kind,
  id: string,
): Promise<number> {
  if (kind === 'group') return 0
  const all = await keys.keys.list(tenantId)
  return all.filter(
    ({ owner, revokedMs }) => revokedMs === undefined && owner?.kind === kind && owner.id === id,
  ).length
}
