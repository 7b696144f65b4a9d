// `/admin/usage` and `/admin/budgets`: what was used and spent, by any dimension, and what is left of budgets. A tenant's own; those with
// rights over the whole installation name another, or all. `/admin/usage/self` is for everybody: their own use alone.

import { Elysia } from 'elysia'
import { csvLine } from '../../core/csv.ts'
import { toGatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import type { BudgetRule } from '../../core/money.ts'
import { can, scopes } from '../../core/permission.ts'
import {
  USAGE_DIMENSIONS,
  type BudgetStanding,
  type UsageDimension,
  type UsageFilter,
  type UsageRow,
} from '../../core/ports-money.ts'
import type { Principal } from '../../core/principal.ts'
import {
  budgetJson,
  groupText,
  USAGE_COLUMNS,
  usageJson,
  usageValues,
} from '../../core/usage-export.ts'
import type { ServerDeps } from '../context.ts'
import { respond, respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { authorizeAdmin } from './authorize.ts'
import { invalidMember, tenantAsked } from './body.ts'

/** What these routes need of the outside. */
export interface UsageDeps {
  report(filter: UsageFilter): Promise<UsageRow[]>
  standings(tenantId: string): Promise<BudgetStanding[]>
  /** Budgets that hold for a tenant, those of its keys included. */
  budgets(tenantId: string): readonly BudgetRule[]
}

const SPAN_DEFAULT_MS = 30 * 24 * 60 * 60_000
const GROUPS_DEFAULT = 1_000
const DIMENSIONS: ReadonlySet<string> = new Set(USAGE_DIMENSIONS)

type Answer = (request: Request, rule: RouteRule, principal: Principal) => Promise<Response>

export function usageRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'usage-routes' })
  const get = (path: string, answer: Answer) => {
    const rule = ruleOf('GET', path)
    app.get(path, async ({ request }) => {
      try {
        const principal = await authorizeAdmin(request, rule, deps)
        const response = await answer(request, rule, principal)
        response.headers.set('cache-control', 'no-store')
        return response
      } catch (thrown) {
        return respondError(request, toGatewayError(thrown))
      }
    })
  }
  get('/admin/usage', (request, rule, principal) => {
    const query = new URL(request.url).searchParams
    const isAll = query.get('tenant') === '*' && can(principal, rule.action, scopes.platform)
    const tenantId = isAll ? undefined : tenantAsked(request, principal, rule, deps)
    const whose = {
      teamId: query.get('team'),
      userId: query.get('user'),
      serviceId: query.get('service'),
      keyId: query.get('key'),
    }
    return answered(request, { ...present(whose), ...(isAll ? {} : { tenantId: tenantId! }) }, deps)
  })
  get('/admin/usage/self', (request, _rule, principal) =>
    answered(request, { ...ownOf(principal), tenantId: principal.tenantId }, deps),
  )
  get('/admin/budgets', async (request, rule, principal) => {
    const tenantId = tenantAsked(request, principal, rule, deps)
    const standings = await deps.usage.standings(tenantId)
    const budgets = deps.usage.budgets(tenantId).map((each) => budgetJson(each, standings))
    return respondJson(request, { tenant: tenantId, budgets })
  })
  return app
}

/** What belongs to whoever asks; whoever needs no key has what was asked without one. */
function ownOf({ keyId, serviceId, userId }: Principal): Partial<UsageFilter> {
  if (keyId !== undefined) return { keyId }
  if (userId !== undefined) return { userId }
  return serviceId === undefined ? { keyId: '', serviceId: '', userId: '' } : { serviceId }
}

async function answered(
  request: Request,
  whose: Partial<UsageFilter>,
  deps: ServerDeps,
): Promise<Response> {
  const query = new URL(request.url).searchParams
  const nowMs = deps.clock.nowMs()
  const groupBy = groupsOf(query)
  const format = query.get('format') ?? 'json'
  if (format !== 'json' && format !== 'csv') throw invalidMember('format', 'Must be json or csv.')
  const untilMs = timeOf(query, 'until') ?? nowMs
  const filter: UsageFilter = {
    ...present({ model: query.get('model'), providerId: query.get('provider') }),
    ...whose,
    groupBy,
    sinceMs: timeOf(query, 'since') ?? untilMs - SPAN_DEFAULT_MS,
    untilMs,
    limit: limitOf(query),
  }
  const rows = await deps.usage.report(filter)
  if (format === 'csv') {
    const lines = rows.map((row) =>
      csvLine([
        ...groupBy.map((dimension, at) => groupText(dimension, row.group[at] ?? null)),
        ...usageValues(row),
      ]),
    )
    return respond(request, {
      status: 200,
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="usage.csv"',
      },
      body: csvLine([...groupBy, ...USAGE_COLUMNS]) + lines.join(''),
    })
  }
  return respondJson(request, {
    since: new Date(filter.sinceMs).toISOString(),
    until: new Date(filter.untilMs).toISOString(),
    group_by: [...groupBy],
    rows: rows.map((row) => usageJson(groupBy, row)),
    is_cut: groupBy.length > 0 && rows.length >= filter.limit,
  })
}

/** `by=model,day`, each once and at most four. */
function groupsOf(query: URLSearchParams): UsageDimension[] {
  const text = query.get('by')
  if (text === null || text === '') return []
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  if (names.length <= GROUPED_MAX && names.every((name) => DIMENSIONS.has(name))) {
    return names as UsageDimension[]
  }
  throw invalidMember('by', `Must be at most ${GROUPED_MAX} of ${USAGE_DIMENSIONS.join(', ')}.`)
}

const GROUPED_MAX = 4

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null) return GROUPS_DEFAULT
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= LIMITS.usageGroupsMax) return value
  throw invalidMember('limit', `Must be a whole number from 1 to ${LIMITS.usageGroupsMax}.`)
}

function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timeMs)) throw invalidMember(name, 'Must be an ISO date or time.')
  return timeMs
}

function present<T extends Record<string, string | null>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== ''),
  ) as { [K in keyof T]?: string }
}
