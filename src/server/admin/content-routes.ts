// `/admin/content-rules`: which content of requests is kept, by rules of the file and of the store; `/admin/content`: where it lies. A change
// holds on every replica within a second, for requests that end from then on.

import { Elysia } from 'elysia'
import type { ContentRule } from '../../core/content.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ServerDeps } from '../context.ts'
import { notFound, taken } from './body.ts'
import {
  ContentRuleBody,
  contentRuleJson,
  contentRuleOf,
  ContentRuleSchema,
  NewContentRuleBody,
} from './content-input.ts'
import { adminRoutes, nullable, oneOf, strict, t, type RouteContract } from './contract.ts'
import { listOf, listQuery, pageOf } from './paging.ts'
import { refuseDeclared } from './read-only.ts'

const tag = 'Content'

const LIST = {
  summary: 'Rules of content',
  description: 'All that hold for the tenant: of the configuration file and of the store.',
  tag,
  query: strict(listQuery(['id', 'per'])),
  answers: { 200: listOf(ContentRuleSchema) },
} as const satisfies RouteContract

const CREATE = {
  summary: 'Make a rule of content',
  tag,
  body: NewContentRuleBody,
  answers: { 201: ContentRuleSchema },
  errors: [409],
  once: true,
  examples: {
    support: { id: 'support', per: 'key', only: 'support-bot', keep: 'content-on-error' },
  },
} as const satisfies RouteContract

const SHOW = {
  summary: 'One rule of content',
  tag,
  answers: { 200: ContentRuleSchema },
  errors: [404],
  versioned: true,
} as const satisfies RouteContract

const REPLACE = {
  summary: 'Change a rule of content',
  description: 'The whole of it.',
  tag,
  body: ContentRuleBody,
  answers: { 200: ContentRuleSchema },
  errors: [404, 409],
  versioned: true,
} as const satisfies RouteContract

const REMOVE = {
  summary: 'Delete a rule of content',
  tag,
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
} as const satisfies RouteContract

const STANDING = {
  summary: 'Where content lies',
  description: 'Bodies outside of the store, and those on their way there or away, of all tenants.',
  tag,
  answers: {
    200: t.Object({
      configured: t.Boolean({ description: 'There is a bucket.' }),
      objects: t.Array(
        t.Object({
          state: oneOf(['waiting', 'stored', 'leaving']),
          objects: t.Integer(),
          bytes: t.Integer(),
        }),
      ),
      moved: t.Integer({ description: 'By this process since its start; so are the next three.' }),
      deleted: t.Integer(),
      failed: t.Integer(),
      without_bodies: t.Integer({ description: 'Rows kept without bodies for want of room.' }),
      problem: nullable(t.String(), { description: 'Why the bucket is not reached.' }),
    }),
  },
} as const satisfies RouteContract

const SWEEP = {
  summary: 'Delete objects that no request knows',
  description:
    'Looks at every object behind the prefix, which must be this installation’s alone; those older than a day that belong to no row go.',
  tag,
  errors: [409, 503],
  body: strict({
    dry_run: t.Optional(t.Boolean({ description: 'Only count; so it is unless given as false.' })),
  }),
  answers: {
    200: t.Object({
      looked: t.Integer(),
      orphans: t.Integer(),
      deleted: t.Integer(),
      dry_run: t.Boolean(),
    }),
  },
} as const satisfies RouteContract

export function contentRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { content, ids } = deps
  const all = '/admin/content-rules'
  const one = '/admin/content-rules/:id'
  const stored = async (tenantId: string, id: string) =>
    (await content.rules.list(tenantId)).find((rule) => rule.id === id)
  const rulesOf = async (tenantId: string): Promise<readonly ContentRule[]> => [
    ...content.rulesOf(tenantId).filter(({ origin }) => origin !== 'store'),
    ...(await content.rules.list(tenantId)),
  ]
  const found = async (tenantId: string, id = '') => {
    const rule = (await rulesOf(tenantId)).find((each) => each.id === id)
    if (rule === undefined) throw notFound('content_rule')
    return rule
  }
  const version = async (tenantId: string, id: string): Promise<JsonObject | undefined> => {
    const rule = await stored(tenantId, id)
    return rule === undefined ? undefined : contentRuleJson(rule, tenantId)
  }
  return new Elysia({ name: 'content-routes' })
    .get(
      all,
      ...on('GET', all, LIST, async ({ query, reply, tenantId }) => {
        const page = pageOf(await rulesOf(tenantId), query, {
          id: ({ id }) => id,
          sorts: { id: ({ id }) => id, per: ({ per }) => per },
          text: ({ id, only, per }) => [id, only, per],
        })
        const data = page.rows.map((rule) => contentRuleJson(rule, tenantId))
        return reply({ data, next_cursor: page.next_cursor, total: page.total })
      }),
    )
    .post(
      all,
      ...on('POST', all, CREATE, async ({ actor, body, show, tenantId }) => {
        const id = body.id ?? ids.uuid()
        const rule = contentRuleOf(body, { id, tenantId })
        const precondition = async () => {
          if ((await stored(tenantId, id)) !== undefined) throw taken('content rule')
        }
        await content.rules.save(rule, { ...actor, precondition })
        return show(contentRuleJson(rule, tenantId), { status: 201 })
      }),
    )
    .get(
      one,
      ...on('GET', one, SHOW, async ({ params, show, tenantId }) =>
        show(contentRuleJson(await found(tenantId, params['id']), tenantId)),
      ),
    )
    .put(
      one,
      ...on('PUT', one, REPLACE, async ({ actor, body, changing, params, show, tenantId }) => {
        const { id = '' } = params
        refuseDeclared((await found(tenantId, id)).origin, 'content rule')
        const rule = contentRuleOf(body, { id, tenantId })
        const { precondition } = changing(() => version(tenantId, id))
        const asked = async () => {
          await precondition?.()
          if ((await stored(tenantId, id)) === undefined) throw notFound('content_rule')
        }
        await content.rules.save(rule, { ...actor, precondition: asked })
        return show(contentRuleJson(rule, tenantId))
      }),
    )
    .delete(
      one,
      ...on('DELETE', one, REMOVE, async ({ changing, params, reply, tenantId }) => {
        const { id = '' } = params
        refuseDeclared((await found(tenantId, id)).origin, 'content rule')
        const by = changing(() => version(tenantId, id))
        if (!(await content.rules.remove(tenantId, id, by))) throw notFound('content_rule')
        return reply({ id, deleted: true })
      }),
    )
    .get(
      '/admin/content',
      ...on('GET', '/admin/content', STANDING, async ({ reply }) => {
        const standing = await content.standing()
        const { deleted, failed, isConfigured: configured, moved, objects, problem } = standing
        return reply({
          configured,
          objects: objects.map((each) => ({ ...each })),
          moved,
          deleted,
          failed,
          without_bodies: standing.withoutBodies,
          problem: problem ?? null,
        })
      }),
    )
    .post(
      '/admin/content/sweep',
      ...on('POST', '/admin/content/sweep', SWEEP, async ({ body, reply }) => {
        const { deleted, isDryRun, looked, orphans } = await content.sweep(body.dry_run ?? true)
        return reply({ looked, orphans, deleted, dry_run: isDryRun })
      }),
    )
}
