// A Postgres store as one end of a copy. What is read comes from one state of the database, whatever others write meanwhile; who else
// is there is asked of the server itself.

import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import {
  type CopyKey,
  type CopyTarget,
  namesOf,
  type Settings,
  UPSERT_SETTING,
  upsertOf,
} from './copy-end.ts'
import type { CopyColumn, CopyRow, CopyTable } from './copy-tables.ts'
import { StorageError } from './errors.ts'
import { connectPostgres } from './postgres-connect.ts'
import { PostgresLogKeeper, monthOf } from './postgres-log-keeper.ts'
import { fitForPostgres, mayBeUnfit } from './postgres-log-row.ts'
import { inspectPostgresSchema, migratePostgres } from './postgres-migrate.ts'
import { type PostgresLocation, shownPostgres } from './postgres-options.ts'
import { PostgresPool, type PostgresQueries, type PostgresValue } from './postgres-pool.ts'

export interface PostgresEndOptions {
  readonly location: PostgresLocation
  readonly migrationsFolder: string
  readonly logger: Logger
  /** As for SQLite. `alone` and `made` are refused while a server of ours is connected. */
  readonly use: 'alone' | 'made' | 'shared'
}

/** Months made for rows of a copy; rows of others go to the default partition. */
const MONTHS_MAX = 240
const SESSION_END_MS = 1_000
/** Rows of the first batch of a table; the next ones are as many as fit. */
const FIRST_ROWS = 32

/** @throws StorageError in words for the operator */
export async function openPostgresEnd(options: PostgresEndOptions): Promise<CopyTarget> {
  const { location, logger, migrationsFolder, use } = options
  const name = shownPostgres(location.url)
  const first = await connectPostgres(location, { connections: 1, logger })
  await first.pool.close()
  const patient = LIMITS.copyTimeoutMs
  const pool = new PostgresPool(location, {
    connections: 2,
    logger,
    timeouts:
      first.timeouts === undefined
        ? undefined
        : { statementMs: patient, lockMs: 60_000, idleTransactionMs: patient },
    answerTimeoutMs: patient,
  })
  try {
    const schema = { migrationsFolder, name }
    if (use !== 'shared') await requireAlone(pool, name)
    const { done, pending } = await inspectPostgresSchema(pool, schema)
    if (pending > 0 && use === 'shared') {
      const message = `${name} has the schema of an earlier version. Start this version once, which brings it up.`
      throw new StorageError('cannot_open', message)
    }
    if (done === 0 && use === 'alone') {
      throw new StorageError('cannot_open', `There is no store at ${name}.`)
    }
    if (pending > 0) await migratePostgres(pool, schema)
    return new PostgresEnd(name, pool)
  } catch (error) {
    await pool.close()
    throw error
  }
}

/** Any other session of the program's name is a server's or a command's. One that has just ended is still shown for a moment. */
async function requireAlone(pool: PostgresPool, name: string): Promise<void> {
  const deadlineMs = performance.now() + SESSION_END_MS
  for (;;) {
    // Of other users' sessions the server hides what kind they are.
    const rows = await pool.query<{ others: number }>(
      `SELECT count(*) AS others FROM pg_stat_activity WHERE datname = current_database()
       AND pid <> pg_backend_pid() AND application_name = current_setting('application_name')
       AND application_name <> '' AND coalesce(backend_type, 'client backend') = 'client backend'`,
    )
    if ((rows[0]?.others ?? 0) === 0) return
    if (performance.now() > deadlineMs) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const message = `${name} is in use. Stop every replica of Weir, and every command that is at work with it, and try again.`
  throw new StorageError('cannot_open', message)
}

class PostgresEnd implements CopyTarget {
  readonly name: string
  private readonly pool: PostgresPool
  private reading: Promise<Reading> | undefined
  private readonly fitting = new Map<string, number>()

  constructor(name: string, pool: PostgresPool) {
    this.name = name
    this.pool = pool
  }

  async rowsAfter(table: CopyTable, after: CopyKey | undefined): Promise<CopyRow[]> {
    this.reading ??= beginReading(this.pool)
    const { queries } = await this.reading
    const limit = this.fitting.get(table.name) ?? FIRST_ROWS
    const rows = await queries.query<Record<string, unknown>>(
      readText(table, after, limit),
      after ?? [],
    )
    // Fewer than were asked for: they are large, or the last ones.
    const next = rows.length < limit ? Math.max(1, rows.length) : limit * 2
    this.fitting.set(table.name, Math.min(next, LIMITS.copyBatchRows))
    return rows.map((row) => table.columns.map(({ kind, name }) => valueOf(row[name], kind)))
  }

  async setting(key: string): Promise<string | undefined> {
    const rows = await this.pool.query<{ value: string }>(
      'SELECT value FROM settings WHERE key = $1',
      [key],
    )
    return rows[0]?.value
  }

  async write(table: CopyTable, rows: readonly CopyRow[], settings: Settings): Promise<void> {
    await this.forget()
    await this.pool.transaction(async (tx) => {
      if (rows.length > 0) await tx.query(writeText(table), [jsonOf(table, rows)])
      await note(tx, settings)
    })
  }

  async clear(tables: readonly CopyTable[], settings: Settings): Promise<void> {
    await this.forget()
    await this.pool.transaction(async (tx) => {
      await tx.query(`TRUNCATE ${namesOf(tables.map(({ name }) => name))}`)
      await note(tx, settings)
    })
  }

  async makeRoom(timesMs: readonly number[]): Promise<void> {
    const keeper = new PostgresLogKeeper(this.pool)
    const months = new Map(timesMs.map((timeMs) => [monthOf(timeMs).suffix, monthOf(timeMs)]))
    for (const month of [...months.values()].slice(-MONTHS_MAX)) await keeper.make(month)
  }

  async finish(tables: readonly CopyTable[]): Promise<void> {
    await this.forget()
    for (const { name, numbered } of tables) {
      if (numbered === undefined) continue
      await this.pool.query(
        `SELECT setval(pg_get_serial_sequence('${name}', '${numbered}'), "last") FROM (SELECT max("${numbered}") AS "last" FROM "${name}") "rows" WHERE "last" IS NOT NULL`,
      )
    }
  }

  async close(): Promise<void> {
    // A reading that has failed has told so.
    await Promise.allSettled([this.forget()])
    await this.pool.close()
  }

  /** What is written from now on is seen by the next look. */
  private async forget(): Promise<void> {
    const reading = await this.reading
    this.reading = undefined
    await reading?.end()
  }
}

interface Reading {
  readonly queries: PostgresQueries
  end(): Promise<void>
}

/** A transaction that stays open, and sees the database as it was at its first look. */
async function beginReading(pool: PostgresPool): Promise<Reading> {
  const begun = Promise.withResolvers<PostgresQueries>()
  const ended = Promise.withResolvers<void>()
  const transaction = pool.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    begun.resolve(tx)
    await ended.promise
  })
  transaction.catch(begun.reject)
  const queries = await begun.promise
  return {
    queries,
    end: async () => {
      ended.resolve()
      await transaction
    },
  }
}

async function note(tx: PostgresQueries, settings: Settings): Promise<void> {
  for (const [key, value] of Object.entries(settings)) await tx.query(UPSERT_SETTING, [key, value])
}

/** Reads at most so many rows, and no more than fit, but one. */
function readText(table: CopyTable, after: CopyKey | undefined, limit: number): string {
  const key = namesOf(table.key)
  const behind = after === undefined ? '' : `WHERE (${key}) > (${parameters(table)})`
  const columns = table.columns.map(({ kind, name }) =>
    kind === 'json' ? `"${name}"::text AS "${name}"` : `"${name}"`,
  )
  const sizes = table.columns
    .filter(({ kind }) => kind === 'text' || kind === 'json' || kind === 'bytes')
    .map(({ name }) => `coalesce(octet_length("${name}"::text), 0)`)
  const size = sizes.length === 0 ? '0' : sizes.join(' + ')
  return `SELECT ${columns.join(', ')} FROM (
    SELECT *, sum(${size}) OVER (ORDER BY ${key}) AS "__bytes", row_number() OVER (ORDER BY ${key}) AS "__row"
    FROM (SELECT * FROM "${table.name}" ${behind} ORDER BY ${key} LIMIT ${limit}) "next"
  ) "sized" WHERE "__row" = 1 OR "__bytes" <= ${LIMITS.copyBatchBytesMax} ORDER BY ${key}`
}

/** With their types: a bare parameter would be taken for a text. */
function parameters(table: CopyTable): string {
  const types = {
    text: 'text',
    number: 'bigint',
    boolean: 'boolean',
    json: 'text',
    bytes: 'bytea',
  } as const
  return table.key
    .map((name, at) => {
      const column = table.columns.find((each) => each.name === name)
      return `$${at + 1}::${types[column?.kind ?? 'text']}`
    })
    .join(', ')
}

function writeText(table: CopyTable): string {
  const names = namesOf(table.columns.map(({ name }) => name))
  return `INSERT INTO "${table.name}" (${names})
    SELECT ${names} FROM json_populate_recordset(NULL::"${table.name}", $1::text::json)
    ${upsertOf(table, table.postgresKey)}`
}

function jsonOf(table: CopyTable, rows: readonly CopyRow[]): string {
  const records = rows.map((row) =>
    Object.fromEntries(
      table.columns.map(({ kind, name }, at) => {
        const value = row[at] ?? null
        if (value === null) return [name, null]
        // As the engine reads bytes in a text.
        if (kind === 'bytes')
          return [name, `\\x${Buffer.from(String(value), 'base64').toString('hex')}`]
        return [name, kind === 'json' ? JSON.parse(String(value)) : value]
      }),
    ),
  )
  const text = JSON.stringify(records)
  return mayBeUnfit(text) ? JSON.stringify(fitForPostgres(records)) : text
}

function valueOf(value: unknown, kind: CopyColumn['kind']): PostgresValue {
  if (value === null || value === undefined) return null
  if (kind === 'number') return Number(value)
  if (kind === 'boolean') return value === true
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return String(value)
}
