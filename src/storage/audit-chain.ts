// The links of the audit: rows that each carry a keyed hash over themselves and over the hash before. It computes links and reads the
// end of the chain; inserting a row is part of the change it tells of, and changing one is nobody's.

import { createHmac, type KeyObject } from 'node:crypto'
import { desc } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { QueryBuilder } from './atomically.ts'
import type { audit } from './schema.sqlite.ts'
import type { ControlTables } from './control-database.ts'

export type AuditRow = typeof audit.$inferSelect

/** The last link: what the next one is hashed with. */
export interface ChainEnd {
  readonly sequence: number
  readonly hash: string
}

const BEGINNING: ChainEnd = { sequence: 0, hash: '' }

/** The fields that are hashed, in this order. */
function hashedText(row: Omit<AuditRow, 'hash'>, previousHash: string): string {
  return JSON.stringify([
    previousHash,
    row.sequence,
    row.tenantId,
    row.timestampMs,
    row.actorKind,
    row.actorId,
    row.actorName,
    row.actorTenantId,
    row.fromAddress,
    row.requestId,
    row.action,
    row.targetKind,
    row.targetId,
    row.before,
    row.after,
  ])
}

/** Computes links with one key. */
export class AuditChain {
  private readonly key: KeyObject

  constructor(key: KeyObject) {
    this.key = key
  }

  /** The end of the chain as it is stored now. */
  async end(db: QueryBuilder, tables: Pick<ControlTables, 'audit'>): Promise<ChainEnd> {
    const { audit } = tables
    const rows = await db
      .select({ sequence: audit.sequence, hash: audit.hash })
      .from(audit)
      .orderBy(desc(audit.sequence))
      .limit(1)
    return rows[0] ?? BEGINNING
  }

  /** Hex HMAC of a row that stands behind `previousHash`. */
  hash(row: Omit<AuditRow, 'hash'>, previousHash: string): string {
    return createHmac('sha256', this.key).update(hashedText(row, previousHash)).digest('hex')
  }

  /** The rows of these events behind that end. */
  links(end: ChainEnd, events: readonly AuditEvent[], by: Actor, nowMs: number): AuditRow[] {
    let { hash, sequence } = end
    return events.map((event) => {
      sequence += 1
      const row = {
        sequence,
        tenantId: event.tenantId,
        timestampMs: nowMs,
        actorKind: by.kind,
        actorId: by.id,
        actorName: by.name ?? null,
        actorTenantId: by.tenantId ?? null,
        fromAddress: by.from ?? null,
        requestId: by.requestId ?? null,
        action: event.action,
        targetKind: event.target.kind,
        targetId: event.target.id,
        before: event.before === undefined ? null : JSON.stringify(event.before),
        after: event.after === undefined ? null : JSON.stringify(event.after),
      }
      hash = this.hash(row, hash)
      return { ...row, hash }
    })
  }
}
