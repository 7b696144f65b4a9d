// Searches on SQLite, and the thread they run on.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { PATIENT_MS, searchContract } from './contract-search.ts'
import { RequestSearch, type RequestSearchParts } from './request-search.ts'
import type { SearchReader } from './search-reader.ts'
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

// The thread that searches leaves the cores to others, tests of other files among them.
setDefaultTimeout(120_000)

afterAll(removeFolders)

searchContract('SQLite', 60, async () => {
  const store = await storeIn(temporaryFolder())
  const reader = new SqliteSearchReader({
    path: store.files!.log,
    logger: new MemoryLogger(),
    answerTimeoutMs: PATIENT_MS,
  })
  return {
    search: new RequestSearch({ reader, clock: realClock, timeMs: PATIENT_MS }),
    narrow: new RequestSearch({
      reader,
      clock: realClock,
      windowRows: 7,
      totalsRows: 60,
      timeMs: 0,
    }),
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

/** The threads of this process that leave the cores to others. One that ends meanwhile is none of them. */
function niceThreads(): string[] {
  return readdirSync('/proc/self/task').filter((thread) => {
    try {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      return Number(stat.split(') ')[1]?.split(' ')[16]) >= 10
    } catch {
      return false
    }
  })
}

describe('counts over the hourly totals', () => {
  const HOURS = 40
  const startMs = Date.UTC(2026, 2, 1)
  const span = { sinceMs: startMs, untilMs: startMs + HOURS * HOUR_MS }

  /** Three keys in each of some hours; and how many lines of the totals each statement has looked at. */
  async function counted(parts: Partial<RequestSearchParts>) {
    const store = await storeIn(temporaryFolder())
    for (let hour = 0; hour < HOURS; hour += 1) {
      for (const apiKeyId of ['k1', 'k2', 'k3']) {
        const timestampMs = startMs + hour * HOUR_MS
        store.log.record({ ...sampleOutcome(), timestampMs, apiKeyId, tenantId: 'default' })
      }
    }
    expect(await store.log.flush()).toBe(true)
    const reader = new SqliteSearchReader({
      path: store.files!.log,
      logger: new MemoryLogger(),
      answerTimeoutMs: PATIENT_MS,
    })
    const looked: number[] = []
    const counting: SearchReader = {
      engine: 'sqlite',
      rows: async (text, values) => {
        if (/FROM usage_hourly .* GROUP BY/.test(text)) {
          const [row] = await reader.rows<{ n: number }>(
            'SELECT count(*) AS n FROM usage_hourly WHERE hour_ms >= ?1 AND hour_ms < ?2',
            values.slice(0, 2),
          )
          looked.push(row!.n)
        }
        return await reader.rows(text, values)
      },
      close: () => reader.close(),
    }
    const search = new RequestSearch({ reader: counting, clock: realClock, ...parts })
    const close = async () => {
      await reader.close()
      await store.close()
    }
    return { search, looked, close }
  }

  test('look at no more lines at once than they may, and give what one statement would', async () => {
    const { close, looked, search } = await counted({ totalsRows: 7, timeMs: PATIENT_MS })
    const whole = await counted({ timeMs: PATIENT_MS })
    const facets = await search.facets({ tenantId: 'default', ...span })
    expect(facets).toMatchObject({ from: 'totals', isWhole: true, requests: 3 * HOURS })
    expect(facets).toEqual(await whole.search.facets({ tenantId: 'default', ...span }))
    const query = { filter: span, bucketMs: 4 * HOUR_MS, by: 'key' } as const
    const series = await search.series(query)
    expect(series).toMatchObject({ from: 'totals', isWhole: true, countedFromMs: startMs })
    expect(series.lines).toEqual((await whole.search.series(query)).lines)
    // Where one statement is enough there is one; else each has its lines, and those of the hour that they end in.
    expect(whole.looked).toEqual([3 * HOURS, 3 * HOURS])
    expect(looked.length).toBeGreaterThan(HOURS / 4)
    expect(Math.max(...looked)).toBeLessThanOrEqual(7 + 3)
    expect(looked.reduce((all, each) => all + each, 0)).toBe(2 * 3 * HOURS)
    await close()
    await whole.close()
  })

  test('end when their time is over, with what they have and from where on', async () => {
    let nowMs = 0
    // A second for each look at the clock: so a statement is taken to last.
    const clock = { nowMs: () => startMs, monotonicMs: () => (nowMs += 1_000) }
    const { close, looked, search } = await counted({ totalsRows: 7, clock })
    const seconds = LIMITS.searchTotalsTimeMs / 1_000
    // In tests the bound of time is set with the other one; here it is the program's own.
    const facets = await search.facets({ ...span })
    expect(facets).toMatchObject({ from: 'totals', isWhole: false })
    expect(looked.length).toBe(seconds)
    expect(facets.sinceMs).toBeGreaterThan(startMs)
    expect(facets.requests).toBe((3 * (span.untilMs - facets.sinceMs)) / HOUR_MS)
    looked.length = 0
    const series = await search.series({ filter: span, bucketMs: HOUR_MS })
    expect(looked.length).toBe(seconds)
    expect(series.isWhole).toBe(false)
    const points = series.lines.flatMap((line) => line.points)
    expect(Math.min(...points.map((point) => point.startMs))).toBe(series.countedFromMs)
    expect(points.every(({ requests }) => requests === 3)).toBe(true)
    await close()
  })

  test('find the hours to look at by the index alone, newest first', async () => {
    const { logger, reader } = opened()
    const plan = await reader.rows<{ detail: string }>(
      'EXPLAIN QUERY PLAN SELECT hour_ms AS ms FROM usage_hourly WHERE hour_ms >= ?1 AND hour_ms < ?2 ORDER BY hour_ms DESC LIMIT 1 OFFSET 7',
      [0, 1],
    )
    expect(plan.map(({ detail }) => detail).join()).toMatch(/^SEARCH usage_hourly USING .*INDEX/)
    expect(plan.length).toBe(1)
    expect(logger.lines).toEqual([])
    await reader.close()
  })
})

describe('the thread that searches', () => {
  test.if(process.platform === 'linux')('leaves the cores to requests', async () => {
    const { reader } = opened()
    // Those of earlier tests may still be ending.
    const before = new Set(niceThreads())
    await reader.rows('SELECT 1 AS one', [])
    // Helpers that the runtime begins for it are as nice as it is.
    const more = niceThreads().filter((thread) => !before.has(thread))
    expect(more.length).toBeGreaterThan(0)
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
    const { reader } = opened({ answerTimeoutMs: 1_000 })
    const others = reader.rows(ENDLESS, [])
    await expect(others).rejects.toMatchObject({ kind: 'storage_unavailable', status: 503 })
    // The next one begins a thread within the same time: on a machine that does other things the one after it may be the first that can.
    const next = () => reader.rows('SELECT 2 AS two', []).catch(() => undefined)
    let rows = await next()
    while (rows === undefined) rows = await next()
    expect(rows).toEqual([{ two: 2 }])
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
