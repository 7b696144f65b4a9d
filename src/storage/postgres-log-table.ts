// Batches of the request log in Postgres: one transaction each, with all that is counted with them, on a connection of their own so
// that neither waits for anybody. It knows how a batch gets in; when, and what becomes of those that do not, is the writer's.

import type { Outcome } from '../core/outcome.ts'
import { CountedRows } from './counted-rows.ts'
import { isBusy, isRowFault, postgresCode } from './errors.ts'
import type { LogCompanion } from './log-companion.ts'
import { BEFORE_ROWS } from './postgres-following.ts'
import {
  bodiesJson,
  fitForPostgres,
  INSERT_OBJECTS,
  INSERT_REQUEST_BODIES,
  INSERT_REQUESTS,
  mayBeUnfit,
  requestJson,
} from './postgres-log-row.ts'
import type { PostgresPool, PostgresQueries } from './postgres-pool.ts'

/** What of a batch is not as it should be; everything else is in the store. */
export interface BatchResult {
  /** The store takes them in no form. */
  readonly refused: readonly Outcome[]
  /** In the store, but what is counted with them was refused. */
  readonly uncounted: readonly Outcome[]
}

/** Where batches go. */
export interface LogTable {
  /**
   * Writes a batch. Rows that are there already are passed over, and what is counted with them as well.
   * @throws the engine's error when the store fails; then it may have happened or not, and the same batch is to be sent again
   */
  write(batch: readonly Outcome[], companions: readonly LogCompanion[]): Promise<BatchResult>
  close(): Promise<void>
}

/** Others were in the way: the same again is right, at once, so many times. */
const COLLISIONS_MAX = 3

interface Inserted {
  readonly sequence: number
  readonly log_id: string
  readonly timestamp_ms: number
}

export class PostgresLogTable implements LogTable {
  private readonly pool: PostgresPool
  private readonly known = new CountedRows()

  /** @param pool of one connection, for this alone; `close` closes it */
  constructor(pool: PostgresPool) {
    this.pool = pool
  }

  async write(
    batch: readonly Outcome[],
    companions: readonly LogCompanion[],
  ): Promise<BatchResult> {
    const refused: Outcome[] = []
    const uncounted: Outcome[] = []
    const attempt = async (rows: readonly Outcome[]): Promise<void> => {
      if (rows.length === 0) return
      try {
        return await this.commit(rows, companions)
      } catch (error) {
        if (!isRowFault(error)) throw error
      }
      if (rows.length > 1) {
        const middle = Math.ceil(rows.length / 2)
        await attempt(rows.slice(0, middle))
        return await attempt(rows.slice(middle))
      }
      try {
        await this.commit(rows, [])
        uncounted.push(...rows)
      } catch (error) {
        if (!isRowFault(error)) throw error
        refused.push(...rows)
      }
    }
    await attempt(batch)
    return { refused, uncounted }
  }

  async close(): Promise<void> {
    await this.pool.close()
  }

  private async commit(
    rows: readonly Outcome[],
    companions: readonly LogCompanion[],
  ): Promise<void> {
    let json = jsonOf(rows)
    let fit = rows
    if (mayBeUnfit(json)) {
      fit = rows.map(fitForPostgres)
      json = jsonOf(fit)
    }
    for (let tries = 0; ; tries += 1) {
      try {
        await this.known.resolve(this.pool)
        await this.pool.transaction((tx) => insertAll(tx, fit, json, companions, this.known))
        this.known.committed()
        return
      } catch (error) {
        if (!isCollision(error) || tries >= COLLISIONS_MAX) throw error
      }
    }
  }
}

/** A month that is made meanwhile refuses rows that were on their way to the default partition, once. */
function isCollision(error: unknown): boolean {
  return isBusy(error) || postgresCode(error) === '23514'
}

function jsonOf(rows: readonly Outcome[]): string {
  return `[${rows.filter(hasRow).map(requestJson).join(',')}]`
}

/** Where the log policy is `none` a request is only counted. */
function hasRow({ withoutRow }: Outcome): boolean {
  return withoutRow !== true
}

function identity(logId: string, timestampMs: number): string {
  return `${timestampMs} ${logId}`
}

async function insertAll(
  tx: PostgresQueries,
  rows: readonly Outcome[],
  json: string,
  companions: readonly LogCompanion[],
  known: CountedRows,
): Promise<void> {
  const counted = rows.filter((row) => !hasRow(row) && !known.has(row))
  await known.begin(tx, counted)
  await tx.query(BEFORE_ROWS)
  const inserted = await tx.query<Inserted>(INSERT_REQUESTS, [json])
  const sequences = new Map(
    inserted.map((row) => [identity(row.log_id, row.timestamp_ms), row.sequence]),
  )
  // What was there before was counted before, by the transaction that put it there.
  const fresh: Outcome[] = []
  const bodies: string[] = []
  for (const row of rows) {
    if (!hasRow(row)) {
      if (!known.has(row)) fresh.push(row)
      continue
    }
    const key = identity(row.logId, row.timestampMs)
    const sequence = sequences.get(key)
    if (sequence === undefined) continue
    // The same row twice in a batch is in the store once.
    sequences.delete(key)
    fresh.push(row)
    const text = bodiesJson(row, sequence)
    if (text !== undefined) bodies.push(text)
  }
  if (bodies.length > 0) {
    let text = `[${bodies.join(',')}]`
    if (mayBeUnfit(text)) text = JSON.stringify(fitForPostgres(JSON.parse(text)))
    await tx.query(INSERT_REQUEST_BODIES, [text])
    if (rows.some(({ objectKey }) => objectKey !== undefined))
      await tx.query(INSERT_OBJECTS, [text])
  }
  if (fresh.length === 0) return
  for (const companion of companions) {
    for (const { text, values } of companion.statementsFor(fresh)) {
      await tx.query(text, values)
    }
  }
}
