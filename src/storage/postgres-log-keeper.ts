// Months of the request log in Postgres: partitions made before their rows come, and dropped whole when the last of them is too old.
// Of several replicas one does it, whichever comes first; the others see the lock and leave. What lies in no month is in the default
// partitions, and moves into its month when that is made.

import { LIMITS } from '../core/limits.ts'
import { isBusy } from './errors.ts'
import { SIZE_TARGET, type LogKeeper } from './log-upkeep.ts'
import type { PostgresPool, PostgresQueries } from './postgres-pool.ts'

/** The tables that lie by month, by the same column. */
const TABLES = ['requests', 'request_bodies'] as const
/** `weir` in ASCII and a 2: migrations have 1. */
const LOCK = 0x77_65_69_72_02
const MONTH = /^requests_(\d{4})_(\d{2})$/

/** A month of the calendar, UTC. */
export interface Month {
  readonly suffix: string
  readonly startMs: number
  readonly endMs: number
}

interface PartSize {
  /** Behind the name of the table. */
  readonly suffix: string
  readonly rows: number
  readonly bytes: number
  /** Absent for what lies in no month. */
  readonly month?: Month
}

/** What a row takes besides its own size: its head, and its places in three indexes. */
const INDEX_BYTES = 180
const BODY_BYTES =
  'coalesce(pg_column_size(request_body), 0) + coalesce(pg_column_size(response_body), 0) + coalesce(pg_column_size(provider_request_body), 0) + coalesce(pg_column_size(provider_response_body), 0) + 60'

export function monthOf(timeMs: number): Month {
  const date = new Date(timeMs)
  return month(date.getUTCFullYear(), date.getUTCMonth())
}

/** @param index 0 for January; others lie in the years beside */
function month(year: number, index: number): Month {
  const [startMs, endMs] = [Date.UTC(year, index), Date.UTC(year, index + 1)]
  const start = new Date(startMs)
  const number = String(start.getUTCMonth() + 1).padStart(2, '0')
  return { suffix: `${start.getUTCFullYear()}_${number}`, startMs, endMs }
}

export class PostgresLogKeeper implements LogKeeper {
  private readonly pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.pool = pool
  }

  /** This month and the next. */
  async makeRoom(nowMs: number): Promise<void> {
    const current = monthOf(nowMs)
    for (const each of [current, monthOf(current.endMs)]) await this.make(each)
  }

  /** Whole months that ended before, and what is that old in the default partitions. */
  async deleteBefore(cutoffMs: number, signal: AbortSignal): Promise<number> {
    let deleted = 0
    for (const each of await this.monthsBefore(cutoffMs)) {
      if (signal.aborted) return deleted
      deleted += (await this.drop(each)) ?? 0
    }
    for (const table of TABLES) {
      for (let gone = 1; gone > 0 && !signal.aborted;) {
        gone = await this.deleteStrays(table, cutoffMs)
        if (table === 'requests') deleted += gone
      }
    }
    return deleted
  }

  /**
   * Whole months while what is left is as much as may be, then the rows that were written first. Postgres gives no room back for these, but
   * uses it again: so it is rows that are counted and not files, by how large the newest ones are.
   */
  async shrinkTo(bytesMax: number, signal: AbortSignal): Promise<number> {
    let deleted = 0
    let parts = await this.sizes()
    const total = () => parts.reduce((sum, each) => sum + each.bytes, 0)
    if (total() <= bytesMax) return 0
    const target = bytesMax * SIZE_TARGET
    while (total() > target && !signal.aborted) {
      const oldest = parts.find(({ rows }) => rows > 0)
      if (oldest === undefined) break
      if (total() - oldest.bytes >= target && oldest.month !== undefined) {
        const rows = await this.drop(oldest.month)
        if (rows === undefined) break
        deleted += rows
        parts = parts.filter((each) => each !== oldest)
        continue
      }
      const beyond = total() - target
      const surplus = Math.ceil((oldest.rows * Math.min(beyond, oldest.bytes)) / oldest.bytes)
      return deleted + (await this.deleteFirst(oldest.suffix, surplus, signal))
    }
    return deleted
  }

  /** About how many rows each month has, oldest first, and how large they are. */
  private async sizes(): Promise<PartSize[]> {
    const rows = await this.pool.query<{ name: string; rows: number; bodies: number }>(
      `SELECT c.relname AS name, coalesce(pg_stat_get_live_tuples(c.oid), 0) AS rows,
              coalesce(pg_stat_get_live_tuples(to_regclass('request_bodies' || substr(c.relname, 9))), 0) AS bodies
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'requests'::regclass ORDER BY c.relname = 'requests_default' DESC, c.relname`,
    )
    const row = await this.meanBytes('requests', 'pg_column_size(sample.*)')
    const body = await this.meanBytes('request_bodies', BODY_BYTES)
    return rows.map(({ bodies, name, rows: many }) => {
      const [, year, number] = MONTH.exec(name) ?? []
      const isMonth = year !== undefined && number !== undefined
      return {
        suffix: name.slice('requests_'.length),
        rows: many,
        bytes: many * (row + INDEX_BYTES) + bodies * body,
        ...(isMonth ? { month: month(Number(year), Number(number) - 1) } : {}),
      }
    })
  }

  private async meanBytes(table: (typeof TABLES)[number], size: string): Promise<number> {
    const rows = await this.pool.query<{ bytes: number }>(
      `SELECT coalesce(avg(${size}), 0)::bigint AS bytes FROM (SELECT * FROM ${table} ORDER BY sequence DESC LIMIT ${LIMITS.logSizeSampleRows}) sample`,
    )
    return Number(rows[0]?.bytes ?? 0)
  }

  private async deleteFirst(suffix: string, rows: number, signal: AbortSignal): Promise<number> {
    let deleted = 0
    while (deleted < rows && !signal.aborted) {
      const step = Math.min(rows - deleted, LIMITS.logDeletionStepRows)
      const gone = await this.pool.transaction(async (tx) => {
        if (!(await tryLock(tx))) return 0
        const [found] = await tx.query<{ rows: number; last: number | null }>(
          `WITH gone AS (
             DELETE FROM requests_${suffix} WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM requests_${suffix} ORDER BY sequence LIMIT $1::int
             )) RETURNING sequence
           ) SELECT count(*) AS rows, max(sequence) AS last FROM gone`,
          [step],
        )
        if (found?.last === null || found === undefined) return 0
        await tx.query(`DELETE FROM request_bodies_${suffix} WHERE sequence <= $1`, [found.last])
        return found.rows
      })
      if (gone === 0) break
      deleted += gone
    }
    return deleted
  }

  /** Makes the partitions of a month where they are missing; several replicas may come at once. */
  async make(which: Month): Promise<void> {
    const missing = await this.missing(this.pool, which)
    if (missing.length === 0) return
    await this.pool.transaction(async (tx) => {
      // Waited for: who comes next must find them made.
      await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
      for (const table of await this.missing(tx, which)) await makePartition(tx, table, which)
    })
  }

  private async missing(
    queries: PostgresQueries,
    { suffix }: Month,
  ): Promise<(typeof TABLES)[number][]> {
    // From the table itself: `to_regclass` may remember that there was none before somebody else made it.
    const rows = await queries.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
       WHERE i.inhparent IN ('requests'::regclass, 'request_bodies'::regclass) AND c.relname LIKE $1`,
      [`%_${suffix}`],
    )
    const names = new Set(rows.map((row) => row.name))
    return TABLES.filter((table) => !names.has(`${table}_${suffix}`))
  }

  private async monthsBefore(cutoffMs: number): Promise<Month[]> {
    const rows = await this.pool.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'requests'::regclass ORDER BY c.relname`,
    )
    const months: Month[] = []
    for (const { name } of rows) {
      const [, year, number] = MONTH.exec(name) ?? []
      if (year === undefined || number === undefined) continue
      const each = month(Number(year), Number(number) - 1)
      if (each.endMs <= cutoffMs) months.push(each)
    }
    return months
  }

  /** About how many rows went; undefined when another replica is at it, or somebody reads them for long. */
  private async drop({ suffix }: Month): Promise<number | undefined> {
    try {
      return await this.pool.transaction(async (tx) => {
        if (!(await tryLock(tx))) return undefined
        // Those who write wait behind this, so it must not wait long itself.
        await tx.query(`SET LOCAL lock_timeout = ${LIMITS.logPartitionLockTimeoutMs}`)
        const rows = await tx.query<{ rows: number }>(
          'SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = to_regclass($1)',
          [`requests_${suffix}`],
        )
        const tables = TABLES.map((table) => `${table}_${suffix}`).join(', ')
        await tx.query(`DROP TABLE IF EXISTS ${tables}`)
        return rows[0]?.rows
      })
    } catch (error) {
      if (isBusy(error)) return undefined
      throw error
    }
  }

  private async deleteStrays(table: (typeof TABLES)[number], cutoffMs: number): Promise<number> {
    return await this.pool.transaction(async (tx) => {
      if (!(await tryLock(tx))) return 0
      const rows = await tx.query<{ rows: number }>(
        `WITH gone AS (
           DELETE FROM ${table}_default WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM ${table}_default WHERE timestamp_ms < $1 LIMIT $2::int
           )) RETURNING 1
         ) SELECT count(*) AS rows FROM gone`,
        [cutoffMs, LIMITS.logDeletionStepRows],
      )
      return rows[0]?.rows ?? 0
    })
  }
}

async function tryLock(tx: PostgresQueries): Promise<boolean> {
  const rows = await tx.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
    LOCK,
  ])
  return rows[0]?.mine === true
}

/** Filled before it is attached: a partition may not be made while the default one has rows of it. */
async function makePartition(
  tx: PostgresQueries,
  table: (typeof TABLES)[number],
  { endMs, startMs, suffix }: Month,
): Promise<void> {
  const name = `${table}_${suffix}`
  await tx.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS)`)
  // Rows must not come to the default partition between the two statements.
  await tx.query(`LOCK TABLE ${table}_default IN SHARE ROW EXCLUSIVE MODE`)
  await tx.query(
    `WITH moved AS (
       DELETE FROM ${table}_default WHERE timestamp_ms >= ${startMs} AND timestamp_ms < ${endMs} RETURNING *
     ) INSERT INTO ${name} SELECT * FROM moved`,
  )
  await tx.query(
    `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${startMs}) TO (${endMs})`,
  )
}
