// Those who count with the log, on SQLite (postgres-log.test.ts has the same on Postgres): each row counted once with its batch, and
// nobody who counts can keep a row out.

import { afterAll, describe, expect, test } from 'bun:test'
import type { Database } from 'bun:sqlite'
import { join } from 'node:path'
import type { Outcome } from '../core/outcome.ts'
import type { LogCompanion, LogStatement } from './log-companion.ts'
import { LogWriter } from './log-writer.ts'
import { openDatabase, setBusyTimeout } from './open.ts'
import {
  MemoryLogger,
  migratedDatabase,
  realClock,
  removeFolders,
  sampleOutcome,
  temporaryFolder,
} from './test-store.ts'

afterAll(removeFolders)

const COUNT =
  "INSERT INTO key_uses (tenant_id, key_id, last_used_ms) VALUES ('t', 'k', $1) ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_ms = key_uses.last_used_ms + $1"

function make(statementsFor: (batch: readonly Outcome[]) => readonly LogStatement[]) {
  const path = join(temporaryFolder(), 'weir-log.db')
  const database = migratedDatabase(path, 'log')
  setBusyTimeout(database, 0)
  const [committed, lost]: [string[], string[]] = [[], []]
  const companion: LogCompanion = {
    name: 'test',
    statementsFor,
    committed: (batch) => void committed.push(...batch.map((row) => row.requestId)),
    lost: (batch) => void lost.push(...batch.map((row) => row.requestId)),
  }
  const writer = new LogWriter(database, {
    logger: new MemoryLogger(),
    clock: realClock,
    limits: { flushIntervalMs: 3_600_000, retryIntervalMs: 3_600_000, queueRowsMax: 300 },
  })
  writer.attach(companion)
  return { path, database, writer, committed, lost }
}

const countAll = (batch: readonly Outcome[]): LogStatement[] => [
  { text: COUNT, values: [batch.length] },
]

function state(database: Database): { rows: number; counted: number } {
  const one = (sql: string): number => database.query<{ n: number | null }, []>(sql).get()?.n ?? 0
  return {
    rows: one('SELECT count(*) AS n FROM requests'),
    counted: one('SELECT sum(last_used_ms) AS n FROM key_uses'),
  }
}

const numbered = (count: number): Outcome[] =>
  Array.from({ length: count }, (_, at) => sampleOutcome({ requestId: `r${at}` }))

describe('a companion', () => {
  test('counts each row once, through locks, refusals and rows that are dropped', async () => {
    const { committed, database, lost, path, writer } = make(countAll)
    const other = openDatabase(path, 'log')
    other.run('BEGIN IMMEDIATE')
    for (const row of numbered(310)) writer.record(row)
    expect(await writer.flush()).toBe(false)
    expect(await writer.flush()).toBe(false)
    other.run('ROLLBACK')
    other.close()
    expect(await writer.flush()).toBe(true)
    expect(state(database)).toEqual({ rows: 300, counted: 300 })
    expect(committed).toHaveLength(300)
    expect(lost).toEqual(Array.from({ length: 10 }, (_, at) => `r${300 + at}`))
    writer.record(sampleOutcome({ requestId: 'refused', status: Number.NaN }))
    await writer.close()
    expect(lost).toContain('refused')
    expect(state(database)).toEqual({ rows: 300, counted: 300 })
  })

  test('that breaks or is refused keeps no row out, its own or others', async () => {
    const { committed, database, lost, writer } = make((batch) => {
      if (batch.some((row) => row.requestId === 'r3')) throw new TypeError('a bug')
      if (batch.some((row) => row.requestId === 'r5')) {
        return [{ text: 'INSERT INTO key_uses VALUES ($1, NULL, 1)', values: ['t'] }]
      }
      return countAll(batch)
    })
    for (const row of numbered(8)) writer.record(row)
    expect(await writer.flush()).toBe(true)
    expect(state(database)).toEqual({ rows: 8, counted: 6 })
    expect(writer.counters).toMatchObject({ written: 8, failed: 0, uncounted: 2 })
    expect(lost).toEqual(['r3', 'r5'])
    expect(committed).toHaveLength(8 - 2)
  })

  test('may use more statements than are kept', async () => {
    const { database, writer } = make((batch) =>
      Array.from({ length: 150 }, (_, at) => ({
        text: COUNT.replace("'k'", `'k${at}'`),
        values: [batch.length],
      })),
    )
    for (const row of numbered(2)) writer.record(row)
    expect(await writer.flush()).toBe(true)
    expect(state(database)).toEqual({ rows: 2, counted: 300 })
    await writer.close()
  })
})
