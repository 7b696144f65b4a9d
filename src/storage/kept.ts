// What is kept for later requests, in the log store: found at once by this process, written in group commits, bounded, and
// never a reason for a request to fail or wait. What it holds and who may have it is the gateway's to know; here a row has a
// kind, a tenant and an end.

import { and, desc, eq, gt, inArray, isNull, or, type SQL } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { Clock, KeptItem, KeptKind, KeptRepository, Logger } from '../core/ports.ts'
import { atomically, type QueryBuilder, type StoreDatabase } from './atomically.ts'
import { describeFailure, isRowFault, toRepositoryError } from './errors.ts'
import { KeptRows, LOCK_TIMEOUT_MS, type KeptSelection } from './kept-rows.ts'
import { KeptQueue, type KeptChange, type KeptQueueLimits } from './kept-queue.ts'
import { KeptSeal, type SealedValue } from './kept-seal.ts'
import { ReportInterval } from './report-interval.ts'
import type { LogTables } from './requests.ts'
import * as sqliteTables from './schema-log.sqlite.ts'
import type { ValueKeys } from './value-seal.ts'
import { within } from './within.ts'

export interface KeptLimits extends KeptQueueLimits {
  readonly rowsMax: number
  readonly bytesMax: number
  readonly itemBytesMax: number
  readonly flushIntervalMs: number
  readonly retryIntervalMs: number
  readonly pruneIntervalMs: number
  readonly closeTimeoutMs: number
}

const DEFAULT_LIMITS: KeptLimits = {
  queueRowsMax: LIMITS.keptQueueRowsMax,
  queueBytesMax: LIMITS.keptQueueBytesMax,
  flushRows: LIMITS.keptFlushRows,
  flushBytesMax: LIMITS.keptFlushBytesMax,
  rowsMax: LIMITS.keptRowsMax,
  bytesMax: LIMITS.keptBytesMax,
  itemBytesMax: LIMITS.keptItemBytesMax,
  flushIntervalMs: LIMITS.logFlushIntervalMs,
  retryIntervalMs: LIMITS.logRetryIntervalMs,
  pruneIntervalMs: LIMITS.keptPruneIntervalMs,
  closeTimeoutMs: LIMITS.logCloseTimeoutMs,
}

/** Ids asked for in one query: engines bound their parameters. */
const IDS_PER_QUERY = 500

const KINDS: readonly KeptKind[] = ['response', 'reasoning', 'file', 'batch']

export interface KeptOptions {
  /** Those that are bounded here; of the response cache, which has a queue of its own, nothing unless given. */
  readonly kinds?: readonly KeptKind[]
  /** What values are sealed with. */
  readonly keyring: ValueKeys
  readonly logger: Logger
  readonly clock: Clock
  /** Other bounds than core/limits.ts', for tests. */
  readonly limits?: Partial<KeptLimits>
  /** The engine's own; SQLite's unless given. */
  readonly tables?: Pick<LogTables, 'kept'>
}

/** A change as it is to be written. */
interface SealedChange {
  readonly change: KeptChange
  readonly sealed: SealedValue
}

/** Of the queue and the bounds that the response cache has for itself. */
export const ANSWERS_ALONE = {
  kinds: ['answer'],
  limits: { rowsMax: LIMITS.cacheRowsMax },
} as const satisfies Partial<KeptOptions>

/** See the port for the contract. The database must be migrated; this does not close it. */
export class Kept implements KeptRepository {
  private readonly database: StoreDatabase
  private readonly db: QueryBuilder
  private readonly kept: LogTables['kept']
  private readonly rows: KeptRows
  private readonly seal: KeptSeal
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly kinds: readonly KeptKind[]
  private limits: KeptLimits
  private readonly queue: KeptQueue
  private timer: ReturnType<typeof setTimeout> | undefined
  private writing: Promise<boolean> | undefined
  private closing: Promise<void> | undefined
  private failure: string | undefined
  private readonly reports: ReportInterval
  private prunedMs: number
  private rowsSincePrune = 0
  private bytesSincePrune = 0

  constructor(database: StoreDatabase, db: QueryBuilder, options: KeptOptions) {
    this.database = database
    this.db = db
    this.kept = (options.tables ?? sqliteTables).kept
    this.rows = new KeptRows(database, db, this.kept)
    this.seal = new KeptSeal(options.keyring)
    this.logger = options.logger
    this.clock = options.clock
    this.reports = new ReportInterval(options.clock)
    this.kinds = options.kinds ?? KINDS
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.queue = new KeptQueue(this.limits)
    this.prunedMs = options.clock.monotonicMs()
  }

  async put(item: KeptItem): Promise<void> {
    if (this.closing !== undefined) return
    const valueBytes = item.value === undefined ? 0 : Buffer.byteLength(item.value)
    if (valueBytes > this.limits.itemBytesMax) {
      // An older value under this id would be taken for the new one.
      this.queue.push({ kind: item.kind, tenantId: item.tenantId, id: item.id, valueBytes: 0 })
      this.report('Something was too large to be kept.', { kind: item.kind, bytes: valueBytes })
    } else {
      const { kind, tenantId, id } = item
      const lost = this.queue.push({ kind, tenantId, id, item, valueBytes })
      if (lost > 0) this.report('What waits to be kept is given up.', { rows: lost })
    }
    this.arm()
  }

  async find(kind: KeptKind, tenantId: string, id: string): Promise<KeptItem | undefined> {
    const waiting = this.queue.get(kind, tenantId, id)
    if (waiting !== undefined) return this.alive(waiting.item)
    const rows = await this.select(and(this.owned(kind, tenantId), eq(this.kept.id, id)), 1)
    return rows[0]
  }

  async findMany(kind: KeptKind, tenantId: string, ids: readonly string[]): Promise<KeptItem[]> {
    const found: KeptItem[] = []
    const asked: string[] = []
    for (const id of new Set(ids)) {
      const waiting = this.queue.get(kind, tenantId, id)
      const item = this.alive(waiting?.item)
      if (item !== undefined) found.push(item)
      if (waiting === undefined) asked.push(id)
    }
    for (let at = 0; at < asked.length; at += IDS_PER_QUERY) {
      const some = asked.slice(at, at + IDS_PER_QUERY)
      const where = and(this.owned(kind, tenantId), inArray(this.kept.id, some))
      for (const item of await this.select(where, some.length)) found.push(item)
    }
    return found
  }

  async list(kind: KeptKind, tenantId: string, limit: number): Promise<KeptItem[]> {
    const wanted = Math.max(0, Math.trunc(limit))
    if (wanted === 0) return []
    const waiting = this.queue.of(kind, tenantId)
    // Any of the rows may be one that waits to be changed or removed.
    const rows = await this.select(this.owned(kind, tenantId), wanted + waiting.length)
    const changed = new Set(waiting.map((change) => change.id))
    const items = rows.filter((row) => !changed.has(row.id))
    for (const change of waiting) {
      const item = this.alive(change.item)
      if (item !== undefined) items.push(item)
    }
    return items.toSorted((a, b) => b.createdMs - a.createdMs).slice(0, wanted)
  }

  async remove(kind: KeptKind, tenantId: string, id: string): Promise<boolean> {
    const there = (await this.find(kind, tenantId, id)) !== undefined
    if (!there) return false
    this.queue.push({ kind, tenantId, id, valueBytes: 0 })
    this.arm()
    return true
  }

  /** How much of each kind is kept from now on. */
  useBytesMax(bytesMax: number): void {
    if (this.limits.bytesMax !== bytesMax) this.limits = { ...this.limits, bytesMax }
  }

  /**
   * Removes all that is meant, what waits to be written included.
   * @returns how many there were
   * @throws GatewayError `storage_unavailable` where that cannot be done
   */
  async removeAll(kind: KeptKind, which: KeptSelection): Promise<number> {
    try {
      if (!(await this.flush())) throw new Error(this.failure ?? 'the store takes nothing')
      return await this.rows.deleteAll(kind, which)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** Rows and bytes of one kind by tenant and model, without what has expired. Throws as `find` does. */
  async holdings(kind: KeptKind, tenantId: string | undefined) {
    try {
      return await this.rows.holdings(kind, tenantId, this.clock.nowMs())
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  async prune(nowMs: number): Promise<number> {
    this.prunedMs = this.clock.monotonicMs()
    this.rowsSincePrune = this.bytesSincePrune = 0
    let deleted = 0
    try {
      deleted += await this.rows.deleteExpired(nowMs)
      for (const kind of this.kinds) deleted += await this.rows.deleteOldest(kind, this.limits)
    } catch (error) {
      this.report('What is kept could not be tidied.', { reason: describeFailure(error) })
    }
    return deleted
  }

  /** Writes what waits. Resolves to false when the store failed; it then waits on. */
  async flush(): Promise<boolean> {
    while (this.queue.size > 0) {
      this.writing ??= this.writeBatch()
      if (!(await this.writing)) return false
    }
    return true
  }

  /** Writes what waits and stops; a failing store is tried for `closeTimeoutMs`. */
  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  /** Changes that wait for the store. */
  get queued(): number {
    return this.queue.size
  }

  /** Why the store takes nothing now; undefined while it does. */
  get problem(): string | undefined {
    return this.failure
  }

  private async finish(): Promise<void> {
    clearTimeout(this.timer)
    const deadlineMs = this.clock.monotonicMs() + this.limits.closeTimeoutMs
    for (let leftMs = this.limits.closeTimeoutMs; leftMs > 0;) {
      // A store that gives no answer is not waited for either.
      if ((await within(this.flush(), leftMs)) === true) break
      const waitMs = Math.min(100, this.limits.retryIntervalMs)
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      leftMs = deadlineMs - this.clock.monotonicMs()
    }
    clearTimeout(this.timer)
    if (this.queue.size > 0) {
      this.logger.error('What was to be kept is lost.', {
        rows: this.queue.size,
        reason: this.failure,
      })
    }
  }

  private arm(): void {
    if (this.timer !== undefined || this.closing !== undefined || this.queue.size === 0) return
    const failing = this.failure !== undefined
    const delayMs = failing ? this.limits.retryIntervalMs : this.limits.flushIntervalMs
    this.timer = setTimeout(() => void this.onDue(), delayMs)
    if (failing) this.timer.unref()
  }

  private async onDue(): Promise<void> {
    this.timer = undefined
    this.writing ??= this.writeBatch()
    await this.writing
    this.arm()
    if (this.isPruneDue() && this.closing === undefined) await this.prune(this.clock.nowMs())
  }

  private isPruneDue(): boolean {
    return (
      this.failure === undefined &&
      (this.rowsSincePrune >= Math.min(LIMITS.keptPruneRows, this.limits.rowsMax) ||
        this.bytesSincePrune >= Math.min(LIMITS.keptPruneBytesMax, this.limits.bytesMax) ||
        this.clock.monotonicMs() - this.prunedMs >= this.limits.pruneIntervalMs)
    )
  }

  private async writeBatch(): Promise<boolean> {
    const batch = this.queue.peek()
    try {
      await this.write(await this.sealed(batch))
    } catch (error) {
      return this.failed(error)
    } finally {
      this.writing = undefined
    }
    for (const change of batch) {
      this.rowsSincePrune += 1
      this.bytesSincePrune += change.valueBytes
      this.queue.done(change)
    }
    this.failure = undefined
    return true
  }

  /** Off the way of requests, and in steps: many large values take a while. */
  private async sealed(batch: readonly KeptChange[]): Promise<SealedChange[]> {
    await this.seal.freshen(this.clock.monotonicMs())
    const changes: SealedChange[] = []
    let bytes = 0
    for (const change of batch) {
      changes.push({ change, sealed: this.seal.close(change, change.item?.value) })
      bytes += change.valueBytes
      if (bytes < LIMITS.keptSealStepBytesMax) continue
      bytes = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    return changes
  }

  private async write(batch: readonly SealedChange[]): Promise<void> {
    try {
      const build = (tx: QueryBuilder) => batch.map((change) => queryOf(change, tx, this.kept))
      await atomically(this.database, build, LOCK_TIMEOUT_MS)
    } catch (error) {
      if (!isRowFault(error)) throw error
      if (batch.length === 1) {
        this.report('Something could not be kept.', { reason: describeFailure(error) })
        return
      }
      // A row that the store itself refuses must not hold up the others for ever; alone it is found.
      for (const change of batch) await this.write([change])
    }
  }

  private failed(error: unknown): false {
    this.failure = describeFailure(error)
    this.report('What is kept cannot be written; it waits in memory.', { reason: this.failure })
    return false
  }

  private owned(kind: KeptKind, tenantId: string): SQL | undefined {
    const { kept } = this
    return and(eq(kept.kind, kind), eq(kept.tenantId, tenantId), this.isAlive())
  }

  private isAlive(): SQL | undefined {
    const { kept } = this
    return or(isNull(kept.expiresMs), gt(kept.expiresMs, this.clock.nowMs()))
  }

  private async select(where: SQL | undefined, limit: number): Promise<KeptItem[]> {
    const { kept } = this
    try {
      const query = this.db.select().from(kept).where(where)
      return await this.seal.items(await query.orderBy(desc(kept.createdMs)).limit(limit))
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  private alive(item: KeptItem | undefined): KeptItem | undefined {
    const expired = item?.expiresMs !== undefined && item.expiresMs <= this.clock.nowMs()
    return expired ? undefined : item
  }

  private report(message: string, fields: Record<string, unknown>): void {
    if (!this.reports.begin()) return
    this.logger.warn(message, fields)
  }
}

function queryOf({ change, sealed }: SealedChange, tx: QueryBuilder, kept: LogTables['kept']) {
  const { kind, tenantId, id, item } = change
  if (item === undefined) {
    return tx
      .delete(kept)
      .where(and(eq(kept.kind, kind), eq(kept.tenantId, tenantId), eq(kept.id, id)))
  }
  const rest = {
    keyId: item.keyId ?? null,
    providerId: item.providerId,
    model: item.model,
    createdMs: item.createdMs,
    expiresMs: item.expiresMs ?? null,
    ...sealed,
  }
  return tx
    .insert(kept)
    .values({ kind, tenantId, id, ...rest })
    .onConflictDoUpdate({ target: [kept.kind, kept.tenantId, kept.id], set: rest })
}
