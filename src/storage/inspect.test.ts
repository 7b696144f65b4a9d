// A look at a store changes nothing, says what a start would find, and refuses what a start would refuse.

import { afterEach, expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from './errors.ts'
import { inspectFiles, inspectMasterKey } from './inspect.ts'
import { openDatabase } from './open.ts'
import { MIGRATIONS_FOLDER, removeFolders, storeIn, temporaryFolder } from './test-store.ts'

afterEach(removeFolders)

function optionsFor(dataFolder: string) {
  return { dataFolder, migrationsFolder: MIGRATIONS_FOLDER }
}

async function codeOf(look: () => unknown): Promise<string> {
  try {
    await look()
  } catch (error) {
    if (error instanceof StorageError) return error.code
    throw error
  }
  return 'it worked'
}

test('nothing is made where there is nothing', async () => {
  const folder = join(temporaryFolder(), 'data')
  expect(inspectFiles(optionsFor(folder)).map(({ exists }) => exists)).toEqual([false, false])
  expect(await inspectMasterKey(optionsFor(folder), {})).toBe('none')
  expect(existsSync(folder)).toBe(false)
})

test('a store in use is current, and its key fits', async () => {
  const folder = temporaryFolder()
  const store = await storeIn(folder)
  try {
    expect(inspectFiles(optionsFor(folder))).toMatchObject([
      { exists: true, pending: 0 },
      { exists: true, pending: 0 },
    ])
    expect(await inspectMasterKey(optionsFor(folder), {})).toBe('fits')
  } finally {
    await store.close()
  }
})

test('a store of another version, another program, another key', async () => {
  const folder = temporaryFolder()
  await (await storeIn(folder)).close()
  const keyFile = join(folder, 'master.key')
  const options = optionsFor(folder)
  expect(await codeOf(() => inspectMasterKey(options, { masterKey: 'x'.repeat(40) }))).toBe(
    'master_key_wrong',
  )
  expect(await codeOf(() => inspectMasterKey(options, { masterKey: 'short' }))).toBe(
    'master_key_unsafe',
  )
  if (process.platform !== 'win32') {
    chmodSync(keyFile, 0o644)
    expect(await codeOf(() => inspectMasterKey(options, {}))).toBe('master_key_unsafe')
  }
  rmSync(keyFile)
  expect(await codeOf(() => inspectMasterKey(options, {}))).toBe('master_key_missing')
  expect(existsSync(keyFile)).toBe(false)
  const control = openDatabase(join(folder, 'weir.db'), 'control')
  control.run('INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)', ['x', 9e12])
  control.close()
  expect(await codeOf(() => inspectFiles(options))).toBe('newer_schema')
})

test('steps that are pending are counted and not taken', async () => {
  const folder = temporaryFolder()
  openDatabase(join(folder, 'weir.db'), 'control').close()
  const before = readdirSync(folder)
  const [control] = inspectFiles(optionsFor(folder))
  expect(control?.pending).toBeGreaterThan(0)
  expect(await inspectMasterKey(optionsFor(folder), {})).toBe('none')
  expect(inspectFiles(optionsFor(folder))[0]?.pending).toBe(control?.pending ?? 0)
  expect(readdirSync(folder).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual(
    before.filter((name) => !/-(?:wal|shm)$/.test(name)),
  )
})

test('what is no database is told so', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'weir.db'), 'This is a text, and quite a long one, but no database.')
  expect(await codeOf(() => inspectFiles(optionsFor(folder)))).toBe('not_a_weir_database')
})
