// Brings a SQLite file to the schema of this executable: forward only, all pending steps in one transaction, after a backup
// of control data. Written here instead of the stock migrator because that one reads every file at each start, takes no
// lock before it looks, and leaves foreign keys on while tables are rebuilt, which empties the tables that refer to them.

import type { Database } from 'bun:sqlite'
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { StorageError } from './errors.ts'
import { countApplied, type JournalEntry, readJournal, readStep } from './migration-journal.ts'
import { makePrivateFile } from './open.ts'

/** The table the stock migrator and its tools use. */
const TABLE = '__drizzle_migrations'

export interface MigrateOptions {
  /** Folder with `meta/_journal.json` and the SQL files beside it. */
  readonly migrationsFolder: string
  /** Path of the database file; the backup goes beside it. */
  readonly path: string
  /** Whether a copy is made before a database that holds something is changed. */
  readonly backup: boolean
}

export interface MigrateResult {
  /** How many steps were taken. */
  readonly applied: number
  /** Path of the copy, where one was made. */
  readonly backup?: string
}

/** Generation times of the steps taken so far, in order; undefined when the database knows no migrations. */
function appliedSteps(database: Database): number[] | undefined {
  const table = database.query('SELECT 1 FROM sqlite_master WHERE name = ?').get(TABLE)
  if (table === null) return undefined
  const rows = database
    .query<{ created_at: number }, []>(`SELECT created_at FROM ${TABLE} ORDER BY created_at`)
    .all()
  return rows.map((row) => row.created_at)
}

/** How many steps are done. Throws when what is there is not a beginning of this journal. */
export function countDone(
  database: Database,
  journal: readonly JournalEntry[],
  path: string,
): number {
  const applied = appliedSteps(database)
  if (applied === undefined || applied.length === 0) {
    const foreign = database
      .query<{ name: string }, [string]>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name != ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1`,
      )
      .get(TABLE)
    if (foreign === null) return 0
    const message = `${path} holds tables that are not Weir's (${foreign.name}). Choose another file.`
    throw new StorageError('not_a_weir_database', message)
  }
  const remedy = `restore the backup made before the upgrade (${path}.backup-*)`
  return countApplied(applied, journal, path, remedy)
}

/**
 * Copies the database, complete and consistent, to `<path>.backup-<n>`, n being the number of steps it has. A start that fails
 * again and again replaces the same copy instead of filling the disk: what it copies is unchanged.
 */
function backUp(database: Database, path: string, done: number): string {
  const target = `${path}.backup-${done}`
  const partial = `${target}.${process.pid}.partial`
  try {
    rmSync(partial, { force: true })
    // VACUUM INTO takes an empty file that is there, and so keeps its mode.
    makePrivateFile(partial)
    database.run('VACUUM INTO ?', [partial])
    const descriptor = openSync(partial, 'r+')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(partial, target)
    return target
  } catch (error) {
    rmSync(partial, { force: true })
    throw new StorageError(
      'migration_failed',
      `The backup ${target} could not be written, so nothing was changed.`,
      error,
    )
  }
}

function applyStep(database: Database, folder: string, entry: JournalEntry): void {
  const { hash, statements } = readStep(folder, entry)
  for (const statement of statements) database.run(statement)
  database.run(`INSERT INTO ${TABLE} (hash, created_at) VALUES (?, ?)`, [hash, entry.when])
}

/** Takes the pending steps in one transaction that locks before it looks; two processes starting at once take them once. */
function applyPending(
  database: Database,
  options: MigrateOptions,
  journal: readonly JournalEntry[],
): number {
  // Must be off before the transaction begins: inside one the pragma does nothing.
  database.run('PRAGMA foreign_keys = OFF')
  try {
    database.run('BEGIN IMMEDIATE')
    const done = countDone(database, journal, options.path)
    database.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT, hash text NOT NULL, created_at numeric)`,
    )
    const pending = journal.slice(done)
    for (const entry of pending) applyStep(database, options.migrationsFolder, entry)
    if (database.query('PRAGMA foreign_key_check').get() !== null) {
      throw new Error('rows would refer to rows that are gone')
    }
    database.run('COMMIT')
    return pending.length
  } catch (error) {
    if (database.inTransaction) database.run('ROLLBACK')
    if (error instanceof StorageError) throw error
    const reason = error instanceof Error ? error.message : 'unknown'
    const message = `${options.path} could not be brought to this version's schema (${reason}); it was left as it was.`
    throw new StorageError('migration_failed', message, error)
  } finally {
    database.run('PRAGMA foreign_keys = ON')
  }
}

/**
 * Runs the steps the database lacks. With none pending it reads one row and the journal, and no SQL file. Throws StorageError
 * `newer_schema`, `not_a_weir_database` or `migration_failed`; the database is then as it was.
 */
export function migrate(database: Database, options: MigrateOptions): MigrateResult {
  const journal = readJournal(options.migrationsFolder)
  const done = countDone(database, journal, options.path)
  if (done === journal.length) return { applied: 0 }
  const backup = options.backup && done > 0 ? backUp(database, options.path, done) : undefined
  const applied = applyPending(database, options, journal)
  return backup === undefined ? { applied } : { applied, backup }
}
