// Searches on SQLite, and the thread they run on.

import { afterAll, describe, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { PATIENT_MS, searchContract } from './contract-search.ts'
import { RequestSearch } from './request-search.ts'
import { SqliteSearchReader } from './sqlite-search-reader.ts'
import {
  MemoryLogger,
  migratedDatabase,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  until,
} from './test-store.ts'

afterAll(removeFolders)

searchContract('SQLite', 60, async () => {
  const store = await storeIn(temporaryFolder())
  const reader = new SqliteSearchReader({ path: store.files!.log, logger: new MemoryLogger() })
  return {
    search: new RequestSearch({ reader, clock: realClock, timeMs: PATIENT_MS }),
    narrow: new RequestSearch({ reader, clock: realClock, windowRows: 7, timeMs: 0 }),
    write: async (outcomes) => {
      for (const outcome of outcomes) store.log.record(outcome)
      expect(await store.log.flush()).toBe(true)
    },
    run: (text) => {
      using log = new Database(store.files!.log)
      log.run(text)
      return Promise.resolve()
    },
    close: async () => {
      await reader.close()
      await store.close()
    },
  }
})

function opened(options: { idleMs?: number; answerTimeoutMs?: number } = {}) {
  const path = join(temporaryFolder(), 'log.db')
  migratedDatabase(path, 'log').close()
  const logger = new MemoryLogger()
  return { logger, reader: new SqliteSearchReader({ path, logger, ...options }) }
}

const ENDLESS =
  'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) AS n FROM n'

/** Niceness of each thread of this process. */
function nicenesses(): number[] {
  return readdirSync('/proc/self/task').map((thread) =>
    Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]),
  )
}

describe('the thread that searches', () => {
  test.if(process.platform === 'linux')('leaves the cores to requests', async () => {
    const { reader } = opened()
    const before = nicenesses().filter((niceness) => niceness >= 10).length
    await reader.rows('SELECT 1 AS one', [])
    expect(nicenesses().filter((niceness) => niceness >= 10).length).toBe(before + 1)
    expect(getPriority()).toBeLessThan(10)
    await reader.close()
  })

  test('begins with the first search, ends when nobody searches, and begins again', async () => {
    const { reader } = opened({ idleMs: 10 })
    expect(reader.isRunning).toBe(false)
    for (let times = 0; times < 2; times += 1) {
      expect(await reader.rows('SELECT ?1 AS one', [1])).toEqual([{ one: 1 }])
      expect(reader.isRunning).toBe(true)
      await until('it ends', () => !reader.isRunning)
    }
    await reader.close()
  })

  test('cannot write', async () => {
    const { reader } = opened()
    await expect(reader.rows('DELETE FROM requests RETURNING 1', [])).rejects.toMatchObject({
      kind: 'storage_unavailable',
    })
    await reader.close()
  })

  test('a search that takes too long is given up, and the next one works', async () => {
    const { reader } = opened({ answerTimeoutMs: 50 })
    const others = reader.rows(ENDLESS, [])
    await expect(others).rejects.toMatchObject({ kind: 'storage_unavailable', status: 503 })
    expect(await reader.rows('SELECT 2 AS two', [])).toEqual([{ two: 2 }])
    await reader.close()
  })

  test('a file that is not there costs a clear error, and is told', async () => {
    const logger = new MemoryLogger()
    const path = join(temporaryFolder(), 'none.db')
    const reader = new SqliteSearchReader({ path, logger })
    await expect(reader.rows('SELECT 1', [])).rejects.toMatchObject({ kind: 'storage_unavailable' })
    migratedDatabase(path, 'log').close()
    expect(await reader.rows('SELECT 1 AS one', [])).toEqual([{ one: 1 }])
    await reader.close()
    await expect(reader.rows('SELECT 1', [])).rejects.toMatchObject({ kind: 'storage_unavailable' })
  })

  test('requests go on while it searches', async () => {
    const store = await storeIn(temporaryFolder())
    const reader = new SqliteSearchReader({
      path: store.files!.log,
      logger: new MemoryLogger(),
      answerTimeoutMs: 2_000,
    })
    const searching = reader.rows(ENDLESS, [])
    const given = searching.then(
      () => 'answered',
      () => 'given up',
    )
    store.log.record(sampleOutcome())
    expect(await store.log.flush()).toBe(true)
    expect(store.log.counters.written).toBe(1)
    await reader.close()
    expect(await given).toBe('given up')
    await store.close()
  })
})
