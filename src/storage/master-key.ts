// Where the master key comes from: a secret given by the configuration, a program, the keychain, or a 0600 file in the data folder
// that the first run makes. Never from an argument of the command line, which every user of the machine can read.

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
import { Keyring, readCheck, type KeyStore, type MasterKeys } from './keyring.ts'
import { masterKeyFromCommand, masterKeyFromKeychain } from './master-key-sources.ts'
import { sealKey, type SealKey } from './seal.ts'

export const MASTER_KEY_FILE = 'master.key'
const KEY_BYTES = 32
/** A derived key is as strong as its secret: shorter ones could be found by trying. */
const SECRET_CHARS_MIN = 32

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

/** Where a master key may come from; the first that is set counts, and without any of them the file in the data folder. */
export interface SecretsOptions {
  /** `secrets.master_key` */
  readonly masterKey?: string
  /** A program and its arguments that print it. */
  readonly command?: readonly string[]
  /** Whether it lies in the operating system's keychain. */
  readonly keychain?: boolean
  /** Earlier ones. */
  readonly oldKeys?: readonly string[]
}

/**
 * The master keys as they are configured.
 * @param mayCreate nothing was sealed yet: one may be made where it is to lie
 * @throws StorageError `master_key_missing`, `master_key_unsafe` or `cannot_open`
 */
export async function masterKeys(
  secrets: SecretsOptions,
  dataFolder: string,
  mayCreate: boolean,
): Promise<MasterKeys> {
  const { command, keychain, masterKey, oldKeys = [] } = secrets
  const old = oldKeys.map(masterKeyFromSecret)
  if (masterKey !== undefined) return { active: masterKeyFromSecret(masterKey), old }
  if (command !== undefined) {
    return { active: masterKeyFromSecret(await masterKeyFromCommand(command)), old }
  }
  if (keychain === true) {
    const secret = await masterKeyFromKeychain(dataFolder, mayCreate)
    return { active: masterKeyFromSecret(secret), old }
  }
  return { active: masterKeyFromFile(dataFolder, mayCreate), old }
}

/**
 * Gets the master keys and unlocks a migrated store with them.
 * @throws StorageError as `masterKeys` and `Keyring.unlock` do
 */
export async function unlock(
  store: KeyStore,
  secrets: SecretsOptions,
  dataFolder: string,
  nowMs: number,
): Promise<Keyring> {
  const isNew = (await readCheck(store)) === undefined
  return await Keyring.unlock(store, await masterKeys(secrets, dataFolder, isNew), nowMs)
}
