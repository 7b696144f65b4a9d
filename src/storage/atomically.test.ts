// All or nothing, with another process's lock in the way; and the trap this helper is there for.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { join } from 'node:path'
import { atomically, type AtomicQuery, type QueryBuilder } from './atomically.ts'
import { openDatabase, setBusyTimeout } from './open.ts'
import { settings } from './schema.sqlite.ts'
import { migratedDatabase, removeFolders, temporaryFolder } from './test-store.ts'

afterAll(removeFolders)

function makeDatabase() {
  const path = join(temporaryFolder(), 'weir.db')
  const database = migratedDatabase(path, 'control')
  setBusyTimeout(database, 0)
  return { path, database, db: drizzle(database) }
}

describe('atomically', () => {
  test('a failing query undoes those before it', async () => {
    const { db } = makeDatabase()
    const run = atomically({ engine: 'sqlite', db }, (tx) => [
      tx.insert(settings).values({ key: 'a', value: '1' }),
      tx.insert(settings).values({ key: 'a', value: '2' }),
    ])
    await expect(run).rejects.toThrow()
    expect(await db.select().from(settings)).toEqual([])
  })

  test('gives the results in order, and later queries see earlier ones', async () => {
    const { db } = makeDatabase()
    const [, updated, rows] = await atomically({ engine: 'sqlite', db }, (tx) => [
      tx.insert(settings).values({ key: 'a', value: '1' }),
      tx.update(settings).set({ value: '2' }).where(eq(settings.key, 'a')).returning(),
      tx.select().from(settings),
    ])
    expect(updated).toEqual([{ key: 'a', value: '2' }])
    expect(rows).toEqual([{ key: 'a', value: '2' }])
  })

  test('waits for another writer without stopping everything else', async () => {
    const { path, db } = makeDatabase()
    const other = openDatabase(path, 'control')
    other.run('BEGIN IMMEDIATE')
    other.run("INSERT INTO settings VALUES ('theirs', 'x')")
    let built = 0
    const write = atomically({ engine: 'sqlite', db }, (tx) => {
      built += 1
      return [tx.insert(settings).values({ key: 'ours', value: 'y' })]
    })
    await new Promise((resolve) => setImmediate(resolve))
    other.run('COMMIT')
    other.close()
    await write
    // The lock is taken before anything is built.
    expect(built).toBe(1)
    expect((await db.select().from(settings)).map((row) => row.key)).toEqual(['theirs', 'ours'])
  })

  test('on an engine with asynchronous transactions the queries are awaited one by one inside one', async () => {
    const events: string[] = []
    const query = (name: string, fails = false): AtomicQuery<string> => ({
      prepare: () => {
        throw new Error('not for this engine')
      },
      // oxlint-disable-next-line unicorn/no-thenable -- a query builder is one
      then: (onDone, onFail) => {
        events.push(`${name} begins`)
        const work = new Promise<string>((resolve, reject) => {
          setImmediate(() => {
            events.push(`${name} ends`)
            if (fails) reject(new Error(name))
            else resolve(name)
          })
        })
        return work.then(onDone, onFail)
      },
    })
    const db = {
      async transaction<T>(run: (tx: QueryBuilder) => Promise<T>): Promise<T> {
        const result = await run({} as QueryBuilder)
        events.push('commit')
        return result
      },
    }
    const results = await atomically({ engine: 'postgres', db }, () => [query('a'), query('b')])
    expect(results).toEqual(['a', 'b'])
    expect(events.splice(0)).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'commit'])
    const failing = atomically({ engine: 'postgres', db }, () => [query('a', true), query('b')])
    expect(await failing.catch((error: Error) => error.message)).toBe('a')
    expect(events).toEqual(['a begins', 'a ends'])
  })

  test('the trap is still there: a transaction with an async callback is committed before it ends', async () => {
    const database = new Database(':memory:')
    database.run('CREATE TABLE t (x)')
    const run = database.transaction(async () => {
      database.run('INSERT INTO t VALUES (1)')
      await Promise.resolve()
      throw new Error('too late')
    })
    await expect(run()).rejects.toThrow('too late')
    expect(database.query('SELECT * FROM t').all()).toEqual([{ x: 1 }])
    database.close()
  })
})
