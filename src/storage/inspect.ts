// Looks at a store without opening it for use: nothing is made, migrated, unlocked for good or written. For diagnosis, beside a server
// that may be running on the same files.

import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { sqliteCode, StorageError } from './errors.ts'
import { storeFiles } from './locate.ts'
import { CHECK_KEY, Keyring, type DataKeyRow } from './keyring.ts'
import { masterKeyFromSecret, masterKeys, type SecretsOptions } from './master-key.ts'
import { countDone } from './migrate.ts'
import { readJournal } from './migration-journal.ts'
import { setBusyTimeout, type StoreKind } from './open.ts'

export interface InspectOptions {
  readonly dataFolder: string
  /** Absolute path of the control database; absent: in the data folder. */
  readonly file?: string
  readonly migrationsFolder: string
}

/** One database file as it was found. */
export interface InspectedFile {
  readonly path: string
  readonly exists: boolean
  /** Steps of this version's schema that it lacks. */
  readonly pending: number
}

/**
 * The two files of a store: whole, and of which schema.
 * @throws StorageError in words for the operator when one can be read by no version, or only by a newer one
 */
export function inspectFiles(options: InspectOptions): InspectedFile[] {
  const { control, log } = storeFiles(options.dataFolder, options.file)
  return [inspectFile(control, 'control', options), inspectFile(log, 'log', options)]
}

function inspectFile(path: string, kind: StoreKind, options: InspectOptions): InspectedFile {
  const folder = kind === 'control' ? 'sqlite' : 'sqlite-log'
  const journal = readJournal(join(options.migrationsFolder, folder))
  if (!existsSync(path)) return { path, exists: false, pending: journal.length }
  return reading(path, (database) => {
    const done = countDone(database, journal, path)
    // The log may be large, and is none the worse for a request that cannot be read.
    if (kind === 'control') requireWhole(database, path)
    return { path, exists: true, pending: journal.length - done }
  })
}

function requireWhole(database: Database, path: string): void {
  const row = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()
  if (row?.quick_check === 'ok') return
  throw new StorageError(
    'not_a_weir_database',
    `${path} is damaged. Stop Weir and restore it from a backup.`,
  )
}

/**
 * Whether the master key is the one that the store was sealed with: `none` where nothing was sealed yet.
 * @throws StorageError when it is missing, unsafe or another one
 */
export async function inspectMasterKey(
  options: InspectOptions,
  secrets: SecretsOptions,
): Promise<'fits' | 'none'> {
  const { control } = storeFiles(options.dataFolder, options.file)
  if (!existsSync(control)) return await inspectSealed(undefined, secrets, options.dataFolder)
  const sealed = reading(control, (database) => {
    const has = (table: string) =>
      database.query('SELECT 1 FROM sqlite_master WHERE name = ?').get(table) !== null
    if (!has('settings')) return undefined
    const settings = database.query<{ key: string; value: string }, []>('SELECT * FROM settings')
    const keys = has('data_keys') ? database.query<DataKeyRow, []>(DATA_KEYS).all() : []
    return { settings: settings.all(), keys }
  })
  const check = sealed?.settings.find(({ key }) => key === CHECK_KEY)?.value
  const state = check === undefined ? undefined : { check, keys: sealed?.keys ?? [] }
  return await inspectSealed(state, secrets, options.dataFolder)
}

/** What a store's secrets are sealed with. */
export interface SealedState {
  /** The sealed check value. */
  readonly check: string
  readonly keys: readonly DataKeyRow[]
}

/**
 * As `inspectMasterKey`, of a store that was looked at already.
 * @param sealed undefined where nothing was sealed yet
 */
export async function inspectSealed(
  sealed: SealedState | undefined,
  secrets: SecretsOptions,
  dataFolder: string,
): Promise<'fits' | 'none'> {
  // Proven to be one, whether or not there is something to compare it with.
  if (secrets.masterKey !== undefined) masterKeyFromSecret(secrets.masterKey)
  if (sealed === undefined) return 'none'
  Keyring.inspect(sealed.check, sealed.keys, await masterKeys(secrets, dataFolder, false))
  return 'fits'
}

const DATA_KEYS =
  'SELECT id, purpose, master_key_id AS masterKeyId, wrapped, created_ms AS createdMs, retired_ms AS retiredMs FROM data_keys'

function reading<T>(path: string, read: (database: Database) => T): T {
  let database: Database | undefined
  try {
    database = new Database(path, { readonly: true })
    setBusyTimeout(database, LIMITS.controlWriteTimeoutMs)
    return read(database)
  } catch (error) {
    if (error instanceof StorageError) throw error
    const code = sqliteCode(error) ?? 'unknown'
    const isForeign = code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')
    throw new StorageError(
      isForeign ? 'not_a_weir_database' : 'cannot_open',
      isForeign
        ? `${path} is not a database or is damaged (${code}). Restore it from a backup or move it away.`
        : `${path} could not be read (${code}).`,
      error,
    )
  } finally {
    database?.close()
  }
}
