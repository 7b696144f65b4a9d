// The store on a real Postgres server, where one is installed: the contract of the repositories, the schema, and two stores on one
// database. What happens when the server fails is in postgres-faults.test.ts.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { is } from 'drizzle-orm'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { storageContract } from './contract.ts'
import { StorageError } from './errors.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { PostgresPool } from './postgres-pool.ts'
import * as logTables from './schema-log.postgres.ts'
import * as controlTables from './schema.postgres.ts'
import type { Store, StoreOptions } from './store.ts'
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
  until,
} from './test-store.ts'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`skipped: the store on Postgres (${reason})\n`)

setDefaultTimeout(180_000)

const secrets = { masterKey: 'one secret that is long enough for a key' }

let server: TestPostgres
/** A database that has its schema, for copies. */
let template: string
beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
  const { name, url } = await server.createDatabase()
  await (await storeOn(url)).close()
  template = name
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

/** A store on a database; a process of its own has a data folder of its own and the same master key. */
async function storeOn(url: string, options: Partial<StoreOptions> = {}): Promise<Store> {
  return await storeIn(temporaryFolder(), {
    location: { engine: 'postgres', url, connections: 4 },
    secrets,
    ...options,
  })
}

/** To each store of the contract, a way into its database. */
const databases = new Map<Store, PostgresPool>()

async function newStore(): Promise<Store> {
  const { url } = await server.createDatabase(template)
  const store = await storeOn(url)
  const location = { engine: 'postgres', url, connections: 1 } as const
  const pool = new PostgresPool(location, { connections: 1, logger: new MemoryLogger() })
  databases.set(store, pool)
  await pool.query(KEEP_BEGINNING)
  return store
}

/** The audit's mark as a new store has it: an emptied one without it would be one whose audit was taken away. */
const KEEP_BEGINNING =
  "INSERT INTO settings SELECT 'beginning', value FROM settings WHERE key = 'audit_head'"

/** Everything but the steps taken, and the keys that a store has in memory. */
const EMPTY = `DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname NOT LIKE '\\_\\_weir%' AND relname NOT IN ('settings', 'data_keys')
  LOOP EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP;
  DELETE FROM settings WHERE key LIKE 'audit%';
  INSERT INTO settings SELECT 'audit_head', value FROM settings WHERE key = 'beginning';
END $$`

async function failure(run: () => Promise<unknown>): Promise<StorageError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe.skipIf(reason !== undefined)('on Postgres', () => {
  // A new database for each test would take most of the time: one that was used is emptied and used again.
  const emptied: Store[] = []
  storageContract('Postgres', async () => {
    const store = emptied.pop() ?? (await newStore())
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
      close: async () => {
        await databases.get(store)?.query(EMPTY)
        emptied.push(store)
      },
    }
  })
  afterAll(async () => {
    for (const store of emptied) await store.close()
    for (const pool of databases.values()) await pool.close()
  })

  schemaTests()
  openingTests()
  replicaTests()
})

function schemaTests(): void {
  test('every migration gives the columns of the schema', async () => {
    const { name, url } = await server.createDatabase()
    await (await storeOn(url)).close()
    const tables = [...Object.values(controlTables), ...Object.values(logTables)].filter((each) =>
      is(each, PgTable),
    )
    expect(tables.length).toBeGreaterThan(20)
    const query = `SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns WHERE table_schema = 'public'`
    const there = (await server.sql(query, name)).split('\n')
    for (const table of tables) {
      const { columns, name: tableName } = getTableConfig(table)
      const expected = columns.map((column) => {
        const type = column.getSQLType() === 'bigserial' ? 'bigint' : column.getSQLType()
        return `${tableName} ${column.name} ${type} ${column.notNull ? 'NO' : 'YES'}`
      })
      // A later migration's columns stand behind those that were there, wherever the schema names them.
      const found = there.filter((each) => each.startsWith(`${tableName} `))
      expect(found.toSorted()).toEqual(expected.toSorted())
    }
  })

  test('keys go with their provider and cannot be without one; jsonb holds objects, not texts of them', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    await store.providers.save('default', sampleProvider(), TEST_ACTOR)
    await store.models.save('default', sampleModel(), TEST_ACTOR)
    const kinds = `SELECT jsonb_typeof(timeouts), jsonb_typeof(network), pg_typeof(created_ms) FROM providers`
    expect(await server.sql(kinds, name)).toBe('object|object|bigint')
    expect(await server.sql('SELECT jsonb_typeof(defaults) FROM models', name)).toBe('object')
    await server.sql('DELETE FROM providers', name)
    expect(await server.sql('SELECT count(*) FROM provider_keys', name)).toBe('0')
    const orphan = "INSERT INTO provider_keys VALUES ('t', 'p', 'k', 0, 's', '', 1, false)"
    await expect(server.sql(orphan, name)).rejects.toThrow('provider_keys')
    await store.close()
  })
}

function openingTests(): void {
  test('settings and resets are found in a database that sorts as people do', async () => {
    const { name, url } = await server.createDatabase(template)
    // Where it sorts so, no range of texts holds what begins alike.
    expect(await server.sql("SELECT 'setting:a' < 'setting;'", name)).toBe('f')
    const store = await storeOn(url)
    await store.storedSettings.change({ 'log.retention': '7d', a: 1 }, TEST_ACTOR)
    expect(await store.storedSettings.all()).toEqual({ 'log.retention': '7d', a: 1 })
    await store.storedSettings.change({ a: null }, TEST_ACTOR)
    await store.providerResets.tell({ providerUid: 'p', id: '1', place: 'aa' })
    expect(await store.providerResets.all()).toEqual([{ providerUid: 'p', id: '1', place: 'aa' }])
    expect(await store.storedSettings.all()).toEqual({ 'log.retention': '7d' })
    await store.close()
  })

  test('a newer schema, a strange one and tables of somebody else are refused and left alone', async () => {
    const { name, url } = await server.createDatabase()
    await server.sql('CREATE TABLE invoices (id int)', name)
    const foreign = await failure(() => storeOn(url))
    expect(foreign).toMatchObject({ code: 'not_a_weir_database' })
    expect(foreign.message).toContain('invoices')
    expect(
      await server.sql('SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()', name),
    ).toBe('1')
    await server.sql('DROP TABLE invoices', name)

    await (await storeOn(url)).close()
    for (const table of ['__weir_migrations', '__weir_log_migrations']) {
      await server.sql(
        `INSERT INTO ${table} (hash, created_at) VALUES ('x', 9000000000000000)`,
        name,
      )
      expect((await failure(() => storeOn(url))).code).toBe('newer_schema')
      await server.sql(`UPDATE ${table} SET created_at = 1 WHERE hash = 'x'`, name)
      expect((await failure(() => storeOn(url))).code).toBe('newer_schema')
      await server.sql(`DELETE FROM ${table} WHERE hash = 'x'`, name)
    }
    // Whatever else somebody keeps beside it is his affair.
    await server.sql('CREATE TABLE invoices (id int)', name)
    const store = await storeOn(url)
    await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.close()
  })

  test('a step that fails leaves the database as it was, the log too, and says which', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    const key = await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.close()
    const migrationsFolder = join(temporaryFolder(), 'migrations')
    cpSync(MIGRATIONS_FOLDER, migrationsFolder, { recursive: true })
    const addStep = (folder: string, sql: string) => {
      const path = join(migrationsFolder, folder, 'meta', '_journal.json')
      const journal = JSON.parse(readFileSync(path, 'utf8'))
      journal.entries.push({ idx: 99, when: 8e15, tag: 'later', breakpoints: true })
      writeFileSync(path, JSON.stringify(journal))
      writeFileSync(join(migrationsFolder, folder, 'later.sql'), sql)
    }
    addStep('postgres', 'CREATE TABLE later (x int)')
    addStep(
      'postgres-log',
      'CREATE TABLE log_later (x int);\n--> statement-breakpoint\nSELECT nothing',
    )
    const error = await failure(() => storeOn(url, { migrationsFolder }))
    expect(error.code).toBe('migration_failed')
    expect(error.message).toContain('"nothing" does not exist')
    const left = `SELECT count(*) FROM pg_tables WHERE tablename IN ('later', 'log_later')`
    expect(await server.sql(left, name)).toBe('0')
    const again = await storeOn(url)
    expect(await again.keys.all()).toEqual([key])
    await again.close()
    writeFileSync(
      join(migrationsFolder, 'postgres-log', 'later.sql'),
      'CREATE TABLE log_later (x int)',
    )
    const logger = new MemoryLogger()
    const upgraded = await storeOn(url, { migrationsFolder, logger })
    expect(await upgraded.keys.all()).toEqual([key])
    await upgraded.close()
    expect(logger.lines[0]?.fields).toEqual({ applied: 2 })
    expect((await failure(() => storeOn(url))).code).toBe('newer_schema')
  })

  test('of many that start at once one takes the steps, and all agree on the secrets', async () => {
    const { name, url } = await server.createDatabase()
    const logger = new MemoryLogger()
    const schema = { migrationsFolder: MIGRATIONS_FOLDER, name: 'x' }
    const pools = Array.from(
      { length: 4 },
      () =>
        new PostgresPool({ engine: 'postgres', url, connections: 1 }, { connections: 1, logger }),
    )
    const taken = await Promise.all(pools.map((pool) => migratePostgres(pool, schema)))
    expect(taken.filter((steps) => steps > 0)).toHaveLength(1)
    await Promise.all(pools.map((pool) => pool.close()))
    const script = (id: string) => `
      const { storeIn, sampleProvider, TEST_ACTOR } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const location = { engine: 'postgres', url: ${JSON.stringify(url)}, connections: 2 }
      const store = await storeIn(${JSON.stringify(temporaryFolder())}, { location, secrets: ${JSON.stringify(secrets)} })
      await store.providers.save('default', sampleProvider({ id: ${JSON.stringify(id)} }), TEST_ACTOR)
      await store.close()
    `
    await server.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public', name)
    const results = await Promise.all(['a', 'b', 'c'].map((id) => runScript(script(id))))
    expect(results).toEqual(results.map(() => ({ code: 0, out: '', err: '' })))
    const store = await storeOn(url)
    expect((await store.providers.all()).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(await store.audit.verify()).toEqual({ records: 3 })
    await store.close()
  })

  test('another master key is refused, and the words name neither', async () => {
    const { url } = await server.createDatabase()
    await (await storeOn(url)).close()
    const other = { masterKey: 'another secret that is long enough too' }
    const error = await failure(() => storeOn(url, { secrets: other }))
    expect(error.code).toBe('master_key_wrong')
    expect(error.message).not.toContain('secret that is')
    expect((await failure(() => storeOn(url, { secrets: {} }))).code).toBe('master_key_missing')
  })
}

function replicaTests(): void {
  test('what one replica changes the other learns of at once, and hears nothing of its own twice', async () => {
    const { url } = await server.createDatabase()
    const loggers = [new MemoryLogger(), new MemoryLogger()] as const
    const one = await storeOn(url, { logger: loggers[0] })
    const other = await storeOn(url, { logger: loggers[1] })
    const runs = { one: 0, other: 0 }
    let seen: readonly string[] = []
    one.watcher.start(() => void (runs.one += 1))
    other.watcher.start(async () => {
      runs.other += 1
      const keys = await other.keys.all()
      seen = keys.filter(({ revokedMs }) => revokedMs === undefined).map(({ id }) => id)
    })
    const key = await one.keys.create(sampleKey(), TEST_ACTOR)
    await until('the other has the key', () => seen.includes(key.id))
    const tookMs = await ownMsOf(async () => {
      await one.keys.revoke('default', key.id, 5, TEST_ACTOR)
      await until('the other has it no more', () => seen.length === 0)
    })
    expect(tookMs).toBeLessThan(1_000)
    // Two looks later nothing has come on top.
    await Bun.sleep(1_100)
    // Who was too slow for an answer of Postgres reads anew when it is heard again.
    const [anew, otherAnew] = loggers.map(
      (logger) => logger.at('info').filter((line) => line.includes('reached again')).length,
    )
    expect(runs.one).toBeWithin(2, 3 + anew!)
    expect(runs.other).toBeLessThanOrEqual(3 + otherAnew!)
    for (const store of [one, other]) await store.close()
  })

  test('a change made between opening and listening is not missed; one that nobody told of neither', async () => {
    const { name, url } = await server.createDatabase()
    const [one, other] = [await storeOn(url), await storeOn(url)]
    await one.keys.create(sampleKey(), TEST_ACTOR)
    let runs = 0
    other.watcher.start(() => void (runs += 1))
    await until('it is noticed', () => runs >= 1)
    const before = runs
    // As behind a pooler, which hands notifications to whoever is next.
    await server.sql(
      "UPDATE settings SET value = (value::int + 1)::text WHERE key = 'control_version'",
      name,
    )
    await until('it is noticed by looking', () => runs > before)
    for (const store of [one, other]) await store.close()
  })

  test('changes of two replicas at once all happen, one after the other in the audit', async () => {
    const { url } = await server.createDatabase()
    const stores = [await storeOn(url), await storeOn(url), await storeOn(url)]
    const changes = Array.from({ length: 30 }, async (_, at) => {
      const store = stores[at % stores.length]!
      await store.keys.create(sampleKey(), TEST_ACTOR)
    })
    await Promise.all(changes)
    expect(await stores[0]!.keys.all()).toHaveLength(30)
    expect(await stores[1]!.audit.verify()).toEqual({ records: 30 })
    for (const store of stores) await store.close()
  })

  test('rows of the log of both are in one list', async () => {
    const { url } = await server.createDatabase()
    const [one, other] = [await storeOn(url), await storeOn(url)]
    for (const store of [one, other]) store.log.record(sampleOutcome())
    await one.close()
    await other.log.flush()
    expect(await other.requests.count('default')).toBe(2)
    await other.close()
  })
}
