// A SQLite store as one end of a copy. To be copied from or into it must be nobody else's at that time, which SQLite itself sees to; to be
// saved it may be in use, and is read as it was when reading began.

import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import {
  type CopyKey,
  type CopyTarget,
  namesOf,
  type Settings,
  UPSERT_SETTING,
  upsertOf,
} from './copy-end.ts'
import type { CopyPart, CopyRow, CopyTable } from './copy-tables.ts'
import { isBusy, StorageError } from './errors.ts'
import { storeFiles } from './locate.ts'
import { countDone, migrate } from './migrate.ts'
import { readJournal } from './migration-journal.ts'
import { openDatabase, setBusyTimeout } from './open.ts'

export interface SqliteEndOptions {
  /** Absolute path of the control database. */
  readonly file: string
  readonly migrationsFolder: string
  /**
   * `alone`: as it is and for nobody else meanwhile, brought to this version's schema. `made`: the same, and made where there is none.
   * `shared`: one state of it, beside a server that may go on.
   */
  readonly use: 'alone' | 'made' | 'shared'
}

type Value = string | number | boolean | null
const FOLDERS = { control: 'sqlite', log: 'sqlite-log' } as const

/** A command that is just ending is waited for. */
const IN_USE_MS = 1_000

/** Bodies from before they had a time get that of their request: elsewhere they lie by it. */
const BODIES_IN_TIME = `UPDATE request_bodies SET timestamp_ms = coalesce((SELECT timestamp_ms FROM requests WHERE requests.sequence = request_bodies.sequence), 0)
  WHERE timestamp_ms = 0`

/** @throws StorageError in words for the operator */
export function openSqliteEnd(options: SqliteEndOptions): CopyTarget {
  const { file, use } = options
  if (use !== 'made' && !existsSync(file)) {
    throw new StorageError('cannot_open', `There is no store at ${file}.`)
  }
  const { control, log } = storeFiles('', file)
  const opened: Database[] = []
  try {
    const open = use === 'shared' ? openShared : openAlone
    for (const [path, part] of [
      [control, 'control'],
      [log, 'log'],
    ] as const) {
      opened.push(open(path, part, options))
    }
    return new SqliteEnd(file, { control: opened[0]!, log: opened[1]! })
  } catch (error) {
    for (const database of opened) database.close()
    throw error
  }
}

function openAlone(path: string, part: CopyPart, options: SqliteEndOptions): Database {
  const database = openDatabase(path, part)
  try {
    takeAlone(database)
    const migrationsFolder = join(options.migrationsFolder, FOLDERS[part])
    migrate(database, { migrationsFolder, path, backup: part === 'control' })
    if (part === 'log') database.run(BODIES_IN_TIME)
    return database
  } catch (error) {
    database.close()
    if (!isBusy(error)) throw error
    const message = `${path} is in use. Stop Weir, and every command that is at work with it, and try again.`
    throw new StorageError('cannot_open', message, error)
  }
}

/** Whoever has the file open holds a shared lock on it, server or command, writing or not. Throws SQLITE_BUSY. */
function takeAlone(database: Database): void {
  const deadlineMs = performance.now() + IN_USE_MS
  // With a wait of its own SQLite would go through it again for each of the locks it wants.
  setBusyTimeout(database, 0)
  database.run('PRAGMA locking_mode = EXCLUSIVE')
  for (;;) {
    try {
      database.run('BEGIN EXCLUSIVE')
      database.run('COMMIT')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadlineMs) throw error
    }
    Bun.sleepSync(50)
  }
}

function openShared(path: string, part: CopyPart, options: SqliteEndOptions): Database {
  const database = new Database(path, { readwrite: true, create: false })
  try {
    setBusyTimeout(database, LIMITS.controlWriteTimeoutMs)
    const journal = readJournal(join(options.migrationsFolder, FOLDERS[part]))
    if (countDone(database, journal, path) !== journal.length) {
      const message = `${path} has the schema of an earlier version. Start this version once, which brings it up.`
      throw new StorageError('cannot_open', message)
    }
    database.run('PRAGMA query_only = ON')
    database.run('BEGIN')
    // The state is that of the first look.
    database.query('SELECT count(*) FROM sqlite_master').get()
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

class SqliteEnd implements CopyTarget {
  readonly name: string
  private readonly databases: Readonly<Record<CopyPart, Database>>

  constructor(name: string, databases: Readonly<Record<CopyPart, Database>>) {
    this.name = name
    this.databases = databases
  }

  async rowsAfter(table: CopyTable, after: CopyKey | undefined): Promise<CopyRow[]> {
    const columns = namesOf(table.columns.map(({ name }) => name))
    const key = namesOf(table.key)
    const behind =
      after === undefined ? '' : `WHERE (${key}) > (${after.map(() => '?').join(', ')})`
    const statement = this.databases[table.part].prepare<Record<string, unknown>, Value[]>(
      `SELECT ${columns} FROM "${table.name}" ${behind} ORDER BY ${key} LIMIT ${LIMITS.copyBatchRows}`,
    )
    const rows: CopyRow[] = []
    let bytes = 0
    try {
      for (const found of statement.iterate(...(after ?? []))) {
        const row = table.columns.map(({ kind, name }) => valueOf(found[name], kind))
        rows.push(row)
        for (const value of row) if (typeof value === 'string') bytes += value.length
        if (bytes >= LIMITS.copyBatchBytesMax) break
      }
    } finally {
      statement.finalize()
    }
    // One after the other without a pause they would keep everything else of this process from its turn.
    await new Promise((resolve) => setImmediate(resolve))
    return rows
  }

  async setting(key: string): Promise<string | undefined> {
    const row = this.databases.control
      .query<{ value: string }, [string]>('SELECT value FROM settings WHERE key = ?')
      .get(key)
    return await Promise.resolve(row?.value)
  }

  async write(table: CopyTable, rows: readonly CopyRow[], settings: Settings): Promise<void> {
    const database = this.databases[table.part]
    const names = table.columns.map(({ name }) => name)
    const statement = database.prepare<unknown, (Value | Uint8Array)[]>(
      `INSERT INTO "${table.name}" (${namesOf(names)}) VALUES (${names.map(() => '?').join(', ')}) ${upsertOf(table, table.key)}`,
    )
    try {
      this.together(table.part, settings, () => {
        for (const row of rows) {
          statement.run(...row.map((value, at) => writtenOf(value, table.columns[at]?.kind)))
        }
      })
    } finally {
      statement.finalize()
    }
    await Promise.resolve()
  }

  async clear(tables: readonly CopyTable[], settings: Settings): Promise<void> {
    for (const table of tables) {
      this.together(table.part, settings, () => {
        this.databases[table.part].run(`DELETE FROM "${table.name}"`)
      })
    }
    await Promise.resolve()
  }

  async makeRoom(): Promise<void> {
    await Promise.resolve()
  }

  async finish(): Promise<void> {
    for (const database of Object.values(this.databases)) {
      database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    }
    await Promise.resolve()
  }

  async close(): Promise<void> {
    for (const database of Object.values(this.databases)) {
      if (database.inTransaction) database.run('ROLLBACK')
      database.close()
    }
    await Promise.resolve()
  }

  /** Settings lie in the control file: what goes into the other one is there before they say so. */
  private together(part: CopyPart, settings: Settings, work: () => void): void {
    const control = this.databases.control
    const note = (): void => {
      for (const [key, value] of Object.entries(settings)) control.run(UPSERT_SETTING, [key, value])
    }
    if (part === 'control') {
      transact(control, () => {
        work()
        note()
      })
      return
    }
    transact(this.databases.log, work)
    transact(control, note)
  }
}

function transact(database: Database, work: () => void): void {
  database.run('BEGIN IMMEDIATE')
  try {
    work()
    database.run('COMMIT')
  } catch (error) {
    database.run('ROLLBACK')
    throw error
  }
}

function valueOf(value: unknown, kind: CopyTable['columns'][number]['kind']): Value {
  if (value === null || value === undefined) return null
  if (kind === 'boolean') return value === 1 || value === true
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value as Value
}

function writtenOf(
  value: Value,
  kind: CopyTable['columns'][number]['kind'] | undefined,
): Value | Uint8Array {
  return kind === 'bytes' && typeof value === 'string' ? Buffer.from(value, 'base64') : value
}
