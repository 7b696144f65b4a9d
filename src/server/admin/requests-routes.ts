// `/admin/requests`: the request log searched, counted, charted, followed live, and one request of it with its content. A tenant's own;
// those with rights over the whole installation name another, or all.

import { Elysia } from 'elysia'
import { PLATFORM_TENANT_ID } from '../../core/identity.ts'
import { LIMITS } from '../../core/limits.ts'
import {
  REQUEST_FACETS,
  SERIES_DIMENSIONS,
  type RequestFacet,
  type RequestSearchRepository,
  type SeriesDimension,
} from '../../core/ports-requests.ts'
import type { ServerDeps } from '../context.ts'
import { notFound } from './body.ts'
import {
  adminRoutes,
  ALL_TENANTS,
  moment,
  nullable,
  oneOf,
  strict,
  t,
  type RouteContract,
} from './contract.ts'
import { isNamed, Names } from './names.ts'
import { exportResponse, requireContent, withObject } from './requests-export.ts'
import { bucketOf, cursorAt, filterOf, FILTERS, positionIn } from './requests-input.ts'
import {
  contentJson,
  detailJson,
  hasContent,
  pointJson,
  PointSchema,
  RequestContentSchema,
  RequestDetailSchema,
  RequestRowSchema,
  rowJson,
} from './requests-json.ts'
import { RequestTail } from './requests-tail.ts'
import { tailResponse } from './requests-stream.ts'

/** What these routes need of the outside. */
export type RequestsDeps = RequestSearchRepository

const SPAN_DEFAULT_MS = 24 * 60 * 60_000
const PAGE_ROWS = 50

const LIST = {
  summary: 'Search the request log',
  description:
    'Newest first. One call looks at a bounded part of the log: a page may be short, or even empty, and have a `next_cursor` to go on from `scanned_to`.',
  tag: 'Requests',
  query: strict({
    ...FILTERS,
    limit: t.Optional(
      t.Integer({
        minimum: 1,
        maximum: LIMITS.searchPageRowsMax,
        description: `Rows of a page; ${PAGE_ROWS} unless given.`,
      }),
    ),
    cursor: t.Optional(t.String({ maxLength: 100, description: 'Where the page before ended.' })),
  }),
  allTenants: true,
  answers: {
    200: t.Object({
      data: t.Array(RequestRowSchema),
      next_cursor: nullable(t.String(), { description: 'Null: there is nothing further.' }),
      scanned_to: moment({ description: 'Everything from then on was looked at.' }),
    }),
  },
} as const satisfies RouteContract

const FROM = oneOf(['totals', 'rows'], {
  description:
    '`totals` of whole hours, in which a name that no provider took for a model is none; `rows`, as far back as there was time for.',
})

const FACETS = {
  summary: 'How many requests there are of each value',
  description: `Of the filters’ requests, the most frequent ${LIMITS.searchFacetValuesMax} values; the last 24 hours unless \`since\` is given.`,
  tag: 'Requests',
  query: strict(FILTERS),
  allTenants: true,
  answers: {
    200: t.Object({
      since: moment({ description: 'What was counted begins here.' }),
      until: moment(),
      from: FROM,
      is_whole: t.Boolean({ description: 'False: there was more than could be looked at.' }),
      requests: t.Integer(),
      facets: t.Object(
        Object.fromEntries(REQUEST_FACETS.map((facet) => [facet, facetSchema()])) as Record<
          RequestFacet,
          ReturnType<typeof facetSchema>
        >,
        { description: 'By facet; one that cannot be counted so is absent.' },
      ),
    }),
  },
} as const satisfies RouteContract

function facetSchema() {
  return t.Optional(
    t.Array(
      t.Object({
        value: nullable(t.String()),
        name: nullable(t.String(), { description: 'As people know it.' }),
        requests: t.Integer(),
      }),
    ),
  )
}

const SERIES = {
  summary: 'Requests over time',
  description:
    'In buckets, as one line or by one dimension. Percentiles are of a sample of rows, whose size is told; buckets in which nothing happened are left out.',
  tag: 'Requests',
  query: strict({
    ...FILTERS,
    bucket: t.Optional(
      t.Integer({
        minimum: 1,
        maximum: 31 * 24 * 60 * 60,
        description: 'Seconds; whole hours where the span is longer than six. Chosen unless given.',
      }),
    ),
    by: t.Optional(oneOf(SERIES_DIMENSIONS)),
  }),
  allTenants: true,
  answers: {
    200: t.Object({
      since: moment(),
      until: moment(),
      bucket: t.Integer({ description: 'Seconds.' }),
      by: nullable(oneOf(SERIES_DIMENSIONS)),
      from: FROM,
      is_whole: t.Boolean(),
      counted_from: moment({ description: 'What is older was not looked at.' }),
      sampled_rows: t.Integer(),
      lines: t.Array(
        t.Object({
          value: nullable(t.String()),
          name: nullable(t.String()),
          is_rest: t.Boolean({ description: 'All those together that have no line of their own.' }),
          points: t.Array(PointSchema),
        }),
      ),
    }),
  },
} as const satisfies RouteContract

const TAIL = {
  summary: 'The request log as it grows',
  description:
    'Server-sent events: `request` with a row as in the list, whose id goes into `Last-Event-ID` to go on after it; `missed` with how many rows were passed over; `end` with the reason. Filters by time are not taken.',
  tag: 'Requests',
  query: strict(withoutTimes()),
  allTenants: true,
  answers: { 200: t.String() },
  media: { 200: 'text/event-stream' },
  errors: [529],
} as const satisfies RouteContract

function withoutTimes() {
  const { since: _since, until: _until, ...rest } = FILTERS
  return rest
}

const ONE = {
  summary: 'One request',
  description: 'By its `log_id`, or by its `request_id`: of several the last.',
  tag: 'Requests',
  allTenants: true,
  answers: { 200: RequestDetailSchema },
  errors: [404],
} as const satisfies RouteContract

const CONTENT = {
  summary: 'The bodies of one request',
  description:
    'Where the policy kept them when it was made: else there are none to show. Who reads them is recorded in the audit.',
  tag: 'Requests',
  allTenants: true,
  answers: { 200: RequestContentSchema },
  errors: [404],
} as const satisfies RouteContract

const EXPORT = {
  summary: 'The request log as JSON lines',
  description:
    'Every request that fits, newest first, one JSON object a line, read as fast as it is taken. Bodies come with `content`, for those who may read them; that is recorded in the audit.',
  tag: 'Requests',
  query: strict({
    ...FILTERS,
    content: t.Optional(t.Boolean({ description: 'With bodies, where they were kept.' })),
  }),
  allTenants: true,
  answers: { 200: t.String() },
  media: { 200: 'application/jsonl' },
} as const satisfies RouteContract

export function requestsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { requests } = deps
  const tail = new RequestTail({ source: requests, logger: deps.logger })
  const namesOf = (tenantId: string) => new Names(deps.gateway.snapshot(), tenantId)
  // By the id that its answer had: a client may have given several the same.
  const last = async (tenantId: string | undefined, requestId: string) => {
    if (!/^[\w-]{1,64}$/.test(requestId)) return undefined
    const filter = { requestId, ...(tenantId === undefined ? {} : { tenantId }) }
    const [row] = (await requests.search(filter, undefined, 1)).rows
    // A search reads no bodies.
    return row && (await requests.find(tenantId, row.outcome.logId))
  }
  const found = async (tenantId: string, id: string | undefined) => {
    const whose = tenantId === ALL_TENANTS ? undefined : tenantId
    const named = id ?? ''
    const stored = (await requests.find(whose, named.toLowerCase())) ?? (await last(whose, named))
    if (stored === undefined) throw notFound('request')
    return stored
  }
  const base = '/admin/requests'
  return new Elysia({ name: 'requests-routes' })
    .get(
      base,
      ...on('GET', base, LIST, async ({ query, reply, tenantId }) => {
        const filter = filterOf(query, tenantId)
        const after = query.cursor === undefined ? undefined : positionIn(query.cursor, filter)
        const page = await requests.search(filter, after, query.limit ?? PAGE_ROWS)
        const names = namesOf(tenantId)
        return reply({
          data: page.rows.map((row) => rowJson(row, names)),
          next_cursor: page.next === undefined ? null : cursorAt(page.next, filter),
          scanned_to: isoOf(page.scannedToMs),
        })
      }),
    )
    .get(
      `${base}/facets`,
      ...on('GET', `${base}/facets`, FACETS, async ({ query, reply, tenantId }) => {
        const filter = filterOf(query, tenantId)
        const untilMs = filter.untilMs ?? deps.clock.nowMs()
        const sinceMs = filter.sinceMs ?? untilMs - SPAN_DEFAULT_MS
        const facets = await requests.facets({ ...filter, sinceMs })
        const names = namesOf(tenantId)
        const values = Object.entries(facets.values).map(([facet, list]) => [
          facet,
          list.map(({ requests: many, value }) => ({
            value,
            name: nameOf(names, facet as RequestFacet, value),
            requests: many,
          })),
        ])
        return reply({
          since: isoOf(facets.sinceMs),
          until: isoOf(facets.untilMs),
          from: facets.from,
          is_whole: facets.isWhole,
          requests: facets.requests,
          facets: Object.fromEntries(values),
        })
      }),
    )
    .get(
      `${base}/series`,
      ...on('GET', `${base}/series`, SERIES, async ({ query, reply, tenantId }) => {
        const filter = filterOf(query, tenantId)
        const untilMs = filter.untilMs ?? deps.clock.nowMs()
        const sinceMs = filter.sinceMs ?? untilMs - SPAN_DEFAULT_MS
        const bucketMs = bucketOf(untilMs - sinceMs, query.bucket)
        const series = await requests.series({
          filter: { ...filter, sinceMs, untilMs },
          bucketMs,
          ...(query.by === undefined ? {} : { by: query.by }),
        })
        const names = namesOf(tenantId)
        return reply({
          since: isoOf(series.sinceMs),
          until: isoOf(series.untilMs),
          bucket: Math.round(bucketMs / 1_000),
          by: query.by ?? null,
          from: series.from,
          is_whole: series.isWhole,
          counted_from: isoOf(series.countedFromMs),
          sampled_rows: series.sampledRows,
          lines: series.lines.map((line) => ({
            value: line.value,
            name: query.by === undefined ? null : nameOf(names, query.by, line.value),
            is_rest: line.isRest ?? false,
            points: line.points.map(pointJson),
          })),
        })
      }),
    )
    .get(
      `${base}/tail`,
      ...on('GET', `${base}/tail`, TAIL, (ask) => {
        const filter = filterOf(ask.query, ask.tenantId)
        return tailResponse(ask, filter, tail, deps)
      }),
    )
    .get(
      `${base}/export`,
      ...on('GET', `${base}/export`, EXPORT, async (ask) => {
        const { actor, principal, query, request, tenantId } = ask
        const filter = filterOf(query, tenantId)
        const withContent = query.content === true
        if (withContent) {
          requireContent(principal, tenantId)
          const { tenantId: _tenant, ...asked } = filter
          await deps.content.record(
            {
              tenantId: tenantId === ALL_TENANTS ? PLATFORM_TENANT_ID : tenantId,
              action: 'content.export',
              target: { kind: 'request', id: '*' },
              after: { filter: asked },
            },
            actor,
          )
        }
        const names = () => namesOf(tenantId)
        return exportResponse(request, { filter, withContent, names }, deps)
      }),
    )
    .get(
      `${base}/:id`,
      ...on('GET', `${base}/:id`, ONE, async ({ params, reply, tenantId }) =>
        reply(detailJson(await found(tenantId, params['id']), namesOf(tenantId))),
      ),
    )
    .get(
      `${base}/:id/content`,
      ...on('GET', `${base}/:id/content`, CONTENT, async ({ actor, params, reply, tenantId }) => {
        const stored = await found(tenantId, params['id'])
        if (!hasContent(stored)) throw notFound('content')
        const shown = await withObject(stored, deps)
        // Before it is shown: what cannot be recorded is not read.
        const { logId, tenantId: whose } = stored.outcome
        const target = { kind: 'request', id: logId }
        await deps.content.record({ tenantId: whose, action: 'content.read', target }, actor)
        return reply(contentJson(shown))
      }),
    )
}

function nameOf(
  names: Names,
  dimension: RequestFacet | SeriesDimension,
  value: string | null,
): string | null {
  if (value === null || dimension === 'status' || dimension === 'error') return null
  return isNamed(dimension) ? (names.of(dimension, value) ?? null) : null
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
