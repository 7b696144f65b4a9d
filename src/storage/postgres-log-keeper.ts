// Months of the request log in Postgres: partitions made before their rows come, and dropped whole when the last of them is too old.
// Of several replicas one does it, whichever comes first; the others see the lock and leave. What lies in no month is in the default
// partitions, and moves into its month when that is made.

import type { Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import { isBusy } from './errors.ts'
import { heldCondition, mayHoldWithin } from './held-rows.ts'
import { SIZE_TARGET, type LogKeeper } from './log-upkeep.ts'
import { pause } from './pause.ts'
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

/** Rows that go one by one leave the server this many times as long to others. */
const REST_FACTOR = 4

/** What a row takes besides its own size: its head, and its places in three indexes. */
const INDEX_BYTES = 180
const BODY_BYTES =
  'coalesce(pg_column_size(request_body), 0) + coalesce(pg_column_size(response_body), 0) + coalesce(pg_column_size(provider_request_body), 0) + coalesce(pg_column_size(provider_response_body), 0) + coalesce(pg_column_size(packed), 0) + 60'

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

  /**
   * Whole months that ended before, and what is that old in the default partitions. A month of which something may be held goes row by
   * row, and what is held stays in it.
   */
  async deleteBefore(cutoffMs: number, signal: AbortSignal): Promise<number> {
    let deleted = 0
    for (const each of await this.monthsBefore(cutoffMs)) {
      if (signal.aborted) return deleted
      const dropped = await this.drop(each, signal)
      deleted +=
        dropped === 'held'
          ? await this.deleteRows(each.suffix, Infinity, cutoffMs, signal)
          : (dropped ?? 0)
    }
    deleted += await this.deleteRows('default', Infinity, cutoffMs, signal)
    while (!signal.aborted && (await this.deleteStrayBodies(cutoffMs)) > 0);
    return deleted
  }

  /**
   * Whole months while what is left is as much as may be, then the rows that were written first. Postgres gives no room back for these, but
   * uses it again: so it is rows that are counted and not files, by how large the newest ones are.
   */
  async shrinkTo(bytesMax: number, signal: AbortSignal): Promise<number> {
    let deleted = 0
    const parts = await this.sizes()
    let total = parts.reduce((sum, each) => sum + each.bytes, 0)
    if (total <= bytesMax) return 0
    const target = bytesMax * SIZE_TARGET
    for (const part of parts) {
      if (total <= target || signal.aborted) break
      if (part.rows === 0) continue
      if (total - part.bytes >= target && part.month !== undefined) {
        const rows = await this.drop(part.month, signal)
        if (rows === undefined) break
        if (rows !== 'held') {
          deleted += rows
          total -= part.bytes
          continue
        }
      }
      const surplus = Math.ceil((part.rows * Math.min(total - target, part.bytes)) / part.bytes)
      const gone = await this.deleteRows(part.suffix, surplus, Number.MAX_SAFE_INTEGER, signal)
      deleted += gone
      total -= (gone * part.bytes) / part.rows
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

  /** The rows that were written first, but for those that are held: so many at most, in steps. */
  private async deleteRows(
    suffix: string,
    rows: number,
    cutoffMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    let deleted = 0
    let after = 0
    while (deleted < rows && !signal.aborted) {
      const step = Math.min(rows - deleted, LIMITS.logDeletionStepRows)
      const startMs = performance.now()
      const done = await this.pool.transaction(async (tx) => {
        if (!(await tryLock(tx))) return undefined
        return await deleteStep(tx, { suffix, after, rows: step, cutoffMs })
      })
      if (done === undefined) break
      deleted += done.deleted
      after = done.last
      const restMs = (performance.now() - startMs) * REST_FACTOR
      await pause(restMs)
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
  private async drop(which: Month, signal: AbortSignal): Promise<number | 'held' | undefined> {
    for (let tries = 1; ; tries += 1) {
      const dropped = await this.tryDrop(which)
      if (dropped !== 'busy') return dropped
      if (signal.aborted || tries >= LIMITS.logPartitionLockTriesMax) return undefined
      await pause(LIMITS.logPartitionLockPauseMs)
    }
  }

  private async tryDrop({
    endMs,
    startMs,
    suffix,
  }: Month): Promise<number | 'held' | 'busy' | undefined> {
    try {
      return await this.pool.transaction(async (tx) => {
        if (!(await tryLock(tx))) return undefined
        // Those who write wait behind this, so it must not wait long itself.
        await tx.query(`SET LOCAL lock_timeout = ${LIMITS.logPartitionLockTimeoutMs}`)
        if (mayHoldWithin(await holdsIn(tx), startMs, endMs)) return 'held'
        const rows = await tx.query<{ rows: number }>(
          'SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = to_regclass($1)',
          [`requests_${suffix}`],
        )
        const tables = TABLES.map((table) => `${table}_${suffix}`).join(', ')
        await tx.query(`DROP TABLE IF EXISTS ${tables}`)
        return rows[0]?.rows
      })
    } catch (error) {
      if (isBusy(error)) return 'busy'
      throw error
    }
  }

  /** Bodies in no month whose request is gone. */
  private async deleteStrayBodies(cutoffMs: number): Promise<number> {
    return await this.pool.transaction(async (tx) => {
      if (!(await tryLock(tx))) return 0
      const rows = await tx.query<{ rows: number }>(
        `WITH gone AS (
           DELETE FROM request_bodies_default WHERE ctid = ANY (ARRAY(
             SELECT b.ctid FROM request_bodies_default b WHERE b.timestamp_ms < $1
             AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.sequence = b.sequence) LIMIT $2::int
           )) RETURNING 1
         ) SELECT count(*) AS rows FROM gone`,
        [cutoffMs, LIMITS.logDeletionStepRows],
      )
      return rows[0]?.rows ?? 0
    })
  }
}

interface DeletionStep {
  readonly suffix: string
  /** Behind the row of this number. */
  readonly after: number
  readonly rows: number
  readonly cutoffMs: number
}

/** Undefined when nothing is left. */
async function deleteStep(
  tx: PostgresQueries,
  { after, cutoffMs, rows, suffix }: DeletionStep,
): Promise<{ readonly deleted: number; readonly last: number } | undefined> {
  const [found] = await tx.query<{ last: number | null }>(
    `SELECT max(sequence) AS last FROM (
       SELECT sequence FROM requests_${suffix} WHERE sequence > $1 ORDER BY sequence LIMIT $2::int
     ) next`,
    [after, rows],
  )
  if (found?.last === null || found === undefined) return undefined
  const last = Number(found.last)
  const values: (string | number)[] = [after, last, cutoffMs]
  const held = heldCondition(await holdsIn(tx), (value) => {
    values.push(value)
    return typeof value === 'number' ? `$${values.length}::bigint` : `$${values.length}::text`
  })
  const [gone] = await tx.query<{ rows: number }>(
    `WITH gone AS (
       DELETE FROM requests_${suffix} WHERE sequence > $1 AND sequence <= $2 AND timestamp_ms < $3
       ${held === undefined ? '' : `AND NOT ${held}`} RETURNING sequence
     ), bodies AS (
       DELETE FROM request_bodies_${suffix} WHERE sequence > $1 AND sequence <= $2
       AND sequence IN (SELECT sequence FROM gone)
     ) SELECT count(*) AS rows FROM gone`,
    values,
  )
  return { deleted: Number(gone?.rows ?? 0), last }
}

/** Those in force, of which none more comes before the transaction ends: whoever makes one waits for it. */
async function holdsIn(tx: PostgresQueries): Promise<Hold[]> {
  await tx.query('LOCK TABLE holds IN SHARE MODE')
  const rows = await tx.query<{ tenant_id: string; id: string; hold: Hold; created_ms: number }>(
    'SELECT tenant_id, id, hold, created_ms FROM holds',
  )
  return rows.map(({ created_ms: createdMs, hold, id, tenant_id: tenantId }) => ({
    ...(typeof hold === 'string' ? (JSON.parse(hold) as Hold) : hold),
    tenantId,
    id,
    createdMs,
  }))
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
