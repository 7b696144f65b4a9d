// Opens the two SQLite files: private to their owner under any umask, with every pragma stated in one place and in the
// order that matters. It runs no migration and knows no table.

import { Database } from 'bun:sqlite'
import { chmodSync, closeSync, existsSync, fchmodSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { isBusy, sqliteCode, StorageError } from './errors.ts'

export type StoreKind = 'control' | 'log'

/**
 * Makes a folder and its missing parents, 0700 whatever the umask. A folder that was there keeps its mode: it is somebody's
 * choice. Throws StorageError `cannot_open`.
 */
export function makePrivateFolder(path: string): void {
  const missing: string[] = []
  for (let at = path; !existsSync(at); at = dirname(at)) missing.push(at)
  try {
    for (const folder of missing.toReversed()) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      chmodSync(folder, 0o700)
    }
  } catch (error) {
    throw new StorageError('cannot_open', `The folder ${path} could not be made.`, error)
  }
}

/**
 * Makes an empty file, 0600 whatever the umask, unless there is one. SQLite gives the write-ahead log and the shared memory
 * beside a database the database's own mode. Returns whether it made one.
 */
export function makePrivateFile(path: string): boolean {
  if (existsSync(path)) return false
  let descriptor: number
  try {
    descriptor = openSync(path, 'wx', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw new StorageError('cannot_open', `The file ${path} could not be made.`, error)
  }
  try {
    fchmodSync(descriptor, 0o600)
  } finally {
    closeSync(descriptor)
  }
  return true
}

/**
 * Two processes that switch a new file at once get SQLITE_BUSY whatever the timeout: SQLite does not wait where both would wait
 * for each other. Nothing is served yet, so this waits standing still. Returns the mode the file has then.
 */
function switchToWal(database: Database): string | undefined {
  const deadlineMs = performance.now() + LIMITS.storeOpenTimeoutMs
  for (;;) {
    try {
      return database.query<{ journal_mode: string }, []>('PRAGMA journal_mode = WAL').get()
        ?.journal_mode
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadlineMs) throw error
    }
    Bun.sleepSync(5)
  }
}

/** Whether its free pages are given back in steps. */
function isVacuumedInSteps(database: Database): boolean {
  const INCREMENTAL = 2
  const row = database.query<{ auto_vacuum: number }, []>('PRAGMA auto_vacuum').get()
  return row?.auto_vacuum === INCREMENTAL
}

function applyPragmas(database: Database, kind: StoreKind, path: string): void {
  // First of all: until then any lock of another process is an error at once, and the next pragmas take locks.
  database.run(`PRAGMA busy_timeout = ${LIMITS.storeOpenTimeoutMs}`)
  // Of a file that holds something already it changes nothing, as that takes rewriting the whole, and yet it writes: three waits for the disk.
  if (kind === 'log' && !isVacuumedInSteps(database)) {
    database.run('PRAGMA auto_vacuum = INCREMENTAL')
  }
  if (switchToWal(database) !== 'wal') {
    throw new StorageError(
      'cannot_open',
      `${path} cannot be used with a write-ahead log; is it on a network file system or read-only?`,
    )
  }
  // Control data must survive a power cut. The log may lose its last commits then, but never breaks.
  database.run(`PRAGMA synchronous = ${kind === 'control' ? 'FULL' : 'NORMAL'}`)
  database.run('PRAGMA foreign_keys = ON')
  database.run(`PRAGMA journal_size_limit = ${LIMITS.storeJournalBytesMax}`)
  // A checkpoint holds up the writer: with the log's many small commits, fewer and larger ones cost less.
  if (kind === 'log') database.run('PRAGMA wal_autocheckpoint = 4000')
  // What was deleted is to be gone from the file, and not only out of sight.
  if (kind === 'log') database.run('PRAGMA secure_delete = ON')
}

/**
 * Opens a database file, made 0600 in a folder made 0700 where missing. Locks are waited for with the patience of a start;
 * `setBusyTimeout` shortens it once requests are served. Throws StorageError `cannot_open` or `not_a_weir_database`.
 */
export function openDatabase(path: string, kind: StoreKind): Database {
  makePrivateFolder(dirname(path))
  makePrivateFile(path)
  let database: Database | undefined
  try {
    database = new Database(path, { readwrite: true, create: false })
    applyPragmas(database, kind, path)
    return database
  } catch (error) {
    database?.close()
    if (error instanceof StorageError) throw error
    const code = sqliteCode(error) ?? 'unknown'
    if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
      const message = `${path} is not a database or is damaged (${code}). Restore it from a backup or move it away.`
      throw new StorageError('not_a_weir_database', message, error)
    }
    throw new StorageError('cannot_open', `${path} could not be opened (${code}).`, error)
  }
}

/** Sets how long a statement waits for another process's lock, in milliseconds. Everything else stands still meanwhile. */
export function setBusyTimeout(database: Database, timeoutMs: number): void {
  database.run(`PRAGMA busy_timeout = ${Math.trunc(timeoutMs)}`)
}
