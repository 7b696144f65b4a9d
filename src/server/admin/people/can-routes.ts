// `/admin/actions`: everything there is to be allowed, in words; `/admin/can`: whether somebody may do something somewhere, and what decides
// it. The answer is made by the very function that every request is judged by.

import { Elysia } from 'elysia'
import type { Assignee } from '../../../core/identity.ts'
import { ACTIONS } from '../../../core/permission.ts'
import { SCOPE_WORDS, scopeFromWords } from '../../../core/policy/scope-words.ts'
import { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import { invalidMember, notFound } from '../body.ts'
import { adminRoutes, nullable, oneOf, strict, words, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { explain, subjectOf } from './explain.ts'
import { grantJson } from './json.ts'
import { assigneeName, namedOf } from './names.ts'
import { ACTION_NAMES, ASSIGNEES, AssigneeInput, GrantSchema } from './schemas.ts'

const ACTION_LIST = '/admin/actions'
const CAN = '/admin/can'

const ActionSchema = t.Object(
  { action: t.String(), description: t.String() },
  { $id: 'Action', description: 'What can be allowed, and who it is for.' },
)

const listActions = {
  summary: 'Actions that roles give',
  tag: 'People',
  query: strict(listQuery(['action'])),
  answers: { 200: listOf(ActionSchema) },
} satisfies RouteContract

const askCan = {
  summary: 'Can somebody do something?',
  description:
    'Of a group or team: somebody of whom no more is known than that. A key that is not active and whoever is turned off may nothing, with the reason.',
  tag: 'People',
  body: strict({
    who: AssigneeInput,
    action: oneOf(ACTION_NAMES),
    scope: t.Optional(words(400, { description: `${SCOPE_WORDS} Unless given, the tenant.` })),
  }),
  answers: {
    200: t.Object(
      {
        allowed: t.Boolean(),
        reason: t.String({ description: 'In words.' }),
        grant: nullable(GrantSchema, { description: 'What decided it.' }),
        who: t.Object({ kind: oneOf(ASSIGNEES), id: t.String(), name: t.String() }),
        tenant: t.String(),
        action: oneOf(ACTION_NAMES),
        scope: t.String(),
      },
      { $id: 'Decision' },
    ),
  },
  errors: [404],
  examples: {
    'A user and a model': {
      who: { kind: 'user', id: '019a1b2c-0000-7000-8000-000000000000' },
      action: 'model.invoke',
      scope: 'model:fast',
    },
    'A key': { who: { kind: 'key', id: 'file:ci' }, action: 'usage.read' },
  },
} satisfies RouteContract

export function canRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'can-routes' })
    .get(
      ACTION_LIST,
      ...on('GET', ACTION_LIST, listActions, ({ query, reply }) => {
        const all = ACTION_NAMES.map((action) => ({ action, description: ACTIONS[action] }))
        const { rows, ...page } = pageOf(all, query, {
          id: ({ action }) => action,
          sorts: { action: ({ action }) => action },
          text: ({ action, description }) => [action, description],
        })
        return reply({ data: [...rows], ...page })
      }),
    )
    .post(
      CAN,
      ...on('POST', CAN, askCan, async ({ body, reply, tenantId }) => {
        const { action } = body
        const scope = scopeFromWords(body.scope ?? 'tenant', tenantId)
        if (scope === undefined) throw invalidMember('scope', SCOPE_WORDS)
        const who = whoOf(body.who)
        const directory = await deps.people.directory.all()
        const keys = await keysOf(deps, tenantId)
        const rights = new Rights(directory)
        const nowMs = deps.clock.nowMs()
        const subject = subjectOf(who, { directory, keys, rights, tenantId, nowMs })
        if (subject === undefined) throw notFound(who.kind)
        const { models } = deps.gateway.snapshot().of(tenantId)
        const { allowed, grant, reason } = explain(subject, action, scope, models)
        const name = assigneeName({ assignee: who }, namedOf(directory.users, keys))
        return reply({
          allowed,
          reason,
          grant: grant === undefined ? null : grantJson(grant),
          who: { ...who, name },
          tenant: tenantId,
          action,
          scope,
        })
      }),
    )
}

function whoOf({ id, kind }: { readonly kind: Assignee['kind']; readonly id?: string }): Assignee {
  if (kind === 'everyone') return { kind, id: '*' }
  if (id !== undefined) return { kind, id }
  throw invalidMember('who.id', 'Missing.')
}

/** Of the file and of the store. */
async function keysOf({ gateway, keys }: ServerDeps, tenantId: string) {
  const declared = [...gateway.snapshot().keysByHash.values()].filter(
    (key) => key.origin === 'file' && key.tenantId === tenantId,
  )
  return [...declared, ...(await keys.keys.list(tenantId))]
}
