// Whole stores from one engine to the other and back, through files too: nothing forgotten, nothing changed, whenever it is killed; and
// never over anything that is there.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { getTableColumns, getTableName, is } from 'drizzle-orm'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { backUpStore, restoreStore } from './backup.ts'
import { keptItem } from './contract-kept.ts'
import { copyStores, openEnd } from './copy-open.ts'
import { COPY_TABLES, type CopyTable, isOwn, NOT_COPIED } from './copy-tables.ts'
import { sumOf } from './copy.ts'
import type { StoreLocation } from './locate.ts'
import { PostgresPool } from './postgres-pool.ts'
import * as logTables from './schema-log.sqlite.ts'
import * as controlTables from './schema.sqlite.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  MIGRATIONS_FOLDER,
  removeFolders,
  sampleKey,
  sampleModel,
  sampleOutcome,
  sampleProvider,
  spawnScript,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './test-store.ts'

setDefaultTimeout(180_000)

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`skipped: copies with Postgres (${missing})\n`)

const secrets = { masterKey: 'one secret that is long enough for a key' }
const logger = new MemoryLogger()
const ends = { logger, migrationsFolder: MIGRATIONS_FOLDER }
let server: TestPostgres
const files = new Set<string>()

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

type Engine = StoreLocation['engine']

async function place(engine: Engine): Promise<StoreLocation> {
  if (engine === 'sqlite') {
    const file = join(temporaryFolder(), 'weir.db')
    files.add(file)
    return { engine, file }
  }
  return { engine, url: (await server.createDatabase()).url, connections: 4 }
}

/** Closes it as the end of its process would: statements that nobody has freed yet keep a file open, and one round of freeing may miss some. */
async function close(store: Store): Promise<void> {
  const { files: open } = store
  await store.close()
  for (let round = 0; round < 100; round += 1) {
    Bun.gc(true)
    if (open === undefined || [open.control, open.log].every(isFree)) return
    await Bun.sleep(10)
  }
}

/** Whether nobody has a file open. */
function isFree(path: string): boolean {
  const database = new Database(path)
  try {
    database.run('PRAGMA locking_mode = EXCLUSIVE')
    database.run('BEGIN EXCLUSIVE')
    database.run('COMMIT')
    return true
  } catch {
    // In use: the next round looks again, and what follows says so where it stays.
    return false
  } finally {
    database.close()
  }
}

async function storeAt(location: StoreLocation): Promise<Store> {
  return await storeIn(temporaryFolder(), { location, secrets, logger: new MemoryLogger() })
}

const NOW_MS = Date.UTC(2026, 10, 21)

/** A value for a column of which only the kind is known; every row has others. */
function sample({ columns, key }: CopyTable, row: number): (string | number | boolean | null)[] {
  return columns.map(({ isNullable, kind, name }) => {
    if (isNullable && row % 3 === 0 && !key.includes(name)) return null
    if (kind === 'boolean') return row % 2 === 0
    if (kind === 'json')
      return JSON.stringify({ b: [row, 'x'], a: { z: 0, y: null, x: '"é\u2028' } })
    if (kind === 'number') {
      if (name === 'timestamp_ms') return NOW_MS - row * 20 * 86_400_000
      return row % 2 === 0 || !/_(ms|tokens|usd)$/.test(name) ? row : 2 ** 45 + row
    }
    return row === 1 ? `${name} ''"\\ \u{1F600}\n` : `${name} ${row}`
  })
}

/** Rows in every table there is, with what the schema alone says of them. */
async function fillEveryTable(location: StoreLocation, rows: number): Promise<void> {
  const end = await openEnd(location, 'made', ends)
  try {
    for (const table of COPY_TABLES) {
      const all = Array.from({ length: rows }, (_, row) => sample(table, row + 1)).map((row) =>
        row.map((value, at) => parentValue(table, at, value)),
      )
      await end.makeRoom([NOW_MS])
      // Told apart from any other store by its check value, as real ones are.
      const settings = table.name === 'settings' ? { master_key_check: crypto.randomUUID() } : {}
      await end.write(table, all, settings as Record<string, string>)
    }
    await end.finish(COPY_TABLES)
  } finally {
    await end.close()
  }
}

/** Rows that refer to others have their names. */
function parentValue(table: CopyTable, at: number, value: string | number | boolean | null) {
  const name = table.columns[at]?.name
  const match = /^(provider_id|model_id|user_id) (.*)$/s.exec(String(value))
  if (table.parents.length === 0 || match === null || name !== match[1]) return value
  return `id ${match[2]!.replace(/^(provider_id|model_id|user_id)/, 'id')}`
}

async function sumsOf(location: StoreLocation): Promise<Record<string, unknown>> {
  const end = await openEnd(location, 'shared', ends)
  try {
    const sums: Record<string, unknown> = {}
    for (const table of COPY_TABLES) sums[table.name] = await sumOf(end, table)
    return sums
  } finally {
    await end.close()
  }
}

describe('the list of tables', () => {
  test('has every table and column of the schemas, and every one that the migrations make', async () => {
    const wanted: Record<string, string[]> = {}
    for (const table of [...Object.values(controlTables), ...Object.values(logTables)]) {
      if (!is(table, SQLiteTable)) continue
      wanted[getTableName(table)] = Object.values(getTableColumns(table)).map(({ name }) => name)
    }
    const listed = COPY_TABLES.map(({ columns, name }) => [name, columns.map((each) => each.name)])
    expect(Object.fromEntries(listed)).toEqual(wanted)
    const location = await place('sqlite')
    await close(await storeAt(location))
    if (location.engine !== 'sqlite') throw new Error('not a file')
    const made: string[] = []
    for (const path of [location.file, location.file.replace('.db', '-log.db')]) {
      const database = new Database(path)
      const rows = database
        .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'")
        .all()
      made.push(...rows.map(({ name }) => name))
      database.close()
    }
    const ours = made.filter((name) => !/^(sqlite_|__drizzle)/.test(name))
    expect(ours.toSorted()).toEqual(COPY_TABLES.map(({ name }) => name).toSorted())
  })

  test.skipIf(missing !== undefined)(
    'has every table that the migrations make on Postgres',
    async () => {
      const { name, url } = await server.createDatabase()
      await (await storeAt({ engine: 'postgres', url, connections: 4 })).close()
      const made = await server.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE '\\_\\_weir%'",
        name,
      )
      const copied = COPY_TABLES.map((table) => table.name)
      const names = made.trim().split('\n')
      expect(names.filter((each) => !NOT_COPIED.includes(each)).toSorted()).toEqual(
        copied.toSorted(),
      )
    },
  )
})

const ways: [Engine, Engine][] =
  missing === undefined
    ? [
        ['sqlite', 'sqlite'],
        ['sqlite', 'postgres'],
        // From Postgres to Postgres is both halves of these.
        ['postgres', 'sqlite'],
      ]
    : [['sqlite', 'sqlite']]

describe.each(ways)('from %s to %s', (from, to) => {
  test('every table arrives row by row, once; a second run finds it done', async () => {
    const [source, target] = [await place(from), await place(to)]
    await fillEveryTable(source, 7)
    const steps = new Set<string>()
    const report = await copyStores({
      from: source,
      to: target,
      ...ends,
      tell: ({ phase, table }) => void steps.add(`${phase} ${table}`),
    })
    expect(report).toMatchObject({ wasDone: false, isResumed: false })
    expect(report.rows).toBe(COPY_TABLES.length * 7 + 1)
    expect(steps.size).toBe(COPY_TABLES.length * 2)
    const sums = await sumsOf(target)
    expect(sums).toEqual(await sumsOf(source))
    expect(Object.values(sums)).toHaveLength(COPY_TABLES.length)
    const again = await copyStores({ from: source, to: target, ...ends })
    expect(again.wasDone).toBe(true)
    expect(await sumsOf(target)).toEqual(sums)
  })

  test('a store in use works there as before: keys, secrets, audit, log; numbers go on', async () => {
    const [source, target] = [await place(from), await place(to)]
    const before = await storeAt(source)
    const provider = sampleProvider({ headers: { 'x-secret': 'kept sealed' } })
    const [key, model] = [sampleKey(), sampleModel()]
    await before.providers.save('default', provider, TEST_ACTOR)
    await before.models.save('default', model, TEST_ACTOR)
    await before.keys.create(key, TEST_ACTOR)
    for (let at = 0; at < 700; at += 1) {
      before.log.record(sampleOutcome({ requestId: `r${at}`, requestBody: `body ${at}` }))
    }
    expect(await before.log.flush()).toBe(true)
    const answer = keptItem({ value: '{"said":"kept sealed"}' })
    await before.kept.put(answer)
    await close(before)
    await copyStores({ from: source, to: target, ...ends })
    const after = await storeAt(target)
    try {
      expect(await after.kept.find('response', 'default', answer.id)).toStrictEqual(answer)
      expect(await after.providers.all()).toMatchObject([
        { id: provider.id, keys: provider.keys, headers: provider.headers },
      ])
      expect(await after.keys.all()).toMatchObject([{ id: key.id, hash: key.hash }])
      const last = await after.requests.list({ tenantId: 'default', limit: 1 })
      expect(last[0]?.outcome.requestId).toBe('r699')
      after.log.record(sampleOutcome({ requestId: 'new', timestampMs: Date.now() }))
      expect(await after.log.flush()).toBe(true)
      const [newest] = await after.requests.list({ tenantId: 'default', limit: 1 })
      expect(newest?.sequence).toBeGreaterThan(last[0]?.sequence ?? Infinity)
      await after.keys.create(sampleKey(), TEST_ACTOR)
      expect(await after.audit.verify()).toEqual({ records: 4 })
    } finally {
      await after.close()
    }
  })

  test('killed anywhere, any number of times, and run again: the same as in one go', async () => {
    const [source, target] = [await place(from), await place(to)]
    await fillEveryTable(source, 3)
    const sums = await sumsOf(source)
    const here = (name: string) => JSON.stringify(join(import.meta.dir, name))
    // Each run lives for a few writes more than those before it could make useless.
    const run = (writes: number, when: string) => `
      const { MemoryLogger } = await import(${here('test-store.ts')})
      const { fillStore, supplyOf } = await import(${here('copy.ts')})
      const { openEnd } = await import(${here('copy-open.ts')})
      const options = { logger: new MemoryLogger(), migrationsFolder: ${JSON.stringify(MIGRATIONS_FOLDER)} }
      const source = await openEnd(${JSON.stringify(source)}, 'alone', options)
      const target = await openEnd(${JSON.stringify(target)}, 'made', options)
      let left = ${writes}
      const write = target.write.bind(target)
      target.write = async (...given) => {
        if (left-- === 0 && ${JSON.stringify(when)} === 'before') process.kill(process.pid, 'SIGKILL')
        const done = write(...given)
        if (left < 0 && ${JSON.stringify(when)} === 'during') process.kill(process.pid, 'SIGKILL')
        await done
        if (left < 0) process.kill(process.pid, 'SIGKILL')
      }
      const report = await fillStore(await supplyOf(source), { target })
      process.stdout.write(JSON.stringify(report))
      await target.close()
      await source.close()
    `
    for (const [writes, when] of [
      [2, 'before'],
      [9, 'during'],
      [6, 'after'],
    ] as const) {
      const child = spawnScript(run(writes, when))
      const [out, err] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ])
      await child.exited
      expect({ out, err, signal: child.signalCode }).toMatchObject({ out: '', signal: 'SIGKILL' })
      // Nobody uses the part that is there.
      await expect(storeAt(target)).rejects.toMatchObject({ code: 'cannot_open' })
    }
    const report = await copyStores({ from: source, to: target, ...ends })
    expect(report).toMatchObject({ wasDone: false, isResumed: true })
    expect(await sumsOf(target)).toEqual(sums)
  })
})

describe('what is refused', () => {
  test('a target that holds something else, an unfinished source, the same store, nothing at all', async () => {
    const [a, b, c] = [await place('sqlite'), await place('sqlite'), await place('sqlite')]
    await fillEveryTable(a, 2)
    await fillEveryTable(b, 1)
    const copy = (from: StoreLocation, to: StoreLocation) => copyStores({ from, to, ...ends })
    await expect(copy(a, b)).rejects.toThrow('not empty')
    await expect(copy(a, a)).rejects.toThrow('the same')
    await expect(copy(c, a)).rejects.toThrow('no store')
    if (c.engine === 'sqlite') expect(existsSync(c.file)).toBe(false)
    await copy(a, c)
    await expect(copy(b, c)).rejects.toThrow('not empty')
  })

  test('files that another process has open, as source and as target', async () => {
    const [source, target] = [await place('sqlite'), await place('sqlite')]
    const other = spawnScript(`
      const { storeIn } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const store = await storeIn(${JSON.stringify(temporaryFolder())}, { location: ${JSON.stringify(source)}, secrets: ${JSON.stringify(secrets)} })
      process.stdout.write('open')
      // What nothing refers to any more is closed.
      setInterval(() => store.problems(), 100)
    `)
    const { value } = await other.stdout.getReader().read()
    if (value === undefined) throw new Error(await new Response(other.stderr).text())
    await expect(copyStores({ from: source, to: target, ...ends })).rejects.toThrow('in use')
    await expect(copyStores({ from: target, to: source, ...ends })).rejects.toThrow('no store')
    other.kill('SIGKILL')
    await other.exited
    expect(await copyStores({ from: source, to: target, ...ends })).toMatchObject({
      wasDone: false,
    })
  })

  test.skipIf(missing !== undefined)('a database that a server is connected to', async () => {
    const [source, target] = [await place('postgres'), await place('sqlite')]
    const store = await storeAt(source)
    await expect(copyStores({ from: source, to: target, ...ends })).rejects.toThrow('in use')
    await store.close()
    expect(await copyStores({ from: source, to: target, ...ends })).toMatchObject({
      wasDone: false,
    })
  })

  test.skipIf(missing !== undefined)(
    'a database that a server is connected to as another user',
    async () => {
      const target = await place('postgres')
      if (target.engine !== 'postgres') throw new Error('not Postgres')
      const name = new URL(target.url).pathname.slice(1)
      await server.sql(`CREATE ROLE mover LOGIN PASSWORD 'x'; ALTER DATABASE ${name} OWNER TO mover;
        ALTER ROLE mover IN DATABASE ${name} SET search_path = public`)
      await server.sql('GRANT ALL ON SCHEMA public TO mover', name)
      const url = new URL(target.url)
      url.username = 'mover'
      url.password = 'x'
      const theirs = new PostgresPool(target, { connections: 1, logger })
      await theirs.query('SELECT 1')
      const opening = openEnd({ ...target, url: url.href }, 'made', ends)
      await expect(opening).rejects.toThrow('in use')
      await theirs.close()
    },
  )

  test.skipIf(missing !== undefined)(
    'a source that goes away in the middle: told as it is, and nothing stays open',
    async () => {
      const source = await place('postgres')
      if (source.engine !== 'postgres') throw new Error('not Postgres')
      await fillEveryTable(source, 3)
      const name = new URL(source.url).pathname.slice(1)
      const end = await openEnd(source, 'shared', ends)
      await end.rowsAfter(COPY_TABLES[0]!, undefined)
      const sessions = `FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`
      await server.sql(`SELECT count(pg_terminate_backend(pid)) ${sessions}`)
      await expect(end.rowsAfter(COPY_TABLES[0]!, undefined)).rejects.toThrow()
      await end.setting('anything')
      await end.close()
      await until('none is left', async () => (await server.sql(`SELECT 1 ${sessions}`)) === '')
    },
  )

  test('a source that was written to between two runs is copied anew where it changed', async () => {
    const [source, target] = [await place('sqlite'), await place('sqlite')]
    await fillEveryTable(source, 4)
    const end = await openEnd(target, 'made', ends)
    const from = await openEnd(source, 'alone', ends)
    const { fillStore, supplyOf } = await import('./copy.ts')
    const write = end.write.bind(end)
    let left = 12
    end.write = async (...given) => {
      left -= 1
      if (left < 0) throw new Error('broken off')
      await write(...given)
    }
    await expect(fillStore(await supplyOf(from), { target: end })).rejects.toThrow('broken off')
    await end.close()
    await from.close()
    if (source.engine !== 'sqlite') throw new Error('not a file')
    const database = new Database(source.file)
    database.run('PRAGMA foreign_keys = ON')
    database.run("DELETE FROM providers WHERE id = 'id 3'")
    database.run("UPDATE tenants SET name = 'changed'")
    database.close()
    await copyStores({ from: source, to: target, ...ends })
    expect(await sumsOf(target)).toEqual(await sumsOf(source))
  })
})

describe('a backup', () => {
  const options = (path: string, engine: Engine) => ({
    path,
    engine,
    version: '1.2.3',
    nowMs: NOW_MS,
  })
  const restore = (path: string, to: StoreLocation) =>
    restoreStore({ path, open: () => openEnd(to, 'made', ends) })

  async function backUp(location: StoreLocation): Promise<string> {
    const path = join(temporaryFolder(), 'weir.backup')
    const source = await openEnd(location, 'shared', ends)
    await backUpStore(source, options(path, location.engine))
    await source.close()
    return path
  }

  test.each(ways)('of %s is restored on %s, all of it', async (from, to) => {
    const [source, target] = [await place(from), await place(to)]
    await fillEveryTable(source, 5)
    const path = await backUp(source)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dirname(path))).toEqual(['weir.backup'])
    const report = await restore(path, target)
    expect(report.rows).toBe(COPY_TABLES.length * 5 + 1)
    expect(report.head).toMatchObject({ version: '1.2.3', createdMs: NOW_MS, engine: from })
    expect(await sumsOf(target)).toEqual(await sumsOf(source))
    expect((await restore(path, target)).wasDone).toBe(true)
  })

  test('whose name is taken while it is written: told, the other file stays, and no part of ours', async () => {
    const source = await place('sqlite')
    await fillEveryTable(source, 1)
    const path = join(temporaryFolder(), 'weir.backup')
    const end = await openEnd(source, 'shared', ends)
    const told: string[] = []
    const tell = ({ table }: { table: string }): void => {
      if (told.push(table) === 1) writeFileSync(path, 'mine')
    }
    const failing = backUpStore(end, { ...options(path, 'sqlite'), tell })
    await expect(failing).rejects.toThrow('is there already')
    await end.close()
    expect(readdirSync(dirname(path))).toEqual(['weir.backup'])
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  test('never holds the master key, nor a secret in clear', async () => {
    const location = await place('sqlite')
    const dataFolder = dirname(location.engine === 'sqlite' ? location.file : '')
    const store = await storeIn(dataFolder, { location })
    const provider = sampleProvider({
      keys: [{ id: 'k', secret: 'sk-live-very-secret-0123456789' }],
    })
    await store.providers.save('default', provider, TEST_ACTOR)
    const answer = keptItem({ value: 'a very-secret prompt' })
    await store.kept.put(answer)
    await close(store)
    const path = await backUp(location)
    const key = readFileSync(join(dataFolder, 'master.key'), 'utf8').trim()
    const target = await place('sqlite')
    await restore(path, target)
    if (target.engine !== 'sqlite') throw new Error('not a file')
    for (const file of [path, target.file, target.file.replace('.db', '-log.db')]) {
      const bytes = readFileSync(file)
      for (const secret of [key, Buffer.from(key, 'base64').toString('latin1'), 'very-secret']) {
        expect(bytes.includes(Buffer.from(secret, 'latin1'))).toBe(false)
      }
    }
    // With another master key it is of no use, and says so.
    await expect(storeAt(target)).rejects.toMatchObject({ code: 'master_key_wrong' })
    const restored = await storeIn(dataFolder, { location: target })
    expect(await restored.kept.find('response', 'default', answer.id)).toStrictEqual(answer)
    await restored.close()
  })

  test('changed or cut off anywhere it is refused, and nothing is made', async () => {
    const source = await place('sqlite')
    await fillEveryTable(source, 2)
    const path = await backUp(source)
    const whole = readFileSync(path)
    const target = await place('sqlite')
    const cases: [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['another file', Buffer.from('a text that is no backup at all, but longer than a hash')],
      ...[20, 60, whole.length - 33, whole.length - 1].map((cut): [string, Buffer] => [
        `cut at ${cut}`,
        whole.subarray(0, cut),
      ]),
      ...[0, 9, 20, Math.floor(whole.length / 2), whole.length - 40, whole.length - 1].map(
        (at): [string, Buffer] => {
          const bytes = Buffer.from(whole)
          bytes[at] = bytes[at]! ^ 1
          return [`changed at ${at}`, bytes]
        },
      ),
    ]
    for (const [what, bytes] of cases) {
      const broken = join(temporaryFolder(), 'broken')
      writeFileSync(broken, bytes)
      const refused = await restore(broken, target).then(
        () => 'restored',
        (error: { code?: string }) => error.code,
      )
      expect([what, refused]).toEqual([what, 'cannot_open'])
      expect(existsSync(target.engine === 'sqlite' ? target.file : '')).toBe(false)
    }
    await expect(restore(join(temporaryFolder(), 'absent'), target)).rejects.toThrow(
      'could not be read',
    )
    // A store that holds something is left as it is.
    const full = await place('sqlite')
    await fillEveryTable(full, 1)
    const before = await sumsOf(full)
    await expect(restore(path, full)).rejects.toThrow('not empty')
    expect(await sumsOf(full)).toEqual(before)
    // Neither is a file written over.
    const end = await openEnd(source, 'shared', ends)
    await expect(backUpStore(end, options(path, 'sqlite'))).rejects.toThrow('already')
    await end.close()
    expect(readFileSync(path).equals(whole)).toBe(true)
  })

  test.each(missing === undefined ? (['sqlite', 'postgres'] as const) : (['sqlite'] as const))(
    'of %s under writes is of one moment',
    async (engine) => {
      const source = await place(engine)
      const store = await storeAt(source)
      // Each row is counted in the same transaction: at any moment both say the same.
      store.log.attach({
        name: 'counter',
        statementsFor: (batch) => [
          {
            text: "INSERT INTO key_uses (tenant_id, key_id, last_used_ms) VALUES ('t', 'k', $1) ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_ms = key_uses.last_used_ms + excluded.last_used_ms",
            values: [batch.length],
          },
        ],
      })
      let recorded = 0
      const record = (rows: number) => {
        for (let at = 0; at < rows; at += 1) {
          store.log.record(sampleOutcome({ requestId: `r${recorded}`, timestampMs: NOW_MS }))
          recorded += 1
        }
      }
      record(3_000)
      await store.log.flush()
      const writing = setInterval(() => record(5), 2)
      const paths = [await backUp(source), await backUp(source)]
      clearInterval(writing)
      await store.log.flush()
      const writtenMore = store.log.counters.written - 3_000
      await close(store)
      expect(writtenMore).toBeGreaterThan(0)
      for (const path of paths) {
        const target = await place(engine)
        await restore(path, target)
        const restored = await openEnd(target, 'shared', ends)
        const rowsOf = async (name: string) => {
          const table = COPY_TABLES.find((each) => each.name === name)!
          const rows: (readonly unknown[])[] = []
          const { allBatches } = await import('./copy-end.ts')
          for await (const batch of allBatches(restored, table)) rows.push(...batch)
          return rows
        }
        const rows = await rowsOf('requests')
        expect(rows.length).toBeGreaterThanOrEqual(3_000)
        expect((await rowsOf('key_uses'))[0]?.[2]).toBe(rows.length)
        await restored.close()
      }
    },
  )

  test('what is of its store alone stays there', () => {
    const settings = COPY_TABLES.find(({ name }) => name === 'settings')!
    expect(isOwn(settings, ['copy', '{}'])).toBe(true)
    expect(isOwn(settings, ['master_key_check', 'x'])).toBe(false)
  })
})

test.skipIf(missing !== undefined)('copied requests lie in their months on Postgres', async () => {
  const [source, target] = [await place('sqlite'), await place('postgres')]
  await fillEveryTable(source, 6)
  await copyStores({ from: source, to: target, ...ends })
  if (target.engine !== 'postgres') throw new Error('not a database')
  const pool = new PostgresPool(target, { connections: 1, logger })
  const rows = await pool.query<{ name: string; n: number }>(
    'SELECT tableoid::regclass::text AS name, count(*) AS n FROM requests GROUP BY 1 ORDER BY 1',
  )
  await pool.close()
  expect(rows.map(({ name }) => name)).not.toContain('requests_default')
  expect(rows.reduce((sum, { n }) => sum + n, 0)).toBe(6)
})
