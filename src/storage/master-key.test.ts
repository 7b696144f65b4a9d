// The ways a master key can be missing, wrong, loose or weak, and the two ways to have one.

import { afterAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StorageError, type StorageErrorCode } from './errors.ts'
import { MASTER_KEY_FILE, masterKeyFromFile, masterKeyFromSecret, unlock } from './master-key.ts'
import { migratedDatabase, removeFolders, runScript, temporaryFolder } from './test-store.ts'

afterAll(removeFolders)

function failure(run: () => unknown): StorageError {
  try {
    run()
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function refused(code: StorageErrorCode, run: () => unknown): void {
  expect(failure(run).code).toBe(code)
}

describe('the key file', () => {
  test.skipIf(process.platform === 'win32')(
    'modes that let others in are refused, and told how to mend',
    () => {
      const folder = temporaryFolder()
      masterKeyFromFile(folder, true)
      const path = join(folder, MASTER_KEY_FILE)
      for (const mode of [0o644, 0o640, 0o660, 0o604, 0o601, 0o620, 0o777]) {
        chmodSync(path, mode)
        const error = failure(() => masterKeyFromFile(folder, false))
        expect(error.code).toBe('master_key_unsafe')
        expect(error.message).toContain(`chmod 600 ${path}`)
      }
      chmodSync(path, 0o400)
      expect(masterKeyFromFile(folder, false).id).toHaveLength(12)
    },
  )

  test('a missing one is not made anew where something was sealed', () => {
    const folder = temporaryFolder()
    refused('master_key_missing', () => masterKeyFromFile(folder, false))
    expect(existsSync(join(folder, MASTER_KEY_FILE))).toBe(false)
  })

  test('empty, short and other content is refused without showing it', () => {
    const folder = temporaryFolder()
    const path = join(folder, MASTER_KEY_FILE)
    for (const content of [
      '',
      'hunter2-hunter2',
      randomBytes(31).toString('base64'),
      randomBytes(33),
    ]) {
      writeFileSync(path, content, { mode: 0o600 })
      const error = failure(() => masterKeyFromFile(folder, true))
      expect(error.code).toBe('master_key_unsafe')
      expect(error.message).not.toContain('hunter2')
    }
  })

  test('is made 0600 under any umask, leaves nothing beside it and stays the same', async () => {
    for (const umask of ['0', '0777', '0022']) {
      const folder = join(temporaryFolder(), 'new', 'data')
      const module = JSON.stringify(join(import.meta.dir, 'master-key.ts'))
      const script = `process.umask(${Number.parseInt(umask, 8)}); const m = await import(${module}); m.masterKeyFromFile(${JSON.stringify(folder)}, true)`
      const { code, err } = await runScript(script)
      expect({ code, err }).toEqual({ code: 0, err: '' })
      const path = join(folder, MASTER_KEY_FILE)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(statSync(folder).mode & 0o777).toBe(0o700)
      expect(readdirSync(folder)).toEqual([MASTER_KEY_FILE])
      expect(masterKeyFromFile(folder, true).id).toBe(masterKeyFromFile(folder, false).id)
    }
  })

  test('32 raw bytes and their base64 are the same key', () => {
    const [folder, bytes] = [temporaryFolder(), randomBytes(32)]
    const path = join(folder, MASTER_KEY_FILE)
    writeFileSync(path, bytes, { mode: 0o600 })
    const raw = masterKeyFromFile(folder, false).id
    writeFileSync(path, `${bytes.toString('base64url')}\n`)
    expect(masterKeyFromFile(folder, false).id).toBe(raw)
    expect(masterKeyFromSecret(bytes.toString('base64')).id).toBe(raw)
  })
})

describe('a given secret', () => {
  test('short ones are refused without showing them', () => {
    const error = failure(() => masterKeyFromSecret('correct horse battery'))
    expect(error.code).toBe('master_key_unsafe')
    expect(error.message).not.toContain('horse')
    refused('master_key_unsafe', () => masterKeyFromSecret(''))
  })

  test('a passphrase gives the same key each time, and another one another', () => {
    const secret = 'a passphrase that is long enough for this'
    expect(masterKeyFromSecret(secret).id).toBe(masterKeyFromSecret(`${secret}\n`).id)
    expect(masterKeyFromSecret(secret).id).not.toBe(masterKeyFromSecret(`${secret}.`).id)
  })
})

describe('unlock', () => {
  test('a wrong key is refused by name and changes nothing', () => {
    const dataFolder = temporaryFolder()
    const database = migratedDatabase(join(dataFolder, 'weir.db'), 'control')
    const right = randomBytes(32).toString('base64')
    const wrong = randomBytes(32).toString('base64')
    const { keyId } = unlock(database, { dataFolder, secret: right })
    const before = database.query('SELECT * FROM settings').all()
    const error = failure(() => unlock(database, { dataFolder, secret: wrong }))
    expect(error.code).toBe('master_key_wrong')
    expect(error.message).toContain(keyId)
    for (const secret of [right, wrong]) expect(error.message).not.toContain(secret.slice(0, 20))
    // The file would be made now if the check value were not looked at first.
    refused('master_key_missing', () => unlock(database, { dataFolder }))
    expect(database.query('SELECT * FROM settings').all()).toEqual(before)
    expect(unlock(database, { dataFolder, secret: right }).keyId).toBe(keyId)
    database.close()
  })

  test('a lost key file is not replaced', () => {
    const dataFolder = temporaryFolder()
    const database = migratedDatabase(join(dataFolder, 'weir.db'), 'control')
    unlock(database, { dataFolder })
    const path = join(dataFolder, MASTER_KEY_FILE)
    const content = readFileSync(path)
    rmSync(path)
    refused('master_key_missing', () => unlock(database, { dataFolder }))
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, content, { mode: 0o600 })
    unlock(database, { dataFolder })
    database.close()
  })

  test('a forged check value is refused', () => {
    const dataFolder = temporaryFolder()
    const database = migratedDatabase(join(dataFolder, 'weir.db'), 'control')
    unlock(database, { dataFolder })
    database.run("UPDATE settings SET value = 'weir'")
    refused('seal_broken', () => unlock(database, { dataFolder }))
    database.close()
  })
})
