// What the commands about assignments share: how one is shown, with names in place of ids that say nothing.

import { PLATFORM_TENANT_ID, type RoleAssignment } from '../core/identity.ts'
import { formatDate } from './format.ts'
import { isoTime, type ListOf } from './people.ts'

/** An assignment, and its assignee as people know them. */
export type NamedAssignment = RoleAssignment & { readonly who: string }

/** An assignment for programs. */
export function assignmentJson(assignment: NamedAssignment) {
  const { assignee, createdMs, effect, id, roleId, scope, tenantId, who } = assignment
  return {
    id,
    tenant: tenantId === PLATFORM_TENANT_ID ? '/' : tenantId,
    effect,
    role: roleId,
    assignee: `${assignee.kind}:${assignee.id}`,
    who,
    scope,
    created: isoTime(createdMs),
  }
}

export const ASSIGNMENTS: ListOf<NamedAssignment> = {
  columns: [
    { header: 'EFFECT' },
    { header: 'ROLE' },
    { header: 'WHO', maxWidth: 50 },
    { header: 'SCOPE', maxWidth: 60 },
    { header: 'SINCE' },
    { header: 'ID' },
  ],
  cells: ({ createdMs, effect, id, roleId, scope, who }) => [
    effect,
    roleId,
    who,
    scope,
    formatDate(createdMs),
    id,
  ],
  json: assignmentJson,
  none: 'No assignments. Make one with: weir assign ROLE to WHO at SCOPE',
}
