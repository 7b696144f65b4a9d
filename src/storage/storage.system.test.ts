// The store as a whole on SQLite: the contract of the repositories, and the faults that only the whole can show.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { storageContract } from './contract.ts'
import { StorageError } from './errors.ts'
import { storeFiles } from './locate.ts'
import { openDatabase } from './open.ts'
import {
  MemoryLogger,
  MIGRATIONS_FOLDER,
  removeFolders,
  runScript,
  sampleKey,
  sampleModel,
  sampleOutcome,
  sampleProvider,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
} from './test-store.ts'

setDefaultTimeout(180_000)

afterAll(removeFolders)

storageContract('SQLite', async () => {
  const store = await storeIn(temporaryFolder())
  return {
    keys: store.keys,
    providers: store.providers,
    models: store.models,
    modelStatuses: store.modelStatuses,
    requests: store.requests,
    people: store,
    write: async (outcomes) => {
      for (const outcome of outcomes) store.log.record(outcome)
      expect(await store.log.flush()).toBe(true)
    },
    close: () => store.close(),
  }
})

async function failure(run: () => unknown): Promise<StorageError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** Changes a control database from outside. */
function tamper(path: string, sql: string): void {
  const database = new Database(path)
  database.run('PRAGMA busy_timeout = 1000')
  database.run(sql)
  database.close()
}

describe('sealed data', () => {
  const provider = (id: string) =>
    sampleProvider({
      id,
      keys: [{ id: 'k', secret: `sk-live-of-${id}-0123456789` }],
      headers: { 'x-secret': `header-of-${id}` },
      network: {
        verify: true,
        proxy: `http://user:password-of-${id}@proxy:3128`,
        keyPassphrase: `passphrase-of-${id}`,
      },
      entra: { tenant: 't', clientId: 'c', clientSecret: `secret-of-${id}`, cloud: 'public' },
    })

  const swaps: [string, string][] = [
    [
      'a changed character',
      "UPDATE provider_keys SET sealed_secret = substr(sealed_secret, 1, 40) || 'AAAA' || substr(sealed_secret, 45) WHERE provider_id = 'a'",
    ],
    [
      "another provider's key",
      "UPDATE provider_keys SET sealed_secret = (SELECT sealed_secret FROM provider_keys WHERE provider_id = 'b') WHERE provider_id = 'a'",
    ],
    [
      "another column's value",
      "UPDATE provider_keys SET sealed_secret = (SELECT sealed_headers FROM providers WHERE id = 'a') WHERE provider_id = 'a'",
    ],
    [
      'headers in the place of the proxy',
      "UPDATE providers SET sealed_proxy = sealed_headers WHERE id = 'a'",
    ],
    [
      "another provider's headers",
      "UPDATE providers SET sealed_headers = (SELECT sealed_headers FROM providers WHERE id = 'b') WHERE id = 'a'",
    ],
    [
      'proxy in the place of the other secrets',
      "UPDATE providers SET sealed_secrets = sealed_proxy WHERE id = 'a'",
    ],
    [
      "another provider's passphrase",
      "UPDATE providers SET sealed_secrets = (SELECT sealed_secrets FROM providers WHERE id = 'b') WHERE id = 'a'",
    ],
    ['plain text', "UPDATE provider_keys SET sealed_secret = 'sk-plain' WHERE provider_id = 'a'"],
  ]
  test.each(swaps)(
    '%s is refused, reported without the secret, and only that provider is not used',
    async (_name, sql) => {
      const logger = new MemoryLogger()
      const store = await storeIn(temporaryFolder(), { logger })
      for (const id of ['a', 'b']) await store.providers.save('default', provider(id), TEST_ACTOR)
      expect(await store.providers.all()).toHaveLength(2)
      tamper(store.files!.control, sql)
      expect((await store.providers.all()).map((each) => each.id)).toEqual(['b'])
      expect(logger.at('error')).toHaveLength(1)
      expect(JSON.stringify(logger.lines)).not.toMatch(/of-[ab]/)
      await store.close()
    },
  )

  test("another tenant's row is refused", async () => {
    const store = await storeIn(temporaryFolder())
    await store.providers.save('team', provider('a'), TEST_ACTOR)
    tamper(store.files!.control, 'PRAGMA foreign_keys = OFF')
    tamper(store.files!.control, "UPDATE providers SET tenant_id = 'default'")
    tamper(store.files!.control, "UPDATE provider_keys SET tenant_id = 'default'")
    expect(await store.providers.all()).toEqual([])
    await store.close()
  })

  test('no secret is in any file of the data folder', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    await store.providers.save('default', provider('a'), TEST_ACTOR)
    await store.keys.create(sampleKey(), TEST_ACTOR)
    const contents = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
    expect(contents.length).toBeGreaterThan(3)
    for (const content of contents) {
      expect(content).not.toContain('sk-live-of-')
      expect(content).not.toContain('password-of-')
      expect(content).not.toContain('header-of-')
      expect(content).not.toContain('passphrase-of-')
      expect(content).not.toContain('secret-of-')
    }
    await store.close()
  })
})

describe('opening', () => {
  test('a wrong master key, a newer schema and a damaged log are refused, and nothing stays locked', async () => {
    const folder = temporaryFolder()
    const secrets = { masterKey: 'one secret that is long enough for a key' }
    await (await storeIn(folder, { secrets })).close()
    expect(
      (await failure(() => storeIn(folder, { secrets: { masterKey: `${secrets.masterKey}!` } })))
        .code,
    ).toBe('master_key_wrong')
    expect((await failure(() => storeIn(folder))).code).toBe('master_key_missing')
    expect(existsSync(join(folder, 'master.key'))).toBe(false)

    const control = join(folder, 'weir.db')
    tamper(control, "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 9e15)")
    expect((await failure(() => storeIn(folder, { secrets }))).code).toBe('newer_schema')
    tamper(control, 'DELETE FROM __drizzle_migrations WHERE created_at = 9e15')

    const log = join(folder, 'weir-log.db')
    const content = readFileSync(log)
    writeFileSync(log, 'damaged'.repeat(1_000))
    expect((await failure(() => storeIn(folder, { secrets }))).code).toBe('not_a_weir_database')
    writeFileSync(log, content)
    const store = await storeIn(folder, { secrets })
    await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.close()
  })

  test('an empty database beside an old master key is told about', async () => {
    const folder = temporaryFolder()
    await (await storeIn(folder)).close()
    for (const name of readdirSync(folder)) if (name !== 'master.key') rmSync(join(folder, name))
    const logger = new MemoryLogger()
    await (await storeIn(folder, { logger })).close()
    expect(logger.at('warn')).toHaveLength(1)
  })

  test('an upgrade of a store that holds something leaves a copy', async () => {
    const [folder, migrationsFolder] = [temporaryFolder(), join(temporaryFolder(), 'migrations')]
    const store = await storeIn(folder)
    const key = await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.close()
    cpSync(MIGRATIONS_FOLDER, migrationsFolder, { recursive: true })
    const journalPath = join(migrationsFolder, 'sqlite', 'meta', '_journal.json')
    const journal = JSON.parse(readFileSync(journalPath, 'utf8'))
    const steps = journal.entries.length
    journal.entries.push({ idx: steps, when: 9e15, tag: 'later', breakpoints: true })
    writeFileSync(journalPath, JSON.stringify(journal))
    writeFileSync(join(migrationsFolder, 'sqlite', 'later.sql'), 'CREATE TABLE later (x)')
    const logger = new MemoryLogger()
    const upgraded = await storeIn(folder, { migrationsFolder, logger })
    expect(await upgraded.keys.all()).toEqual([key])
    await upgraded.close()
    expect(logger.lines[0]?.fields).toEqual({
      applied: 1,
      backup: join(folder, `weir.db.backup-${steps}`),
    })
    expect((await failure(() => storeIn(folder))).code).toBe('newer_schema')
  })

  test('two processes may begin on one new folder and agree on its key', async () => {
    const folder = join(temporaryFolder(), 'new')
    const script = (id: string) => `
      const { storeIn, sampleProvider, TEST_ACTOR } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const store = await storeIn(${JSON.stringify(folder)})
      await store.providers.save('default', sampleProvider({ id: ${JSON.stringify(id)} }), TEST_ACTOR)
      await store.close()
    `
    const results = await Promise.all(['a', 'b', 'c'].map((id) => runScript(script(id))))
    expect(results).toEqual(results.map(() => ({ code: 0, out: '', err: '' })))
    const store = await storeIn(folder)
    expect((await store.providers.all()).map((each) => each.id)).toEqual(['a', 'b', 'c'])
    await store.close()
  })

  test('the log lies beside the control database, wherever that is', () => {
    expect(storeFiles('/data')).toEqual({ control: '/data/weir.db', log: '/data/weir-log.db' })
    expect(storeFiles('/data', '/var/lib/team a/gate.db')).toEqual({
      control: '/var/lib/team a/gate.db',
      log: '/var/lib/team a/gate-log.db',
    })
    expect(storeFiles('/data', '/var/gate').log).toBe('/var/gate-log.db')
  })
})

describe('a store in use', () => {
  test('control data works while the log is locked or full, and the problem is named', async () => {
    const store = await storeIn(temporaryFolder())
    const other = openDatabase(store.files!.log, 'log')
    other.run('BEGIN IMMEDIATE')
    store.log.record(sampleOutcome())
    expect(await store.log.flush()).toBe(false)
    expect(store.problems()).toEqual(['The request log is not written (SQLITE_BUSY).'])
    await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.models.save('default', sampleModel(), TEST_ACTOR)
    other.run('ROLLBACK')
    other.close()
    expect(await store.log.flush()).toBe(true)
    expect(store.problems()).toEqual([])
    await store.close()
  })

  test('a control database that is full or gone gives 503 without a word of the data', async () => {
    const store = await storeIn(temporaryFolder())
    const secret = 'sk-live-0123456789-secret'
    await store.keys.create(sampleKey(), TEST_ACTOR)
    tamper(store.files!.control, 'DROP TABLE provider_keys')
    const saved = store.providers.save(
      'default',
      sampleProvider({ keys: [{ id: 'k', secret }] }),
      TEST_ACTOR,
    )
    const error = await saved.then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    expect(error).toMatchObject({ kind: 'storage_unavailable', status: 503 })
    const shown = `${error?.message} ${error?.stack} ${String(error?.cause)}`
    expect(shown).not.toContain(secret)
    expect(shown).not.toContain('weir1.')
    // All or nothing: the provider's own row is not there either.
    const database = new Database(store.files!.control)
    expect(database.query('SELECT * FROM providers').all()).toEqual([])
    database.close()
    await store.close()
  })

  test('close may be called twice and leaves everything in the files', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    for (let row = 0; row < 300; row += 1) store.log.record(sampleOutcome())
    await Promise.all([store.close(), store.close()])
    const again = await storeIn(folder)
    expect(await again.requests.count('default')).toBe(300)
    await again.close()
  })

  test('opening an existing store (measured, not judged)', async () => {
    const folder = temporaryFolder()
    await (await storeIn(folder)).close()
    const startMs = performance.now()
    const store = await storeIn(folder)
    const openedMs = performance.now()
    await Promise.all([store.keys.all(), store.providers.all(), store.models.all()])
    process.stdout.write(
      `store: opened in ${(openedMs - startMs).toFixed(2)} ms, read in ${(performance.now() - openedMs).toFixed(2)} ms\n`,
    )
    expect(store.problems()).toEqual([])
    await store.close()
  })
})
