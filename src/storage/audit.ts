// The audit as it is read: lists for people, and the check of the whole chain. Links are made by the change they tell of
// (`control-database.ts`); nothing here changes or deletes one.

import { and, asc, count, desc, eq, gt, gte, inArray, lt, type SQL } from 'drizzle-orm'
import type { Actor, AuditEvent, AuditRecord } from '../core/audit.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { AuditFilter, AuditRepository, AuditVerdict } from '../core/ports-people.ts'
import { AUDIT_HEAD, CHAIN_BEGINNING, parseAuditHead, type AuditRow } from './audit-chain.ts'
import type { ControlDatabase } from './control-database.ts'

/** Most records of one answer. */
const RECORDS_MAX = 1_000
/** Records read at once while the chain is checked: what is held in memory, and what other work waits for. */
const VERIFY_BATCH_ROWS = 200

function toRecord(row: AuditRow): AuditRecord {
  const actor: Actor = {
    kind: row.actorKind as Actor['kind'],
    id: row.actorId,
    ...(row.actorName === null ? {} : { name: row.actorName }),
    ...(row.actorTenantId === null ? {} : { tenantId: row.actorTenantId }),
    ...(row.fromAddress === null ? {} : { from: row.fromAddress }),
    ...(row.requestId === null ? {} : { requestId: row.requestId }),
  }
  return {
    sequence: row.sequence,
    timestampMs: row.timestampMs,
    actor,
    tenantId: row.tenantId,
    action: row.action,
    target: { kind: row.targetKind, id: row.targetId },
    ...(row.before === null ? {} : { before: JSON.parse(row.before) as Record<string, unknown> }),
    ...(row.after === null ? {} : { after: JSON.parse(row.after) as Record<string, unknown> }),
    hash: row.hash,
  }
}

/** The audit of one store; see the port for the contract. */
export class Audit implements AuditRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async record(event: AuditEvent, by: Actor): Promise<void> {
    await this.database.record(by, [event])
  }

  async list(filter: AuditFilter): Promise<AuditRecord[]> {
    const { audit } = this.database.tables
    const limit = Math.min(Math.max(0, Math.trunc(filter.limit)), RECORDS_MAX)
    const isForward = filter.afterSequence !== undefined
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(audit)
        .where(this.condition(filter))
        .orderBy(isForward ? asc(audit.sequence) : desc(audit.sequence))
        .limit(limit),
    )
    return rows.map(toRecord)
  }

  async count(filter: Omit<AuditFilter, 'limit'>): Promise<number> {
    const { audit } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select({ count: count() }).from(audit).where(this.condition(filter)),
    )
    return Number(rows[0]?.count ?? 0)
  }

  /** Reads the chain from its beginning and computes every link anew; other work goes on in between. */
  async verify(): Promise<AuditVerdict> {
    const { chain } = this.database
    // Read first: what is recorded meanwhile is behind it.
    const head = await this.head()
    let { hash, sequence } = CHAIN_BEGINNING
    const isMarked = () =>
      sequence !== head?.sequence || chain.mark({ hash, sequence }) === head.mark
    for (;;) {
      const rows = await this.rowsAfter(sequence)
      for (const row of rows) {
        const broken = (reason: string): AuditVerdict => ({
          records: sequence,
          broken: { sequence: sequence + 1, reason },
        })
        if (row.sequence !== sequence + 1) return broken('a record is missing')
        if (chain.hash(row, hash) !== row.hash) {
          return broken('the record was changed, or is not the one that stood here')
        }
        sequence = row.sequence
        hash = row.hash
        if (!isMarked()) {
          return { records: sequence - 1, broken: { sequence, reason: 'the record was replaced' } }
        }
      }
      if (rows.length < VERIFY_BATCH_ROWS) break
      // SQLite answers without ever leaving the thread: requests would wait for the whole of it.
      await new Promise((resolve) => void setImmediate(resolve))
    }
    if (head !== undefined && head.sequence > sequence) {
      return {
        records: sequence,
        broken: { sequence: sequence + 1, reason: 'records are missing at the end' },
      }
    }
    if (head === undefined || !isMarked()) {
      const reason = 'the mark of its end is missing'
      return { records: sequence, broken: { sequence: Math.max(1, sequence), reason } }
    }
    return { records: sequence }
  }

  private condition(filter: Omit<AuditFilter, 'limit'>): SQL | undefined {
    const { audit } = this.database.tables
    const conditions: SQL[] = []
    const add = <T>(value: T | undefined, condition: (value: T) => SQL) => {
      if (value !== undefined) conditions.push(condition(value))
    }
    add(filter.tenantId, (value) =>
      filter.withPlatform === true
        ? inArray(audit.tenantId, [value, PLATFORM_TENANT_ID])
        : eq(audit.tenantId, value),
    )
    add(filter.afterSequence, (value) => gt(audit.sequence, value))
    add(filter.beforeSequence, (value) => lt(audit.sequence, value))
    add(filter.sinceMs, (value) => gte(audit.timestampMs, value))
    add(filter.untilMs, (value) => lt(audit.timestampMs, value))
    add(filter.action, (value) => eq(audit.action, value))
    add(filter.actorId, (value) => eq(audit.actorId, value))
    add(filter.targetKind, (value) => eq(audit.targetKind, value))
    add(filter.targetId, (value) => eq(audit.targetId, value))
    return and(...conditions)
  }

  private async rowsAfter(sequence: number): Promise<AuditRow[]> {
    const { audit } = this.database.tables
    return this.database.read((db) =>
      db
        .select()
        .from(audit)
        .where(gt(audit.sequence, sequence))
        .orderBy(asc(audit.sequence))
        .limit(VERIFY_BATCH_ROWS),
    )
  }

  /** The end of the chain as the last change marked it: what shows that the last records were taken off. */
  private async head(): Promise<ReturnType<typeof parseAuditHead>> {
    const { settings } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(settings).where(eq(settings.key, AUDIT_HEAD)),
    )
    return parseAuditHead(rows[0]?.value)
  }
}
