// Searches, counts and charts over a month of requests, asked of the executable as the web UI asks them, on SQLite and on Postgres; and what
// model requests feel of it while somebody looks around in the log.

import { join } from 'node:path'
import { monthOf, PostgresLogKeeper } from '../src/storage/postgres-log-keeper.ts'
import { PostgresPool } from '../src/storage/postgres-pool.ts'
import { SILENT_LOGGER } from '../src/telemetry/log.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { median, quantile } from './driver.ts'
import { takeSample, warmUp } from './measure-plain.ts'
import type { Running } from './process.ts'
import { number, type Figure } from './report.ts'
import { SEEDED, SEEDED_SPAN_MS, seedPostgres, seedSqlite } from './seed-requests.ts'
import type { Stage } from './stage.ts'

export interface SearchOptions {
  readonly rows: number
  readonly rounds: number
  readonly windowMs: number
}

const ADMIN = 'weir-bench-reader-0123456789abcdef0123456789'
/** One look at the log in so long, as a person and their charts make them. */
const LOOK_INTERVAL_MS = 250
const GOAL_MS = 200

export async function measureSearch(stage: Stage, options: SearchOptions): Promise<Figure[]> {
  const figures = await onSqlite(stage, options)
  const missing = postgresMissing()
  if (missing !== undefined) {
    return [
      ...figures,
      { name: `not measured on Postgres: ${missing}`, value: Number.NaN, unit: '' },
    ]
  }
  return [...figures, ...(await onPostgres(stage, options))]
}

const KEYS = [{ name: 'reader', key: ADMIN, roles: ['auditor'] }]

async function onSqlite(stage: Stage, options: SearchOptions): Promise<Figure[]> {
  const dataFolder = stage.newDataFolder()
  // Its first start makes the files.
  await stage.stop(await stage.startWeir({ dataFolder }))
  const endMs = Date.now()
  seedSqlite(join(dataFolder, 'weir-log.db'), options.rows, endMs)
  const weir = await stage.startWeir({ dataFolder, keys: KEYS, name: 'weir on SQLite' })
  const figures = await measured('SQLite', stage, weir, options, endMs)
  await stage.stop(weir)
  return figures
}

async function onPostgres(stage: Stage, options: SearchOptions): Promise<Figure[]> {
  await using postgres = await startPostgres()
  const { url } = await postgres.createDatabase()
  const more = { storage: { url } }
  const dataFolder = stage.newDataFolder()
  await stage.stop(await stage.startWeir({ dataFolder, more }))
  const endMs = Date.now()
  const pool = new PostgresPool(
    { engine: 'postgres', url, connections: 1 },
    { connections: 1, logger: SILENT_LOGGER, timeouts: undefined, answerTimeoutMs: 600_000 },
  )
  const keeper = new PostgresLogKeeper(pool)
  for (const timeMs of [endMs - SEEDED_SPAN_MS, endMs]) await keeper.make(monthOf(timeMs))
  await seedPostgres(pool, options.rows, endMs)
  await pool.close()
  const weir = await stage.startWeir({ dataFolder, more, keys: KEYS, name: 'weir on Postgres' })
  const figures = await measured('Postgres', stage, weir, options, endMs)
  await stage.stop(weir)
  return figures
}

type Kind = 'search' | 'facets' | 'series'

/** What people look for, each as they would in a UI. */
function questions(endMs: number): readonly (readonly [Kind, Record<string, string>])[] {
  const daysAgo = (days: number) => new Date(endMs - days * 86_400_000).toISOString()
  const month = { since: daysAgo(30) }
  return [
    ['search', {}],
    ['search', { ...month, status: 'error' }],
    ['search', { ...month, status: '502' }],
    ['search', { ...month, model: SEEDED.models[0] }],
    ['search', { ...month, model: SEEDED.rareModel }],
    ['search', { ...month, user: 'user-38' }],
    ['search', { ...month, user: 'nobody' }],
    ['search', { ...month, key: 'key-user-3', status: '5xx' }],
    ['search', { ...month, error_text: 'answered 400' }],
    ['search', { ...month, error_text: 'nothing of the kind' }],
    ['search', { ...month, min_ms: '20000' }],
    ['search', { ...month, min_cost_usd: '0.049' }],
    ['search', { ...month, fallback: 'true' }],
    ['search', { ...month, losses: 'true', stream: 'true' }],
    ['search', { until: daysAgo(15) }],
    ['search', { trace_id: '0'.repeat(32) }],
    ['facets', { since: daysAgo(1) }],
    ['facets', { since: daysAgo(7), status: 'error' }],
    ['facets', { ...month, key: 'key-user-3' }],
    ['facets', month],
    ['facets', { since: daysAgo(0.1), min_ms: '5000' }],
    ['series', { since: daysAgo(1 / 24) }],
    ['series', { since: daysAgo(1), by: 'model' }],
    ['series', { since: daysAgo(7), by: 'key' }],
    ['series', month],
  ]
}

async function measured(
  engine: string,
  stage: Stage,
  weir: Running,
  { rounds, windowMs }: SearchOptions,
  endMs: number,
): Promise<Figure[]> {
  const asked = questions(endMs)
  const took = new Map<Kind, number[]>()
  const slowest = { ms: 0, what: '' }
  // The first round warms caches up, as the first look of a person does.
  for (let round = 0; round <= rounds * 2; round += 1) {
    for (const [kind, query] of asked) {
      const elapsedMs = await look(weir, kind, query)
      if (round === 0) continue
      took.set(kind, [...(took.get(kind) ?? []), elapsedMs])
      if (elapsedMs > slowest.ms) {
        Object.assign(slowest, { ms: elapsedMs, what: `${kind} ${JSON.stringify(query)}` })
      }
    }
  }
  const figures = [...took].flatMap(([kind, times]) => [
    {
      name: `${engine}: ${kind}, p95`,
      value: quantile(Float64Array.from(times).sort(), 0.95),
      unit: 'ms',
      digits: 1,
      goal: { atMost: GOAL_MS },
      beside: `p50 ${number(median(times), 1)} ms`,
    },
  ])
  const felt = await whatRequestsFeel(stage, weir, asked, rounds, windowMs)
  return [
    ...figures,
    {
      name: '  … the slowest of all',
      value: slowest.ms,
      unit: 'ms',
      digits: 1,
      beside: slowest.what,
    },
    ...felt,
  ]
}

/** One question, answered whole. @throws Error for anything but a 200 */
async function look(weir: Running, kind: Kind, query: Record<string, string>): Promise<number> {
  const path = kind === 'search' ? '' : `/${kind}`
  const url = `http://127.0.0.1:${weir.port}/admin/requests${path}?${new URLSearchParams(query)}`
  const startMs = performance.now()
  const answer = await fetch(url, { headers: { authorization: `Bearer ${ADMIN}` } })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${text.slice(0, 500)}`)
  return performance.now() - startMs
}

async function whatRequestsFeel(
  stage: Stage,
  weir: Running,
  asked: ReturnType<typeof questions>,
  rounds: number,
  windowMs: number,
): Promise<Figure[]> {
  await warmUp(stage, weir, 5_000)
  const ratios: number[] = []
  const alone: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const before = await takeSample(stage, weir, 1, windowMs)
    const stopping = new AbortController()
    const looking = lookAround(weir, asked, stopping.signal)
    const during = await takeSample(stage, weir, 1, windowMs)
    stopping.abort()
    await looking
    ratios.push(during.p99Ms / before.p99Ms)
    alone.push(before.p99Ms)
  }
  return [
    {
      name: '  … p99 of model requests while somebody looks around, over without',
      value: median(ratios),
      unit: '×',
      goal: { atMost: 1.1 },
      beside: `${number(median(alone), 2)} ms without, a look every ${LOOK_INTERVAL_MS} ms`,
    },
  ]
}

async function lookAround(
  weir: Running,
  asked: ReturnType<typeof questions>,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; !signal.aborted; at += 1) {
    const [kind, query] = asked[at % asked.length]!
    const tookMs = await look(weir, kind, query)
    await Bun.sleep(Math.max(0, LOOK_INTERVAL_MS - tookMs))
  }
}
