// The log writer against stores that are full, locked, too small and killed, against rows that no store takes, and at speed.

import type { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import { FakeClock } from '../testing/clock.ts'
import { LogWriter } from './log-writer.ts'
import type { LogWriterLimits } from './request-log.ts'
import { openDatabase, setBusyTimeout } from './open.ts'
import { Requests } from './requests.ts'
import {
  MemoryLogger,
  migratedDatabase,
  realClock,
  removeFolders,
  runScript,
  sampleOutcome,
  spawnScript,
  temporaryFolder,
  until,
} from './test-store.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(120_000)

afterAll(removeFolders)

function makeWriter(limits: Partial<LogWriterLimits> = {}) {
  const path = join(temporaryFolder(), 'weir-log.db')
  const database = migratedDatabase(path, 'log')
  setBusyTimeout(database, 0)
  const [logger, clock] = [new MemoryLogger(), new FakeClock()]
  // Timers far away: these tests say themselves when to write.
  const writer = new LogWriter(database, {
    logger,
    clock,
    limits: { flushIntervalMs: 3_600_000, retryIntervalMs: 3_600_000, ...limits },
  })
  return { path, database, logger, clock, writer }
}

function storedIds(database: Database): string[] {
  return database
    .query<{ request_id: string }, []>('SELECT request_id FROM requests ORDER BY sequence')
    .all()
    .map((row) => row.request_id)
}

function numbered(count: number, fields: Partial<Outcome> = {}): Outcome[] {
  return Array.from({ length: count }, (_, at) => sampleOutcome({ ...fields, requestId: `r${at}` }))
}

const ids = (outcomes: readonly Outcome[]): string[] => outcomes.map((each) => each.requestId)

function integrity(database: Database): unknown {
  return database.query('PRAGMA integrity_check').get()
}

test('rows wait while somebody in the process holds the lock, and are written when it is free', async () => {
  const database = migratedDatabase(join(temporaryFolder(), 'weir-log.db'), 'log')
  const lock = { isHeld: true, asked: 0 }
  const writer = new LogWriter(database, {
    logger: new MemoryLogger(),
    clock: realClock,
    limits: { flushIntervalMs: 1, flushRows: 2 },
    isHeld: () => {
      lock.asked += 1
      return lock.isHeld
    },
  })
  for (const outcome of numbered(3)) writer.record(outcome)
  await until('it asks again', () => lock.asked > 2)
  expect(storedIds(database)).toEqual([])
  lock.isHeld = false
  await until('they are written', () => writer.counters.queued === 0)
  expect(storedIds(database)).toEqual(['r0', 'r1', 'r2'])
  await writer.close()
  database.close()
})

describe('a store that fails', () => {
  test('full: rows wait in a bounded queue, are reported once a minute, and land in order when there is room', async () => {
    const { database, writer, logger, clock } = makeWriter({ queueRowsMax: 600 })
    const pages =
      database.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
    database.run(`PRAGMA max_page_count = ${pages + 3}`)
    const outcomes = numbered(700)
    for (const outcome of outcomes) writer.record(outcome)
    expect(await writer.flush()).toBe(false)
    expect(writer.problem).toBe('SQLITE_FULL')
    expect(writer.counters).toEqual({
      written: 0,
      dropped: 100,
      failed: 0,
      withoutBodies: 0,
      uncounted: 0,
      queued: 600,
      spooled: 0,
    })
    for (let second = 0; second < 119; second += 1) {
      clock.advance(1_000)
      expect(await writer.flush()).toBe(false)
    }
    expect(logger.at('error')).toHaveLength(2)
    expect(logger.lines[0]?.fields).toEqual({ reason: 'SQLITE_FULL', queued: 600, dropped: 100 })

    database.run('PRAGMA max_page_count = 1000000')
    expect(await writer.flush()).toBe(true)
    expect(writer.problem).toBeUndefined()
    expect(storedIds(database)).toEqual(ids(outcomes).slice(0, 600))
    expect(logger.at('info')).toHaveLength(1)
    expect(integrity(database)).toEqual({ integrity_check: 'ok' })
  })

  test('locked by another process: record does not throw, rows land when it lets go', async () => {
    const { path, database, writer } = makeWriter()
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    const outcomes = numbered(10)
    for (const outcome of outcomes) writer.record(outcome)
    expect(await writer.flush()).toBe(false)
    expect(writer.problem).toBe('SQLITE_BUSY')
    expect(writer.counters.queued).toBe(10)
    other.run('ROLLBACK')
    other.close()
    expect(await writer.flush()).toBe(true)
    expect(storedIds(database)).toEqual(ids(outcomes))
  })

  test('broken halfway through a batch: the batch is undone and holds no lock', async () => {
    const { path, database, writer } = makeWriter()
    const other = openDatabase(path, 'log')
    other.run('ALTER TABLE request_bodies RENAME TO elsewhere')
    const outcomes = [sampleOutcome(), sampleOutcome({ requestBody: 'body' })]
    for (const outcome of outcomes) writer.record(outcome)
    expect(await writer.flush()).toBe(false)
    expect(storedIds(other)).toEqual([])
    other.run('ALTER TABLE elsewhere RENAME TO request_bodies')
    other.close()
    expect(await writer.flush()).toBe(true)
    expect(storedIds(database)).toEqual(ids(outcomes))
    expect(writer.counters).toMatchObject({ written: 2, failed: 0, queued: 0 })
  })

  test('is tried again by itself', async () => {
    const { path, writer } = makeWriter({ flushIntervalMs: 1, retryIntervalMs: 5 })
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    writer.record(sampleOutcome())
    await until('the failure is seen', () => writer.problem !== undefined)
    other.run('ROLLBACK')
    other.close()
    await until('the row is written', () => writer.counters.written === 1)
    expect(writer.problem).toBeUndefined()
  })

  test('at the end: close gives up after its time and says how many rows are lost', async () => {
    const path = join(temporaryFolder(), 'weir-log.db')
    const database = migratedDatabase(path, 'log')
    setBusyTimeout(database, 0)
    const logger = new MemoryLogger()
    const limits = { closeTimeoutMs: 20, retryIntervalMs: 5 }
    const writer = new LogWriter(database, { logger, clock: realClock, limits })
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    for (const outcome of numbered(3)) writer.record(outcome)
    await writer.close()
    expect(writer.counters).toMatchObject({ written: 0, dropped: 3, queued: 0 })
    expect(logger.lines.at(-1)?.fields).toEqual({ rows: 3, reason: 'SQLITE_BUSY' })
    other.close()
  })

  test.skipIf(process.platform === 'win32')(
    'whose file may not grow (an I/O error): the process lives and nothing throws',
    async () => {
      const script = `
      const { migratedDatabase, sampleOutcome, MemoryLogger, realClock } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const { LogWriter } = await import(${JSON.stringify(join(import.meta.dir, 'log-writer.ts'))})
      const database = migratedDatabase(${JSON.stringify(join(temporaryFolder(), 'weir-log.db'))}, 'log')
      const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock })
      for (let row = 0; row < 2000; row += 1) writer.record(sampleOutcome({ userAgent: 'x'.repeat(500) }))
      const flushed = await writer.flush()
      process.stdout.write(JSON.stringify({ flushed, problem: writer.problem, ...writer.counters }))
    `
      const child = Bun.spawn(
        ['sh', '-c', 'ulimit -f 512; exec "$0" -e "$1"', process.execPath, script],
        { stdout: 'pipe', stderr: 'pipe' },
      )
      const result = JSON.parse(await new Response(child.stdout).text())
      expect(await child.exited).toBe(0)
      expect(result.flushed).toBe(false)
      expect(result.problem).toMatch(/^SQLITE_(IOERR|FULL)/)
      expect(result.written + result.queued).toBe(2000)
      expect(result.queued).toBeGreaterThan(0)
    },
  )
})

describe('a process that is killed', () => {
  test('loses nothing that was written, has no gap, and loses at most the window', async () => {
    for (let round = 0; round < 3; round += 1) {
      const path = join(temporaryFolder(), 'weir-log.db')
      const child = spawnScript(`
        const { writeSync } = await import('node:fs')
        const { migratedDatabase, sampleOutcome, MemoryLogger, realClock } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
        const { LogWriter } = await import(${JSON.stringify(join(import.meta.dir, 'log-writer.ts'))})
        const writer = new LogWriter(migratedDatabase(${JSON.stringify(path)}, 'log'), { logger: new MemoryLogger(), clock: realClock })
        let row = 0
        // Time of this process alone: what passes while the machine does other things is no part of the window.
        let [ownMs, lastMs] = [0, performance.now()]
        setInterval(() => {
          const nowMs = performance.now()
          ownMs += Math.min(nowMs - lastMs, 10)
          lastMs = nowMs
          for (let more = 0; more < 7; more += 1) writer.record(sampleOutcome({ requestId: String(row++), timestampMs: Math.floor(ownMs) }))
          writeSync(1, JSON.stringify([row, writer.counters.written, ownMs]) + '\\n')
        }, 1)
      `)
      let last: [number, number, number] = [0, 0, 0]
      const enough = 700 + round * 613
      const decoder = new TextDecoder()
      let text = ''
      for await (const bytes of child.stdout) {
        text += decoder.decode(bytes, { stream: true })
        const lines = text.split('\n')
        text = lines.pop() ?? ''
        for (const line of lines) last = JSON.parse(line)
        if (last[0] >= enough && child.signalCode === null) child.kill('SIGKILL')
      }
      await child.exited
      const [recorded, written, lastMs] = last
      const database = openDatabase(path, 'log')
      const stored = storedIds(database)
      expect(stored).toEqual(stored.map((_, at) => String(at)))
      expect(stored.length).toBeGreaterThanOrEqual(written)
      expect(written).toBeGreaterThan(0)
      expect(recorded).toBeGreaterThanOrEqual(enough)
      const newest =
        database.query<{ ms: number }, []>('SELECT max(timestamp_ms) AS ms FROM requests').get()
          ?.ms ?? 0
      // The window is 50 ms; the rest is for what the writer works itself meanwhile.
      expect(lastMs - newest).toBeLessThan(LIMITS.logFlushIntervalMs + 450)
      expect(integrity(database)).toEqual({ integrity_check: 'ok' })
      database.close()
    }
  })

  test('ends by itself with its rows written: a waiting row keeps it alive, an idle writer or a broken store does not', async () => {
    const path = join(temporaryFolder(), 'weir-log.db')
    const prelude = `
      const { migratedDatabase, sampleOutcome, MemoryLogger, realClock } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const { LogWriter } = await import(${JSON.stringify(join(import.meta.dir, 'log-writer.ts'))})
      const database = migratedDatabase(${JSON.stringify(path)}, 'log')
      const writer = new LogWriter(database, { logger: new MemoryLogger(), clock: realClock, limits: { retryIntervalMs: 3600000 } })
    `
    expect((await runScript(prelude)).code).toBe(0)
    expect((await runScript(`${prelude}; writer.record(sampleOutcome())`)).code).toBe(0)
    const full = `database.run('PRAGMA max_page_count = 1'); database.run('PRAGMA busy_timeout = 0'); writer.record(sampleOutcome({ userAgent: 'x'.repeat(100000) }))`
    expect((await runScript(`${prelude}; ${full}`)).code).toBe(0)
    const database = openDatabase(path, 'log')
    expect(storedIds(database)).toHaveLength(1)
    database.close()
  })
})

describe('a row that no store takes', () => {
  test('is counted and does not hold up the others', async () => {
    const { database, writer, logger } = makeWriter()
    const circular: unknown[] = []
    circular.push(circular)
    writer.record(sampleOutcome({ requestId: 'a' }))
    writer.record(sampleOutcome({ requestId: 'not-a-number', status: Number.NaN }))
    writer.record(sampleOutcome({ requestId: 'circular', attempts: circular as [] }))
    writer.record(sampleOutcome({ requestId: 'b' }))
    expect(await writer.flush()).toBe(true)
    expect(storedIds(database)).toEqual(['a', 'b'])
    expect(writer.counters).toMatchObject({ written: 2, failed: 2, queued: 0 })
    expect(logger.at('error')).toHaveLength(1)
    expect(writer.problem).toBeUndefined()
  })
})

describe('bounds', () => {
  test('bodies beyond the bound are left out, their rows are not; an empty body is a body', async () => {
    const { database, writer } = makeWriter({ queueBodyCharsMax: 10 })
    const bodies = [
      { requestBody: '12345678', responseBody: '' },
      { requestBody: '123' },
      { responseBody: '12' },
      {},
    ]
    for (const fields of bodies) writer.record(sampleOutcome(fields))
    expect(writer.counters.withoutBodies).toBe(1)
    await writer.flush()
    expect(
      database.query('SELECT sequence, request_body, response_body FROM request_bodies').all(),
    ).toEqual([
      { sequence: 1, request_body: '12345678', response_body: '' },
      { sequence: 3, request_body: null, response_body: '12' },
    ])
    // What was written no longer counts against the bound.
    writer.record(sampleOutcome({ requestBody: '1234567890' }))
    expect(writer.counters.withoutBodies).toBe(1)
  })

  test('rows keep their order through any growth and wrap of the queue', async () => {
    const { database, writer } = makeWriter({ queueRowsMax: 5_000, flushRows: 700 })
    const outcomes = numbered(9_000)
    let at = 0
    for (const step of [900, 1_500, 100, 2_000, 4_500]) {
      for (const outcome of outcomes.slice(at, at + step)) writer.record(outcome)
      at += step
      await writer.flush()
    }
    expect(writer.counters).toMatchObject({ written: 9_000, dropped: 0 })
    expect(storedIds(database)).toEqual(ids(outcomes))
  })

  test('error text is cut at its limit', async () => {
    const { database, writer } = makeWriter()
    writer.record(sampleOutcome({ errorText: 'e'.repeat(LIMITS.logErrorCharsMax + 1) }))
    await writer.flush()
    expect(database.query('SELECT length(error_text) AS chars FROM requests').get()).toEqual({
      chars: LIMITS.logErrorCharsMax,
    })
  })
})

describe('the writer', () => {
  test('close writes everything, may be called twice, and later rows are counted as dropped', async () => {
    const { database, writer } = makeWriter()
    const outcomes = numbered(1_000)
    for (const outcome of outcomes) writer.record(outcome)
    await Promise.all([writer.close(), writer.close()])
    writer.record(sampleOutcome())
    expect(writer.counters).toEqual({
      written: 1_000,
      dropped: 1,
      failed: 0,
      withoutBodies: 0,
      uncounted: 0,
      queued: 0,
      spooled: 0,
    })
    expect(storedIds(database)).toEqual(ids(outcomes))
  })

  test('writes by itself after the interval, and at once when enough rows wait', async () => {
    const slow = makeWriter({ flushIntervalMs: 10 })
    slow.writer.record(sampleOutcome())
    await until('the interval has passed', () => slow.writer.counters.written === 1)
    const many = makeWriter({ flushRows: 10 })
    for (const outcome of numbered(10)) many.writer.record(outcome)
    expect(many.writer.counters.written).toBe(0)
    await until('the batch is written', () => many.writer.counters.written === 10)
  })

  test('finds a row by its id and reads pages by time through the indexes', async () => {
    const { database, writer } = makeWriter()
    const requests = new Requests(drizzle(database))
    for (const outcome of numbered(50)) writer.record(outcome)
    await writer.flush()
    expect(await requests.count('default')).toBe(50)
    const plan = (sql: string) => JSON.stringify(database.query(`EXPLAIN QUERY PLAN ${sql}`).all())
    const page = plan(
      "SELECT * FROM requests WHERE tenant_id = 'a' AND timestamp_ms >= 5 ORDER BY timestamp_ms DESC, sequence DESC LIMIT 9",
    )
    expect(page).toContain('requests_time')
    expect(page).not.toContain('TEMP B-TREE')
    expect(
      plan("SELECT * FROM requests WHERE log_ms = 1 AND log_id = 'x' AND tenant_id = 'a'"),
    ).toContain('requests_log_ms')
  })

  test('ten thousand rows (measured, not judged)', async () => {
    const { writer } = makeWriter()
    const outcomes = numbered(10_000, {
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
    const startMs = performance.now()
    for (const outcome of outcomes) writer.record(outcome)
    const recordedMs = performance.now()
    await writer.flush()
    const perRow = (durationMs: number) => ((durationMs / outcomes.length) * 1_000).toFixed(2)
    process.stdout.write(
      `log writer: record ${perRow(recordedMs - startMs)} µs a row, write ${perRow(performance.now() - recordedMs)} µs a row\n`,
    )
    expect(writer.counters.written).toBe(10_000)
  })
})
