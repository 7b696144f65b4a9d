// Role assignments between the words of the core and their rows, and as the audit has them.

import type { AuditEvent } from '../core/audit.ts'
import type { RoleAssignment } from '../core/identity.ts'
import { changeEvent } from './people-rows.ts'
import type { assignments } from './schema.sqlite.ts'

export type AssignmentRow = typeof assignments.$inferSelect

export function toAssignment(row: AssignmentRow): RoleAssignment {
  return {
    id: row.id,
    tenantId: row.tenantId,
    roleId: row.roleId,
    assignee: { kind: row.assigneeKind, id: row.assigneeId },
    scope: row.scope,
    effect: row.effect,
    createdMs: row.createdMs,
    origin: 'store',
  }
}

export function assignmentEvent(
  action: 'assignment.create' | 'assignment.delete',
  row: AssignmentRow,
): AuditEvent {
  const { id, tenantId } = row
  const isNew = action === 'assignment.create'
  return changeEvent(
    action,
    { tenantId, kind: 'assignment', id },
    isNew ? undefined : row,
    isNew ? row : undefined,
  )
}
