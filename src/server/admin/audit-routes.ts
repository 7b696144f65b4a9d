// `/admin/audit`: who changed what, as a list and as a file. Each tenant sees its own; those with rights over the whole installation name
// another, or all.

import { Elysia } from 'elysia'
import { AUDIT_ACTIONS, type AuditRecord } from '../../core/audit.ts'
import { AUDIT_COLUMNS, auditCsv, auditJson } from '../../core/audit-export.ts'
import { csvLine } from '../../core/csv.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { AuditFilter, AuditRepository } from '../../core/ports-people.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import { notFound } from './body.ts'
import { adminRoutes, ALL_TENANTS, moment, nullable, oneOf, strict, t } from './contract.ts'
import { listOf } from './paging.ts'

/** What the routes of the audit need of the outside. */
export type AuditDeps = Pick<AuditRepository, 'list' | 'count' | 'verify'>

/** Records that an export reads at once. */
const EXPORT_ROWS = 1_000

const FILTERS = {
  action: t.Optional(oneOf(AUDIT_ACTIONS, { description: 'What happened.' })),
  actor: t.Optional(t.String({ maxLength: 200, description: 'Who did it, by id.' })),
  target_kind: t.Optional(
    t.String({ maxLength: 100, description: 'Kind of what it was done to: `key`, `provider`.' }),
  ),
  target: t.Optional(t.String({ maxLength: 400, description: 'What it was done to, by id.' })),
  since: t.Optional(moment({ description: 'From then on.' })),
  until: t.Optional(moment({ description: 'Before then.' })),
}

const LIST = strict({
  ...FILTERS,
  limit: t.Optional(
    t.Integer({
      minimum: 1,
      maximum: LIMITS.adminPageRowsMax,
      description: `Records of a page; ${LIMITS.adminPageRows} unless given.`,
    }),
  ),
  cursor: t.Optional(t.String({ maxLength: 100, description: 'Where the page before ended.' })),
})

const STATE = nullable(t.Record(t.String(), t.Unknown()))

const RecordSchema = t.Object(
  {
    sequence: t.Integer({ description: '1, 2, 3, … over all tenants, without a gap.' }),
    time: moment(),
    tenant: t.String(),
    actor: t.Object({
      kind: t.String(),
      id: t.String(),
      name: nullable(t.String()),
      tenant: nullable(t.String()),
      from: nullable(t.String(), { description: 'Its address.' }),
    }),
    request_id: nullable(t.String()),
    action: oneOf(AUDIT_ACTIONS),
    target: t.Object({ kind: t.String(), id: t.String() }),
    before: STATE,
    after: STATE,
    hash: t.String({ description: 'HMAC over the record and the hash before it.' }),
  },
  { $id: 'AuditRecord' },
)

interface Filters {
  readonly action?: (typeof AUDIT_ACTIONS)[number]
  readonly actor?: string
  readonly target_kind?: string
  readonly target?: string
  readonly since?: string
  readonly until?: string
}

export function auditRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'audit-routes' })
    .get(
      '/admin/audit',
      ...on(
        'GET',
        '/admin/audit',
        {
          summary: 'Records of the audit',
          description: 'Newest first. What was is masked as it is wherever else it is shown.',
          tag: 'Audit',
          query: LIST,
          allTenants: true,
          answers: { 200: listOf(RecordSchema) },
        },
        async ({ query, reply, tenantId }) => {
          const filter = filterOf(query, tenantId, deps)
          const { cursor, limit = LIMITS.adminPageRows } = query
          const page = { ...filter, limit: limit + 1 }
          const [rows, total] = await Promise.all([
            deps.audit.list(
              cursor === undefined ? page : { ...page, beforeSequence: placeIn(cursor) },
            ),
            deps.audit.count(filter),
          ])
          const shown = rows.slice(0, limit)
          const last = shown.at(-1)
          return reply({
            data: shown.map((record) => auditJson(record) as JsonObject),
            next_cursor: last === undefined || rows.length <= limit ? null : cursorAt(last),
            total,
          })
        },
      ),
    )
    .get(
      '/admin/audit/export',
      ...on(
        'GET',
        '/admin/audit/export',
        {
          summary: 'The audit as a file',
          description: 'Every record that fits, oldest first.',
          tag: 'Audit',
          query: strict({
            ...FILTERS,
            format: t.Optional(oneOf(['jsonl', 'csv'], { description: '`jsonl` unless given.' })),
          }),
          allTenants: true,
          answers: { 200: t.String() },
          media: { 200: ['application/jsonl', 'text/csv'] },
        },
        ({ query, request, tenantId }) =>
          exported(request, filterOf(query, tenantId, deps), query.format ?? 'jsonl', deps),
      ),
    )
    .get(
      '/admin/audit/:sequence/content',
      ...on(
        'GET',
        '/admin/audit/:sequence/content',
        {
          summary: 'What a record of the audit quotes',
          description:
            'An excerpt of what a guardrail was asked about, where `audit.content` kept one and nothing has deleted it since. Who reads it is recorded in the audit.',
          tag: 'Audit',
          allTenants: true,
          answers: {
            200: t.Object({
              sequence: t.Integer(),
              content: t.String({ description: 'As it was when the record was made.' }),
            }),
          },
          errors: [404],
        },
        async ({ actor, params, reply, tenantId }) => {
          const number = params['sequence'] ?? ''
          if (!/^[1-9]\d{0,14}$/.test(number)) throw notFound('content')
          const sequence = Number(number)
          const whose = tenantId === ALL_TENANTS ? undefined : tenantId
          const found = await deps.content.quoted(whose, sequence)
          if (found === undefined) throw notFound('content')
          // Before it is shown: what cannot be recorded is not read.
          await deps.content.record(
            {
              tenantId: found.tenantId,
              action: 'content.read',
              target: { kind: 'audit', id: number },
            },
            actor,
          )
          return reply({ sequence, content: found.text })
        },
      ),
    )
    .get(
      '/admin/audit/verify',
      ...on(
        'GET',
        '/admin/audit/verify',
        {
          summary: 'Check the chain of the audit',
          description: 'Every record of every tenant is computed anew: none is changed or missing.',
          tag: 'Audit',
          answers: {
            200: t.Object({
              records: t.Integer({ description: 'Those that are as they were written.' }),
              intact: t.Boolean(),
              broken: nullable(t.Object({ sequence: t.Integer(), reason: t.String() })),
            }),
          },
        },
        async ({ reply }) => {
          const { broken, records } = await deps.audit.verify()
          return reply({
            records,
            intact: broken === undefined,
            broken:
              broken === undefined ? null : { sequence: broken.sequence, reason: broken.reason },
          })
        },
      ),
    )
}

function filterOf(query: Filters, tenantId: string, deps: ServerDeps): Omit<AuditFilter, 'limit'> {
  const { action, actor, since, target, target_kind: targetKind, until } = query
  return {
    ...(tenantId === ALL_TENANTS ? {} : { tenantId }),
    // Of the only tenant there is: it is its installation.
    ...(tenantId === ALL_TENANTS || isShared(deps) ? {} : { withPlatform: true as const }),
    ...(action === undefined ? {} : { action }),
    ...(actor === undefined ? {} : { actorId: actor }),
    ...(targetKind === undefined ? {} : { targetKind }),
    ...(target === undefined ? {} : { targetId: target }),
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
  }
}

function cursorAt({ sequence }: AuditRecord): string {
  return Buffer.from(`audit ${sequence}`).toString('base64url')
}

/** @throws GatewayError `invalid_request` for a cursor that no page of this list gave */
function placeIn(cursor: string): number {
  const [, place] = /^audit (\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (place !== undefined) return Number(place)
  throw new GatewayError('invalid_request', {
    code: 'invalid_cursor',
    param: 'cursor',
    message: 'Not a cursor of this list. Begin anew without it.',
  })
}

/** Every record that fits, oldest first, read as the client takes it. */
function exported(
  request: Request,
  filter: Omit<AuditFilter, 'limit'>,
  format: 'jsonl' | 'csv',
  deps: ServerDeps,
): Response {
  const isCsv = format === 'csv'
  const encoder = new TextEncoder()
  let afterSequence = 0
  let head = isCsv ? csvLine(AUDIT_COLUMNS) : ''
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const records = await deps.audit.list({ ...filter, afterSequence, limit: EXPORT_ROWS })
      const lines = records.map((record) =>
        isCsv ? auditCsv(record) : `${JSON.stringify(auditJson(record))}\n`,
      )
      const text = head + lines.join('')
      head = ''
      afterSequence = records.at(-1)?.sequence ?? afterSequence
      if (text !== '') controller.enqueue(encoder.encode(text))
      if (records.length < EXPORT_ROWS) controller.close()
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
