// `/admin/usage`: what was used and spent, by any dimension. A tenant's own; those with rights over the whole installation name another, or
// all. `/admin/usage/self` is for everybody: their own use alone. Totals are of whole hours, in UTC.

import { Elysia } from 'elysia'
import type { Static } from '@sinclair/typebox'
import { csvLine } from '../../core/csv.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import {
  USAGE_DIMENSIONS,
  type UsageDimension,
  type UsageFilter,
  type UsageRow,
} from '../../core/ports-money.ts'
import type { Principal } from '../../core/principal.ts'
import { groupText, USAGE_COLUMNS, usageJson, usageValues } from '../../core/usage-export.ts'
import type { ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import { invalidMember, notFound } from './body.ts'
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

/** What these routes need of the outside. */
export interface UsageDeps {
  report(filter: UsageFilter): Promise<UsageRow[]>
}

const SPAN_DEFAULT_MS = 30 * 24 * 60 * 60_000
const GROUPS_DEFAULT = 1_000
const GROUPED_MAX = 4
const TIMES: readonly UsageDimension[] = ['hour', 'day', 'month']

const time = (description: string) =>
  t.Optional(
    t.String({
      maxLength: 40,
      pattern: '^\\d{4}-\\d{2}-\\d{2}',
      description,
      wanted: 'Must be an ISO date or time.',
    }),
  )

const text = (description: string) => t.Optional(t.String({ maxLength: 300, description }))

const SPAN = {
  by: t.Optional(
    t.Array(oneOf(USAGE_DIMENSIONS), {
      maxItems: GROUPED_MAX,
      description: 'What to group by, with commas between. With a time it is a series.',
      wanted: `Must be at most ${GROUPED_MAX} of ${USAGE_DIMENSIONS.join(', ')}.`,
    }),
  ),
  since: time('From then on, rounded down to an hour; 30 days before `until` unless given.'),
  until: time('Before then, rounded up to an hour; now unless given.'),
  limit: t.Optional(
    t.Integer({
      minimum: 1,
      maximum: LIMITS.usageGroupsMax,
      description: `Groups, those that cost most; ${GROUPS_DEFAULT} unless given.`,
    }),
  ),
  model: text('Only this model, by the name it was asked for.'),
  provider: text('Only this provider, by its id.'),
  key: text('Only this API key, by its id.'),
}

const SelfQuery = strict(SPAN)

const UsageQuery = strict({
  ...SPAN,
  team: text('Only this team, by its id.'),
  user: text('Only this user, by their id.'),
  service: text('Only this service, by its id.'),
})

type Asked = Static<typeof UsageQuery>

const AMOUNTS = {
  requests: t.Integer(),
  errors: t.Integer(),
  input_tokens: t.Integer(),
  cache_read_tokens: t.Integer(),
  cache_write_tokens: t.Integer(),
  output_tokens: t.Integer(),
  reasoning_tokens: t.Integer(),
  cost_usd: t.Number(),
  unpriced_requests: t.Integer({
    description: 'Answered requests whose cost is not known: `cost_usd` lacks them.',
  }),
  estimated_requests: t.Integer({ description: 'Requests whose usage is an estimate of ours.' }),
  response_hits: t.Integer({ description: 'Answered from the response cache.' }),
  saved_usd: t.Number({ description: 'What those answers had cost when they were bought.' }),
}

const value = t.Optional(nullable(t.String()))
const name = t.Optional(nullable(t.String(), { description: 'As people know it.' }))

const UsageSchema = t.Object(
  {
    since: moment(),
    until: moment(),
    group_by: t.Array(oneOf(USAGE_DIMENSIONS)),
    data: t.Array(
      t.Object({
        tenant: value,
        tenant_name: name,
        team: value,
        team_name: name,
        user: value,
        user_name: name,
        service: value,
        service_name: name,
        key: value,
        key_name: name,
        model: value,
        provider: value,
        provider_model: value,
        operation: value,
        hour: value,
        day: value,
        month: value,
        ...AMOUNTS,
      }),
      { description: 'By time where it is grouped by one, else what cost most first.' },
    ),
    sum: t.Object(AMOUNTS, { description: 'Of everything that fits, shown or not.' }),
    is_cut: t.Boolean({ description: 'There may be more groups than are shown.' }),
  },
  { $id: 'Usage' },
)

const REPORT = {
  summary: 'What was used and spent',
  description: 'Members of a row are those it is grouped by; null where a request had none.',
  tag: 'Usage',
  query: UsageQuery,
  answers: { 200: UsageSchema },
  allTenants: true,
} as const satisfies RouteContract

const EXPORT = {
  ...REPORT,
  summary: 'The same as CSV',
  description: 'Money in dollars with nine digits, exact.',
  answers: { 200: t.String() },
  media: { 200: 'text/csv' },
} as const satisfies RouteContract

const SELF = {
  summary: 'What one used and spent oneself',
  tag: 'Me',
  query: SelfQuery,
  answers: { 200: UsageSchema },
  errors: [404],
} as const satisfies RouteContract

export function usageRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const all = '/admin/usage'
  const csv = '/admin/usage/export'
  const self = '/admin/usage/self'
  return new Elysia({ name: 'usage-routes' })
    .get(
      all,
      ...on('GET', all, REPORT, async ({ query, reply, tenantId }) => {
        const filter = filterOf(query, tenantFilter(query, tenantId), deps)
        return reply(await reportJson(filter, new Names(deps.gateway.snapshot(), tenantId), deps))
      }),
    )
    .get(
      csv,
      ...on('GET', csv, EXPORT, async ({ query, request, tenantId }) => {
        const filter = filterOf(query, tenantFilter(query, tenantId), deps)
        const body = await reportCsv(filter, new Names(deps.gateway.snapshot(), tenantId), deps)
        return respond(request, {
          status: 200,
          headers: {
            'content-type': 'text/csv; charset=utf-8',
            'content-disposition': 'attachment; filename="usage.csv"',
          },
          body,
        })
      }),
    )
    .get(
      self,
      ...on('GET', self, SELF, async ({ principal, query, reply }) => {
        const { tenantId } = principal
        const own = { ...present({ keyId: query.key }), ...ownOf(principal), tenantId }
        // Another's is not there: a key has its own alone.
        if (query.key !== undefined && query.key !== own.keyId) throw notFound('key')
        const names = new Names(deps.gateway.snapshot(), tenantId)
        return reply(await reportJson(filterOf(query, own, deps), names, deps))
      }),
    )
}

function tenantFilter(query: Asked, tenantId: string): Partial<UsageFilter> {
  const { key, service, team, user } = query
  return {
    ...(tenantId === ALL_TENANTS ? {} : { tenantId }),
    ...present({ teamId: team, userId: user, serviceId: service, keyId: key }),
  }
}

/** What belongs to whoever asks; whoever needs no key has what was asked without one. */
function ownOf({ keyId, serviceId, userId }: Principal): Partial<UsageFilter> {
  if (keyId !== undefined) return { keyId }
  if (userId !== undefined) return { userId }
  return serviceId === undefined ? { keyId: '', serviceId: '', userId: '' } : { serviceId }
}

function filterOf(
  query: Static<typeof SelfQuery>,
  whose: Partial<UsageFilter>,
  { clock }: ServerDeps,
): UsageFilter {
  const untilMs = timeOf(query.until, 'until') ?? clock.nowMs()
  return {
    ...present({ model: query.model, providerId: query.provider }),
    ...whose,
    groupBy: [...new Set(query.by)],
    sinceMs: timeOf(query.since, 'since') ?? untilMs - SPAN_DEFAULT_MS,
    untilMs,
    limit: query.limit ?? GROUPS_DEFAULT,
  }
}

function timeOf(given: string | undefined, param: string): number | undefined {
  if (given === undefined) return undefined
  const timeMs = Date.parse(given)
  if (Number.isNaN(timeMs)) throw invalidMember(param, 'Must be an ISO date or time.')
  return timeMs
}

async function reportJson(
  filter: UsageFilter,
  names: Names,
  deps: ServerDeps,
): Promise<JsonObject> {
  const { groupBy } = filter
  const isGrouped = groupBy.length > 0
  const [rows, [sum]] = await Promise.all([
    isGrouped ? deps.usage.report(filter) : [],
    deps.usage.report({ ...filter, groupBy: [] }),
  ])
  const shown = isGrouped ? inOrder(rows, groupBy) : sum === undefined ? [] : [sum]
  return {
    since: new Date(filter.sinceMs).toISOString(),
    until: new Date(filter.untilMs).toISOString(),
    group_by: [...groupBy],
    data: shown.map((row) => ({ ...usageJson(groupBy, row), ...namesJson(groupBy, row, names) })),
    sum: usageJson([], sum ?? NOTHING),
    is_cut: isGrouped && rows.length >= filter.limit,
  }
}

const NOTHING: UsageRow = {
  group: [],
  requests: 0,
  errors: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costNanoUsd: 0,
  unpricedRequests: 0,
  estimatedRequests: 0,
  responseHits: 0,
  savedNanoUsd: 0,
}

async function reportCsv(filter: UsageFilter, names: Names, deps: ServerDeps): Promise<string> {
  const { groupBy } = filter
  const rows = inOrder(await deps.usage.report(filter), groupBy)
  const head = groupBy.flatMap((each) => (isNamed(each) ? [each, `${each}_name`] : [each]))
  const lines = rows.map((row) =>
    csvLine([
      ...groupBy.flatMap((dimension, at) => {
        const id = groupText(dimension, row.group[at] ?? null)
        if (!isNamed(dimension)) return [id]
        return [id, id === null ? null : (names.of(dimension, id) ?? null)]
      }),
      ...usageValues(row),
    ]),
  )
  return csvLine([...head, ...USAGE_COLUMNS]) + lines.join('')
}

/** A series goes on with time; what cost most comes first within it, as it does without one. */
function inOrder(rows: readonly UsageRow[], groupBy: readonly UsageDimension[]): UsageRow[] {
  const at = groupBy.findIndex((dimension) => TIMES.includes(dimension))
  if (at < 0) return [...rows]
  return rows.toSorted((one, other) => Number(one.group[at]) - Number(other.group[at]))
}

function namesJson(groupBy: readonly UsageDimension[], row: UsageRow, names: Names): JsonObject {
  return Object.fromEntries(
    groupBy.flatMap((dimension, at) => {
      if (!isNamed(dimension)) return []
      const id = row.group[at]
      const known = typeof id === 'string' ? names.of(dimension, id) : undefined
      return [[`${dimension}_name`, known ?? null]]
    }),
  )
}

function present<T extends Record<string, string | undefined>>(
  values: T,
): { [K in keyof T]?: string } {
  return Object.fromEntries(
    Object.entries(values).filter(([, given]) => given !== undefined && given !== ''),
  ) as { [K in keyof T]?: string }
}
