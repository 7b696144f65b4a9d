// The ways a master key can be missing, wrong, loose or weak, and the two ways to have one.

import { afterAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
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
import {
  MASTER_KEY_FILE,
  masterKeyFromFile,
  masterKeyFromSecret,
  masterKeys,
  unlock,
  type SecretsOptions,
} from './master-key.ts'
import { masterKeyFromCommand, masterKeyFromKeychain } from './master-key-sources.ts'
import * as tables from './schema.sqlite.ts'
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

/** A migrated control database as `unlock` wants it. */
function controlStore(dataFolder: string) {
  const database = migratedDatabase(join(dataFolder, 'weir.db'), 'control')
  const queries = drizzle(database)
  const store = { database: { engine: 'sqlite', db: queries }, queries, tables } as const
  return {
    database,
    unlock: (secrets: SecretsOptions = {}) => unlock(store, secrets, dataFolder, 1),
  }
}

async function refusedLater(code: StorageErrorCode, run: () => Promise<unknown>): Promise<void> {
  await expect(run()).rejects.toMatchObject({ name: 'StorageError', code })
}

describe('unlock', () => {
  test('a wrong key is refused by name and changes nothing', async () => {
    const { database, unlock: open } = controlStore(temporaryFolder())
    const right = randomBytes(32).toString('base64')
    const wrong = randomBytes(32).toString('base64')
    const { masterKeyId, sealer } = await open({ masterKey: right })
    const rows = () => [
      database.query('SELECT * FROM settings').all(),
      database.query('SELECT * FROM data_keys').all(),
    ]
    const before = rows()
    const error = await open({ masterKey: wrong }).then(
      () => undefined,
      (thrown: StorageError) => thrown,
    )
    expect(error?.code).toBe('master_key_wrong')
    expect(error?.message).toContain(masterKeyId)
    for (const secret of [right, wrong]) expect(error?.message).not.toContain(secret.slice(0, 20))
    // The file would be made now if the check value were not looked at first.
    await refusedLater('master_key_missing', () => open())
    expect(rows()).toEqual(before)
    expect((await open({ masterKey: right })).sealer.keyId).toBe(sealer.keyId)
    database.close()
  })

  test('a lost key file is not replaced', async () => {
    const dataFolder = temporaryFolder()
    const { database, unlock: open } = controlStore(dataFolder)
    await open()
    const path = join(dataFolder, MASTER_KEY_FILE)
    const content = readFileSync(path)
    rmSync(path)
    await refusedLater('master_key_missing', () => open())
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, content, { mode: 0o600 })
    await open()
    database.close()
  })

  test('a forged check value, and a key of the store that was exchanged or changed, are refused', async () => {
    const { database, unlock: open } = controlStore(temporaryFolder())
    await open()
    const check = database
      .query<{ value: string }, []>("SELECT value FROM settings WHERE key = 'master_key_check'")
      .get()!.value
    database.run("UPDATE settings SET value = 'weir' WHERE key = 'master_key_check'")
    await refusedLater('seal_broken', () => open())
    database.run("UPDATE settings SET value = ? WHERE key = 'master_key_check'", [check])
    await open()
    const other = controlStore(temporaryFolder())
    await other.unlock()
    for (const spoil of [
      "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE purpose = 'audit') WHERE purpose = 'seal'",
      "UPDATE data_keys SET wrapped = substr(wrapped, 1, 40) || 'AAAA' || substr(wrapped, 45) WHERE purpose = 'audit'",
      "UPDATE data_keys SET id = 'another' WHERE purpose = 'audit'",
      "UPDATE data_keys SET master_key_id = 'another' WHERE purpose = 'audit'",
    ]) {
      database.run('SAVEPOINT whole')
      database.run(spoil)
      await expect(open()).rejects.toMatchObject({ name: 'StorageError' })
      database.run('ROLLBACK TO whole')
      database.run('RELEASE whole')
    }
    await open()
    database.close()
    other.database.close()
  })

  test('an old key opens what it wrapped, and only while it is given', async () => {
    const { database, unlock: open } = controlStore(temporaryFolder())
    const [first, second] = ['first key '.repeat(5), 'second key '.repeat(5)]
    const { sealer } = await open({ masterKey: first })
    await refusedLater('master_key_wrong', () => open({ masterKey: second }))
    expect((await open({ masterKey: second, oldKeys: [first] })).sealer.keyId).toBe(sealer.keyId)
    await refusedLater('master_key_wrong', () => open({ masterKey: second, oldKeys: [] }))
    database.close()
  })
})

describe('a program that prints the key', () => {
  const script = (code: string) => [process.execPath, '-e', code]

  test('is run once without a shell; its output is the key', async () => {
    const { unlock: open } = controlStore(temporaryFolder())
    const secret = randomBytes(32).toString('base64')
    const { masterKeyId } = await open({ command: script(`console.log('${secret}')`) })
    expect(masterKeyId).toBe(masterKeyFromSecret(secret).id)
    await refusedLater('master_key_unsafe', () => open({ command: ['echo', '$HOME; id'] }))
  })

  test.each([
    ['fails', script('console.error("s3cret"); process.exit(3)'), 'code 3'],
    ['prints nothing', script('void 0'), 'printed nothing'],
    ['is not there', ['/nowhere/at/all'], 'could not be started'],
    ['prints without end', script('for (;;) process.stdout.write("x".repeat(65536))'), 'too much'],
  ])('one that %s is refused, and what it said is not repeated', async (_name, command, why) => {
    const error = await masterKeys({ command }, temporaryFolder(), true).then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    expect(error).toBeInstanceOf(StorageError)
    expect(error?.message).toContain(why)
    expect(error?.message).not.toContain('s3cret')
  })
})

test('a program that does not end is given up in time, also where what it started holds its output', async () => {
  for (const text of ['exec sleep 20', 'sleep 20; echo x', 'sleep 20 & exit 0']) {
    const beganMs = performance.now()
    await refusedLater('master_key_missing', () => masterKeyFromCommand(['sh', '-c', text], 200))
    expect(performance.now() - beganMs).toBeLessThan(15_000)
  }
}, 60_000)

describe('the keychain', () => {
  /** As the system's, in memory: there is none on a server. */
  class MemoryKeychain {
    readonly values = new Map<string, string>()
    get({ name, service }: { service: string; name: string }) {
      return Promise.resolve(this.values.get(`${service} ${name}`) ?? null)
    }
    set({ name, service, value }: { service: string; name: string; value: string }) {
      this.values.set(`${service} ${name}`, value)
      return Promise.resolve()
    }
  }

  test('keeps a key that is made once, for each data folder its own', async () => {
    const keychain = new MemoryKeychain()
    const first = await masterKeyFromKeychain('/a', true, keychain)
    expect(masterKeyFromSecret(first).id).toHaveLength(12)
    expect(await masterKeyFromKeychain('/a', false, keychain)).toBe(first)
    expect(await masterKeyFromKeychain('/b', true, keychain)).not.toBe(first)
  })

  test('one that lost the key, or does not work, is told about', async () => {
    await expect(masterKeyFromKeychain('/a', false, new MemoryKeychain())).rejects.toMatchObject({
      code: 'master_key_missing',
    })
    const broken = { get: () => Promise.reject(new Error('locked')), set: () => Promise.resolve() }
    await expect(masterKeyFromKeychain('/a', true, broken)).rejects.toMatchObject({
      code: 'cannot_open',
    })
  })
})
