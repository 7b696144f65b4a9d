// A record of the audit as programs and spreadsheets read it: one JSON object or one line of CSV. Pure; masking was done when the
// record was made.

import type { AuditRecord } from './audit.ts'
import { csvLine } from './csv.ts'

/** Columns of the CSV, in this order; `before` and `after` are JSON. */
export const AUDIT_COLUMNS = [
  'sequence',
  'time',
  'tenant',
  'actor_kind',
  'actor',
  'actor_name',
  'actor_tenant',
  'from',
  'request_id',
  'action',
  'target_kind',
  'target',
  'before',
  'after',
  'hash',
] as const

/** One record; what is absent is null. */
export function auditJson(record: AuditRecord): Readonly<Record<string, unknown>> {
  const { actor, target } = record
  return {
    sequence: record.sequence,
    time: new Date(record.timestampMs).toISOString(),
    tenant: record.tenantId,
    actor: {
      kind: actor.kind,
      id: actor.id,
      name: actor.name ?? null,
      tenant: actor.tenantId ?? null,
      from: actor.from ?? null,
    },
    request_id: actor.requestId ?? null,
    action: record.action,
    target,
    before: record.before ?? null,
    after: record.after ?? null,
    hash: record.hash,
  }
}

/** One line with its end. */
export function auditCsv(record: AuditRecord): string {
  const { actor, after, before, target } = record
  return csvLine([
    record.sequence,
    new Date(record.timestampMs).toISOString(),
    record.tenantId,
    actor.kind,
    actor.id,
    actor.name,
    actor.tenantId,
    actor.from,
    actor.requestId,
    record.action,
    target.kind,
    target.id,
    before === undefined ? undefined : JSON.stringify(before),
    after === undefined ? undefined : JSON.stringify(after),
    record.hash,
  ])
}
