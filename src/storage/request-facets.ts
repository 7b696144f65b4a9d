// How many requests of a filter there are of each value: from the hourly totals where these know the filter and the span is long, else
// from the rows, as far back as there is time for.

import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import {
  REQUEST_FACETS,
  type FacetValue,
  type RequestFacet,
  type RequestFacets,
  type RequestSearchFilter,
} from '../core/ports-requests.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import {
  ROW_DIMENSIONS,
  rowConditions,
  SearchText,
  TOTALS_DIMENSIONS,
  totalsConditions,
  totalsCount,
  type TotalsCount,
} from './request-search-sql.ts'
import type { Hours, RequestWindows } from './request-windows.ts'
import type { SearchReader } from './search-reader.ts'

export interface Counting {
  readonly reader: SearchReader
  readonly windows: RequestWindows
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>
  /** No further part of the log is looked at after so long. */
  readonly timeMs: number
  /** The same of the hourly totals, which are asked for spans in which there are too many rows. */
  readonly totalsTimeMs: number
  readonly windowRows: number
}

/** From here on totals are good enough: what they add at both ends is a small part. */
export const TOTALS_SPAN_MS = 6 * HOUR_MS

const NAMES = ['model', 'provider', 'key', 'user', 'operation'] as const
const STATUSES = ['ok', '4xx', '5xx'] as const

type Group = Readonly<Record<string, unknown>>

export async function countFacets(
  counting: Counting,
  filter: RequestSearchFilter,
): Promise<RequestFacets> {
  const { clock } = counting
  const known = totalsCount(filter)
  const untilMs = filter.untilMs ?? clock.nowMs() + HOUR_MS
  const isLong = untilMs - (filter.sinceMs ?? 0) > TOTALS_SPAN_MS
  if (known !== undefined && isLong) {
    const counted = await fromTotals(counting, filter, known, untilMs)
    if (counted !== undefined) return counted
  }
  const counted = await fromRows(counting, filter, untilMs)
  if (counted.isWhole || known === undefined) return counted
  return (await fromTotals(counting, filter, known, untilMs)) ?? counted
}

/** @returns undefined where lines of before this was counted are among them */
async function fromTotals(
  { clock, reader, totalsTimeMs, windows }: Counting,
  filter: RequestSearchFilter,
  known: TotalsCount,
  endMs: number,
): Promise<RequestFacets | undefined> {
  const sinceMs = Math.floor((filter.sinceMs ?? 0) / HOUR_MS) * HOUR_MS
  const untilMs = Math.ceil(endMs / HOUR_MS) * HOUR_MS
  const deadlineMs = clock.monotonicMs() + totalsTimeMs
  const tally = new Tally()
  let hasStatuses = known.byStatus !== undefined
  let isWhole = true
  for await (const part of windows.totals(filter, sinceMs, untilMs)) {
    const groups = await totalsGroups(reader, filter, known, part)
    const isUnknown = groups.some((group) => Number(group['unknown']) > 0)
    if (isUnknown && known.unknown?.isCount === true) return undefined
    if (isUnknown) hasStatuses = false
    if (groups.length >= LIMITS.searchFacetGroupsMax) isWhole = false
    for (const group of groups) {
      const names = String(group['names']).split(SEPARATOR)
      const named = Object.fromEntries(NAMES.map((name, at) => [name, names[at]]))
      tally.add(NAMES, named, Number(group['n']))
      for (const status of STATUSES) tally.one('status', status, Number(group[status] ?? 0))
    }
    if (part.sinceMs > sinceMs && clock.monotonicMs() >= deadlineMs) {
      return totalsResult({ sinceMs: part.sinceMs, untilMs, isWhole: false }, tally, hasStatuses)
    }
  }
  return totalsResult({ sinceMs, untilMs, isWhole }, tally, hasStatuses)
}

function totalsResult(
  span: Pick<RequestFacets, 'sinceMs' | 'untilMs' | 'isWhole'>,
  tally: Tally,
  hasStatuses: boolean,
): RequestFacets {
  const without: RequestFacet[] = hasStatuses ? ['error'] : ['error', 'status']
  return { ...span, from: 'totals', ...tally.result(without) }
}

async function totalsGroups(
  reader: SearchReader,
  filter: RequestSearchFilter,
  { byStatus, count, unknown }: TotalsCount,
  { sinceMs, untilMs }: Hours,
): Promise<Group[]> {
  const text = new SearchText(reader.engine)
  const conditions = totalsConditions(text, filter, sinceMs, untilMs)
  const unknowns = unknown === undefined ? '0' : `CASE WHEN ${unknown.condition} THEN 1 ELSE 0 END`
  const sums = Object.entries({ n: count, unknown: unknowns, ...byStatus })
  const columns = sums.map(([name, sum]) => `CAST(SUM(${sum}) AS BIGINT) AS "${name}"`)
  return await reader.rows<Group>(
    `SELECT ${joined(reader.engine)} AS names, ${columns.join(', ')} FROM usage_hourly WHERE ${conditions.join(' AND ')} GROUP BY 1 HAVING SUM(${count}) > 0 OR SUM(${unknowns}) > 0 ORDER BY SUM(${count}) DESC LIMIT ${LIMITS.searchFacetGroupsMax}`,
    text.values,
  )
}

/** Stands in no name of ours: a unit separator. */
const SEPARATOR = '\u001f'

/** All names as one text: SQLite sorts lines of one column in two thirds of the time that it takes for five. */
function joined(engine: SearchReader['engine']): string {
  const separator = engine === 'sqlite' ? 'char(31)' : 'chr(31)'
  return NAMES.map((name) => TOTALS_DIMENSIONS[name]).join(` || ${separator} || `)
}

const STATUS_SQL = "CASE WHEN status < 400 THEN 'ok' WHEN status < 500 THEN '4xx' ELSE '5xx' END"

async function fromRows(
  { clock, reader, timeMs, windowRows, windows }: Counting,
  filter: RequestSearchFilter,
  untilMs: number,
): Promise<RequestFacets> {
  const deadlineMs = clock.monotonicMs() + timeMs
  const tenants = await windows.tenantsOf(filter)
  const bounds = await windows.bounds(filter, tenants)
  const tally = new Tally()
  const result = (sinceMs: number, isWhole: boolean): RequestFacets => ({
    sinceMs,
    untilMs,
    from: 'rows',
    isWhole,
    ...tally.result([]),
  })
  const names = [...NAMES, 'status', 'error'] as const
  const sql = { ...ROW_DIMENSIONS, status: STATUS_SQL, error: "COALESCE(error_kind, '')" }
  const startMs = filter.sinceMs ?? bounds?.fromMs ?? 0
  if (bounds === undefined) return result(startMs, true)
  const sizes = { firstRows: windowRows / 4, rows: windowRows, clock }
  for await (const part of windows.parts(filter, bounds, tenants, sizes)) {
    if (part.isEmpty !== true) {
      const text = new SearchText(reader.engine)
      const columns = names.map((name) => `${sql[name]} AS ${name}`)
      const conditions = [...windows.span(text, part, tenants), ...rowConditions(text, filter)]
      const groups = await reader.rows<Group>(
        `SELECT ${columns.join(', ')}, COUNT(*) AS n FROM requests WHERE ${conditions.join(' AND ')} GROUP BY 1, 2, 3, 4, 5, 6, 7`,
        text.values,
      )
      for (const group of groups) tally.add(names, group, Number(group['n']))
    }
    const isOver = clock.monotonicMs() >= deadlineMs
    if (isOver && part.fromMs > bounds.fromMs) return result(part.fromMs, false)
  }
  return result(startMs, true)
}

/** Counts by value. */
class Tally {
  private readonly values = new Map<RequestFacet, Map<string, number>>(
    REQUEST_FACETS.map((facet) => [facet, new Map()]),
  )
  private requests = 0

  add(facets: readonly RequestFacet[], group: Group, requests: number): void {
    this.requests += requests
    for (const facet of facets) this.one(facet, String(group[facet] ?? ''), requests)
  }

  one(facet: RequestFacet, value: string, requests: number): void {
    const values = this.values.get(facet)
    if (requests > 0) values?.set(value, (values.get(value) ?? 0) + requests)
  }

  result(without: readonly RequestFacet[]): Pick<RequestFacets, 'requests' | 'values'> {
    const values: Partial<Record<RequestFacet, readonly FacetValue[]>> = {}
    for (const [facet, counts] of this.values) {
      if (without.includes(facet)) continue
      values[facet] = [...counts]
        .toSorted(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
        .slice(0, LIMITS.searchFacetValuesMax)
        .map(([value, requests]) => ({ value: value === '' ? null : value, requests }))
    }
    return { requests: this.requests, values }
  }
}
