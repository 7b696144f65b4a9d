// Lines for charts: requests, errors, tokens, money and latency in buckets of time, from the hourly totals over long spans and from the
// rows over short ones. Percentiles are those of a sample of rows, whose size is told.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type {
  Latency,
  RequestSeries,
  SeriesLine,
  SeriesPoint,
  SeriesQuery,
} from '../core/ports-requests.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { TOTALS_SPAN_MS, type Counting } from './request-facets.ts'
import {
  ROW_DIMENSIONS,
  rowConditions,
  SearchText,
  TOTALS_DIMENSIONS,
  totalsConditions,
  totalsCount,
} from './request-search-sql.ts'
import type { Hours } from './request-windows.ts'
import type { SearchReader } from './search-reader.ts'
import { IS_BILLED } from './usage-reconcile.ts'

/** What is summed, in the order of a bucket's numbers; on the left as totals say it, on the right as rows do. */
const SUMS = {
  requests: ['requests', '1'],
  errors: ['errors', 'CASE WHEN status >= 400 THEN 1 ELSE 0 END'],
  inputTokens: ['input_tokens', 'COALESCE(input_tokens, 0)'],
  cacheReadTokens: ['cache_read_tokens', 'COALESCE(cache_read_tokens, 0)'],
  cacheWriteTokens: [
    'cache_write_5m_tokens + cache_write_1h_tokens',
    'COALESCE(cache_write_5m_tokens, 0) + COALESCE(cache_write_1h_tokens, 0)',
  ],
  outputTokens: ['output_tokens', 'COALESCE(output_tokens, 0)'],
  reasoningTokens: ['reasoning_tokens', 'COALESCE(reasoning_tokens, 0)'],
  costNanoUsd: ['cost_nano_usd', 'COALESCE(cost_nano_usd, 0)'],
  unpricedRequests: [
    'unpriced_requests',
    `CASE WHEN cost_nano_usd IS NULL AND ${IS_BILLED} THEN 1 ELSE 0 END`,
  ],
  fallbacks: ['fallbacks', ''],
  cacheHits: ['cache_hits', 'CASE WHEN cache_read_tokens > 0 THEN 1 ELSE 0 END'],
  totalMs: ['total_ms', 'total_ms'],
  firstTokenMs: ['first_token_ms', 'COALESCE(first_token_ms, 0)'],
  firstTokenRequests: [
    'first_token_requests',
    'CASE WHEN first_token_ms IS NULL THEN 0 ELSE 1 END',
  ],
} as const

type Sum = keyof typeof SUMS
type Sums = Record<Sum, number>
const SUM_NAMES = Object.keys(SUMS) as Sum[]
const FALLBACKS = {
  sqlite: 'CASE WHEN json_array_length(attempts) > 1 THEN 1 ELSE 0 END',
  postgres: 'CASE WHEN jsonb_array_length(attempts) > 1 THEN 1 ELSE 0 END',
} as const

type Group = Readonly<Record<string, unknown>>

interface Sample {
  readonly total: number[]
  readonly first: number[]
}

/** The line that stands for all that have none of their own. */
const REST = Symbol('rest')

/** @throws GatewayError `invalid_request` for buckets that a span cannot be cut into */
export async function countSeries(counting: Counting, query: SeriesQuery): Promise<RequestSeries> {
  const { bucketMs, by, filter } = query
  const { sinceMs, untilMs } = filter
  const span = untilMs - sinceMs
  if (!(span > 0) || bucketMs < 1_000 || span / bucketMs > LIMITS.seriesBucketsMax) {
    const message = `A chart has 1 to ${LIMITS.seriesBucketsMax} buckets of a second at least.`
    throw new GatewayError('invalid_request', { param: 'bucket', message })
  }
  // Totals are those of dimensions: what a filter says of one measure they do not know of the others.
  const isKnown = totalsCount(filter)?.count === 'requests'
  const isTotals = isKnown && span > TOTALS_SPAN_MS && bucketMs % HOUR_MS === 0
  const lines = new Lines()
  const countedFromMs = isTotals
    ? await addTotals(counting, query, lines)
    : await addRows(counting, query, lines)
  const ranked = lines.ranked(by !== undefined)
  const sample = new Samples(ranked)
  await takeSample(counting, query, sample)
  return {
    sinceMs: isTotals ? floorTo(sinceMs, bucketMs) : sinceMs,
    untilMs,
    bucketMs,
    from: isTotals ? 'totals' : 'rows',
    isWhole: countedFromMs <= sinceMs,
    countedFromMs,
    sampledRows: sample.rows,
    lines: lines.result(ranked, sample),
  }
}

function floorTo(timeMs: number, stepMs: number): number {
  return Math.floor(timeMs / stepMs) * stepMs
}

/** @returns from where on all lines are counted */
async function addTotals(
  { clock, reader, totalsTimeMs, windows }: Counting,
  query: SeriesQuery,
  lines: Lines,
): Promise<number> {
  const startMs = floorTo(query.filter.sinceMs, query.bucketMs)
  const untilMs = Math.ceil(query.filter.untilMs / HOUR_MS) * HOUR_MS
  const deadlineMs = clock.monotonicMs() + totalsTimeMs
  for await (const part of windows.totals(query.filter, startMs, untilMs)) {
    for (const group of await totalsGroups(reader, query, part)) lines.add(group)
    if (part.sinceMs > startMs && clock.monotonicMs() >= deadlineMs) return part.sinceMs
  }
  return startMs
}

async function totalsGroups(
  reader: SearchReader,
  { bucketMs, by, filter }: SeriesQuery,
  { sinceMs, untilMs }: Hours,
): Promise<Group[]> {
  const text = new SearchText(reader.engine)
  const conditions = totalsConditions(text, filter, sinceMs, untilMs)
  const columns = [
    `hour_ms - hour_ms % ${bucketMs} AS start`,
    `${by === undefined ? "''" : TOTALS_DIMENSIONS[by]} AS line`,
    ...SUM_NAMES.map((name) => `CAST(SUM(COALESCE(${SUMS[name][0]}, 0)) AS BIGINT) AS "${name}"`),
  ]
  return await reader.rows<Group>(
    `SELECT ${columns.join(', ')} FROM usage_hourly WHERE ${conditions.join(' AND ')} GROUP BY 1, 2`,
    text.values,
  )
}

/** @returns from where on all rows are counted */
async function addRows(
  { clock, reader, timeMs, windowRows, windows }: Counting,
  { bucketMs, by, filter }: SeriesQuery,
  lines: Lines,
): Promise<number> {
  const deadlineMs = clock.monotonicMs() + timeMs
  const tenants = await windows.tenantsOf(filter)
  const bounds = await windows.bounds(filter, tenants)
  if (bounds === undefined) return filter.sinceMs
  const sizes = { firstRows: windowRows / 4, rows: windowRows, clock }
  for await (const part of windows.parts(filter, bounds, tenants, sizes)) {
    if (part.isEmpty !== true) {
      const text = new SearchText(reader.engine)
      const columns = [
        `timestamp_ms - timestamp_ms % ${bucketMs} AS start`,
        `${by === undefined ? "''" : ROW_DIMENSIONS[by]} AS line`,
        ...SUM_NAMES.map(
          (name) =>
            `CAST(SUM(${name === 'fallbacks' ? FALLBACKS[reader.engine] : SUMS[name][1]}) AS BIGINT) AS "${name}"`,
        ),
      ]
      const conditions = [...windows.span(text, part, tenants), ...rowConditions(text, filter)]
      const groups = await reader.rows<Group>(
        `SELECT ${columns.join(', ')} FROM requests WHERE ${conditions.join(' AND ')} GROUP BY 1, 2`,
        text.values,
      )
      for (const group of groups) lines.add(group)
    }
    const isOver = clock.monotonicMs() >= deadlineMs
    if (isOver && part.fromMs > bounds.fromMs) return part.fromMs
  }
  return filter.sinceMs
}

/** Looks at the last rows of each bucket, a part of which fits the filter. */
async function takeSample(
  { clock, reader, timeMs, windows }: Counting,
  { bucketMs, by, filter }: SeriesQuery,
  sample: Samples,
): Promise<void> {
  const starts = sample.starts()
  if (starts.length === 0) return
  const tenants = await windows.tenantsOf(filter)
  const rows = Math.max(SAMPLE_ROWS_MIN, Math.floor(LIMITS.seriesSampleRows / starts.length))
  const deadlineMs = clock.monotonicMs() + timeMs / 2
  const take = async (startMs: number): Promise<void> => {
    if (clock.monotonicMs() >= deadlineMs) return
    const span = {
      fromMs: Math.max(startMs, filter.sinceMs),
      toMs: Math.min(startMs + bucketMs, filter.untilMs) - 1,
    }
    if (span.fromMs > span.toMs) return
    const part = await windows.end(span, tenants, rows * SAMPLE_PASSED)
    const text = new SearchText(reader.engine)
    const line = by === undefined ? "''" : ROW_DIMENSIONS[by]
    const conditions = [...windows.span(text, part, tenants), ...rowConditions(text, filter)]
    const found = await reader.rows<Group>(
      `SELECT ${line} AS line, total_ms AS total, first_token_ms AS first FROM requests WHERE ${conditions.join(' AND ')} LIMIT ${rows}`,
      text.values,
    )
    for (const row of found) sample.add(startMs, row)
  }
  const order = spread(starts)
  for (let at = 0; at < order.length; at += SAMPLES_AT_ONCE) {
    await Promise.all(order.slice(at, at + SAMPLES_AT_ONCE).map(take))
  }
}

/** The newest first, and of the whole span something before all of any part of it: time may run out. */
function spread(starts: readonly number[]): number[] {
  const newest = starts.toReversed()
  return SAMPLE_STRIDES.flatMap((stride, level) =>
    newest.filter((_start, at) => at % stride === 0 && (level === 0 || at % (stride * 2) !== 0)),
  )
}

const SAMPLE_STRIDES = [16, 8, 4, 2, 1]

/** Rows of a bucket that are looked at for each one that is wanted. */
const SAMPLE_PASSED = 4
const SAMPLE_ROWS_MIN = 10
/** The pool of Postgres is everybody's. */
const SAMPLES_AT_ONCE = 4

/** Sums by line and bucket. */
class Lines {
  private readonly lines = new Map<string, Map<number, Sums>>()

  add(group: Group): void {
    const line = String(group['line'] ?? '')
    let buckets = this.lines.get(line)
    if (buckets === undefined) this.lines.set(line, (buckets = new Map()))
    const startMs = Number(group['start'])
    const sums = buckets.get(startMs) ?? emptySums()
    for (const name of SUM_NAMES) sums[name] += Number(group[name])
    buckets.set(startMs, sums)
  }

  /** Names of the lines with the most requests, and buckets in which any has some. */
  ranked(isGrouped: boolean): Ranked {
    const totals = [...this.lines].map(([name, buckets]) => {
      const requests = [...buckets.values()].reduce((sum, each) => sum + each.requests, 0)
      return { name, requests }
    })
    const names = totals
      .toSorted((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1))
      .slice(0, LIMITS.seriesLinesMax)
      .map(({ name }) => name)
    const starts = new Set([...this.lines.values()].flatMap((buckets) => [...buckets.keys()]))
    return { isGrouped, names, starts: [...starts].toSorted((a, b) => a - b) }
  }

  result({ isGrouped, names }: Ranked, samples: Samples): SeriesLine[] {
    const shown = names.map((name): SeriesLine => {
      const points = this.points(this.lines.get(name) ?? new Map(), name, samples)
      return { value: name === '' || !isGrouped ? null : name, points }
    })
    const rest = new Map<number, Sums>()
    for (const [name, buckets] of this.lines) {
      if (names.includes(name)) continue
      for (const [startMs, sums] of buckets) {
        const all = rest.get(startMs) ?? emptySums()
        for (const sum of SUM_NAMES) all[sum] += sums[sum]
        rest.set(startMs, all)
      }
    }
    if (rest.size === 0) return shown
    return [...shown, { value: null, isRest: true, points: this.points(rest, REST, samples) }]
  }

  private points(
    buckets: ReadonlyMap<number, Sums>,
    line: string | typeof REST,
    samples: Samples,
  ): SeriesPoint[] {
    const ordered = [...buckets].toSorted(([a], [b]) => a - b)
    return ordered.map(([startMs, sums]) => {
      const { firstTokenMs, firstTokenRequests, requests, totalMs, ...others } = sums
      const sample = samples.of(line, startMs)
      const total = latency(totalMs, requests, sample?.total)
      const first = latency(firstTokenMs, firstTokenRequests, sample?.first)
      return {
        startMs,
        requests,
        ...others,
        ...(total === undefined ? {} : { totalMs: total }),
        ...(first === undefined ? {} : { firstTokenMs: first }),
      }
    })
  }
}

interface Ranked {
  readonly isGrouped: boolean
  readonly names: readonly string[]
  readonly starts: readonly number[]
}

function emptySums(): Sums {
  return Object.fromEntries(SUM_NAMES.map((name) => [name, 0])) as Sums
}

function latency(sum: number, count: number, sample: number[] = []): Latency | undefined {
  if (count === 0) return undefined
  const mean = sum / count
  if (sample.length === 0) return { mean }
  const sorted = sample.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
  return { mean, p50: at(0.5), p95: at(0.95) }
}

/** Latencies of single rows by line and bucket. */
class Samples {
  rows = 0
  private readonly ranked: Ranked
  private readonly found = new Map<string | typeof REST, Map<number, Sample>>()

  constructor(ranked: Ranked) {
    this.ranked = ranked
  }

  starts(): readonly number[] {
    return this.ranked.starts
  }

  add(startMs: number, row: Group): void {
    const name = String(row['line'] ?? '')
    const line = this.ranked.names.includes(name) ? name : REST
    let buckets = this.found.get(line)
    if (buckets === undefined) this.found.set(line, (buckets = new Map()))
    let sample = buckets.get(startMs)
    if (sample === undefined) buckets.set(startMs, (sample = { total: [], first: [] }))
    sample.total.push(Number(row['total']))
    if (row['first'] !== null) sample.first.push(Number(row['first']))
    this.rows += 1
  }

  of(line: string | typeof REST, startMs: number): Sample | undefined {
    return this.found.get(line)?.get(startMs)
  }
}
