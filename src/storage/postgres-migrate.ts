// Brings a Postgres database to the schema of this executable: forward only, control data and log together in one transaction under a
// lock, so that of several replicas that start at once one takes the steps and the others find them taken. With nothing to do it asks
// one question and locks nothing.

import { join } from 'node:path'
import { postgresCode, StorageError } from './errors.ts'
import { countApplied, type JournalEntry, readJournal, readStep } from './migration-journal.ts'
import type { PostgresPool, PostgresQueries } from './postgres-pool.ts'

/** Each journal has its own table of steps taken, in the stock migrator's form. */
const PARTS = [
  { folder: 'postgres', table: '__weir_migrations' },
  { folder: 'postgres-log', table: '__weir_log_migrations' },
] as const

/** `weir` in ASCII and a 1: any number that nobody else locks. */
const LOCK = 0x77_65_69_72_01

export interface PostgresMigrateOptions {
  /** Folder with `postgres/` and `postgres-log/`. */
  readonly migrationsFolder: string
  /** Of the database, for people. */
  readonly name: string
}

/** What a database has of the steps of this version. */
export interface SchemaState {
  /** Steps of both journals that are done, and those that are missing. */
  readonly done: number
  readonly pending: number
}

interface Part {
  readonly folder: string
  readonly table: string
  readonly pending: readonly JournalEntry[]
  readonly done: number
}

/**
 * Which steps there are to take.
 * @throws StorageError `newer_schema`, or `not_a_weir_database` where tables of somebody else are
 */
export async function inspectPostgresSchema(
  queries: PostgresQueries,
  options: PostgresMigrateOptions,
): Promise<SchemaState> {
  const parts = await look(queries, options)
  return {
    done: parts.reduce((sum, { done }) => sum + done, 0),
    pending: parts.reduce((sum, { pending }) => sum + pending.length, 0),
  }
}

/**
 * Runs the steps that are missing.
 * @param pool with the patience of a start; see `postgresMigrationTimeoutMs`
 * @returns how many were taken
 * @throws StorageError `newer_schema`, `not_a_weir_database` or `migration_failed`; the database is then as it was
 */
export async function migratePostgres(
  pool: PostgresPool,
  options: PostgresMigrateOptions,
): Promise<number> {
  const { pending } = await inspectPostgresSchema(pool, options)
  if (pending === 0) return 0
  try {
    return await pool.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
      let taken = 0
      for (const part of await look(tx, options)) taken += await takeSteps(tx, part, options)
      return taken
    })
  } catch (error) {
    if (error instanceof StorageError) throw error
    const message = `${options.name} could not be brought to this version's schema (${reasonOf(error)}); it was left as it was.`
    throw new StorageError('migration_failed', message, error)
  }
}

function reasonOf(error: unknown): string {
  const code = postgresCode(error)
  if (code === '42501') {
    return 'its user may not make tables there: GRANT CREATE ON SCHEMA public TO that user, or make it the owner of the database'
  }
  if (code === '25006') return 'the database is read-only'
  // Of a step's own statement, in which no value of a person is.
  return error instanceof Error ? error.message : 'unknown'
}

async function look(queries: PostgresQueries, options: PostgresMigrateOptions): Promise<Part[]> {
  const there = await queries.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
     ORDER BY c.relname = ANY (string_to_array($1, ',')) DESC, c.relname LIMIT 3`,
    [PARTS.map(({ table }) => table).join(',')],
  )
  const names = new Set(there.map(({ name }) => name))
  const parts: Part[] = []
  for (const { folder, table } of PARTS) {
    const journal = readJournal(join(options.migrationsFolder, folder))
    const applied = names.has(table) ? await appliedSteps(queries, table) : []
    const remedy = 'restore a backup made before the upgrade'
    const done = countApplied(applied, journal, options.name, remedy)
    parts.push({ folder, table, done, pending: journal.slice(done) })
  }
  const foreign = there.find(({ name }) => !PARTS.some(({ table }) => table === name))
  if (foreign !== undefined && parts.every(({ done }) => done === 0)) {
    const message = `${options.name} holds tables that are not Weir's (${foreign.name}). Choose an empty database, or give its user a schema of its own (ALTER ROLE … SET search_path).`
    throw new StorageError('not_a_weir_database', message)
  }
  return parts
}

async function appliedSteps(queries: PostgresQueries, table: string): Promise<number[]> {
  const rows = await queries.query<{ created_at: number }>(
    `SELECT created_at FROM ${table} ORDER BY created_at`,
  )
  return rows.map((row) => row.created_at)
}

async function takeSteps(
  tx: PostgresQueries,
  { folder, pending, table }: Part,
  options: PostgresMigrateOptions,
): Promise<number> {
  await tx.query(
    `CREATE TABLE IF NOT EXISTS ${table} (id bigserial PRIMARY KEY, hash text NOT NULL, created_at bigint NOT NULL UNIQUE)`,
  )
  for (const entry of pending) {
    const { hash, statements } = readStep(join(options.migrationsFolder, folder), entry)
    for (const statement of statements) await tx.query(statement)
    const values = [hash, entry.when]
    await tx.query(`INSERT INTO ${table} (hash, created_at) VALUES ($1, $2)`, values)
  }
  return pending.length
}
