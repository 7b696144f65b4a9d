// `/admin/holds`: legal holds, which keep requests from being deleted by anything until they are released; and `/admin/erasures`: the
// deletion of one person's data, which a hold puts off. Both leave records in the audit.

import { Elysia } from 'elysia'
import type { Actor } from '../../core/audit.ts'
import { GatewayError } from '../../core/error.ts'
import type { ServerDeps } from '../context.ts'
import { respondJson } from '../respond.ts'
import { notFound } from './body.ts'
import {
  erasureJson,
  erasureOf,
  ErasureSchema,
  holdJson,
  holdOf,
  HoldSchema,
  NewErasureBody,
  NewHoldBody,
  ReleaseBody,
} from './content-input.ts'
import { adminRoutes, strict, t, type RouteContract } from './contract.ts'
import { listOf, listQuery, pageOf } from './paging.ts'

const tag = 'Content'

const HOLDS = {
  summary: 'Legal holds',
  description: 'Those in force; released ones are in the audit.',
  tag,
  query: strict(listQuery(['created', 'kind'])),
  answers: { 200: listOf(HoldSchema) },
} as const satisfies RouteContract

const HOLD = {
  summary: 'Make a legal hold',
  description:
    'From the answer on nothing deletes the requests it keeps: neither age, nor size, nor an erasure.',
  tag,
  body: NewHoldBody,
  answers: { 201: HoldSchema },
  errors: [409],
  once: true,
  examples: { person: { kind: 'user', subject: '0197…', reason: 'case 2027-14' } },
} as const satisfies RouteContract

const RELEASE = {
  summary: 'Release a legal hold',
  description: 'Erasures that waited for it go on by themselves.',
  tag,
  body: ReleaseBody,
  answers: { 200: t.Object({ id: t.String(), released: t.Boolean() }) },
  errors: [404],
} as const satisfies RouteContract

const ERASURES = {
  summary: 'Erasures',
  tag,
  query: strict(listQuery(['created', 'state'])),
  answers: { 200: listOf(ErasureSchema) },
} as const satisfies RouteContract

const ERASE = {
  summary: 'Erase one person’s data',
  description:
    'In the request log: bodies and whatever names the person, in small steps that go on after a restart; kept answers and sessions with them. The user or key itself is deleted where users and keys are.',
  tag,
  body: NewErasureBody,
  answers: { 200: ErasureSchema, 202: ErasureSchema },
  errors: [409],
  once: true,
  examples: { person: { kind: 'user', subject: '0197…', reason: 'asked by mail', dry_run: true } },
} as const satisfies RouteContract

const ERASURE = {
  summary: 'One erasure',
  description: 'With what has been erased so far.',
  tag,
  answers: { 200: ErasureSchema },
  errors: [404],
} as const satisfies RouteContract

const REPORT = { ...ERASURE, summary: 'The report of an erasure, as a file' } as const

export function holdsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { clock, content, ids } = deps
  const madeNow = (actor: Actor, tenantId: string, id: string) => ({
    id,
    tenantId,
    createdMs: clock.nowMs(),
    createdBy: `${actor.kind} ${actor.name ?? actor.id}`,
  })
  const found = async (tenantId: string, id = '') => {
    const erasure = await content.erasures.find(tenantId, id)
    if (erasure === undefined) throw notFound('erasure')
    return erasure
  }
  const holds = '/admin/holds'
  const release = '/admin/holds/:id/release'
  const erasures = '/admin/erasures'
  const erasure = '/admin/erasures/:id'
  const report = '/admin/erasures/:id/report'
  return new Elysia({ name: 'holds-routes' })
    .get(
      holds,
      ...on('GET', holds, HOLDS, async ({ query, reply, tenantId }) => {
        const page = pageOf(await content.holds.list(tenantId), query, {
          id: ({ id }) => id,
          sorts: { created: ({ createdMs }) => createdMs, kind: ({ kind }) => kind },
          text: ({ id, reason, subject }) => [id, reason, subject],
        })
        const data = page.rows.map(holdJson)
        return reply({ data, next_cursor: page.next_cursor, total: page.total })
      }),
    )
    .post(
      holds,
      ...on('POST', holds, HOLD, async ({ actor, body, reply, tenantId }) => {
        const hold = holdOf(body, madeNow(actor, tenantId, body.id ?? ids.uuid()))
        await content.holds.create(hold, actor)
        return reply(holdJson(hold), 201)
      }),
    )
    .post(
      release,
      ...on('POST', release, RELEASE, async ({ actor, body, params, reply, tenantId }) => {
        const { id = '' } = params
        if (!(await content.holds.release(tenantId, id, body.reason, actor))) {
          throw notFound('hold')
        }
        content.wake()
        return reply({ id, released: true })
      }),
    )
    .get(
      erasures,
      ...on('GET', erasures, ERASURES, async ({ query, reply, tenantId }) => {
        const page = pageOf(await content.erasures.list(tenantId), query, {
          id: ({ id }) => id,
          order: 'desc',
          sorts: { created: ({ createdMs }) => createdMs, state: ({ state }) => state },
          text: ({ id, reason, subject }) => [id, reason, subject],
        })
        const data = page.rows.map(erasureJson)
        return reply({ data, next_cursor: page.next_cursor, total: page.total })
      }),
    )
    .post(
      erasures,
      ...on('POST', erasures, ERASE, async ({ actor, body, reply, tenantId }) => {
        const asked = erasureOf(body, madeNow(actor, tenantId, ids.uuid()))
        const isCounted = body.dry_run === true
        if (isCounted || body.when_held === 'refuse') {
          const counts = await content.count(asked, await content.holds.list(tenantId))
          if (isCounted) {
            const told = { ...asked, counts: { ...asked.counts, ...counts } }
            const nothing = { id: null, state: 'counted', created: null, created_by: null }
            return reply({ ...erasureJson(told), ...nothing })
          }
          if (counts.held > 0) throw isHeld(counts.held)
        }
        await content.erasures.create(asked, actor)
        content.wake()
        return reply(erasureJson(asked), 202)
      }),
    )
    .get(
      erasure,
      ...on('GET', erasure, ERASURE, async ({ params, reply, tenantId }) =>
        reply(erasureJson(await found(tenantId, params['id']))),
      ),
    )
    .get(
      report,
      ...on('GET', report, REPORT, async ({ params, request, tenantId }) => {
        const done = await found(tenantId, params['id'])
        const response = respondJson(request, erasureJson(done), 200)
        response.headers.set(
          'content-disposition',
          `attachment; filename="erasure-${done.id}.json"`,
        )
        return response
      }),
    )
}

function isHeld(rows: number): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'held',
    message: `A legal hold keeps ${rows} of the requests.`,
  })
}
