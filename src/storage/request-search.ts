// Searches of the request log: pages by keyset, newest first, counts and charts over the same filters. A call looks at a bounded part of
// the log, says how far it came, and is gone on with from there; it writes nothing.

import { getTableColumns } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { Clock, StoredRequest } from '../core/ports.ts'
import type {
  RequestFacets,
  RequestPage,
  RequestPosition,
  RequestSearchFilter,
  RequestSearchRepository,
  RequestSeries,
  SeriesQuery,
} from '../core/ports-requests.ts'
import { toRepositoryError } from './errors.ts'
import { logMs } from './log-row.ts'
import type { Settled } from './postgres-following.ts'
import { countFacets } from './request-facets.ts'
import { rowConditions, SearchText } from './request-search-sql.ts'
import { countSeries } from './request-series.ts'
import { RequestWindows, type Span, type Tenants } from './request-windows.ts'
import { toStoredRequest, withBodies, type LogTables, type RequestRow } from './requests.ts'
import type { SearchReader } from './search-reader.ts'
import * as sqliteTables from './schema-log.sqlite.ts'

export interface RequestSearchParts {
  readonly reader: SearchReader
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>
  /** Postgres' are cast to SQLite's. */
  readonly tables?: LogTables
  /** Where several processes write: how far a reader may go and pass over no row. */
  readonly settled?: Settled
  /** Other bounds than core/limits.ts', for tests. */
  readonly windowRows?: number
  readonly totalsRows?: number
  readonly timeMs?: number
}

type Raw = Readonly<Record<string, unknown>>

/** A request was given its id within so long of the moment that its row is kept under. */
const ID_TOLERANCE_MS = 2_000

/** Searches of one store; see the port for the contract. */
export class RequestSearch implements RequestSearchRepository {
  private readonly parts: RequestSearchParts
  private readonly windows: RequestWindows
  private readonly toRow: (raw: Raw) => RequestRow

  constructor(parts: RequestSearchParts) {
    this.parts = parts
    this.windows = new RequestWindows(parts.reader, parts.totalsRows)
    this.toRow = rowReader(parts.tables ?? sqliteTables)
  }

  async search(
    filter: RequestSearchFilter,
    after: RequestPosition | undefined,
    limit: number,
  ): Promise<RequestPage> {
    return await this.run(async () => {
      const rows = Math.min(Math.max(1, Math.trunc(limit)), LIMITS.searchPageRowsMax)
      if (after === undefined && filter.requestId !== undefined) {
        const found = await this.byRequestId(filter, filter.requestId, rows)
        if (found !== undefined) return found
      }
      if (filter.logId !== undefined) return await this.byLogId(filter, filter.logId)
      return await this.page(filter, after, rows)
    })
  }

  async facets(filter: RequestSearchFilter): Promise<RequestFacets> {
    return await this.run(() => countFacets(this.counting, filter))
  }

  async series(query: SeriesQuery): Promise<RequestSeries> {
    return await this.run(() => countSeries(this.counting, query))
  }

  async find(tenantId: string | undefined, logId: string): Promise<StoredRequest | undefined> {
    return await this.run(async () => {
      const text = new SearchText(this.parts.reader.engine)
      const conditions = [
        `r.log_ms = ${text.value(logMs(logId))}`,
        `r.log_id = ${text.value(logId)}`,
        ...(tenantId === undefined ? [] : [`r.tenant_id = ${text.value(tenantId)}`]),
      ]
      const [raw] = await this.parts.reader.rows<Raw>(
        `SELECT r.*, b.sequence AS has_bodies, b.request_body, b.response_body, b.provider_request_body, b.provider_response_body, b.packed, b.object_key
         FROM requests r LEFT JOIN request_bodies b ON b.sequence = r.sequence AND b.tenant_id = r.tenant_id
         WHERE ${conditions.join(' AND ')} LIMIT 1`,
        text.values,
      )
      if (raw === undefined) return undefined
      if (raw['has_bodies'] === null) return toStoredRequest(this.toRow(raw))
      const body = (name: string) => (raw[name] ?? null) as string | null
      return await withBodies(toStoredRequest(this.toRow(raw)), {
        requestBody: body('request_body'),
        responseBody: body('response_body'),
        providerRequestBody: body('provider_request_body'),
        providerResponseBody: body('provider_response_body'),
        packed: (raw['packed'] ?? null) as Uint8Array | null,
        objectKey: body('object_key'),
      })
    })
  }

  async following(afterSequence: number, limit: number): Promise<readonly StoredRequest[]> {
    return await this.run(async () => {
      const last = await this.parts.settled?.()
      const text = new SearchText(this.parts.reader.engine)
      const conditions = [
        `sequence > ${text.value(afterSequence)}`,
        ...(last === undefined ? [] : [`sequence <= ${text.value(last)}`]),
      ]
      const rows = await this.parts.reader.rows<Raw>(
        `SELECT * FROM requests WHERE ${conditions.join(' AND ')} ORDER BY sequence LIMIT ${Math.trunc(limit)}`,
        text.values,
      )
      return rows.map((raw) => toStoredRequest(this.toRow(raw)))
    })
  }

  async lastSequence(): Promise<number> {
    return await this.run(async () => {
      const last = await this.parts.settled?.()
      const [row] = await this.parts.reader.rows<{ last: number | null }>(
        'SELECT max(sequence) AS last FROM requests',
        [],
      )
      // Postgres' numbers begin before any was given out, and run on where a row was refused.
      return Math.min(Number(row?.last ?? 0), last ?? Infinity)
    })
  }

  private get counting() {
    const { clock, reader, timeMs = LIMITS.searchTimeMs, windowRows } = this.parts
    const rows = windowRows ?? LIMITS.searchWindowRows
    const totalsTimeMs = this.parts.timeMs ?? LIMITS.searchTotalsTimeMs
    return { clock, reader, timeMs, totalsTimeMs, windows: this.windows, windowRows: rows }
  }

  /** One page, looked for until it is full, nothing is left, or the time is over. */
  private async page(
    filter: RequestSearchFilter,
    after: RequestPosition | undefined,
    limit: number,
  ): Promise<RequestPage> {
    const { clock, windows, timeMs, windowRows } = this.counting
    const deadlineMs = clock.monotonicMs() + timeMs
    const tenants = await windows.tenantsOf(filter)
    const asked = after === undefined ? filter : until(filter, after)
    const bounds = await windows.bounds(asked, tenants)
    const rows: StoredRequest[] = []
    let scannedToMs = bounds === undefined ? (filter.sinceMs ?? 0) : bounds.toMs
    if (bounds === undefined) return { rows, scannedToMs }
    const sizes = { firstRows: 4 * limit, rows: windowRows, clock }
    for await (const part of windows.parts(asked, bounds, tenants, sizes)) {
      if (part.isEmpty !== true) {
        // One more than asked for says whether there are further ones.
        const wanted = limit + 1 - rows.length
        rows.push(...(await this.read(filter, after, part, tenants, wanted)))
        if (rows.length > limit) return filled(rows.slice(0, limit))
      }
      scannedToMs = part.fromMs
      if (scannedToMs > bounds.fromMs && clock.monotonicMs() >= deadlineMs) {
        return { rows, next: { timestampMs: scannedToMs, sequence: 0 }, scannedToMs }
      }
    }
    return { rows, scannedToMs: filter.sinceMs ?? bounds.fromMs }
  }

  private async read(
    filter: RequestSearchFilter,
    after: RequestPosition | undefined,
    part: Span,
    tenants: Tenants,
    limit: number,
  ): Promise<StoredRequest[]> {
    const text = new SearchText(this.parts.reader.engine)
    const conditions = [
      ...this.windows.span(text, part, tenants),
      ...(after !== undefined && part.toMs >= after.timestampMs
        ? [
            `(timestamp_ms, sequence) < (${text.value(after.timestampMs)}, ${text.value(after.sequence)})`,
          ]
        : []),
      ...rowConditions(text, filter),
    ]
    const rows = await this.parts.reader.rows<Raw>(
      `SELECT * FROM requests WHERE ${conditions.join(' AND ')} ORDER BY timestamp_ms DESC, sequence DESC LIMIT ${limit}`,
      text.values,
    )
    return rows.map((raw) => toStoredRequest(this.toRow(raw)))
  }

  /**
   * An id that Weir made holds the moment it was made at, where its row is looked for first. A client may send it again with other
   * requests: those are found where this finds none.
   */
  private async byRequestId(
    filter: RequestSearchFilter,
    requestId: string,
    limit: number,
  ): Promise<RequestPage | undefined> {
    const madeMs = madeAt(requestId)
    if (madeMs === undefined) return undefined
    const tenants = await this.windows.tenantsOf(filter)
    const part = {
      fromMs: Math.max(madeMs - ID_TOLERANCE_MS, filter.sinceMs ?? 0),
      toMs: Math.min(madeMs + ID_TOLERANCE_MS, (filter.untilMs ?? Infinity) - 1),
    }
    const rows = await this.read(filter, undefined, part, tenants, limit)
    return rows.length === 0 ? undefined : { rows, scannedToMs: part.fromMs }
  }

  private async byLogId(filter: RequestSearchFilter, logId: string): Promise<RequestPage> {
    const text = new SearchText(this.parts.reader.engine)
    const conditions = [
      `log_ms = ${text.value(logMs(logId))}`,
      ...(filter.tenantId === undefined ? [] : [`tenant_id = ${text.value(filter.tenantId)}`]),
      ...(filter.sinceMs === undefined ? [] : [`timestamp_ms >= ${text.value(filter.sinceMs)}`]),
      ...(filter.untilMs === undefined ? [] : [`timestamp_ms < ${text.value(filter.untilMs)}`]),
      ...rowConditions(text, filter),
    ]
    const rows = await this.parts.reader.rows<Raw>(
      `SELECT * FROM requests WHERE ${conditions.join(' AND ')} LIMIT 1`,
      text.values,
    )
    return {
      rows: rows.map((raw) => toStoredRequest(this.toRow(raw))),
      scannedToMs: filter.sinceMs ?? 0,
    }
  }

  private async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}

function filled(rows: readonly StoredRequest[]): RequestPage {
  const { outcome, sequence } = rows.at(-1)!
  const { timestampMs } = outcome
  return { rows, next: { timestampMs, sequence }, scannedToMs: timestampMs }
}

/** The filter, ending with the moment of a position: it is part of it, unless all of its rows were looked at. */
function until(
  filter: RequestSearchFilter,
  { sequence, timestampMs }: RequestPosition,
): RequestSearchFilter {
  const endMs = sequence === 0 ? timestampMs : timestampMs + 1
  return { ...filter, untilMs: Math.min(filter.untilMs ?? Infinity, endMs) }
}

/** The milliseconds within `req_` and a UUIDv7 without its dashes. */
function madeAt(requestId: string): number | undefined {
  const hex = /^req_([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.exec(requestId)?.[1]
  return hex === undefined ? undefined : Number.parseInt(hex, 16)
}

/** Makes rows of what the engine gives, by the schema's own mapping. */
function rowReader(tables: LogTables): (raw: Raw) => RequestRow {
  const columns = Object.entries(getTableColumns(tables.requests))
  return (raw) =>
    Object.fromEntries(
      columns.map(([key, column]) => {
        const value = raw[column.name]
        return [
          key,
          value === null || value === undefined ? null : column.mapFromDriverValue(value),
        ]
      }),
    ) as RequestRow
}
