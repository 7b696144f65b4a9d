// What entries of the audit quote of requests, sealed and beside the chain: an entry has only the HMAC of its text under a nonce that lies
// here. So one person's texts can be deleted, or old ones, and every link stays as it was; what a legal hold keeps stays.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { and, count, eq, inArray, lt, not, sql, type SQL } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { contentDamaged, type AuditExcerpt, type Erasure } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { AuditContentRepository } from '../core/ports-content.ts'
import { AUDIT_HEAD } from './audit-chain.ts'
import type { QueryBuilder } from './atomically.ts'
import type { ControlDatabase, ControlTables } from './control-database.ts'
import type { Keyring } from './keyring.ts'
import { pause } from './pause.ts'
import * as sqliteTables from './schema.sqlite.ts'
import { sealPlaceOf } from './sealed-columns.ts'
import { ValueSeal } from './value-seal.ts'

const NONCE_BYTES = 32
const ID_BYTES = 16

/** Quotations of one store; see the port for the contract. */
export class AuditContent implements AuditContentRepository {
  private readonly database: ControlDatabase
  private readonly seal: ValueSeal

  constructor(database: ControlDatabase, keyring: Pick<Keyring, 'sealer' | 'refresh'>) {
    this.database = database
    this.seal = new ValueSeal(keyring)
  }

  async record(event: AuditEvent, by: Actor, excerpt: AuditExcerpt): Promise<void> {
    const { auditContent } = this.database.tables
    const { keyId, logId, text, timestampMs, userId } = excerpt
    const { tenantId } = event
    const id = randomBytes(ID_BYTES).toString('hex')
    const nonce = randomBytes(NONCE_BYTES).toString('hex')
    const row: typeof auditContent.$inferSelect = {
      tenantId,
      id,
      logId,
      userId: userId ?? null,
      keyId: keyId ?? null,
      timestampMs,
      nonce,
      sealedExcerpt: this.seal.close(text, placeOf(tenantId, id)),
    }
    const told = {
      ...event,
      after: { ...event.after, contentId: id, contentHash: hashOf(nonce, text) },
    }
    await this.database.record(by, [told], (tx) => [tx.insert(auditContent).values(row)])
  }

  async find(
    tenantId: string | undefined,
    sequence: number,
  ): Promise<{ readonly tenantId: string; readonly text: string } | undefined> {
    const { audit, auditContent } = this.database.tables
    const [entry] = await this.database.read((db) =>
      db
        .select({ tenantId: audit.tenantId, after: audit.after })
        .from(audit)
        .where(
          and(
            eq(audit.sequence, sequence),
            tenantId === undefined ? undefined : eq(audit.tenantId, tenantId),
          ),
        ),
    )
    const { contentHash, contentId } = JSON.parse(entry?.after ?? '{}') as Record<string, unknown>
    if (entry === undefined || typeof contentId !== 'string') return undefined
    const one = and(eq(auditContent.tenantId, entry.tenantId), eq(auditContent.id, contentId))
    const [row] = await this.database.read((db) => db.select().from(auditContent).where(one))
    if (row === undefined) return undefined
    if (this.seal.isStrange(row.sealedExcerpt)) await this.seal.refresh()
    const text = this.seal.opened(row.sealedExcerpt, placeOf(row.tenantId, row.id))
    // Also what was sealed here, but for another entry, is not what this one says.
    if (text === undefined || !isSame(hashOf(row.nonce, text), contentHash)) throw contentDamaged()
    return { tenantId: row.tenantId, text }
  }

  async erase(
    person: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>,
  ): Promise<{ readonly deleted: number; readonly held: number }> {
    const { auditContent } = this.database.tables
    const column = person.kind === 'user' ? auditContent.userId : auditContent.keyId
    const theirs = and(eq(auditContent.tenantId, person.tenantId), eq(column, person.subject))!
    let deleted = 0
    for (;;) {
      const { gone, seen } = await this.step(theirs)
      deleted += gone
      if (seen < LIMITS.auditContentStepRows) break
      await pause(LIMITS.erasurePauseMs)
    }
    const [left] = await this.database.read((db) =>
      db.select({ rows: count() }).from(auditContent).where(theirs),
    )
    return { deleted, held: Number(left?.rows ?? 0) }
  }

  async prune(cutoffMs: number, signal: AbortSignal): Promise<number> {
    const { auditContent } = this.database.tables
    let deleted = 0
    while (!signal.aborted) {
      const { gone, seen } = await this.step(lt(auditContent.timestampMs, cutoffMs))
      deleted += gone
      if (seen < LIMITS.auditContentStepRows) break
      await pause(LIMITS.erasurePauseMs)
    }
    return deleted
  }

  /** Deletes some of these that nothing holds. */
  private async step(which: SQL): Promise<{ readonly seen: number; readonly gone: number }> {
    const { tables } = this.database
    const { auditContent, settings } = tables
    const free = and(which, not(isHeld(tables)))
    const found = await this.database.read((db) =>
      db
        .select({ tenantId: auditContent.tenantId, id: auditContent.id })
        .from(auditContent)
        .where(free)
        .limit(LIMITS.auditContentStepRows),
    )
    if (found.length === 0) return { seen: 0, gone: 0 }
    const ids = found.map(({ id }) => id)
    const build = (tx: QueryBuilder) =>
      [
        // Whoever makes a hold moves the end of the chain, and waits for this or is waited for: a hold that is made holds.
        tx
          .update(settings)
          .set({ value: sql`${settings.value}` })
          .where(eq(settings.key, AUDIT_HEAD)),
        tx
          .delete(auditContent)
          .where(and(inArray(auditContent.id, ids), free))
          .returning({ id: auditContent.id }),
      ] as const
    const [, gone] = await this.database.writeUnheard(build)
    return { seen: found.length, gone: gone.length }
  }
}

/** True of rows that a legal hold keeps, as `isHeldBy` of core/content.ts says it of one at hand. */
function isHeld({ auditContent, holds }: Pick<ControlTables, 'auditContent' | 'holds'>): SQL {
  const member = (name: string) => sql`(${holds.hold} ->> ${sql.raw(`'${name}'`)})`
  const since = sql`CAST(${member('sinceMs')} AS BIGINT)`
  const until = sql`CAST(${member('untilMs')} AS BIGINT)`
  const names = (kind: string, column: SQL) =>
    sql`(${member('kind')} = ${kind} AND ${member('subject')} = ${column})`
  return sql`EXISTS (SELECT 1 FROM ${holds} WHERE ${holds.tenantId} = ${auditContent.tenantId}
    AND (${member('sinceMs')} IS NULL OR ${since} <= ${auditContent.timestampMs})
    AND (${member('untilMs')} IS NULL OR ${until} > ${auditContent.timestampMs})
    AND (${member('kind')} = 'span'
      OR ${names('request', sql`${auditContent.logId}`)}
      OR ${names('user', sql`coalesce(${auditContent.userId}, '')`)}
      OR ${names('key', sql`coalesce(${auditContent.keyId}, '')`)}))`
}

function placeOf(tenantId: string, id: string) {
  return sealPlaceOf(sqliteTables.auditContent, 'sealed_excerpt', { tenantId, id })
}

function hashOf(nonce: string, text: string): string {
  return createHmac('sha256', Buffer.from(nonce, 'hex')).update(text).digest('hex')
}

function isSame(hash: string, told: unknown): boolean {
  if (typeof told !== 'string' || told.length !== hash.length) return false
  return timingSafeEqual(Buffer.from(hash), Buffer.from(told))
}
