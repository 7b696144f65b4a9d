// The rows of the `kept` table as a whole: how much there is of a kind, and what goes when it has ended, is too much or is not wanted any
// more. Deletions go in steps, so that requests go on in between; who reads one row is in `kept.ts`.

import { and, asc, count, eq, gt, inArray, isNull, lte, or, sum, type SQL } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { KeptKind } from '../core/ports.ts'
import { atomically, type QueryBuilder, type StoreDatabase } from './atomically.ts'
import type { LogTables } from './requests.ts'

/** A locked store is not waited for: what is to be written waits in memory, where it is found. */
export const LOCK_TIMEOUT_MS = 0

/** Which rows are meant, of one kind. */
export interface KeptSelection {
  readonly tenantId?: string | undefined
  readonly model?: string | undefined
  /** Under whose name they are kept. */
  readonly callers?: readonly string[] | undefined
}

export class KeptRows {
  private readonly database: StoreDatabase
  private readonly db: QueryBuilder
  private readonly kept: LogTables['kept']

  constructor(database: StoreDatabase, db: QueryBuilder, kept: LogTables['kept']) {
    this.database = database
    this.db = db
    this.kept = kept
  }

  /** Rows and bytes of one kind by tenant and model, without what has expired. */
  async holdings(kind: KeptKind, tenantId: string | undefined, nowMs: number) {
    const { kept } = this
    return await this.db
      .select({
        tenantId: kept.tenantId,
        model: kept.model,
        entries: count(),
        bytes: sum(kept.valueBytes).mapWith(Number),
      })
      .from(kept)
      .where(
        and(
          eq(kept.kind, kind),
          this.meant({ tenantId }),
          or(isNull(kept.expiresMs), gt(kept.expiresMs, nowMs)),
        ),
      )
      .groupBy(kept.tenantId, kept.model)
  }

  /** Deletes all that is meant; the number of rows. */
  async deleteAll(kind: KeptKind, which: KeptSelection): Promise<number> {
    const { kept } = this
    return await this.deleteInSteps(async () => {
      const where = and(eq(kept.kind, kind), this.meant(which))
      const oldest = await this.db
        .select({ createdMs: kept.createdMs })
        .from(kept)
        .where(where)
        .orderBy(asc(kept.createdMs))
        .limit(LIMITS.keptPruneBatchRows)
      const endMs = oldest.at(-1)?.createdMs
      return endMs === undefined ? undefined : and(where, lte(kept.createdMs, endMs))
    })
  }

  /** Deletes what has expired; the number of rows. */
  async deleteExpired(nowMs: number): Promise<number> {
    const { kept } = this
    return await this.deleteInSteps(async () => {
      // The newest end among the oldest few bounds one step, as engines differ in how a deletion is limited.
      const ends = await this.db
        .select({ expiresMs: kept.expiresMs })
        .from(kept)
        .where(lte(kept.expiresMs, nowMs))
        .orderBy(asc(kept.expiresMs))
        .limit(LIMITS.keptPruneBatchRows)
      const last = ends.at(-1)?.expiresMs
      return last === undefined || last === null ? undefined : lte(kept.expiresMs, last)
    })
  }

  /** Deletes the oldest of one kind beyond its bounds; the number of rows. */
  async deleteOldest(
    kind: KeptKind,
    bounds: { readonly rowsMax: number; readonly bytesMax: number },
  ): Promise<number> {
    const { kept } = this
    const [total] = await this.db
      .select({ rows: count(), bytes: sum(kept.valueBytes) })
      .from(kept)
      .where(eq(kept.kind, kind))
    let excessRows = (total?.rows ?? 0) - bounds.rowsMax
    let excessBytes = Number(total?.bytes ?? 0) - bounds.bytesMax
    return await this.deleteInSteps(async () => {
      if (excessRows <= 0 && excessBytes <= 0) return undefined
      const oldest = await this.db
        .select({ createdMs: kept.createdMs, valueBytes: kept.valueBytes })
        .from(kept)
        .where(eq(kept.kind, kind))
        .orderBy(asc(kept.createdMs))
        .limit(LIMITS.keptPruneBatchRows)
      let cutMs: number | undefined
      for (const row of oldest) {
        if (excessRows <= 0 && excessBytes <= 0) break
        cutMs = row.createdMs
        excessRows -= 1
        excessBytes -= row.valueBytes
      }
      return cutMs === undefined ? undefined : and(eq(kept.kind, kind), lte(kept.createdMs, cutMs))
    })
  }

  /** Deletes what each condition says until there is none; requests go on in between. */
  private async deleteInSteps(next: () => Promise<SQL | undefined>): Promise<number> {
    let deleted = 0
    for (;;) {
      const where = await next()
      if (where === undefined) return deleted
      const build = (tx: QueryBuilder) =>
        [tx.delete(this.kept).where(where).returning({ id: this.kept.id })] as const
      const [gone] = await atomically(this.database, build, LOCK_TIMEOUT_MS)
      if (gone.length === 0) return deleted
      deleted += gone.length
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  private meant({ callers, model, tenantId }: KeptSelection): SQL | undefined {
    const { kept } = this
    return and(
      tenantId === undefined ? undefined : eq(kept.tenantId, tenantId),
      model === undefined ? undefined : eq(kept.model, model),
      callers === undefined ? undefined : inArray(kept.keyId, [...callers]),
    )
  }
}
