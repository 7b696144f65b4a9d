// Searches and reports over a ClickHouse: the pages, counts and charts that the store's own search gives, of all that was ever sent there. What
// needs the order in which rows were written, and bodies, stays the store's.

import { GatewayError } from '../../core/error.ts'
import { parseJson } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Clock, StoredRequest } from '../../core/ports.ts'
import {
  REQUEST_FACETS,
  type FacetValue,
  type Latency,
  type RequestFacet,
  type RequestFacets,
  type RequestPage,
  type RequestPosition,
  type RequestSearchFilter,
  type RequestSearchRepository,
  type RequestSeries,
  type SeriesLine,
  type SeriesPoint,
  type SeriesQuery,
} from '../../core/ports-requests.ts'
import { HOUR_MS } from '../../core/usage-rollup.ts'
import { logMs } from '../log-row.ts'
import { clickHouseFailure, ClickHouseRefusal, literal, type ClickHouseClient } from './client.ts'
import { conditionsOf } from './conditions.ts'

export interface ClickHouseSearchParts {
  readonly client: ClickHouseClient
  readonly table: string
  /** For what is read from it alone: bodies, and rows in the order in which they were written. */
  readonly own: RequestSearchRepository
  readonly clock: Pick<Clock, 'nowMs'>
}

type Group = Readonly<Record<string, unknown>>

const STATUS = "multiIf(status < 400, 'ok', status < 500, '4xx', '5xx')"
const FACETS: Readonly<Record<RequestFacet, string>> = {
  model: 'model',
  provider: 'provider_id',
  key: 'api_key_id',
  user: 'user_id',
  operation: 'operation',
  status: STATUS,
  error: 'error_kind',
}

const LINES = {
  model: 'model',
  provider: 'provider_id',
  key: 'api_key_id',
  user: 'user_id',
  team: 'team_id',
  tenant: 'tenant_id',
} as const

const SUMS = {
  requests: 'count()',
  errors: 'sum(errors)',
  inputTokens: 'sum(input_tokens)',
  cacheReadTokens: 'sum(cache_read_tokens)',
  cacheWriteTokens: 'sum(cache_write_tokens)',
  outputTokens: 'sum(output_tokens)',
  reasoningTokens: 'sum(reasoning_tokens)',
  costNanoUsd: 'sum(cost_nano_usd)',
  unpricedRequests: 'sum(unpriced_requests)',
  fallbacks: 'sum(fallbacks)',
  cacheHits: 'sum(cache_hits)',
} as const
type Sum = keyof typeof SUMS
const SUM_NAMES = Object.keys(SUMS) as Sum[]

export class ClickHouseSearch implements RequestSearchRepository {
  private readonly parts: ClickHouseSearchParts

  constructor(parts: ClickHouseSearchParts) {
    this.parts = parts
  }

  async search(
    filter: RequestSearchFilter,
    after: RequestPosition | undefined,
    limit: number,
  ): Promise<RequestPage> {
    const count = Math.min(Math.max(1, Math.trunc(limit)), LIMITS.searchPageRowsMax)
    const conditions = [conditionsOf(filter)]
    if (after !== undefined) {
      const { sequence, timestampMs } = after
      conditions.push(`timestamp_ms <= ${literal(timestampMs)}`)
      conditions.push(`(timestamp_ms < ${literal(timestampMs)} OR sequence < ${literal(sequence)})`)
    }
    const found = await this.ask<{ sequence: number; outcome: string }>(
      `SELECT sequence, outcome FROM ${this.from} WHERE ${conditions.join(' AND ')} ORDER BY timestamp_ms DESC, sequence DESC LIMIT ${count + 1}`,
    )
    const rows = found.slice(0, count).map(stored)
    const last = rows.at(-1)
    if (found.length <= count || last === undefined) {
      return { rows, scannedToMs: filter.sinceMs ?? 0 }
    }
    const { timestampMs } = last.outcome
    return { rows, next: { timestampMs, sequence: last.sequence }, scannedToMs: timestampMs }
  }

  async facets(filter: RequestSearchFilter): Promise<RequestFacets> {
    const where = conditionsOf(filter)
    const parts = REQUEST_FACETS.map(
      (facet) =>
        `SELECT ${literal(facet)} AS facet, ${FACETS[facet]} AS value, count() AS n FROM ${this.from} WHERE ${where} GROUP BY value ORDER BY n DESC, value LIMIT ${LIMITS.searchFacetValuesMax}`,
    )
    const [[total], ...lists] = await Promise.all([
      this.ask<{ n: number }>(`SELECT count() AS n FROM ${this.from} WHERE ${where}`),
      ...parts.map((statement) => this.ask<Group>(statement)),
    ])
    const values: Partial<Record<RequestFacet, readonly FacetValue[]>> = {}
    for (const [at, facet] of REQUEST_FACETS.entries()) {
      values[facet] = (lists[at] ?? []).map(({ n, value }) => ({
        value: value === '' ? null : String(value),
        requests: Number(n),
      }))
    }
    const untilMs = filter.untilMs ?? this.parts.clock.nowMs() + HOUR_MS
    const sinceMs = filter.sinceMs ?? 0
    return {
      sinceMs,
      untilMs,
      from: 'rows',
      isWhole: true,
      requests: Number(total?.n ?? 0),
      values,
    }
  }

  async series({ bucketMs, by, filter }: SeriesQuery): Promise<RequestSeries> {
    const { sinceMs, untilMs } = filter
    const span = untilMs - sinceMs
    if (!(span > 0) || bucketMs < 1_000 || span / bucketMs > LIMITS.seriesBucketsMax) {
      const message = `A chart has 1 to ${LIMITS.seriesBucketsMax} buckets of a second at least.`
      throw new GatewayError('invalid_request', { param: 'bucket', message })
    }
    const line = by === undefined ? "''" : LINES[by]
    const where = conditionsOf(filter)
    const top = await this.ask<{ line: string }>(
      `SELECT ${line} AS line, count() AS n FROM ${this.from} WHERE ${where} GROUP BY line ORDER BY n DESC, line LIMIT ${LIMITS.seriesLinesMax}`,
    )
    const names = top.map((row) => row.line)
    const isTop =
      names.length === 0 ? '0' : `${line} IN (${names.map((name) => literal(name)).join(', ')})`
    const columns = [
      `timestamp_ms - timestamp_ms % ${literal(bucketMs)} AS start`,
      `if(${isTop}, ${line}, '') AS line`,
      `if(${isTop}, 0, 1) AS is_rest`,
      // Not by the names of columns: a condition would mean the sum.
      ...SUM_NAMES.map((name) => `${SUMS[name]} AS sum_${name}`),
      'avg(total_ms) AS mean',
      'quantiles(0.5, 0.95)(total_ms) AS percentiles',
      'sum(first_token_requests) AS first_n',
      'sum(first_token_ms) AS first_sum',
      'quantilesIf(0.5, 0.95)(first_token_ms, first_token_requests = 1) AS first_percentiles',
    ]
    const groups = await this.ask<Group>(
      `SELECT ${columns.join(', ')} FROM ${this.from} WHERE ${where} GROUP BY start, line, is_rest ORDER BY start`,
    )
    const pointsOf = (isMine: (group: Group) => boolean) => groups.filter(isMine).map(pointOf)
    const lines = names.map((name): SeriesLine => {
      const points = pointsOf((group) => Number(group['is_rest']) === 0 && group['line'] === name)
      return { value: by === undefined || name === '' ? null : name, points }
    })
    const rest = pointsOf((group) => Number(group['is_rest']) === 1)
    return {
      sinceMs,
      untilMs,
      bucketMs,
      from: 'rows',
      isWhole: true,
      countedFromMs: sinceMs,
      sampledRows: groups.reduce((sum, group) => sum + Number(group['sum_requests']), 0),
      lines: rest.length === 0 ? lines : [...lines, { value: null, isRest: true, points: rest }],
    }
  }

  /** With its bodies, where the store still has it. */
  async find(tenantId: string | undefined, logId: string): Promise<StoredRequest | undefined> {
    const own = await this.parts.own.find(tenantId, logId)
    if (own !== undefined) return own
    const filter = {
      logId,
      ...around(logId),
      ...(tenantId === undefined ? {} : { tenantId }),
    }
    return (await this.search(filter, undefined, 1)).rows[0]
  }

  following(afterSequence: number, limit: number): Promise<readonly StoredRequest[]> {
    return this.parts.own.following(afterSequence, limit)
  }

  lastSequence(): Promise<number> {
    return this.parts.own.lastSequence()
  }

  /** A line that came twice counts once, whether or not its parts have been merged. */
  private get from(): string {
    return `${this.parts.table} FINAL`
  }

  private ask<Row extends object>(statement: string): Promise<Row[]> {
    return askClickHouse<Row>(this.parts.client, statement)
  }
}

/** An id tells when its request ended: one that goes on for days is none. Without it every month would be looked through. */
function around(logId: string): { readonly sinceMs?: number; readonly untilMs?: number } {
  const endedMs = logMs(logId)
  return endedMs === 0 ? {} : { sinceMs: endedMs - 48 * HOUR_MS, untilMs: endedMs + 48 * HOUR_MS }
}

/** Asks as people ask. @throws GatewayError `storage_unavailable`, with the number of the server's error for the log alone */
export async function askClickHouse<Row extends object>(
  client: ClickHouseClient,
  statement: string,
): Promise<Row[]> {
  try {
    return await client.rows<Row>(statement, LIMITS.clickhouseQueryMs)
  } catch (error) {
    const isOurs = error instanceof ClickHouseRefusal || error instanceof GatewayError
    if (!isOurs) throw error
    const message = 'The request log in ClickHouse cannot be read now.'
    throw new GatewayError('storage_unavailable', { message, cause: clickHouseFailure(error) })
  }
}

function stored({ outcome, sequence }: { sequence: number; outcome: string }): StoredRequest {
  return { sequence: Number(sequence), outcome: parseJson(outcome) as unknown as Outcome }
}

function pointOf(group: Group): SeriesPoint {
  const sums = Object.fromEntries(
    SUM_NAMES.map((name) => [name, Number(group[`sum_${name}`])]),
  ) as Record<Sum, number>
  const total = latencyOf(Number(group['mean']), group['percentiles'])
  const firsts = Number(group['first_n'])
  const first =
    firsts === 0
      ? undefined
      : latencyOf(Number(group['first_sum']) / firsts, group['first_percentiles'])
  return {
    startMs: Number(group['start']),
    ...sums,
    ...(sums.requests === 0 || total === undefined ? {} : { totalMs: total }),
    ...(first === undefined ? {} : { firstTokenMs: first }),
  }
}

function latencyOf(mean: number, percentiles: unknown): Latency | undefined {
  if (!Number.isFinite(mean)) return undefined
  const [p50, p95] = Array.isArray(percentiles) ? percentiles.map(Number) : []
  if (p50 === undefined || p95 === undefined || !Number.isFinite(p50)) return { mean }
  return { mean, p50, p95 }
}
