// The order in which a search looks at the request log: spans of time, newest first, of so many rows each that none takes long, and only
// those in which the hourly totals say there may be something. Rows are found by the index over their time alone.

import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { RequestSearchFilter } from '../core/ports-requests.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { hourConditions, SearchText } from './request-search-sql.ts'
import type { SearchReader } from './search-reader.ts'

/** Both ends are part of it. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** A part of the hourly totals. */
export interface Hours {
  readonly sinceMs: number
  /** Not in it. */
  readonly untilMs: number
}

const DAY_MS = 24 * HOUR_MS
/** From one part to the next. */
const GROWTH = 4
/** Far beyond any row, and within what both engines hold. */
const LATEST_MS = 8_640_000_000_000_000

/** The log of one store as a search passes through it. */
export class RequestWindows {
  private readonly reader: SearchReader
  private readonly totalsRows: number

  /** @param totalsRows lines of the hourly totals that one statement looks at, beside those of one hour */
  constructor(reader: SearchReader, totalsRows: number = LIMITS.searchTotalsRows) {
    this.reader = reader
    this.totalsRows = totalsRows
  }

  /** The conditions that find rows of a span by the index there is. */
  span(text: SearchText, { fromMs, toMs }: Span, tenants: Tenants): string[] {
    return [
      ...tenantConditions(text, tenants),
      `timestamp_ms >= ${text.value(fromMs)}`,
      `timestamp_ms <= ${text.value(toMs)}`,
    ]
  }

  /** Whose rows a filter speaks of: one tenant's, or on Postgres, where the index begins with the tenant, everybody's by name. */
  async tenantsOf({ tenantId }: RequestSearchFilter): Promise<Tenants> {
    if (tenantId !== undefined) return { one: tenantId }
    if (this.reader.engine === 'sqlite') return {}
    const rows = await this.reader.rows<{ id: string }>(
      `WITH RECURSIVE tenants AS (
         SELECT min(tenant_id) AS id FROM usage_hourly
         UNION ALL
         SELECT (SELECT min(tenant_id) FROM usage_hourly WHERE tenant_id > id) FROM tenants WHERE id IS NOT NULL
       ) SELECT id FROM tenants WHERE id IS NOT NULL LIMIT ${LIMITS.searchTenantsMax + 1}`,
      [],
    )
    return rows.length > LIMITS.searchTenantsMax ? {} : { all: rows.map(({ id }) => id) }
  }

  /** The part of a filter's time in which there are rows at all; undefined where there are none. */
  async bounds(filter: RequestSearchFilter, tenants: Tenants): Promise<Span | undefined> {
    const fromMs = filter.sinceMs ?? -LATEST_MS
    const toMs = filter.untilMs === undefined ? LATEST_MS : filter.untilMs - 1
    if (fromMs > toMs) return undefined
    const text = new SearchText(this.reader.engine)
    const span = `timestamp_ms >= ${text.value(fromMs)} AND timestamp_ms <= ${text.value(toMs)}`
    const names = tenants.one === undefined ? (tenants.all ?? [undefined]) : [tenants.one]
    // The first and the last of each, which an index that begins with the tenant knows at once.
    const parts = names.map((name) => {
      // SQLite's index knows no tenants: the span may be larger there than it must.
      const isTenants = name !== undefined && this.reader.engine === 'postgres'
      const whose = isTenants ? `tenant_id = ${text.value(name)} AND ` : ''
      return `SELECT (SELECT min(timestamp_ms) FROM requests WHERE ${whose}${span}) AS first, (SELECT max(timestamp_ms) FROM requests WHERE ${whose}${span}) AS last`
    })
    if (parts.length === 0) return undefined
    const [row] = await this.reader.rows<{ first: number | null; last: number | null }>(
      `SELECT min(first) AS first, max(last) AS last FROM (${parts.join(' UNION ALL ')}) AS ends`,
      text.values,
    )
    if (row?.first === null || row?.last === null || row === undefined) return undefined
    return { fromMs: Number(row.first), toMs: Number(row.last) }
  }

  /** Parts of the log in which there may be rows of the filter, newest first: each takes a moment and no more. */
  async *parts(
    filter: RequestSearchFilter,
    bounds: Span,
    tenants: Tenants,
    sizes: Sizes,
  ): AsyncGenerator<Part> {
    const size = { ...sizes }
    for await (const span of this.spans(filter, bounds)) {
      if (span.isEmpty === true) yield span
      else yield* this.cut(span, tenants, size)
    }
  }

  /** Spans of whatever size; what was found to be empty is told from time to time. */
  private async *spans(filter: RequestSearchFilter, bounds: Span): AsyncGenerator<Part> {
    if (hourConditions(new SearchText(this.reader.engine), filter) === undefined) {
      yield bounds
      return
    }
    // What is older than the first line of the totals was written before there were any.
    const [oldest] = await this.reader.rows<{ ms: number | null }>(
      'SELECT min(hour_ms) AS ms FROM usage_hourly',
      [],
    )
    const countedFromMs = Math.max(oldest?.ms ?? LATEST_MS, bounds.fromMs)
    let toMs = bounds.toMs
    for (let days = 1; toMs >= countedFromMs; days = Math.min(days * 4, LIMITS.searchPlanDaysMax)) {
      const wantedMs = Math.max(countedFromMs, (Math.floor(toMs / DAY_MS) - days) * DAY_MS)
      // The lines of so long a time may be very many.
      const fromMs = Math.max(wantedMs, await this.totalsFrom(filter, wantedMs, toMs + 1))
      yield* within(await this.hours(filter, { fromMs, toMs }), { fromMs, toMs })
      yield { fromMs, toMs, isEmpty: true }
      toMs = fromMs - 1
    }
    if (toMs >= bounds.fromMs) yield { fromMs: bounds.fromMs, toMs }
  }

  /**
   * The hourly totals of whole hours, newest first, in parts of so many lines that none takes long: an engine stops no statement that has
   * begun. There is one at least.
   * @param untilMs is no part of it
   */
  async *totals(
    filter: Pick<RequestSearchFilter, 'tenantId'>,
    sinceMs: number,
    untilMs: number,
  ): AsyncGenerator<Hours> {
    let endMs = untilMs
    for (;;) {
      const fromMs = await this.totalsFrom(filter, sinceMs, endMs)
      yield { sinceMs: fromMs, untilMs: endMs }
      if (fromMs <= sinceMs) return
      endMs = fromMs
    }
  }

  /** The hour from which on a span of the totals has as many lines as one statement looks at, or its beginning. */
  private async totalsFrom(
    { tenantId }: Pick<RequestSearchFilter, 'tenantId'>,
    sinceMs: number,
    untilMs: number,
  ): Promise<number> {
    const text = new SearchText(this.reader.engine)
    // Postgres looks at the lines of the tenant alone, which may be few among very many; SQLite at everybody's of that time.
    const isTenants = tenantId !== undefined && this.reader.engine === 'postgres'
    const hours = [
      ...tenantConditions(text, isTenants ? { one: tenantId } : {}),
      `hour_ms >= ${text.value(sinceMs)}`,
      `hour_ms < ${text.value(untilMs)}`,
    ].join(' AND ')
    const [row] = await this.reader.rows<{ ms: number }>(
      `SELECT hour_ms AS ms FROM usage_hourly WHERE ${hours} ORDER BY hour_ms DESC LIMIT 1 OFFSET ${Math.trunc(this.totalsRows)}`,
      text.values,
    )
    return row === undefined ? sinceMs : Number(row.ms)
  }

  /** The last rows of a span, about so many. */
  async end({ fromMs, toMs }: Span, tenants: Tenants, rows: number): Promise<Span> {
    return { fromMs: (await this.edge({ fromMs, toMs }, tenants, rows)) ?? fromMs, toMs }
  }

  private async *cut({ fromMs, toMs }: Span, tenants: Tenants, size: Sizes): AsyncGenerator<Part> {
    let end = toMs
    for (;;) {
      const edgeMs = await this.edge({ fromMs, toMs: end }, tenants, Math.floor(size.firstRows))
      const startMs = size.clock.monotonicMs()
      yield { fromMs: edgeMs ?? fromMs, toMs: end }
      const isQuick = size.clock.monotonicMs() - startMs < LIMITS.searchPartMs
      // Mostly the first ones are enough; where they are not, something rare is looked for.
      size.firstRows = Math.min(size.rows, Math.max(1, size.firstRows * (isQuick ? GROWTH : 0.5)))
      if (edgeMs === undefined || edgeMs <= fromMs) return
      end = edgeMs - 1
    }
  }

  /** The time of the row that stands so many places from the end of a span; undefined where it holds fewer. */
  private async edge(span: Span, tenants: Tenants, rows: number): Promise<number | undefined> {
    const text = new SearchText(this.reader.engine)
    const last = (whose: Tenants, more: string) =>
      `SELECT timestamp_ms AS ms FROM requests WHERE ${this.span(text, span, whose).join(' AND ')} ORDER BY timestamp_ms DESC ${more}`
    const isOne = this.reader.engine === 'sqlite' || tenants.all === undefined
    const query = isOne
      ? // SQLite's index holds the time alone: with the tenant every row would be looked at.
        last(this.reader.engine === 'sqlite' ? {} : tenants, `LIMIT 1 OFFSET ${rows}`)
      : `SELECT ms FROM (${(tenants.all ?? [])
          .map((one) => `(${last({ one }, `LIMIT ${rows + 1}`)})`)
          .join(' UNION ALL ')}) AS ends ORDER BY ms DESC LIMIT 1 OFFSET ${rows}`
    const [row] = await this.reader.rows<{ ms: number }>(query, text.values)
    return row === undefined ? undefined : Number(row.ms)
  }

  private async hours(filter: RequestSearchFilter, span: Span): Promise<number[]> {
    const text = new SearchText(this.reader.engine)
    const conditions = [
      `hour_ms >= ${text.value(Math.floor(span.fromMs / HOUR_MS) * HOUR_MS)}`,
      `hour_ms <= ${text.value(span.toMs)}`,
      ...(hourConditions(text, filter) ?? []),
    ]
    const rows = await this.reader.rows<{ ms: number }>(
      `SELECT DISTINCT hour_ms AS ms FROM usage_hourly WHERE ${conditions.join(' AND ')} ORDER BY hour_ms DESC`,
      text.values,
    )
    return rows.map(({ ms }) => Number(ms))
  }
}

/** A span that a search is to look at. */
export interface Part extends Span {
  /** There is nothing more in it than what was given before. */
  readonly isEmpty?: true
}

/** Rows of the first part, which later ones outgrow while they take little time, and of the largest. */
export interface Sizes {
  firstRows: number
  readonly rows: number
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** By the index that begins with the tenant there must be a name; without any of both every row is looked at. */
export interface Tenants {
  readonly one?: string
  readonly all?: readonly string[]
}

function tenantConditions(text: SearchText, { all, one }: Tenants): string[] {
  if (one !== undefined) return [`tenant_id = ${text.value(one)}`]
  if (all === undefined) return []
  if (all.length === 0) return ['1 = 0']
  return [`tenant_id IN (${all.map((each) => text.value(each)).join(', ')})`]
}

/** Hours, newest first, as spans without a gap in them, cut at the ends. */
function* within(hours: readonly number[], { fromMs, toMs }: Span): Generator<Span> {
  let at = 0
  while (at < hours.length) {
    const newest = hours[at]!
    let oldest = newest
    at += 1
    while (hours[at] === oldest - HOUR_MS) {
      oldest = hours[at]!
      at += 1
    }
    const span = {
      fromMs: Math.max(oldest, fromMs),
      toMs: Math.min(newest + HOUR_MS - 1, toMs),
    }
    if (span.fromMs <= span.toMs) yield span
  }
}
