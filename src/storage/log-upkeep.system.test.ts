// The end of old rows: on SQLite without a stall that a request would feel, on Postgres month by month and by one replica; and the
// timer that sees to both.

import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { FakeClock } from '../testing/clock.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { type LogBounds, type LogKeeper, LogUpkeep } from './log-upkeep.ts'
import { LogWriter } from './log-writer.ts'
import { readJournal, readStep } from './migration-journal.ts'
import { setBusyTimeout, openDatabase } from './open.ts'
import { monthOf, PostgresLogKeeper } from './postgres-log-keeper.ts'
import { PostgresLogTable } from './postgres-log-table.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { SERVER_TIMEOUTS } from './postgres-options.ts'
import { PostgresPool, type PostgresPoolOptions } from './postgres-pool.ts'
import { SqliteLogKeeper } from './sqlite-log-keeper.ts'
import {
  MemoryLogger,
  migratedDatabase,
  MIGRATIONS_FOLDER,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './test-store.ts'

setDefaultTimeout(180_000)

const never = new AbortController().signal
const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`skipped: months on Postgres (${missing})\n`)

let server: TestPostgres
let template = ''
const pools: PostgresPool[] = []

function poolOf(url: string, options: Partial<PostgresPoolOptions> = {}): PostgresPool {
  const pool = new PostgresPool(
    { engine: 'postgres', url, connections: 3 },
    { connections: 3, logger: new MemoryLogger(), ...options },
  )
  pools.push(pool)
  return pool
}

async function freshPool(): Promise<PostgresPool> {
  return poolOf((await server.createDatabase(template)).url)
}

beforeAll(async () => {
  if (missing !== undefined) return
  server = await startPostgres()
  const { name, url } = await server.createDatabase()
  template = name
  const pool = poolOf(url)
  await migratePostgres(pool, { migrationsFolder: MIGRATIONS_FOLDER, name: 'test' })
  await pool.close()
})

afterAll(async () => {
  for (const pool of pools) await pool.close()
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

describe('on SQLite', () => {
  async function filled(rows: number, bodyChars: number) {
    const path = join(temporaryFolder(), 'weir-log.db')
    const database = migratedDatabase(path, 'log')
    setBusyTimeout(database, LIMITS.logBusyTimeoutMs)
    const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock })
    for (let at = 0; at < rows; at += 1) {
      const body = bodyChars === 0 ? {} : { requestBody: 'b'.repeat(bodyChars) }
      writer.record(sampleOutcome({ timestampMs: at, requestId: `r${at}`, ...body }))
      if (at % 10_000 === 0) await writer.flush()
    }
    await writer.flush()
    const count = (table: string): number =>
      database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? -1
    return { database, path, writer, count }
  }

  test.each([
    ['rows alone', 60_000, 0, 50_000],
    ['rows with large bodies', 120, 500_000, 100],
  ])(
    'deletes %s in steps that no request feels, and leaves the rest',
    async (_what, rows, bodyChars, cutoffMs) => {
      const { count, database } = await filled(rows, bodyChars)
      database.run(
        "INSERT INTO usage_hourly (hour_ms, tenant_id, team_id, user_id, service_id, key_id, model, provider_id, provider_model, operation, requests, errors, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens, cost_nano_usd, unpriced_requests, estimated_requests, total_ms) VALUES (0,'t','','','','','m','','','chat',1,0,0,0,0,0,0,0,0,0,7,0,0,0)",
      )
      database.run(
        "INSERT INTO kept (kind, tenant_id, id, key_id, provider_id, model, value_bytes, created_ms, expires_ms, value) VALUES ('response','t','i',NULL,'p','m',0,1,NULL,NULL)",
      )
      let longestMs = 0
      // Of this thread's work: that others have the processor is no stall of ours.
      let worked = process.threadCpuUsage()
      const ticking = setInterval(() => {
        const { system, user } = process.threadCpuUsage(worked)
        longestMs = Math.max(longestMs, (system + user) / 1_000)
        worked = process.threadCpuUsage()
      }, 1)
      const startMs = performance.now()
      const deleted = await new SqliteLogKeeper(database).deleteBefore(cutoffMs, never)
      clearInterval(ticking)
      const tookMs = performance.now() - startMs
      process.stdout.write(
        `retention on SQLite: ${deleted} rows in ${Math.round(tookMs)} ms, longest stall ${longestMs.toFixed(1)} ms\n`,
      )
      expect(deleted).toBe(cutoffMs)
      expect(count('requests')).toBe(rows - cutoffMs)
      expect(count('request_bodies')).toBe(bodyChars === 0 ? 0 : rows - cutoffMs)
      expect(count('usage_hourly')).toBe(1)
      expect(count('kept')).toBe(1)
      // The bound is 50 ms; the rest is for a machine that is busy with other tests.
      expect(longestMs).toBeLessThan(1_000)
      expect(await new SqliteLogKeeper(database).deleteBefore(cutoffMs, never)).toBe(0)
      database.close()
    },
  )

  test('stops when told, writes go on in between, and a lock of another process is waited for', async () => {
    const { count, database, path, writer } = await filled(5_000, 0)
    const stopping = new AbortController()
    const deleting = new SqliteLogKeeper(database).deleteBefore(5_000, stopping.signal)
    writer.record(sampleOutcome({ timestampMs: 9_000 }))
    expect(await writer.flush()).toBe(true)
    stopping.abort()
    const first = await deleting
    expect(first).toBeGreaterThan(0)
    expect(count('requests')).toBe(5_001 - first)
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    const waiting = new SqliteLogKeeper(database).deleteBefore(5_000, never)
    await new Promise((resolve) => setTimeout(resolve, 30))
    other.run('ROLLBACK')
    other.close()
    expect(await waiting).toBe(5_000 - first)
    expect(count('requests')).toBe(1)
    database.close()
  })
})

describe('on SQLite, on a thread of its own', () => {
  const HELD = { kind: 'key', subject: 'held', reason: 'r', createdBy: 'test' } as const

  async function filled(rows: number) {
    const store = await storeIn(temporaryFolder())
    for (let at = 0; at < rows; at += 1) {
      const apiKeyId = at % 10 === 3 ? 'held' : 'free'
      store.log.record(sampleOutcome({ timestampMs: at + 1, apiKeyId, requestBody: 'b' }))
      if (at % 5_000 === 0) expect(await store.log.flush()).toBe(true)
    }
    expect(await store.log.flush()).toBe(true)
    const { tenantId } = sampleOutcome()
    const path = store.files!.log
    const counted = (where: string): number => {
      using log = new Database(path, { readonly: true })
      return log.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${where}`).get()?.n ?? -1
    }
    return { store, counted, path, tenantId }
  }

  test('what is old goes with its bodies, what is held stays, and rows are written meanwhile', async () => {
    const { counted, path, store, tenantId } = await filled(20_000)
    await store.holds.create({ ...HELD, tenantId, id: 'h', createdMs: 1 }, TEST_ACTOR)
    store.upkeep.start(() => ({ retentionMs: 3_600_000 }))
    const nowMs = Date.now()
    let written = 0
    const running = store.upkeep.run()
    const round = { isOver: false }
    void running.then(() => (round.isOver = true))
    while (!round.isOver) {
      store.log.record(sampleOutcome({ timestampMs: nowMs, apiKeyId: 'new' }))
      written += 1
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(await store.log.flush()).toBe(true)
    expect(written).toBeGreaterThan(10)
    expect(counted("requests WHERE api_key_id = 'free'")).toBe(0)
    expect(counted("requests WHERE api_key_id = 'held'")).toBe(2_000)
    expect(counted("requests WHERE api_key_id = 'new'")).toBe(written)
    expect(counted('request_bodies')).toBe(2_000)
    expect(store.log.counters).toMatchObject({ written: 20_000 + written, dropped: 0, failed: 0 })
    expect(Bun.file(`${path}-wal`).size).toBeLessThan(4_000 * 4_096)
    await store.close()
  })

  test('a hold that is made meanwhile keeps every row that is there when it is answered', async () => {
    const { counted, store, tenantId } = await filled(20_000)
    store.upkeep.start(() => ({ retentionMs: 3_600_000 }))
    const running = store.upkeep.run()
    await until('rows go', () => counted('requests') < 20_000)
    await store.holds.create({ ...HELD, tenantId, id: 'h', createdMs: 1 }, TEST_ACTOR)
    const kept = counted("requests WHERE api_key_id = 'held'")
    expect(kept).toBeGreaterThan(0)
    await running
    expect(counted("requests WHERE api_key_id = 'held'")).toBe(kept)
    expect(counted("requests WHERE api_key_id = 'free'")).toBe(0)
    await store.close()
  })
})

describe('the size on SQLite', () => {
  test('the oldest rows go until the file is as small as it may be, and it stays so while rows come', async () => {
    const path = join(temporaryFolder(), 'weir-log.db')
    const database = migratedDatabase(path, 'log')
    const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock })
    const keeper = new SqliteLogKeeper(database)
    const bytesMax = 2_000_000
    const size = () => {
      database.run('PRAGMA wal_checkpoint(TRUNCATE)')
      return Bun.file(path).size
    }
    let rows = 0
    for (let round = 0; round < 4; round += 1) {
      for (let more = 0; more < 200; more += 1) {
        const requestBody = 'b'.repeat(20_000)
        writer.record(sampleOutcome({ timestampMs: rows, requestId: `r${rows}`, requestBody }))
        rows += 1
      }
      await writer.flush()
      expect(size()).toBeGreaterThan(bytesMax)
      expect(await keeper.shrinkTo(bytesMax, never)).toBeGreaterThan(50)
      expect(size()).toBeLessThanOrEqual(bytesMax)
      expect(await keeper.shrinkTo(bytesMax, never)).toBe(0)
      const left = database
        .query<{ n: number; first: number; last: number }, []>(
          'SELECT count(*) AS n, min(timestamp_ms) AS first, max(timestamp_ms) AS last FROM requests',
        )
        .get()!
      expect(left.n).toBeGreaterThan(30)
      expect(left).toEqual({ n: rows - left.first, first: rows - left.n, last: rows - 1 })
    }
    database.close()
  })

  test('what else is in the file costs no rows', async () => {
    const path = join(temporaryFolder(), 'weir-log.db')
    const database = migratedDatabase(path, 'log')
    const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock })
    for (let at = 0; at < 100; at += 1) writer.record(sampleOutcome({ timestampMs: at }))
    await writer.flush()
    database.run(
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 30) INSERT INTO kept (kind, tenant_id, id, key_id, provider_id, model, value_bytes, created_ms, expires_ms, value) SELECT 'response', 't', x, NULL, 'p', 'm', 100000, 1, NULL, printf('%.*c', 100000, 'k') FROM n",
    )
    const keeper = new SqliteLogKeeper(database)
    expect(await keeper.shrinkTo(1_000_000, never)).toBe(0)
    for (let at = 100; at < 200; at += 1) {
      writer.record(sampleOutcome({ timestampMs: at, requestBody: 'b'.repeat(20_000) }))
    }
    await writer.flush()
    const deleted = await keeper.shrinkTo(1_000_000, never)
    expect(deleted).toBeGreaterThan(100)
    expect(deleted).toBeLessThan(170)
    database.close()
  })

  test('a file of before keeps its size and grows no further', async () => {
    const path = join(temporaryFolder(), 'weir-log.db')
    const old = new Database(path, { create: true })
    old.run('CREATE TABLE seed (x)')
    old.run('DROP TABLE seed')
    old.close()
    const database = migratedDatabase(path, 'log')
    const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock })
    for (let at = 0; at < 100; at += 1) {
      writer.record(sampleOutcome({ timestampMs: at, requestBody: 'b'.repeat(20_000) }))
    }
    await writer.flush()
    const pages = () =>
      database.query<{ page_count: number }, []>('PRAGMA page_count').get()!.page_count
    const before = pages()
    expect(await new SqliteLogKeeper(database).shrinkTo(1_000_000, never)).toBeGreaterThan(0)
    expect(pages()).toBe(before)
    database.close()
  })
})

describe.skipIf(missing !== undefined)('the size on Postgres', () => {
  /** Two months of 300 rows each. */
  async function filled() {
    const pool = await freshPool()
    const keeper = new PostgresLogKeeper(pool)
    const times = [Date.UTC(2026, 0, 5), Date.UTC(2026, 1, 5)] as const
    for (const timeMs of times) await keeper.make(monthOf(timeMs))
    const table = new PostgresLogTable(pool)
    for (const timeMs of times) {
      const rows = Array.from({ length: 300 }, (_item, at) =>
        // What cannot be packed: random characters.
        sampleOutcome({
          timestampMs: timeMs + at,
          requestBody: Buffer.from(crypto.getRandomValues(new Uint8Array(3_000))).toString('hex'),
        }),
      )
      await table.write(rows, [])
    }
    await pool.query('ANALYZE')
    const count = async (name: string) => {
      const [row] = await pool.query<{ n: number }>(`SELECT count(*) AS n FROM ${name}`)
      return row!.n
    }
    await until('rows are counted', async () => {
      const [row] = await pool.query<{ n: number }>(
        "SELECT min(n_live_tup) AS n FROM pg_stat_user_tables WHERE relname ~ '^request(s|_bodies)_2026'",
      )
      return row?.n === 300
    })
    return { count, keeper, pool, times }
  }

  test('whole months go first, then the rows that were written first', async () => {
    const { count, keeper, pool, times } = await filled()
    expect(await keeper.shrinkTo(1_000_000_000, never)).toBe(0)
    const deleted = await keeper.shrinkTo(1_000_000, never)
    expect(deleted).toBeGreaterThan(300)
    const left = await count('requests')
    expect(left).toBe(600 - deleted)
    expect(left).toBeGreaterThan(50)
    expect(left).toBeLessThan(300)
    expect(await count('request_bodies')).toBe(left)
    const [first] = await pool.query<{ ms: number }>('SELECT min(timestamp_ms) AS ms FROM requests')
    expect(first!.ms).toBe(times[1] + 300 - left)
  })

  test('a little too much costs a little, and no month', async () => {
    const { count, keeper, pool, times } = await filled()
    let deleted = 0
    for (let bytesMax = 8_000_000; deleted === 0; bytesMax -= 50_000) {
      deleted = await keeper.shrinkTo(bytesMax, never)
    }
    expect(deleted).toBeLessThan(60)
    expect(await count('requests')).toBe(600 - deleted)
    expect(await count('request_bodies')).toBe(600 - deleted)
    const [first] = await pool.query<{ ms: number }>('SELECT min(timestamp_ms) AS ms FROM requests')
    expect(first!.ms).toBe(times[0] + deleted)
  })
})

describe.skipIf(missing !== undefined)('on Postgres', () => {
  const at = (text: string): number => Date.parse(`${text}Z`)

  async function partitions(pool: PostgresPool): Promise<string[]> {
    const rows = await pool.query<{ name: string }>(
      "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r' ORDER BY 1",
    )
    return rows.map((row) => row.name)
  }

  async function placesOf(pool: PostgresPool, table: string): Promise<Record<string, number>> {
    const rows = await pool.query<{ name: string; n: number }>(
      `SELECT tableoid::regclass::text AS name, count(*) AS n FROM ${table} GROUP BY 1 ORDER BY 1`,
    )
    return Object.fromEntries(rows.map((row) => [row.name, row.n]))
  }

  async function write(pool: PostgresPool, times: readonly string[]): Promise<void> {
    const rows = times.map((time) =>
      sampleOutcome({ timestampMs: at(time), requestBody: time, requestId: time }),
    )
    expect(await new PostgresLogTable(pool).write(rows, [])).toEqual({ refused: [], uncounted: [] })
  }

  test('months begin and end where the calendar says', () => {
    for (const [time, suffix, days] of [
      ['2026-01-01T00:00:00.000', '2026_01', 31],
      ['2026-12-31T23:59:59.999', '2026_12', 31],
      ['2028-02-29T12:00:00.000', '2028_02', 29],
    ] as const) {
      const month = monthOf(at(time))
      expect(month.suffix).toBe(suffix)
      expect(month.startMs).toBeLessThanOrEqual(at(time))
      expect(month.endMs).toBeGreaterThan(at(time))
      expect((month.endMs - month.startMs) / 86_400_000).toBe(days)
      expect(monthOf(month.endMs).startMs).toBe(month.endMs)
    }
  })

  test('this month and the next are made once, by many replicas at once; strays move in', async () => {
    const pool = await freshPool()
    await write(pool, ['2026-11-30T23:59:59.999', '2026-12-01T00:00:00.000', '2030-01-01T00:00:00'])
    expect(await placesOf(pool, 'requests')).toEqual({ requests_default: 3 })
    const keepers = Array.from({ length: 4 }, () => new PostgresLogKeeper(pool))
    const nowMs = at('2026-11-21T12:00:00')
    await Promise.all(keepers.map((keeper) => keeper.makeRoom(nowMs)))
    await keepers[0]?.makeRoom(nowMs)
    expect(await partitions(pool)).toEqual([
      'request_bodies_2026_11',
      'request_bodies_2026_12',
      'request_bodies_default',
      'requests_2026_11',
      'requests_2026_12',
      'requests_default',
    ])
    await write(pool, ['2026-11-01T00:00:00.000', '2027-01-01T00:00:00.000'])
    const places = { _2026_11: 2, _2026_12: 1, _default: 2 }
    for (const table of ['requests', 'request_bodies']) {
      const wanted = Object.entries(places).map(([suffix, n]) => [`${table}${suffix}`, n])
      expect(await placesOf(pool, table)).toEqual(Object.fromEntries(wanted))
    }
  })

  test('months that ended before go whole, with their bodies; strays in steps; what is counted stays', async () => {
    const pool = await freshPool()
    const keeper = new PostgresLogKeeper(pool)
    for (const time of ['2026-08-10T00:00:00', '2026-10-10T00:00:00']) {
      await keeper.makeRoom(at(time))
    }
    await write(pool, [
      '2020-05-05T00:00:00',
      '2026-08-31T23:59:59.999',
      '2026-09-01T00:00:00',
      '2026-10-02T00:00:00',
    ])
    await pool.query("INSERT INTO key_uses VALUES ('t', 'k', 1)")
    await pool.query('ANALYZE requests_2026_08')
    // A day before September ends: only August and what is older may go, though most of September is old.
    expect(await keeper.deleteBefore(at('2026-09-29T00:00:00'), never)).toBe(2)
    expect(await placesOf(pool, 'requests')).toEqual({ requests_2026_09: 1, requests_2026_10: 1 })
    expect(await placesOf(pool, 'request_bodies')).toEqual({
      request_bodies_2026_09: 1,
      request_bodies_2026_10: 1,
    })
    expect((await partitions(pool)).filter((name) => name.endsWith('_08'))).toEqual([])
    expect(await pool.query('SELECT * FROM key_uses')).toHaveLength(1)
    await keeper.deleteBefore(at('2026-10-01T00:00:00'), never)
    expect(await placesOf(pool, 'requests')).toEqual({ requests_2026_10: 1 })
  })

  test('a month that somebody reads is left for the next time, and another replica is not disturbed', async () => {
    const { url } = await server.createDatabase(template)
    const pool = poolOf(url)
    // Whose transactions are open for as long as the keeper takes, on a busy machine too.
    const others = poolOf(url, { timeouts: { ...SERVER_TIMEOUTS, idleTransactionMs: 120_000 } })
    const keeper = new PostgresLogKeeper(pool)
    await keeper.makeRoom(at('2026-08-10T00:00:00'))
    await write(pool, ['2026-08-10T00:00:00'])
    const held = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    const reader = others.transaction(async (tx) => {
      await tx.query('SELECT count(*) FROM requests')
      reading.resolve()
      await held.promise
    })
    await reading.promise
    expect(await keeper.deleteBefore(at('2027-01-01T00:00:00'), never)).toBe(0)
    held.resolve()
    await reader
    const lock = others.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [0x77_65_69_72_02])
      expect(await keeper.deleteBefore(at('2027-01-01T00:00:00'), never)).toBe(0)
    })
    await lock
    expect(await placesOf(pool, 'requests')).toEqual({ requests_2026_08: 1 })
    await keeper.deleteBefore(at('2027-01-01T00:00:00'), never)
    expect(await placesOf(pool, 'requests')).toEqual({})
  })

  test('the step to months carries over every row, body and number, and goes on counting', async () => {
    const { url } = await server.createDatabase()
    const pool = poolOf(url)
    const folder = join(MIGRATIONS_FOLDER, 'postgres-log')
    const journal = readJournal(folder)
    const step = journal.findIndex(({ tag }) => tag.endsWith('_partitions'))
    expect(step).toBeGreaterThan(0)
    const take = async (entries: typeof journal): Promise<void> => {
      await pool.transaction(async (tx) => {
        for (const entry of entries) {
          for (const statement of readStep(folder, entry).statements) await tx.query(statement)
        }
      })
    }
    await take(journal.slice(0, step))
    const times = ['1970-01-01T00:00:01', '2026-10-31T23:59:59.999', '2026-11-01T00:00:00']
    for (const [index, time] of times.entries()) {
      await pool.query(
        `INSERT INTO requests (log_id, log_ms, timestamp_ms, tenant_id, request_id, direction, endpoint, client_format, operation, stream, status, losses, attempts, total_ms, request_bytes, response_bytes, user_agent)
         VALUES ($1, 1, $2, 't', $1, 'inbound', '/', 'f', 'chat', false, 200, '[]', '[{"a": 1}]', 1, 1, 1, 'agent')`,
        [time, at(time)],
      )
      // Rows from before bodies had a time have none.
      await pool.query("INSERT INTO request_bodies VALUES ($1, 't', $2, NULL)", [index + 1, time])
    }
    const before = await pool.query('SELECT * FROM requests ORDER BY sequence')
    await take(journal.slice(step, step + 1))
    expect(await pool.query('SELECT * FROM requests ORDER BY sequence')).toEqual(before)
    // Whatever came after it.
    await take(journal.slice(step + 1))
    expect(await placesOf(pool, 'requests')).toEqual({
      requests_2026_10: 1,
      requests_2026_11: 1,
      requests_default: 1,
    })
    const bodies = await pool.query<{ request_body: string; timestamp_ms: number }>(
      'SELECT request_body, timestamp_ms FROM request_bodies ORDER BY sequence',
    )
    expect(bodies).toEqual(times.map((time) => ({ request_body: time, timestamp_ms: at(time) })))
    await write(pool, ['2026-11-02T00:00:00'])
    const last = await pool.query<{ n: number }>('SELECT max(sequence) AS n FROM requests')
    expect(last).toEqual([{ n: 4 }])
    const left = await pool.query("SELECT 1 FROM pg_class WHERE relname LIKE '%whole%'")
    expect(left).toEqual([])
  })
})

describe('the timer', () => {
  test('makes room at once, asks for the retention each time, survives failures, and stops with its round', async () => {
    const rooms: number[] = []
    const cutoffs: number[] = []
    const sizes: number[] = []
    const running = Promise.withResolvers<void>()
    let fails = true
    const keeper: LogKeeper = {
      makeRoom: async (nowMs) => {
        rooms.push(nowMs)
        if (fails) throw new Error('secret words of an engine')
      },
      deleteBefore: async (cutoffMs, signal) => {
        cutoffs.push(cutoffMs)
        if (cutoffs.length === 3) {
          running.resolve()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        }
        return 1
      },
      shrinkTo: async (bytesMax) => {
        sizes.push(bytesMax)
        return 0
      },
    }
    const clock = new FakeClock(1_000_000)
    const logger = new MemoryLogger()
    const upkeep = new LogUpkeep({ keeper, clock, logger, random: () => 0.5, intervalMs: 5 })
    let bounds: LogBounds = {}
    upkeep.start(() => bounds)
    upkeep.start(() => bounds)
    await until('it has failed', () => logger.at('warn').length > 0)
    expect(JSON.stringify(logger.lines)).not.toContain('secret')
    expect(cutoffs).toEqual([])
    fails = false
    bounds = { retentionMs: 100_000, bytesMax: 7 }
    await running.promise
    expect(rooms[0]).toBe(1_000_000)
    expect(cutoffs).toEqual([900_000, 900_000, 900_000])
    expect(sizes).toEqual([7, 7])
    await upkeep.stop()
    const rounds = rooms.length
    await upkeep.run()
    expect(rooms.length).toBe(rounds + 1)
    expect(cutoffs).toHaveLength(3)
  })
})
