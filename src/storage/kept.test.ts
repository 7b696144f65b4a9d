// What is kept, on SQLite and against its faults: locked, full and broken stores, two processes on one file, bounds, and values
// that are too large.

import type { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { join } from 'node:path'
import { FakeClock } from '../testing/clock.ts'
import { MemoryKept } from '../testing/kept.ts'
import { keptContract, keptItem } from './contract-kept.ts'
import { Kept, type KeptLimits } from './kept.ts'
import { openDatabase, setBusyTimeout } from './open.ts'
import {
  lonelyKeys,
  MemoryLogger,
  migratedDatabase,
  removeFolders,
  storeIn,
  temporaryFolder,
  until,
} from './test-store.ts'

afterAll(removeFolders)

function makeKept(limits: Partial<KeptLimits> = {}, clock = new FakeClock(), folder?: string) {
  const path = join(folder ?? temporaryFolder(), 'weir-log.db')
  const database = migratedDatabase(path, 'log')
  setBusyTimeout(database, 0)
  const logger = new MemoryLogger()
  const db = drizzle(database)
  // Timers far away: these tests say themselves when to write.
  const far = { flushIntervalMs: 3_600_000, retryIntervalMs: 3_600_000, closeTimeoutMs: 0 }
  const kept = new Kept({ engine: 'sqlite', db }, db, {
    keyring: lonelyKeys(),
    logger,
    clock,
    limits: { ...far, ...limits },
  })
  return { kept, database, path, logger, clock }
}

function rows(database: Database): string[] {
  return database
    .query<{ id: string }, []>('SELECT id FROM kept ORDER BY created_ms, id')
    .all()
    .map(({ id }) => id)
}

keptContract('SQLite', (clock) => {
  const { kept } = makeKept({}, clock)
  return {
    kept,
    settle: async () => {
      expect(await kept.flush()).toBe(true)
    },
  }
})
keptContract('memory', (clock) => ({ kept: new MemoryKept(clock), settle: async () => {} }))

describe('a store that fails', () => {
  test('locked: nothing waits or fails, all is found meanwhile, and lands when it is free', async () => {
    const { kept, database, path, logger } = makeKept()
    await kept.put(keptItem({ id: 'old' }))
    expect(await kept.flush()).toBe(true)
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    const startMs = performance.now()
    await kept.put(keptItem({ id: 'new', value: 'v' }))
    await kept.remove('response', 'default', 'old')
    expect(await kept.flush()).toBe(false)
    // The lock is held until further down: whoever waited for it would wait on.
    expect(performance.now() - startMs).toBeLessThan(10_000)
    expect(kept.problem).toBe('SQLITE_BUSY')
    expect((await kept.find('response', 'default', 'new'))?.value).toBe('v')
    expect(await kept.find('response', 'default', 'old')).toBeUndefined()
    expect(await kept.prune(9e15)).toBe(0)
    other.run('ROLLBACK')
    other.close()
    expect(await kept.flush()).toBe(true)
    expect(kept.problem).toBeUndefined()
    expect(rows(database)).toEqual(['new'])
    expect(logger.at('warn')).toHaveLength(1)
  })

  test('broken: a write waits in a bounded queue, a read of what is not there is 503', async () => {
    const { kept, database } = makeKept({ queueRowsMax: 3 })
    database.run('DROP TABLE kept')
    for (const id of ['a', 'b', 'c', 'd']) await kept.put(keptItem({ id }))
    expect(await kept.flush()).toBe(false)
    expect(kept.queued).toBe(3)
    expect(await kept.find('response', 'default', 'd')).toBeDefined()
    const thrown = { kind: 'storage_unavailable', status: 503 }
    await expect(kept.find('response', 'default', 'a')).rejects.toMatchObject(thrown)
    await expect(kept.findMany('response', 'default', ['a'])).rejects.toMatchObject(thrown)
    await expect(kept.list('response', 'default', 1)).rejects.toMatchObject(thrown)
    await kept.close()
    expect(kept.queued).toBe(3)
  })

  test('a row that no store takes does not hold up the others', async () => {
    const { kept, database } = makeKept()
    database.run(
      "CREATE TRIGGER no BEFORE INSERT ON kept WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    for (const id of ['a', 'bad', 'b']) await kept.put(keptItem({ id }))
    expect(await kept.flush()).toBe(true)
    expect(rows(database)).toEqual(['a', 'b'])
  })

  test('waiting is bounded in bytes, the oldest go; a value that is too large is not kept, nor the older one', async () => {
    const { kept, database, logger } = makeKept({ queueBytesMax: 100, itemBytesMax: 60 })
    await kept.put(keptItem({ id: 'a', value: 'x'.repeat(50) }))
    await kept.put(keptItem({ id: 'b', value: 'é'.repeat(30) }))
    expect(await kept.find('response', 'default', 'a')).toBeUndefined()
    await kept.put(keptItem({ id: 'b', value: 'é'.repeat(31) }))
    expect(await kept.find('response', 'default', 'b')).toBeUndefined()
    expect(await kept.flush()).toBe(true)
    expect(rows(database)).toEqual([])
    expect(JSON.stringify(logger.lines)).not.toContain('xxx')
  })
})

describe('bounds', () => {
  test('the oldest of a kind go first, by rows and by bytes, and other kinds stay', async () => {
    const { kept, database } = makeKept({ rowsMax: 1_000, bytesMax: 7_000 })
    await kept.put(keptItem({ kind: 'file', id: 'mine', createdMs: 0 }))
    for (let at = 0; at < 2_200; at += 1) {
      await kept.put(keptItem({ kind: 'reasoning', id: `r${at}`, createdMs: at }))
    }
    // Sealed, each takes about 1,400.
    for (let at = 0; at < 10; at += 1) {
      await kept.put(keptItem({ id: `big${at}`, createdMs: at, value: 'y'.repeat(1_000) }))
    }
    expect(await kept.flush()).toBe(true)
    expect(await kept.prune(0)).toBe(1_200 + 5)
    expect(await kept.find('file', 'default', 'mine')).toBeDefined()
    expect(await kept.find('reasoning', 'default', 'r1199')).toBeUndefined()
    expect(await kept.find('reasoning', 'default', 'r1200')).toBeDefined()
    const left = (await kept.list('response', 'default', 99)).map(({ id }) => id)
    expect(left).toEqual(['big9', 'big8', 'big7', 'big6', 'big5'])
    expect(rows(database)).toHaveLength(1_006)
  })

  test('is tidied by itself after enough rows, and after enough time', async () => {
    const clock = new FakeClock(1_000)
    const limits = { rowsMax: 10, flushIntervalMs: 1, pruneIntervalMs: 60_000 }
    const { kept, database } = makeKept(limits, clock)
    for (let at = 0; at < 25; at += 1) await kept.put(keptItem({ id: `${at}`, createdMs: at }))
    await until('the oldest are gone', () => rows(database).length === 10)
    await kept.put(keptItem({ kind: 'file', id: 'f', expiresMs: 2_000 }))
    await until('it is written', () => rows(database).length === 11)
    clock.advance(60_000)
    await kept.put(keptItem({ kind: 'batch', id: 'b' }))
    await until('what expired is gone', () => !rows(database).includes('f'))
    await kept.close()
  })

  test('deleting what expired takes many small steps', async () => {
    const { kept, database } = makeKept()
    for (let at = 0; at < 1_700; at += 1) await kept.put(keptItem({ id: `${at}`, expiresMs: at }))
    expect(await kept.flush()).toBe(true)
    let [others, pruning] = [0, true]
    const other = () => {
      others += 1
      if (pruning) setImmediate(other)
    }
    setImmediate(other)
    expect(await kept.prune(1_599)).toBe(1_600)
    pruning = false
    // 1,600 rows are four steps of at most 500: others had their turn between them.
    expect(others).toBeGreaterThanOrEqual(3)
    expect(rows(database)).toHaveLength(100)
  })
})

describe('two of them on one file', () => {
  test('each finds what the other wrote, changed and removed', async () => {
    const folder = temporaryFolder()
    const [one, two] = [await storeIn(folder), await storeIn(folder)]
    await one.kept.put(keptItem({ id: 'x', value: '1' }))
    expect(await one.kept.flush()).toBe(true)
    expect((await two.kept.find('response', 'default', 'x'))?.value).toBe('1')
    await two.kept.put(keptItem({ id: 'x', value: '2' }))
    expect(await two.kept.flush()).toBe(true)
    expect((await one.kept.find('response', 'default', 'x'))?.value).toBe('2')
    expect(await one.kept.remove('response', 'default', 'x')).toBe(true)
    expect(await one.kept.flush()).toBe(true)
    expect(await two.kept.find('response', 'default', 'x')).toBeUndefined()
    await Promise.all([one.close(), two.close()])
  })

  test('a stop loses nothing, and a start finds it', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    for (let at = 0; at < 700; at += 1) await store.kept.put(keptItem({ id: `${at}` }))
    await store.close()
    const again = await storeIn(folder)
    expect(await again.kept.list('response', 'default', 9_999)).toHaveLength(700)
    await again.close()
  })
})
