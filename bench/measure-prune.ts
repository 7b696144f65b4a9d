// A million old rows deleted while requests pass at a steady pace: what these feel of it, on SQLite, on Postgres by whole months, and on
// Postgres row by row where a legal hold keeps some of a month. Each is held against a server of the same age on a copy of the same rows that
// deletes nothing, asked in turns with it while it stands still: so what else the machine does then meets both.

import { Database } from 'bun:sqlite'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { monthOf, PostgresLogKeeper } from '../src/storage/postgres-log-keeper.ts'
import { PostgresPool } from '../src/storage/postgres-pool.ts'
import { SILENT_LOGGER } from '../src/telemetry/log.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { Connection } from './connection.ts'
import { median, quantile } from './driver.ts'
import { warmUp } from './measure-plain.ts'
import type { Running } from './process.ts'
import { number, type Figure } from './report.ts'
import { SEEDED_SPAN_MS, seedPostgres, seedSqlite } from './seed-requests.ts'
import type { Stage, StartWeirOptions } from './stage.ts'

export interface PruneOptions {
  readonly rows: number
}

const PER_SECOND = 50
const WINDOW_MS = 4_000
const CONNECTIONS = 32
/** Months go within one window: that is asked so often, each time on a copy. */
const MONTH_ROUNDS = 5
/** The first requests of a process are slower, whatever else it does. */
const WARM_UP = 1_000
/** Of each server; what is deleted afterwards is only waited for. */
const WINDOWS_MAX = 20
/** One that stood still takes up its timers before it is measured. */
const WAKE_MS = 200
/** Deleting may take so long at most. */
const LIMIT_MS = 900_000
/** Old enough for every month of the rows to be over. */
const AGE_MS = 40 * 24 * 3_600_000
const RETENTION = { log: { retention: '1h' } }

/** How many old rows are left. */
type Left = () => Promise<number>

export async function measurePrune(stage: Stage, options: PruneOptions): Promise<Figure[]> {
  const figures = await onSqlite(stage, options)
  const missing = postgresMissing()
  if (missing !== undefined) {
    return [
      ...figures,
      { name: `not measured on Postgres: ${missing}`, value: Number.NaN, unit: '' },
    ]
  }
  return [
    ...figures,
    ...(await onPostgres(stage, options, false)),
    ...(await onPostgres(stage, options, true)),
  ]
}

async function onSqlite(stage: Stage, { rows }: PruneOptions): Promise<Figure[]> {
  const dataFolder = stage.newDataFolder()
  await stage.stop(await stage.startWeir({ dataFolder }))
  const path = join(dataFolder, 'weir-log.db')
  const endMs = Date.now() - AGE_MS
  seedSqlite(path, rows, endMs)
  const beside = stage.newDataFolder()
  cpSync(dataFolder, beside, { recursive: true })
  const database = new Database(path, { readonly: true })
  database.run('PRAGMA busy_timeout = 2000')
  const left: Left = () => {
    const [row] = database
      .query<{ n: number }, [number]>('SELECT count(*) AS n FROM requests WHERE timestamp_ms < ?')
      .all(endMs)
    return Promise.resolve(row?.n ?? 0)
  }
  const pruning = { dataFolder, more: RETENTION }
  const pair = { pruning, beside: { dataFolder: beside } }
  const figures = await measured(stage, pair, 'SQLite', rows, left, 0)
  database.close()
  return figures
}

async function onPostgres(
  stage: Stage,
  { rows }: PruneOptions,
  isHeld: boolean,
): Promise<Figure[]> {
  await using postgres = await startPostgres()
  const { name: filled, url } = await postgres.createDatabase()
  const storage = { storage: { url } }
  const dataFolder = stage.newDataFolder()
  await stage.stop(await stage.startWeir({ dataFolder, more: storage }))
  const endMs = Date.now() - AGE_MS
  await fillPostgres(url, rows, endMs, isHeld)
  if (!isHeld) {
    const copy = async () => (await postgres.createDatabase(filled)).url
    return await measuredInRounds(stage, { copy, dataFolder, endMs, rows })
  }
  const besideFolder = stage.newDataFolder()
  cpSync(dataFolder, besideFolder, { recursive: true })
  const copied = { storage: { url: (await postgres.createDatabase(filled)).url } }
  const pool = poolOf(url)
  const left: Left = () => countBefore(pool, endMs)
  const held = await countBefore(
    pool,
    endMs,
    "AND tenant_id = 'research' AND api_key_id = 'key-user-39'",
  )
  const pair = {
    pruning: { dataFolder, more: { ...storage, ...RETENTION } },
    beside: { dataFolder: besideFolder, more: copied },
  }
  const name = 'Postgres, row by row beside a hold'
  const figures = await measured(stage, pair, name, rows, left, held)
  await pool.close()
  return figures
}

interface Months {
  /** Makes a copy of the filled database. Resolves to its URL. */
  readonly copy: () => Promise<string>
  readonly dataFolder: string
  readonly endMs: number
  readonly rows: number
}

/** A server that deletes nothing and then, of the same age and on the same rows, one that does. */
async function measuredInRounds(stage: Stage, months: Months): Promise<Figure[]> {
  const { copy, dataFolder, endMs, rows } = months
  const name = 'Postgres, by months'
  const [during, without]: [Float64Array[], Float64Array[]] = [[], []]
  let tookMs = 0
  while (during.length < MONTH_ROUNDS) {
    const url = await copy()
    const pool = poolOf(url)
    for (const [samples, retention] of [
      [without, {}],
      [during, RETENTION],
    ] as const) {
      const startedMs = performance.now()
      const more = { storage: { url }, ...retention }
      const weir = await stage.startWeir({ dataFolder, more, name: `weir on ${name}` })
      await warmUp(stage, weir, WARM_UP)
      samples.push(await paced(stage, weir))
      if (samples === during) tookMs = Math.max(tookMs, performance.now() - startedMs)
      await stage.stop(weir)
    }
    const rest = await countBefore(pool, endMs)
    if (rest > 0) stage.failures.push(`prune on ${name}: ${rest} rows are left`)
    await pool.close()
  }
  return figuresOf(name, rows, tookMs, during, without)
}

async function countBefore(pool: PostgresPool, endMs: number, where = ''): Promise<number> {
  const [row] = await pool.query<{ n: number }>(
    `SELECT count(*) AS n FROM requests WHERE timestamp_ms < $1 ${where}`,
    [endMs],
  )
  return Number(row?.n ?? 0)
}

function poolOf(url: string): PostgresPool {
  return new PostgresPool(
    { engine: 'postgres', url, connections: 1 },
    { connections: 1, logger: SILENT_LOGGER, timeouts: undefined, answerTimeoutMs: 600_000 },
  )
}

/** A database that a server has migrated. @param isHeld a hold keeps the rows of one key */
async function fillPostgres(
  url: string,
  rows: number,
  endMs: number,
  isHeld: boolean,
): Promise<void> {
  const pool = poolOf(url)
  const keeper = new PostgresLogKeeper(pool)
  for (const timeMs of [endMs - SEEDED_SPAN_MS, endMs]) await keeper.make(monthOf(timeMs))
  await seedPostgres(pool, rows, endMs)
  if (isHeld) {
    const hold = { kind: 'key', subject: 'key-user-39', reason: 'a measure', createdBy: 'bench' }
    await pool.query(
      'INSERT INTO holds (tenant_id, id, hold, created_ms) VALUES ($1, $2, $3::text::jsonb, $4)',
      ['research', 'bench', JSON.stringify(hold), Date.now()],
    )
  }
  await pool.close()
}

interface Pair {
  readonly pruning: StartWeirOptions
  readonly beside: StartWeirOptions
}

async function measured(
  stage: Stage,
  pair: Pair,
  name: string,
  rows: number,
  left: Left,
  staying: number,
): Promise<Figure[]> {
  const beside = await stage.startWeir({ ...pair.beside, name: `weir beside ${name}` })
  await warmUp(stage, beside, WARM_UP)
  const weir = await stage.startWeir({ ...pair.pruning, name: `weir on ${name}` })
  await warmUp(stage, weir, WARM_UP)
  const during: Float64Array[] = []
  const without: Float64Array[] = []
  let tookMs = 0
  while ((await left()) > staying && tookMs < LIMIT_MS) {
    const startedMs = performance.now()
    if (during.length < WINDOWS_MAX) during.push(await paced(stage, weir))
    else await Bun.sleep(WINDOW_MS)
    tookMs += performance.now() - startedMs
    if (without.length === during.length) continue
    process.kill(weir.pid, 'SIGSTOP')
    without.push(await paced(stage, beside))
    process.kill(weir.pid, 'SIGCONT')
    await Bun.sleep(WAKE_MS)
  }
  const rest = await left()
  await stage.stop(weir)
  await stage.stop(beside)
  if (rest !== staying)
    stage.failures.push(`prune on ${name}: ${rest} rows are left, not ${staying}`)
  return figuresOf(name, rows, tookMs, during, without)
}

function figuresOf(
  name: string,
  rows: number,
  tookMs: number,
  during: readonly Float64Array[],
  without: readonly Float64Array[],
): Figure[] {
  const p99 = (samples: readonly Float64Array[]) =>
    median(samples.map((sample) => quantile(sample, 0.99)))
  const longest = (samples: readonly Float64Array[]) =>
    Math.max(...samples.map((sample) => sample.at(-1) ?? 0))
  const isQuick = during.length === 0
  return [
    {
      name: `${name}: p99 of requests while rows are deleted, over without`,
      value: isQuick ? Number.NaN : p99(during) / p99(without),
      unit: '×',
      goal: { atMost: 1.1 },
      beside: isQuick
        ? 'gone before a window was over'
        : `${number(p99(during))} ms and ${number(p99(without))} ms, ${PER_SECOND} a second`,
    },
    {
      name: '  … the longest of them',
      value: isQuick ? Number.NaN : longest(during),
      unit: 'ms',
      digits: 1,
      goal: { atMost: 50 },
      beside: `without ${number(longest(without), 1)} ms`,
    },
    {
      name: `  … until all are gone`,
      value: tookMs / 1_000,
      unit: 's',
      digits: 1,
      beside: `${rows} rows`,
    },
  ]
}

/** Requests at a steady pace, whether or not those before are answered; how long each took, sorted. */
async function paced(stage: Stage, weir: Running): Promise<Float64Array> {
  const load = stage.plain(weir)
  const free = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => Connection.open(load.port)),
  )
  const all = [...free]
  const took: number[] = []
  const asking: Promise<void>[] = []
  const startedMs = performance.now()
  for (let at = 0; at < (WINDOW_MS * PER_SECOND) / 1_000; at += 1) {
    const dueMs = startedMs + (at * 1_000) / PER_SECOND
    await Bun.sleep(Math.max(0, dueMs - performance.now()))
    const connection = free.shift()
    if (connection === undefined) {
      stage.failures.push('prune: every connection waits')
      break
    }
    asking.push(
      connection.exchange(load.request, load.expect()).then(({ fault, totalMs }) => {
        if (fault !== undefined) stage.failures.push(`prune: ${fault}`)
        took.push(totalMs)
        free.push(connection)
      }),
    )
  }
  await Promise.all(asking)
  for (const connection of all) connection.close()
  return Float64Array.from(took).sort()
}
