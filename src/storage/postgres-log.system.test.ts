// The request log on a real PostgreSQL: rows in time and in order, and each exactly once whatever happens to the database, the
// connection, the disk or the process.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import type { Outcome } from '../core/outcome.ts'
import type { FakeClock } from '../testing/clock.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { keptContract } from './contract-kept.ts'
import { Kept } from './kept.ts'
import type { LogCompanion } from './log-companion.ts'
import { settledOn } from './postgres-following.ts'
import { LogSpool, type LogSpoolLimits } from './log-spool.ts'
import { type BatchResult, type LogTable, PostgresLogTable } from './postgres-log-table.ts'
import { PostgresLogWriter, type PostgresLogWriterOptions } from './postgres-log-writer.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { PostgresPool } from './postgres-pool.ts'
import { Requests, type LogTables } from './requests.ts'
import * as postgresTables from './schema-log.postgres.ts'
import {
  lonelyKeys,
  MemoryLogger,
  MIGRATIONS_FOLDER,
  realClock,
  removeFolders,
  sampleOutcome,
  spawnScript,
  temporaryFolder,
  until,
} from './test-store.ts'

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`skipped: the log on Postgres (${missing})\n`)

setDefaultTimeout(180_000)

const tables = postgresTables as unknown as LogTables
/** On a busy machine any answer may take so long that rows would be put on disk: for tests that are not about that. */
const FAR = { spoolAfterMs: 3_600_000 } as const
let server: TestPostgres
/** One migrated database, copied for each test. */
let template = ''
const pools: PostgresPool[] = []
const writers: PostgresLogWriter[] = []

function poolOf(url: string, options: { answerTimeoutMs?: number } = {}): PostgresPool {
  const location = { engine: 'postgres', url, connections: 2 } as const
  const pool = new PostgresPool(location, {
    connections: 2,
    logger: new MemoryLogger(),
    ...options,
  })
  pools.push(pool)
  return pool
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
  for (const writer of writers) await writer.close()
  for (const pool of pools) await pool.close()
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

async function freshUrl(): Promise<string> {
  return (await server.createDatabase(template)).url
}

interface Made {
  readonly url: string
  readonly pool: PostgresPool
  readonly logger: MemoryLogger
  readonly folder: string
  readonly writer: PostgresLogWriter
  readonly requests: Requests
}

interface MakeOptions {
  readonly url?: string
  readonly folder?: string
  readonly limits?: PostgresLogWriterOptions['limits']
  readonly spoolLimits?: Partial<LogSpoolLimits>
  readonly companions?: readonly LogCompanion[]
  readonly around?: (table: LogTable, pool: PostgresPool) => LogTable
  readonly answerTimeoutMs?: number
}

/** A writer that tries again quickly. */
async function make(options: MakeOptions = {}): Promise<Made> {
  const url = options.url ?? (await freshUrl())
  const { answerTimeoutMs } = options
  const ownPool = poolOf(url, answerTimeoutMs === undefined ? {} : { answerTimeoutMs })
  const pool = poolOf(url)
  const table = new PostgresLogTable(ownPool)
  const logger = new MemoryLogger()
  const folder = options.folder ?? join(temporaryFolder(), 'spool')
  const writer = new PostgresLogWriter({
    table: options.around?.(table, pool) ?? table,
    spool: new LogSpool({ folder, clock: realClock, logger, limits: options.spoolLimits ?? {} }),
    logger,
    clock: realClock,
    companions: options.companions ?? [],
    limits: { retryIntervalMs: 20, spoolAfterMs: 60, ...options.limits },
  })
  writers.push(writer)
  return { url, pool, logger, folder, writer, requests: new Requests(pool.queries, tables) }
}

function numbered(count: number, fields: Partial<Outcome> = {}, from = 0): Outcome[] {
  const timestampMs = Date.now()
  return Array.from({ length: count }, (_, at) =>
    sampleOutcome({ timestampMs, ...fields, requestId: `r${from + at}` }),
  )
}

const ids = (rows: readonly Outcome[]): string[] => rows.map((row) => row.requestId)

async function storedIds(pool: PostgresPool): Promise<string[]> {
  const rows = await pool.query<{ request_id: string }>(
    'SELECT request_id FROM requests ORDER BY sequence',
  )
  return rows.map((row) => row.request_id)
}

/** Counts requests in `key_uses`, as money is counted. */
function counter(): LogCompanion & { committedRows: string[]; lostRows: string[] } {
  const [committedRows, lostRows]: [string[], string[]] = [[], []]
  return {
    name: 'counter',
    committedRows,
    lostRows,
    statementsFor: (batch) => [
      {
        text: "INSERT INTO key_uses (tenant_id, key_id, last_used_ms) VALUES ('t', 'k', $1) ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_ms = key_uses.last_used_ms + excluded.last_used_ms",
        values: [batch.length],
      },
    ],
    committed: (batch) => void committedRows.push(...ids(batch)),
    lost: (batch) => void lostRows.push(...ids(batch)),
  }
}

async function counted(pool: PostgresPool): Promise<number> {
  const rows = await pool.query<{ n: number }>('SELECT last_used_ms AS n FROM key_uses')
  return rows[0]?.n ?? 0
}

describe.skipIf(missing !== undefined)('the log on Postgres', () => {
  test('rows and bodies are there within the window, in order, and counted in the same transaction', async () => {
    const companion = counter()
    const { pool, requests, writer } = await make({ companions: [companion] })
    // The first connection is made by the first row.
    writer.record(sampleOutcome({ requestId: 'first', timestampMs: Date.now() }))
    await until('the first is there', () => writer.counters.written === 1)
    const rows = numbered(600, { requestBody: '', responseBody: 'answer' })
    const startMs = performance.now()
    for (const row of rows.slice(0, 3)) writer.record(row)
    await until('three more are there', async () => (await storedIds(pool)).length === 4)
    process.stdout.write(
      `log on Postgres: three rows stored and read back after ${Math.round(performance.now() - startMs)} ms\n`,
    )
    for (const row of rows.slice(3)) writer.record(row)
    expect(await writer.flush()).toBe(true)
    expect(await storedIds(pool)).toEqual(['first', ...ids(rows)])
    expect(await counted(pool)).toBe(601)
    expect(companion.committedRows).toEqual(['first', ...ids(rows)])
    const row = await requests.byLogId('default', rows[7]!.logId)
    expect(row?.outcome).toStrictEqual(rows[7]!)
    expect(writer.counters).toEqual({
      written: 601,
      dropped: 0,
      failed: 0,
      withoutBodies: 0,
      uncounted: 0,
      queued: 0,
      spooled: 0,
    })
  })

  test('rows that no store takes are passed over alone; characters that Postgres has not are replaced', async () => {
    const companion = counter()
    const { pool, requests, writer } = await make({ companions: [companion], limits: FAR })
    const circular: unknown[] = []
    circular.push(circular)
    const nul = sampleOutcome({
      requestId: 'nul',
      modelRequested: 'a\0b',
      userAgent: 'half \ud800',
      losses: [{ feature: 'f\0', path: 'p', action: 'dropped' }],
      requestBody: '{"text":"\\u0000 is text","raw":"\0"}',
    })
    const rows = [
      ...numbered(30),
      sampleOutcome({ requestId: 'not-a-number', status: Number.NaN }),
      sampleOutcome({ requestId: 'too-large', status: 2 ** 40 }),
      sampleOutcome({ requestId: 'circular', attempts: circular as [] }),
      nul,
      ...numbered(3, {}, 30),
    ]
    for (const row of rows) writer.record(row)
    expect(await writer.flush()).toBe(true)
    const wanted = ids(rows).filter((id) => !/^(not|too|circular)/.test(id))
    expect(await storedIds(pool)).toEqual(wanted)
    expect(writer.counters).toMatchObject({ written: 34, failed: 3, uncounted: 0 })
    expect(await counted(pool)).toBe(34)
    expect(companion.lostRows).toEqual(['not-a-number', 'too-large', 'circular'])
    const stored = await requests.byLogId('default', nul.logId)
    expect(stored?.outcome).toMatchObject({
      modelRequested: 'a\u{FFFD}b',
      userAgent: 'half \u{FFFD}',
      losses: [{ feature: 'f\u{FFFD}' }],
      requestBody: '{"text":"\\u0000 is text","raw":"\u{FFFD}"}',
    })
  })

  test.each([
    ['at once', false],
    ['by a database so slow that they are put on disk meanwhile', true],
  ])(
    'what counts may refuse or break: rows are kept, told as uncounted, and others counted, %s',
    async (_how, isSlow) => {
      const companion = counter()
      const hostile: LogCompanion = {
        ...companion,
        statementsFor: (batch) => {
          if (batch.some((row) => row.requestId === 'r3')) throw new TypeError('a bug')
          if (batch.some((row) => row.requestId === 'r5')) {
            return [{ text: 'INSERT INTO key_uses VALUES ($1, NULL, 1)', values: ['t'] }]
          }
          return companion.statementsFor(batch)
        },
      }
      const limits = isSlow ? {} : FAR
      let writes = 0
      const slowly = (table: LogTable): LogTable => ({
        write: async (...batch) => {
          const result = await table.write(...batch)
          writes += 1
          if (writes === 1) await until('its rows are on disk', () => writer.counters.spooled === 8)
          return result
        },
        close: () => table.close(),
      })
      const { pool, writer } = await make({
        companions: [hostile],
        limits,
        ...(isSlow ? { around: slowly } : {}),
      })
      for (const row of numbered(8)) writer.record(row)
      expect(await writer.flush()).toBe(true)
      expect(await storedIds(pool)).toEqual(ids(numbered(8)))
      expect(writer.counters).toMatchObject({ written: 8, failed: 0, uncounted: 2 })
      expect(await counted(pool)).toBe(6)
      expect(companion.lostRows).toEqual(['r3', 'r5'])
    },
  )
})

test.skipIf(missing !== undefined)(
  'a row that comes while its month is made is in it, and counted',
  async () => {
    const companion = counter()
    const { pool, writer } = await make({ companions: [companion] })
    const timestampMs = Date.UTC(2026, 10, 5)
    await pool.transaction(async (tx) => {
      await tx.query('CREATE TABLE requests_2026_11 (LIKE requests INCLUDING DEFAULTS)')
      await tx.query('LOCK TABLE requests_default IN SHARE ROW EXCLUSIVE MODE')
      writer.record(sampleOutcome({ timestampMs, requestId: 'early' }))
      await until('it waits', async () => {
        const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = $1'
        return (await pool.query(waiting, ['relation'])).length === 1
      })
      await tx.query(
        `ALTER TABLE requests ATTACH PARTITION requests_2026_11 FOR VALUES FROM (${Date.UTC(2026, 10)}) TO (${Date.UTC(2026, 11)})`,
      )
    })
    expect(await writer.flush()).toBe(true)
    expect(await storedIds(pool)).toEqual(['early'])
    expect([await counted(pool), writer.counters.uncounted]).toEqual([1, 0])
  },
)

describe.skipIf(missing !== undefined)('following', () => {
  test('who follows holds no lock while reading, whatever there is to read through', async () => {
    const { pool, url, writer } = await make()
    const reader = poolOf(url)
    const settled = settledOn(reader.database)
    for (const row of numbered(3)) writer.record(row)
    expect(await writer.flush()).toBe(true)
    const reading = await pool.transaction(async (tx) => {
      // A reader that waits, here for the table, as it might for a disk.
      await tx.query('LOCK TABLE requests IN ACCESS EXCLUSIVE MODE')
      const following = new Requests(reader.queries, tables, settled).list({
        tenantId: 'default',
        afterSequence: 0,
        limit: 9,
      })
      await until('it reads', async () => {
        const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
        return (await tx.query(waiting)).length > 0
      })
      const held =
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
      expect(await tx.query(held)).toEqual([])
      return { following }
    })
    expect(ids((await reading.following).map((row) => row.outcome))).toEqual(['r0', 'r1', 'r2'])
  })

  test('several replicas that write at once: who follows by number misses no row', async () => {
    const url = await freshUrl()
    // What is counted holds each transaction open for another while behind its rows.
    const slow: LogCompanion = {
      name: 'slow',
      statementsFor: (batch) => [
        {
          text: "INSERT INTO key_uses VALUES ('t', $1, CASE WHEN pg_sleep($2::float8)::text = '' THEN 1 END)",
          values: [batch[0]?.logId ?? '', Math.random() / 50],
        },
      ],
    }
    const made = await Promise.all(
      [0, 1, 2].map(() => make({ url, companions: [slow], limits: { flushIntervalMs: 1 } })),
    )
    const [first] = made
    if (first === undefined) throw new Error('nothing made')
    const requests = new Requests(first.pool.queries, tables, settledOn(first.pool.database))
    const sent = new Set<string>()
    const seen: string[] = []
    let cursor = 0
    const follow = async (): Promise<void> => {
      const rows = await requests.list({ tenantId: 'default', afterSequence: cursor, limit: 50 })
      seen.push(...rows.map((row) => row.outcome.requestId))
      cursor = rows.at(-1)?.sequence ?? cursor
    }
    for (let round = 0; round < 60; round += 1) {
      for (const [index, { writer }] of made.entries()) {
        const requestId = `w${index} r${round}`
        sent.add(requestId)
        writer.record(sampleOutcome({ requestId, timestampMs: Date.now() }))
      }
      await follow()
    }
    for (const { writer } of made) expect(await writer.flush()).toBe(true)
    for (let before = -1; before < seen.length;) {
      before = seen.length
      await follow()
    }
    expect(seen.toSorted()).toEqual([...sent].toSorted())
  })
})

describe.skipIf(missing !== undefined)('a commit whose answer is lost', () => {
  test('the batch is sent again, with more rows behind it: every row once, counted once', async () => {
    const companion = counter()
    let losses = 2
    const around = (table: LogTable): LogTable => ({
      write: async (batch, companions): Promise<BatchResult> => {
        const result = await table.write(batch, companions)
        losses -= 1
        if (losses < 0) return result
        throw Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })
      },
      close: () => table.close(),
    })
    // Nothing is tried but what is asked for here: a try in between would be lost instead.
    const limits = { ...FAR, retryIntervalMs: 3_600_000, flushIntervalMs: 3_600_000 }
    const { pool, writer } = await make({ around, companions: [companion], limits })
    for (const row of numbered(10)) writer.record(row)
    expect(await writer.flush()).toBe(false)
    for (const row of numbered(10, {}, 10)) writer.record(row)
    expect(await writer.flush()).toBe(false)
    expect(await writer.flush()).toBe(true)
    expect(await storedIds(pool)).toEqual(Array.from({ length: 20 }, (_, at) => `r${at}`))
    expect(await counted(pool)).toBe(20)
    expect(writer.counters.written).toBe(20)
    expect(companion.committedRows).toHaveLength(20)
  })

  test('rows that are only counted are counted once too, though nothing of them is in the store', async () => {
    const companion = counter()
    let losses = 0
    /** The commit happens, and its answer does not come. */
    const around = (_table: LogTable, pool: PostgresPool): LogTable => {
      const losing = Object.create(pool) as PostgresPool
      losing.transaction = async (work) => {
        const result = await pool.transaction(work)
        losses -= 1
        if (losses < 0) return result
        throw Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })
      }
      const table = new PostgresLogTable(losing)
      return {
        write: async (batch, companions): Promise<BatchResult> => {
          const result = await table.write(batch, companions)
          losses -= 1
          if (losses !== 0) return result
          throw Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })
        },
        close: () => table.close(),
      }
    }
    const { pool, writer } = await make({
      around,
      companions: [companion],
      limits: { ...FAR, retryIntervalMs: 3_600_000 },
    })
    losses = 2
    for (const row of numbered(10, { withoutRow: true })) writer.record(row)
    for (let tries = 0; !(await writer.flush()); tries += 1) expect(tries).toBeLessThan(5)
    for (const row of numbered(5, { withoutRow: true }, 10)) writer.record(row)
    expect(await writer.flush()).toBe(true)
    expect(await storedIds(pool)).toEqual([])
    expect(await counted(pool)).toBe(15)
    expect(companion.committedRows).toHaveLength(15)
  })

  test('given up while the server still works at it: the second waits for the first', async () => {
    const companion = counter()
    const { pool, url, writer } = await make({ answerTimeoutMs: 400, companions: [companion] })
    const other = poolOf(url)
    const locked = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const holding = other.transaction(async (tx) => {
      // The rows are in, what counts them waits.
      await tx.query('LOCK TABLE key_uses IN ACCESS EXCLUSIVE MODE')
      locked.resolve()
      await held.promise
    })
    await locked.promise
    for (const row of numbered(5)) writer.record(row)
    expect(await writer.flush()).toBe(false)
    held.resolve()
    await holding
    await until('the rows are in', () => writer.flush())
    expect(await storedIds(pool)).toEqual(ids(numbered(5)))
    expect(await counted(pool)).toBe(5)
  })

  test('connections killed by the server again and again', async () => {
    const companion = counter()
    const { pool, writer } = await make({ companions: [companion] })
    let sent = 0
    for (let round = 0; round < 8; round += 1) {
      for (const row of numbered(40, {}, sent)) writer.record(row)
      sent += 40
      const flushing = writer.flush()
      await server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE 'INSERT INTO requests%'",
      )
      await flushing
    }
    await until('all are there', () => writer.flush())
    expect(await storedIds(pool)).toEqual(Array.from({ length: sent }, (_, at) => `r${at}`))
    expect(await counted(pool)).toBe(sent)
  })
})

describe.skipIf(missing !== undefined)('a database that is away', () => {
  test('stopped mid-run: rows go to disk, and from there in order, each once, when it is back', async () => {
    const companion = counter()
    const { folder, logger, pool, writer } = await make({ companions: [companion] })
    let sent = 0
    const record = (count: number): void => {
      for (const row of numbered(count, {}, sent)) writer.record(row)
      sent += count
    }
    record(100)
    await writer.flush()
    record(300)
    await server.stop('immediate')
    await until('the loss is seen', () => writer.problem !== undefined)
    record(300)
    await until('rows are on disk', () => writer.counters.spooled > 0)
    record(1_000)
    await until('nothing waits in memory', () => writer.counters.queued === 0)
    expect(writer.counters.dropped).toBe(0)
    // Another process in this folder leaves what a living one has.
    const other = new LogSpool({ folder, clock: realClock, logger: new MemoryLogger() })
    expect(await other.takeOver()).toBe(0)
    await server.restart()
    record(50)
    await until('all are written', async () => {
      const { queued, spooled, written } = writer.counters
      return queued + spooled === 0 && written === sent && writer.problem === undefined
    })
    expect(await storedIds(pool)).toEqual(Array.from({ length: sent }, (_, at) => `r${at}`))
    expect(await counted(pool)).toBe(sent)
    expect(writer.counters).toMatchObject({ written: sent, dropped: 0, failed: 0, spooled: 0 })
    expect(logger.at('error')).toHaveLength(1)
    expect(logger.at('info')).toHaveLength(1)
    // Later rows take the short way again.
    record(1)
    expect(await writer.flush()).toBe(true)
    expect(writer.counters.written).toBe(sent)
  })

  test('a process that is killed meanwhile: the next one brings in what it left, once', async () => {
    const url = await freshUrl()
    const folder = join(temporaryFolder(), 'spool')
    const here = (name: string) => JSON.stringify(join(import.meta.dir, name))
    const child = spawnScript(`
      const { sampleOutcome, MemoryLogger, realClock, until } = await import(${here('test-store.ts')})
      const { PostgresLogWriter } = await import(${here('postgres-log-writer.ts')})
      const { PostgresLogTable } = await import(${here('postgres-log-table.ts')})
      const { PostgresPool } = await import(${here('postgres-pool.ts')})
      const { LogSpool } = await import(${here('log-spool.ts')})
      const logger = new MemoryLogger()
      const pool = new PostgresPool({ engine: 'postgres', url: ${JSON.stringify(url)}, connections: 2 }, { connections: 1, logger })
      let isAway = false
      const table = new PostgresLogTable(pool)
      const writer = new PostgresLogWriter({
        table: {
          // The first half gets in although nobody hears of it.
          write: async (batch, companions) => {
            if (isAway) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
            await table.write(batch, companions)
            isAway = true
            throw Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })
          },
          close: () => table.close(),
        },
        spool: new LogSpool({ folder: ${JSON.stringify(folder)}, clock: realClock, logger }),
        logger, clock: realClock, limits: { retryIntervalMs: 20, spoolAfterMs: 20 },
      })
      for (let at = 0; at < 20; at += 1) writer.record(sampleOutcome({ requestId: 'r' + at, timestampMs: Date.now() }))
      await until('the first half is in', () => isAway)
      for (let at = 20; at < 50; at += 1) writer.record(sampleOutcome({ requestId: 'r' + at, timestampMs: Date.now() }))
      await until('all are on disk', () => writer.counters.spooled === 50 && writer.counters.queued === 0)
      process.stdout.write('ready')
      setInterval(() => {}, 1000)
    `)
    const { value } = await child.stdout.getReader().read()
    if (value === undefined) throw new Error(await new Response(child.stderr).text())
    child.kill('SIGKILL')
    await child.exited
    const companion = counter()
    const { pool, writer } = await make({ url, folder, companions: [companion] })
    await until('what was left is in', () => writer.counters.written === 50)
    expect(await storedIds(pool)).toEqual(Array.from({ length: 50 }, (_, at) => `r${at}`))
    expect(await counted(pool)).toBe(30)
    expect(writer.counters.spooled).toBe(0)
  })

  test('no room on disk: bodies go first, then rows are dropped and counted, and nobody is told twice', async () => {
    const companion = counter()
    const away: LogTable = {
      write: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })),
      close: () => Promise.resolve(),
    }
    const { logger, writer } = await make({
      around: () => away,
      companions: [companion],
      spoolLimits: { bodiesBytesMax: 20_000, bytesMax: 40_000 },
    })
    for (const row of numbered(200, { requestBody: 'b'.repeat(500) })) writer.record(row)
    await until('everything has its place', () => writer.counters.queued === 0)
    const { dropped, spooled, withoutBodies } = writer.counters
    expect(spooled + dropped).toBe(200)
    expect(dropped).toBeGreaterThan(0)
    expect(withoutBodies).toBeGreaterThan(0)
    expect(companion.lostRows).toHaveLength(dropped)
    expect(logger.at('error').length).toBeLessThanOrEqual(2)
    // Of no use to anybody who sends requests.
    expect(writer.isExhausted).toBe(true)
    await writer.close()
    // What is on disk is not lost by closing.
    expect(writer.counters.dropped).toBe(dropped)
  })

  test('a row that comes while the next try is far away is on disk within the window', async () => {
    const away: LogTable = {
      write: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })),
      close: () => Promise.resolve(),
    }
    const { writer } = await make({
      around: () => away,
      limits: { retryIntervalMs: 3_600_000, spoolAfterMs: 0 },
    })
    for (const [index, row] of numbered(3).entries()) {
      writer.record(row)
      await until('it is on disk', () => writer.counters.spooled === index + 1)
    }
    expect(writer.isExhausted).toBe(false)
    expect(writer.counters).toMatchObject({ queued: 0, dropped: 0, written: 0 })
  })

  test('closing while it is away leaves the rows on disk, and is quick', async () => {
    const away: LogTable = {
      write: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })),
      close: () => Promise.resolve(),
    }
    const first = await make({ around: () => away, limits: { spoolAfterMs: 60_000 } })
    for (const row of numbered(30)) first.writer.record(row)
    await Promise.all([first.writer.close(), first.writer.close()])
    expect(first.writer.counters).toMatchObject({ written: 0, dropped: 0, queued: 0 })
    const second = await make({ url: first.url, folder: first.folder })
    await until('they are in', () => second.writer.counters.written === 30)
    expect(await storedIds(second.pool)).toEqual(ids(numbered(30)))
  })
})

describe.skipIf(missing !== undefined)('cost', () => {
  test('ten thousand rows (measured, not judged)', async () => {
    const { pool, writer } = await make({ companions: [counter()] })
    const rows = numbered(10_000, {
      apiKeyHash: 'a'.repeat(64),
      apiKeyId: Bun.randomUUIDv7(),
      modelRequested: 'fast',
      modelResolved: 'gpt-5-mini',
      providerId: 'openai',
      mode: 'relay',
      finish: 'stop',
      usage: { inputTokens: 10, outputTokens: 22 },
      costNanoUsd: 1_234,
      attempts: [
        { providerId: 'openai', model: 'gpt-5-mini', mode: 'relay', status: 200, durationMs: 12.5 },
      ],
    })
    await writer.flush()
    const before = process.cpuUsage()
    const startMs = performance.now()
    for (const row of rows) writer.record(row)
    await writer.flush()
    const { system, user } = process.cpuUsage(before)
    const perRow = (microseconds: number) => (microseconds / rows.length).toFixed(1)
    process.stdout.write(
      `log on Postgres: ${perRow(user + system)} µs CPU of ours a row, ${perRow((performance.now() - startMs) * 1_000)} µs wall\n`,
    )
    expect(await storedIds(pool)).toHaveLength(10_000)
  })
})

// Registered only where a server is: the suite opens without waiting.
if (missing === undefined) {
  let kepts: Kept[] = []
  let keptPool: PostgresPool | undefined
  beforeAll(async () => {
    keptPool = poolOf(await freshUrl())
  })
  afterAll(async () => {
    for (const kept of kepts) await kept.close()
    kepts = []
  })
  keptContract('Postgres', (clock: FakeClock) => {
    const pool = keptPool
    if (pool === undefined) throw new Error('no pool')
    const far = { flushIntervalMs: 3_600_000, retryIntervalMs: 3_600_000, closeTimeoutMs: 0 }
    const kept = new Kept(pool.database, pool.queries, {
      keyring: lonelyKeys(),
      logger: new MemoryLogger(),
      clock,
      limits: far,
      tables,
    })
    kepts.push(kept)
    return {
      kept,
      settle: async () => {
        expect(await kept.flush()).toBe(true)
      },
    }
  })
}
