// Where else a master key may come from than a variable or a file: a program that prints it, as that of a password safe, and the
// operating system's keychain. Both are asked once, at the start.

import { randomBytes } from 'node:crypto'
import { LIMITS } from '../core/limits.ts'
import { StorageError } from './errors.ts'

/** What the key is called in the keychain. */
const KEYCHAIN_SERVICE = 'weir'
const KEY_BYTES = 32

/**
 * What a program prints, without line ends around it. It is not run through a shell, and what it says on standard error is not
 * repeated: it may be part of the secret.
 * @throws StorageError `master_key_missing` when it fails, prints nothing or takes too long
 */
export async function masterKeyFromCommand(
  command: readonly string[],
  timeoutMs: number = LIMITS.masterKeyCommandTimeoutMs,
): Promise<string> {
  const [program = ''] = command
  const failed = (why: string, cause?: unknown) =>
    new StorageError('master_key_missing', `secrets.command '${program}' ${why}.`, cause)
  let child: Bun.Subprocess<'ignore', 'pipe', 'ignore'>
  try {
    child = Bun.spawn([...command], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  } catch (error) {
    throw failed('could not be started', error)
  }
  let limit: Timer | undefined
  // Waited for apart from its output: what it started itself may hold that open for long after it was killed.
  const tooLate = new Promise<never>((_resolve, reject) => {
    limit = setTimeout(() => {
      child.kill('SIGKILL')
      reject(failed('did not end in time'))
    }, timeoutMs)
  })
  try {
    const ended = Promise.all([readBounded(child), child.exited])
    const [text, code] = await Promise.race([ended, tooLate])
    if (code !== 0) throw failed(`ended with code ${code}`)
    if (text.trim() === '') throw failed('printed nothing')
    return text.trim()
  } finally {
    clearTimeout(limit)
  }
}

async function readBounded(child: Bun.Subprocess<'ignore', 'pipe', 'ignore'>): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of child.stdout) {
    bytes += part.length
    if (bytes > LIMITS.masterKeyBytesMax) {
      child.kill('SIGKILL')
      throw new StorageError('master_key_unsafe', 'secrets.command prints too much for a key.')
    }
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** The operating system's keychain, as far as it is used here. */
export interface Keychain {
  get(entry: { readonly service: string; readonly name: string }): Promise<string | null>
  set(entry: {
    readonly service: string
    readonly name: string
    readonly value: string
  }): Promise<void>
}

/**
 * The key of the keychain, made there when there is none and `mayCreate` says that nothing was sealed yet.
 * @param name tells stores of one user apart: the data folder
 * @throws StorageError `master_key_missing`, or `cannot_open` where there is no keychain
 */
export async function masterKeyFromKeychain(
  name: string,
  mayCreate: boolean,
  keychain: Keychain = Bun.secrets,
): Promise<string> {
  const entry = { service: KEYCHAIN_SERVICE, name }
  try {
    const found = await keychain.get(entry)
    if (found !== null) return found
    if (mayCreate) {
      const value = randomBytes(KEY_BYTES).toString('base64')
      await keychain.set({ ...entry, value })
      return value
    }
  } catch (error) {
    const message =
      'The keychain of this system could not be used (secrets.keychain). Give the key as secrets.master_key, or by secrets.command.'
    throw new StorageError('cannot_open', message, error)
  }
  throw new StorageError(
    'master_key_missing',
    `The keychain has no master key '${KEYCHAIN_SERVICE}' for ${name}, and the database was sealed with one.`,
  )
}
