// Where the master key comes from: a secret given by the configuration, or a 0600 file in the data folder that the first run
// makes. And the proof, kept in the database, that it is the key this database was sealed with. Never from an argument
// of the command line, which every user of the machine can read.

import type { Database } from 'bun:sqlite'
import { createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { StorageError } from './errors.ts'
import { makePrivateFolder } from './open.ts'
import { Sealer, sealKey, envelopeKeyId, type SealKey, type SealPlace } from './seal.ts'

export const MASTER_KEY_FILE = 'master.key'
const KEY_BYTES = 32
/** A derived key is as strong as its secret: shorter ones could be found by trying. */
const SECRET_CHARS_MIN = 32

const CHECK_KEY = 'master_key_check'
const CHECK_TEXT = 'weir'
const CHECK_PLACE: SealPlace = {
  tenantId: '',
  table: 'settings',
  row: [CHECK_KEY],
  column: 'value',
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** 32 bytes written as base64 (either alphabet, padded or not); undefined for any other text. */
function base64Key(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== KEY_BYTES) return undefined
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  return bytes.toString('base64').replace(/=+$/, '') === bare ? bytes : undefined
}

/**
 * A key from the configured secret: base64 of 32 bytes is taken as they are, any other text of 32 characters or more goes
 * through HKDF-SHA256 (RFC 5869). Throws StorageError `master_key_unsafe` for a shorter one.
 */
export function masterKeyFromSecret(secret: string): SealKey {
  const text = secret.trim()
  const raw = base64Key(text)
  if (raw !== undefined) return sealKey(createSecretKey(raw))
  if (text.length < SECRET_CHARS_MIN) {
    const message = `The master key must be base64 of 32 bytes or at least ${SECRET_CHARS_MIN} characters long (openssl rand -base64 32 makes one).`
    throw new StorageError('master_key_unsafe', message)
  }
  const derived = hkdfSync('sha256', text, 'weir master key', 'v1', KEY_BYTES)
  return sealKey(createSecretKey(Buffer.from(derived)))
}

/** Reads the key file. Undefined when there is none. Throws `master_key_unsafe` when others may read it or it holds no key. */
function readKeyFile(path: string): SealKey | undefined {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw new StorageError('cannot_open', `The master key ${path} could not be read.`, error)
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const message = `The master key ${path} has mode ${mode.toString(8)}: others than its owner may use it. Run: chmod 600 ${path}`
      throw new StorageError('master_key_unsafe', message)
    }
    const bytes = readFileSync(descriptor)
    const raw = bytes.length === KEY_BYTES ? bytes : base64Key(bytes.toString('latin1').trim())
    if (raw !== undefined) return sealKey(createSecretKey(raw))
    throw new StorageError('master_key_unsafe', `The master key ${path} does not hold 32 bytes.`)
  } finally {
    closeSync(descriptor)
  }
}

/** Gives a finished file its name, never over another one. Throws EEXIST. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw error
    // Some file systems know no hard links.
    copyFileSync(temporary, path, constants.COPYFILE_EXCL)
    chmodSync(path, 0o600)
  }
}

/** Writes a new key beside its place and links it there: nobody ever sees half a key, and the first of two processes wins. */
function createKeyFile(path: string): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    fchmodSync(descriptor, 0o600)
    writeSync(descriptor, `${randomBytes(KEY_BYTES).toString('base64')}\n`)
    fsyncSync(descriptor)
    publish(temporary, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    closeSync(descriptor)
    rmSync(temporary, { force: true })
  }
}

/**
 * The key of `master.key` in the data folder, made where there is none and `mayCreate` says that nothing was sealed yet.
 * Throws StorageError `master_key_missing`, `master_key_unsafe` or `cannot_open`.
 */
export function masterKeyFromFile(dataFolder: string, mayCreate: boolean): SealKey {
  const path = join(dataFolder, MASTER_KEY_FILE)
  const found = readKeyFile(path)
  if (found !== undefined) return found
  if (!mayCreate) {
    const message = `The master key ${path} is missing, and the database was sealed with one. Put it back, or give it as secrets.master_key.`
    throw new StorageError('master_key_missing', message)
  }
  makePrivateFolder(dataFolder)
  try {
    createKeyFile(path)
  } catch (error) {
    throw new StorageError('cannot_open', `The master key ${path} could not be written.`, error)
  }
  const made = readKeyFile(path)
  if (made === undefined) throw new StorageError('cannot_open', `The master key ${path} is gone.`)
  return made
}

/** The sealed check value; undefined in a database that was never unlocked. */
export function readCheck(database: Database): string | undefined {
  return database
    .query<{ value: string }, [string]>('SELECT value FROM settings WHERE key = ?')
    .get(CHECK_KEY)?.value
}

export interface MasterKeyOptions {
  readonly dataFolder: string
  /** `secrets.master_key`, where it is set. */
  readonly secret?: string
}

/**
 * Gets the master key and proves it against the check value of the migrated control database; a database without one gets it
 * now. Throws StorageError `master_key_wrong`, `master_key_missing`, `master_key_unsafe` or `cannot_open`.
 */
export function unlock(database: Database, options: MasterKeyOptions): Sealer {
  const existing = readCheck(database)
  const key =
    options.secret === undefined
      ? masterKeyFromFile(options.dataFolder, existing === undefined)
      : masterKeyFromSecret(options.secret)
  const sealer = new Sealer(key)
  if (existing === undefined) {
    // Two processes may start at once on a new folder: the first check value stays and both are held to it.
    database.run('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING', [
      CHECK_KEY,
      sealer.seal(CHECK_TEXT, CHECK_PLACE),
    ])
  }
  const check = readCheck(database) ?? ''
  const usedKeyId = envelopeKeyId(check)
  if (usedKeyId !== undefined && usedKeyId !== key.id) {
    const message = `The master key is not the one this database was sealed with (given: ${key.id}, sealed with: ${usedKeyId}).`
    throw new StorageError('master_key_wrong', message)
  }
  if (sealer.open(check, CHECK_PLACE) !== CHECK_TEXT) {
    throw new StorageError('master_key_wrong', 'The check value of the master key is not ours.')
  }
  return sealer
}
