// The links of the audit: rows that each carry a keyed hash over themselves and over the hash before. It computes links and reads the
// end of the chain; inserting a row is part of the change it tells of, and changing one is nobody's. Beside the last link its mark is
// kept, keyed as well: else the last ones could be taken off unseen.

import { createHmac, type KeyObject } from 'node:crypto'
import { desc, eq, sql } from 'drizzle-orm'
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

/** Before the first link. */
export const CHAIN_BEGINNING: ChainEnd = { sequence: 0, hash: '' }

/** Where the mark of the end lies among the settings. */
export const AUDIT_HEAD = 'audit_head'

/** What the mark says; undefined for what is no mark. */
export function parseAuditHead(
  value: string | null | undefined,
): { readonly sequence: number; readonly mark: string } | undefined {
  const match = /^(\d{1,15})\.([0-9a-f]{64})$/.exec(value ?? '')
  return match === null ? undefined : { sequence: Number(match[1]), mark: match[2]! }
}

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

type EndTables = Pick<ControlTables, 'audit' | 'settings'>

/** Computes links with one key. */
export class AuditChain {
  private readonly key: KeyObject

  constructor(key: KeyObject) {
    this.key = key
  }

  /**
   * What the next link stands behind: the end of the chain as it is stored now. Where it is not the one that was marked, records were
   * taken off or put on; then a number is left out, so that it shows for good and not just until the next record.
   */
  async end(db: QueryBuilder, tables: EndTables): Promise<ChainEnd> {
    const { audit, settings } = tables
    // One statement: between two of them another process could put a link there.
    const last = async () =>
      await db
        .select({
          sequence: audit.sequence,
          hash: audit.hash,
          head: sql<
            string | null
          >`(SELECT ${settings.value} FROM ${settings} WHERE ${settings.key} = ${AUDIT_HEAD})`,
        })
        .from(audit)
        .orderBy(desc(audit.sequence))
        .limit(1)
    let [end] = await last()
    if (end === undefined) {
      const marked = await db.select().from(settings).where(eq(settings.key, AUDIT_HEAD))
      // Looked for again behind the mark: the first link may just have been made.
      ;[end] = await last()
      end ??= { ...CHAIN_BEGINNING, head: marked[0]?.value ?? null }
    }
    const { hash, head, sequence } = end
    const marked = parseAuditHead(head)
    if (marked?.sequence === sequence && marked.mark === this.mark(end)) return { sequence, hash }
    return { sequence: Math.max(sequence, marked?.sequence ?? 0) + 1, hash }
  }

  /** The setting that marks an end. */
  head(end: ChainEnd): { readonly key: string; readonly value: string } {
    return { key: AUDIT_HEAD, value: `${end.sequence}.${this.mark(end)}` }
  }

  /** Hex HMAC that only who has the key can make of an end. */
  mark({ hash, sequence }: ChainEnd): string {
    return createHmac('sha256', this.key)
      .update(JSON.stringify(['end', sequence, hash]))
      .digest('hex')
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
