// Seals kept values anew: those of retired keys, and those that a release before there was a seal left in clear. It goes in small steps on
// either engine while requests go on, and can be broken off anywhere: each row names its key in an indexed column of its own.

import { and, count, eq, inArray, isNull, or, type SQL } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import { atomically, type QueryBuilder, type StoreDatabase } from './atomically.ts'
import {
  KeptSeal,
  keptPlace,
  NO_KEY,
  SEALED_BEFORE,
  type KeptName,
  type KeptRow,
  type SealedValue,
} from './kept-seal.ts'
import type { Keyring } from './keyring.ts'
import type { LogTables } from './requests.ts'
import * as sqliteTables from './schema-log.sqlite.ts'
import { envelopeKeyId, isEnvelope } from './seal.ts'
import { ValueSeal } from './value-seal.ts'

export interface KeptSealingOptions {
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly keyring: Keyring
  /** The engine's own; SQLite's unless given. */
  readonly tables?: Pick<LogTables, 'kept'>
}

/** How many values each key has sealed. */
export interface SealedCounts {
  readonly byKey: ReadonlyMap<string, number>
  /** In clear: of a release that sealed none. */
  readonly clear: number
}

export interface SealingRun {
  /** Between two steps, for requests; none unless given. */
  readonly pauseMs?: number
  readonly signal?: AbortSignal
  told?(done: number): void
}

/** What a row is to become. */
type Change = SealedValue | Pick<SealedValue, 'sealKeyId'> | 'delete'

export class KeptSealing {
  private readonly database: StoreDatabase
  private readonly queries: QueryBuilder
  private readonly keyring: Keyring
  private readonly kept: LogTables['kept']
  private readonly seal: ValueSeal
  private readonly rowSeal: KeptSeal

  constructor({ database, keyring, queries, tables = sqliteTables }: KeptSealingOptions) {
    this.database = database
    this.queries = queries
    this.keyring = keyring
    this.kept = tables.kept
    this.seal = new ValueSeal(keyring)
    this.rowSeal = new KeptSeal(keyring)
  }

  /** Counted over an index, without the values. */
  async counts(): Promise<SealedCounts> {
    const { kept } = this
    const rows = await this.queries
      .select({ keyId: kept.sealKeyId, values: count() })
      .from(kept)
      .groupBy(kept.sealKeyId)
    const byKey = new Map<string, number>()
    let clear = 0
    for (const { keyId, values } of rows) {
      if (keyId === null) clear = values
      else if (keyId !== NO_KEY) byKey.set(keyId, values)
    }
    return { byKey, clear }
  }

  /**
   * Seals everything with the newest key that has another one or none, until nothing is left or the signal fires. What does not open any
   * more is deleted, as nobody can have it; what is of a key that is not here stays.
   * @returns how many values were sealed
   * @throws the engine's error; what is done is done
   */
  async run({ pauseMs = 0, signal, told }: SealingRun = {}): Promise<number> {
    await this.keyring.refresh()
    const { keyId } = this.keyring.sealer
    const keys = await this.keyring.rows()
    const old = keys.filter(({ id, purpose }) => purpose === 'seal' && id !== keyId)
    const { kept } = this
    const where = or(
      isNull(kept.sealKeyId),
      inArray(
        kept.sealKeyId,
        old.map(({ id }) => id),
      ),
    )
    let done = 0
    for (;;) {
      if (signal?.aborted === true) break
      const rows = await this.next(where)
      if (rows.length === 0) break
      const { changed, values } = await this.change(rows, keyId)
      // Somebody else may be at the same rows; who cannot go on leaves the rest to the next time.
      if (changed === 0) break
      done += values
      told?.(done)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    return done
  }

  /** A few of them, with their values: fewer where these are large, but at least one. */
  private async next(where: SQL | undefined): Promise<KeptRow[]> {
    const { kept } = this
    const some = await this.queries
      .select({
        kind: kept.kind,
        tenantId: kept.tenantId,
        id: kept.id,
        valueBytes: kept.valueBytes,
      })
      .from(kept)
      .where(where)
      .limit(LIMITS.keptSealStepRows)
    let bytes = 0
    const names = some.filter(({ valueBytes }, at) => {
      bytes += valueBytes
      return at === 0 || bytes <= LIMITS.keptSealStepBytesMax
    })
    if (names.length === 0) return []
    const named = or(...names.map((name) => this.named(name)))
    return await this.queries.select().from(kept).where(and(where, named))
  }

  private async change(rows: readonly KeptRow[], keyId: string) {
    const { kept } = this
    const changes = rows.map((row) => ({ row, change: this.changeOf(row, keyId) }))
    const build = (tx: QueryBuilder) =>
      changes.map(({ change, row }) => {
        // Only where it is still the value that was read: somebody may have changed it meanwhile.
        const same = row.value === null ? isNull(kept.value) : eq(kept.value, row.value)
        const where = and(this.named(row), same)
        return change === 'delete'
          ? tx.delete(kept).where(where).returning({ id: kept.id })
          : tx.update(kept).set(change).where(where).returning({ id: kept.id })
      })
    const results = await atomically(this.database, build)
    let [changed, values] = [0, 0]
    for (const [at, { length }] of results.entries()) {
      const change = changes[at]?.change
      changed += length
      if (typeof change === 'object' && 'value' in change) values += length
    }
    return { changed, values }
  }

  private changeOf(row: KeptRow, keyId: string): Change {
    if (row.value === null) return { sealKeyId: NO_KEY }
    if (!isEnvelope(row.value)) {
      // No release ever kept these in clear: sealed, what somebody put there would pass for an answer.
      return row.kind === SEALED_BEFORE ? 'delete' : this.rowSeal.close(row, row.value)
    }
    const own = envelopeKeyId(row.value)
    if (own === undefined) return 'delete'
    if (own === keyId || this.seal.isStrange(row.value)) return { sealKeyId: own }
    const place = keptPlace(row)
    const text = this.seal.opened(row.value, place)
    if (text === undefined) return 'delete'
    const value = this.seal.close(text, place)
    return { value, valueBytes: value.length, sealKeyId: envelopeKeyId(value) ?? null }
  }

  private named({ id, kind, tenantId }: KeptName): SQL | undefined {
    const { kept } = this
    return and(eq(kept.kind, kind), eq(kept.tenantId, tenantId), eq(kept.id, id))
  }
}
