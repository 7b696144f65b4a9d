// `/admin/audit`: who changed what, as a list and as a file. Each tenant sees its own; those with rights over the whole installation name
// another, or all.

import { Elysia } from 'elysia'
import { AUDIT_ACTIONS } from '../../core/audit.ts'
import { AUDIT_COLUMNS, auditCsv, auditJson } from '../../core/audit-export.ts'
import { csvLine } from '../../core/csv.ts'
import { toGatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import { can, scopes } from '../../core/permission.ts'
import type { AuditFilter, AuditRepository } from '../../core/ports-people.ts'
import type { Principal } from '../../core/principal.ts'
import type { ServerDeps } from '../context.ts'
import { respond, respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { authorizeAdmin } from './authorize.ts'
import { invalidMember, tenantAsked } from './body.ts'

/** What the routes of the audit need of the outside. */
export type AuditDeps = Pick<AuditRepository, 'list' | 'verify'>

const RECORDS_DEFAULT = 100
const RECORDS_MAX = 1_000

type Answer = (request: Request, rule: RouteRule, principal: Principal) => Promise<Response>

export function auditRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'audit-routes' })
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
  get('/admin/audit', async (request, rule, principal) => {
    const filter = filterOf(request, rule, principal, deps)
    const records = await deps.audit.list(filter)
    const last = records.at(-1)
    const more = records.length === filter.limit ? (last?.sequence ?? null) : null
    return respondJson(request, {
      records: records.map((record) => auditJson(record) as JsonObject),
      next_before: more,
    })
  })
  get('/admin/audit/export', (request, rule, principal) =>
    Promise.resolve(exported(request, filterOf(request, rule, principal, deps), deps)),
  )
  get('/admin/audit/verify', async (request) => {
    const { broken, records } = await deps.audit.verify()
    return respondJson(request, {
      records,
      intact: broken === undefined,
      broken: broken === undefined ? null : { sequence: broken.sequence, reason: broken.reason },
    })
  })
  return app
}

/** @throws GatewayError `invalid_request` naming the parameter */
function filterOf(
  request: Request,
  rule: RouteRule,
  principal: Principal,
  deps: ServerDeps,
): AuditFilter {
  const query = new URL(request.url).searchParams
  const isAll = query.get('tenant') === '*' && can(principal, rule.action, scopes.platform)
  const text = (name: string) => query.get(name) ?? undefined
  const action = AUDIT_ACTIONS.find((each) => each === text('action'))
  if (text('action') !== undefined && action === undefined) {
    throw invalidMember('action', 'There is no such action.')
  }
  const values = {
    tenantId: isAll ? undefined : tenantAsked(request, principal, rule, deps),
    action,
    actorId: text('actor'),
    targetKind: text('target_kind'),
    targetId: text('target'),
    sinceMs: timeOf(query, 'since'),
    untilMs: timeOf(query, 'until'),
    beforeSequence: numberOf(query, 'before', Number.MAX_SAFE_INTEGER),
    limit: numberOf(query, 'limit', RECORDS_MAX) ?? RECORDS_DEFAULT,
  }
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as unknown as AuditFilter
}

function numberOf(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return value
  throw invalidMember(name, `Must be a whole number from 1 to ${max}.`)
}

function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timeMs)) throw invalidMember(name, 'Must be an ISO date or time.')
  return timeMs
}

/** Every record that fits, oldest first, read as the client takes it. */
function exported(request: Request, filter: AuditFilter, deps: ServerDeps): Response {
  const format = new URL(request.url).searchParams.get('format') ?? 'jsonl'
  if (format !== 'jsonl' && format !== 'csv') throw invalidMember('format', 'Must be jsonl or csv.')
  const isCsv = format === 'csv'
  const encoder = new TextEncoder()
  const { beforeSequence: _before, ...rest } = filter
  let afterSequence = 0
  let head = isCsv ? csvLine(AUDIT_COLUMNS) : ''
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const records = await deps.audit.list({ ...rest, afterSequence, limit: RECORDS_MAX })
      const lines = records.map((record) =>
        isCsv ? auditCsv(record) : `${JSON.stringify(auditJson(record))}\n`,
      )
      const text = head + lines.join('')
      head = ''
      afterSequence = records.at(-1)?.sequence ?? afterSequence
      if (text !== '') controller.enqueue(encoder.encode(text))
      if (records.length < RECORDS_MAX) controller.close()
    },
  })
  return respond(request, {
    status: 200,
    headers: {
      'content-type': isCsv ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8',
      'content-disposition': `attachment; filename="audit.${format}"`,
    },
    body,
  })
}
