// Rotation of what columns are sealed with: a new key for every value, the keys wrapped by the master key in use, row by row while
// requests go on. It can be broken off anywhere and taken up again: what is done shows in each envelope, which names its key.

import { and, eq, getTableColumns, isNotNull, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Actor } from '../core/audit.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { ControlDatabase } from './control-database.ts'
import type { KeptSealing } from './kept-sealing.ts'
import type { DataKeyRow, Keyring } from './keyring.ts'
import { sealedColumns, sealPlaceOf, type SealedColumn } from './sealed-columns.ts'
import { envelopeKeyId } from './seal.ts'

/** What came of a rotation. */
export interface RotationReport {
  /** Values sealed anew. */
  readonly values: number
  /** The key they are sealed with now, and the master key that it is wrapped by. */
  readonly keyId: string
  readonly masterKeyId: string
}

/** What is sealed with which key. */
export interface SecretsState {
  readonly masterKeyId: string
  readonly keys: readonly (Pick<
    DataKeyRow,
    'id' | 'purpose' | 'masterKeyId' | 'createdMs' | 'retiredMs'
  > & { readonly values: number })[]
  /** Values whose key is none of these: of releases that sealed with the master key itself. */
  readonly others: number
  /** Kept values that an earlier release left in clear: a server seals them in the background, and so does a rotation. */
  readonly clear: number
}

type Row = Record<string, unknown>

/** Secrets of one store. */
export class Secrets {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring
  private readonly kept: Pick<KeptSealing, 'counts' | 'run'>

  constructor(
    database: ControlDatabase,
    keyring: Keyring,
    kept: Pick<KeptSealing, 'counts' | 'run'>,
  ) {
    this.database = database
    this.keyring = keyring
    this.kept = kept
  }

  get masterKeyId(): string {
    return this.keyring.masterKeyId
  }

  /** Which keys there are and how many values each has sealed. */
  async state(): Promise<SecretsState> {
    const kept = await this.kept.counts()
    const counts = new Map(kept.byKey)
    for (const column of sealedColumns()) {
      for (const row of await this.rowsOf(column)) {
        const id = envelopeKeyId(String(row[column.property])) ?? ''
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
    }
    const rows = await this.keyring.rows()
    const known = new Set(rows.map(({ id }) => id))
    const others = [...counts].filter(([id]) => !known.has(id))
    return {
      masterKeyId: this.keyring.masterKeyId,
      keys: rows.map(({ createdMs, id, masterKeyId, purpose, retiredMs }) => ({
        id,
        purpose,
        masterKeyId,
        createdMs,
        retiredMs,
        values: counts.get(id) ?? 0,
      })),
      others: others.reduce((sum, [, count]) => sum + count, 0),
      clear: kept.clear,
    }
  }

  /**
   * Seals every value with a new key, wraps every key by the master key in use, and forgets keys that nothing needs any more. A rotation
   * that was broken off is taken up: its key is used on.
   * @throws GatewayError `storage_unavailable`; StorageError `seal_broken` for a value that does not open, which then stays as it is
   */
  async rotate(by: Actor, told?: (done: number) => void): Promise<RotationReport> {
    await this.begin(by)
    await this.keyring.refresh()
    const { keyId } = this.keyring.sealer
    let values = 0
    // A process that has not yet heard of the new key may still seal with an old one.
    for (let round = 0; round < LIMITS.rotationRoundsMax; round += 1) {
      let inRound = 0
      for (const column of sealedColumns()) {
        inRound += await this.rotateColumn(column, keyId, (done) => told?.(values + inRound + done))
      }
      const before = values + inRound
      inRound += await this.kept.run({ told: (done) => told?.(before + done) })
      values += inRound
      if (inRound === 0) break
    }
    await this.end(by, keyId, values)
    return { values, keyId, masterKeyId: this.keyring.masterKeyId }
  }

  /** The new key, unless a rotation is under way, and every key wrapped by the master key in use. */
  private async begin(by: Actor): Promise<void> {
    const { dataKeys } = this.database.tables
    await this.database.change(by, async () => {
      const nowMs = this.database.nowMs()
      const rows = await this.keyring.rows()
      const { keys } = await this.state()
      // A retired key that still has values is what a rotation left that was broken off.
      const isUnderWay = keys.some(({ retiredMs, values }) => retiredMs !== null && values > 0)
      const active = rows.findLast(
        ({ purpose, retiredMs }) => purpose === 'seal' && retiredMs === null,
      )
      const made = isUnderWay ? undefined : this.keyring.newKey('seal', nowMs)
      const keep = made?.id ?? active?.id
      return {
        events: [
          {
            tenantId: PLATFORM_TENANT_ID,
            action: 'secret.rotate',
            target: { kind: 'data_key', id: keep ?? '' },
            after: {
              state: isUnderWay ? 'taken up' : 'begun',
              masterKeyId: this.keyring.masterKeyId,
            },
          },
        ],
        build: (tx) => [
          ...rows.map((row) =>
            tx
              .update(dataKeys)
              .set({
                ...this.keyring.rewrapped(row),
                retiredMs:
                  row.purpose === 'seal' && row.id !== keep ? (row.retiredMs ?? nowMs) : null,
              })
              .where(eq(dataKeys.id, row.id)),
          ),
          ...(made === undefined ? [] : [tx.insert(dataKeys).values(made)]),
        ],
      }
    })
  }

  /** Forgets what nothing is sealed with any more, long enough after it was retired that every process has heard of it. */
  private async end(by: Actor, keyId: string, values: number): Promise<void> {
    const { dataKeys, settings } = this.database.tables
    const { keys } = await this.state()
    const nowMs = this.database.nowMs()
    const unused = keys.filter(
      (key) =>
        key.purpose === 'seal' &&
        key.id !== keyId &&
        key.values === 0 &&
        key.retiredMs !== null &&
        nowMs - key.retiredMs > LIMITS.dataKeyGraceMs,
    )
    const check = this.keyring.newCheck()
    await this.database.change(by, () => ({
      events: [
        {
          tenantId: PLATFORM_TENANT_ID,
          action: 'secret.rotate',
          target: { kind: 'data_key', id: keyId },
          after: { state: 'ended', values, forgotten: unused.map(({ id }) => id), atMs: nowMs },
        },
      ],
      build: (tx) => [
        tx.update(settings).set({ value: check.value }).where(eq(settings.key, check.key)),
        ...unused.map(({ id }) => tx.delete(dataKeys).where(eq(dataKeys.id, id))),
      ],
    }))
  }

  private async rotateColumn(
    column: SealedColumn,
    keyId: string,
    told: (done: number) => void,
  ): Promise<number> {
    const table = this.table(column)
    const { sealer } = this.keyring
    let done = 0
    for (const row of await this.rowsOf(column)) {
      const envelope = String(row[column.property])
      if (envelopeKeyId(envelope) === keyId) continue
      // By the table that the column was found in: whoever seals goes by that one too, on both engines.
      const place = sealPlaceOf(column.described, column.column, row)
      const anew = sealer.seal(sealer.open(envelope, place), place)
      // Only where it is still the value that was opened: somebody may have changed it meanwhile.
      const where = and(...this.keyConditions(column, row), eq(this.column(column), envelope))
      await this.database.writeUnheard((tx) => [
        tx
          .update(table)
          .set({ [column.property]: anew })
          .where(where),
      ])
      done += 1
      told(done)
    }
    return done
  }

  private async rowsOf(column: SealedColumn): Promise<Row[]> {
    const table = this.table(column)
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(table)
        .where(isNotNull(this.column(column))),
    )
    return rows as Row[]
  }

  private keyConditions(column: SealedColumn, row: Row): SQL[] {
    const columns = getTableColumns(this.table(column)) as Record<string, SQLiteColumn>
    return column.keyProperties.map((property) => eq(columns[property]!, row[property]))
  }

  private column({ property, tableName }: SealedColumn): SQLiteColumn {
    const columns = getTableColumns(this.database.tables[tableName] as SQLiteTable)
    return (columns as Record<string, SQLiteColumn>)[property]!
  }

  private table({ tableName }: SealedColumn): SQLiteTable {
    return this.database.tables[tableName] as SQLiteTable
  }
}
