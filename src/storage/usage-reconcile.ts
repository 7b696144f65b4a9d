// Computes hourly totals anew from the rows of the request log and compares them, line by line and column by column; where asked, writes
// what the rows say. One statement reads both sides, so that requests which end meanwhile are on both or on neither.

import { eq, lt, min, sql, type SQL } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { WindowSpan } from '../core/money.ts'
import type { ReconcileReport } from '../core/ports-money.ts'
import { BILLED_OPERATIONS, HOUR_MS, NAMING_STATUSES } from '../core/usage-rollup.ts'
import { atomically, type QueryBuilder, type StoreDatabase } from './atomically.ts'
import type { UsageTables } from './usage.ts'
import { AMOUNT_COLUMNS, KEY_COLUMNS } from './usage-companion.ts'

export interface UsageStore {
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly tables: UsageTables
}

type Difference = ReconcileReport['differences'][number]

const KEY_NAMES = Object.values(KEY_COLUMNS)
const AMOUNT_NAMES = Object.values(AMOUNT_COLUMNS)

type Engine = StoreDatabase['engine']

/** How many attempts a request took. */
const ATTEMPTS: Readonly<Record<Engine, string>> = {
  sqlite: 'json_array_length(attempts)',
  postgres: 'jsonb_array_length(attempts)',
}

/** What an answer from the response cache had cost. */
const SAVED: Readonly<Record<Engine, string>> = {
  sqlite: "json_extract(cache, '$.savedNanoUsd')",
  postgres: "(cache->>'savedNanoUsd')::bigint",
}

/** `hasModel` and `rollupAmounts` of core/usage-rollup.ts over columns. */
/** Of the JSON that says what the response cache had to do with a request; white space in it is the engine's. */
const IS_HIT = `CAST(cache AS TEXT) LIKE '%"state":%"hit"%'`
export const IS_NAMED = `(${IS_HIT} OR (provider_id IS NOT NULL AND (status < 400 OR status >= 500 OR status IN (${NAMING_STATUSES.join(', ')}) OR input_tokens IS NOT NULL OR output_tokens IS NOT NULL)))`
const TOKENS = [
  'input_tokens',
  'cache_read_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'output_tokens',
  'reasoning_tokens',
  'input_audio_tokens',
  'output_audio_tokens',
] as const
const HAS_USAGE = `(${[...TOKENS, 'usage_estimated'].map((name) => `${name} IS NOT NULL`).join(' OR ')})`
export const IS_BILLED = `(${HAS_USAGE} OR (status < 400 AND provider_id IS NOT NULL AND operation IN (${BILLED_OPERATIONS.map((name) => `'${name}'`).join(', ')})))`

const KEY_SQL: Readonly<Record<(typeof KEY_NAMES)[number], string>> = {
  hour_ms: `timestamp_ms - timestamp_ms % ${HOUR_MS}`,
  tenant_id: 'tenant_id',
  team_id: "COALESCE(team_id, '')",
  user_id: "COALESCE(user_id, '')",
  service_id: "COALESCE(service_id, '')",
  key_id: "COALESCE(api_key_id, '')",
  model: `CASE WHEN ${IS_NAMED} THEN COALESCE(model_requested, '') ELSE '' END`,
  provider_id: "COALESCE(provider_id, '')",
  provider_model: `CASE WHEN ${IS_NAMED} THEN COALESCE(model_resolved, '') ELSE '' END`,
  operation: 'operation',
}

function sumOf(name: (typeof AMOUNT_NAMES)[number], engine: Engine): string {
  switch (name) {
    case 'requests':
      return 'COUNT(*)'
    case 'errors':
      return 'SUM(CASE WHEN status >= 400 THEN 1 ELSE 0 END)'
    case 'server_errors':
      return 'SUM(CASE WHEN status >= 500 THEN 1 ELSE 0 END)'
    case 'fallbacks':
      return `SUM(CASE WHEN ${ATTEMPTS[engine]} > 1 THEN 1 ELSE 0 END)`
    case 'cache_hits':
      return 'SUM(CASE WHEN cache_read_tokens > 0 THEN 1 ELSE 0 END)'
    case 'first_token_requests':
      return 'COUNT(first_token_ms)'
    case 'response_hits':
      return `SUM(CASE WHEN ${IS_HIT} THEN 1 ELSE 0 END)`
    case 'saved_nano_usd':
      return `SUM(COALESCE(${SAVED[engine]}, 0))`
    case 'unpriced_requests':
      return `SUM(CASE WHEN cost_nano_usd IS NULL AND ${IS_BILLED} THEN 1 ELSE 0 END)`
    case 'estimated_requests':
      // True in one engine, 1 in the other.
      return 'SUM(CASE WHEN usage_estimated THEN 1 ELSE 0 END)'
    default:
      return `SUM(COALESCE(${name}, 0))`
  }
}

/** The totals of the hours from one moment up to another, as the rows say them. */
function fromRows(sinceMs: number, untilMs: number, engine: Engine): string {
  const keys = KEY_NAMES.map((name) => `${KEY_SQL[name]} AS ${name}`)
  const sums = AMOUNT_NAMES.map((name) => `CAST(${sumOf(name, engine)} AS BIGINT) AS ${name}`)
  const places = KEY_NAMES.map((_name, at) => at + 1).join(', ')
  return `SELECT ${[...keys, ...sums].join(', ')} FROM requests WHERE timestamp_ms >= ${wholeText(sinceMs)} AND timestamp_ms < ${wholeText(untilMs)} GROUP BY ${places}`
}

/** Only whole numbers ever stand in a text of SQL. */
function wholeText(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError('no whole number')
  return String(value)
}

/** See the port. Only hours whose rows are all there are compared: what retention has deleted says nothing. */
export async function reconcileHours(
  store: UsageStore,
  span: WindowSpan,
  mend: boolean,
): Promise<ReconcileReport> {
  const range = await comparable(store, span)
  const differences: Difference[] = []
  let hours = 0
  let rows = 0
  let mended = 0
  const step = LIMITS.reconcileHoursAtOnceMax * HOUR_MS
  for (let at = range.sinceMs; at < range.untilMs; at += step) {
    const untilMs = Math.min(at + step, range.untilMs)
    const found = await compare(store, at, untilMs)
    hours += (untilMs - at) / HOUR_MS
    rows += found.rows
    differences.push(...found.differences)
    if (!mend) continue
    for (const hourMs of mendable(found)) {
      await writeHour(store, hourMs)
      mended += 1
    }
  }
  return { hours, rows, differences, mended }
}

/** Hours in which nothing is missing, and something differs or was not counted yet when they were written. */
function mendable({ differences, unfilled }: Compared): number[] {
  const incomplete = new Set(
    differences.filter(({ rowsMissing }) => rowsMissing === true).map(({ hourMs }) => hourMs),
  )
  const all = new Set([...unfilled, ...differences.map(({ hourMs }) => hourMs)])
  return [...all].filter((hourMs) => !incomplete.has(hourMs))
}

/** The part of a span whose rows are there: from the first row on, but for its hour where anything was counted before it. */
async function comparable(
  { queries, tables }: UsageStore,
  span: WindowSpan,
): Promise<{ sinceMs: number; untilMs: number }> {
  const { requests, usageHourly } = tables
  const [first] = await queries.select({ ms: min(requests.timestampMs) }).from(requests)
  if (first?.ms === null || first?.ms === undefined) return { sinceMs: 0, untilMs: 0 }
  const firstHourMs = Math.floor(Number(first.ms) / HOUR_MS) * HOUR_MS
  const earlier = await queries
    .select({ hourMs: usageHourly.hourMs })
    .from(usageHourly)
    .where(lt(usageHourly.hourMs, firstHourMs))
    .limit(1)
  const [last] = await queries
    .select({ ms: sql<number | null>`MAX(${usageHourly.hourMs})` })
    .from(usageHourly)
  const [newest] = await queries
    .select({ ms: sql<number | null>`MAX(${requests.timestampMs})` })
    .from(requests)
  const rowsFromMs = earlier.length === 0 ? firstHourMs : firstHourMs + HOUR_MS
  const lastMs = Math.max(Number(last?.ms ?? 0), Number(newest?.ms ?? 0))
  const endMs = (Math.floor(lastMs / HOUR_MS) + 1) * HOUR_MS
  return {
    sinceMs: Math.max(rowsFromMs, Math.floor(span.startMs / HOUR_MS) * HOUR_MS),
    untilMs: Math.min(endMs, Math.ceil(span.endMs / HOUR_MS) * HOUR_MS),
  }
}

type Side = Record<string, string | number | boolean | null>

interface Compared {
  readonly differences: Difference[]
  readonly rows: number
  /** Hours with lines of before everything was counted that is counted now: no difference, as nothing was said. */
  readonly unfilled: ReadonlySet<number>
}

/** Both sides in one statement, as one snapshot. */
async function compare(store: UsageStore, sinceMs: number, untilMs: number): Promise<Compared> {
  const columns = [...KEY_NAMES, ...AMOUNT_NAMES]
  const stored = `SELECT ${columns.join(', ')}, 0 AS side FROM usage_hourly WHERE hour_ms >= ${wholeText(sinceMs)} AND hour_ms < ${wholeText(untilMs)}`
  const actual = `SELECT a.*, 1 AS side FROM (${fromRows(sinceMs, untilMs, store.database.engine)}) a`
  const both = sql.raw(`(${stored} UNION ALL ${actual}) both_sides`)
  const selection = Object.fromEntries(
    [...columns, 'side'].map((name) => [name, sql<string | number>`${sql.raw(name)}`.as(name)]),
  ) as Record<string, SQL.Aliased<string | number>>
  const sides: Side[] = await store.queries.select(selection).from(both)
  return compared(sides)
}

interface Line {
  readonly key: Side
  stored?: Side
  actual?: Side
}

function compared(sides: readonly Side[]): Compared {
  const lines = new Map<string, Line>()
  let rows = 0
  for (const side of sides) {
    const name = JSON.stringify(KEY_NAMES.map((column) => String(side[column])))
    let line = lines.get(name)
    if (line === undefined) lines.set(name, (line = { key: side }))
    if (Number(side['side']) === 0) line.stored = side
    else {
      line.actual = side
      rows += Number(side['requests'])
    }
  }
  const differences: Difference[] = []
  const unfilled = new Set<number>()
  for (const line of lines.values()) {
    const columns: Record<string, { stored: number; actual: number }> = {}
    for (const column of AMOUNT_NAMES) {
      if (line.stored?.[column] === null) {
        unfilled.add(Number(line.key['hour_ms']))
        continue
      }
      const stored = Number(line.stored?.[column] ?? 0)
      const actual = Number(line.actual?.[column] ?? 0)
      if (stored !== actual) columns[column] = { stored, actual }
    }
    if (Object.keys(columns).length === 0) continue
    const { requests } = columns
    const rowsMissing = requests !== undefined && requests.actual < requests.stored
    differences.push({
      hourMs: Number(line.key['hour_ms']),
      tenantId: String(line.key['tenant_id']),
      group: Object.fromEntries(
        KEY_NAMES.slice(2).map((column) => [column, String(line.key[column])]),
      ),
      columns,
      ...(rowsMissing ? { rowsMissing: true as const } : {}),
    })
  }
  return { differences, rows, unfilled }
}

/** Writes the totals of an hour as its rows say them; what ends meanwhile is added by its own transaction, before or after. */
async function writeHour(store: UsageStore, hourMs: number): Promise<void> {
  const { usageHourly } = store.tables
  await atomically(store.database, (tx) => [
    tx.delete(usageHourly).where(eq(usageHourly.hourMs, hourMs)),
    tx
      .insert(usageHourly)
      .select(sql.raw(fromRows(hourMs, hourMs + HOUR_MS, store.database.engine))),
  ])
}
