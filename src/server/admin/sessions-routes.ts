// `/admin/sessions`: who of a tenant is logged in where, and the end of it. One's own sessions are `/auth/sessions`.

import { Elysia } from 'elysia'
import type { ServerDeps } from '../context.ts'
import { noSession, sessionBody } from '../session-routes.ts'
import { listOf, listQuery, pageOf } from './paging.ts'
import { adminRoutes, moment, nullable, strict, t } from './contract.ts'

const SessionSchema = t.Object(
  {
    id: t.String(),
    user: t.String(),
    issuer: t.String(),
    created: moment(),
    last_seen: moment(),
    expires: moment(),
    user_agent: nullable(t.String()),
    from: nullable(t.String(), { description: 'The address it was opened from.' }),
  },
  { $id: 'Session' },
)

export function sessionsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'sessions-routes' })
    .get(
      '/admin/sessions',
      ...on(
        'GET',
        '/admin/sessions',
        {
          summary: 'Sessions of browsers',
          tag: 'People',
          query: strict({
            ...listQuery(['last_seen', 'created', 'user']),
            user: t.Optional(t.String({ maxLength: 200, description: 'Of one user, by id.' })),
          }),
          answers: { 200: listOf(SessionSchema) },
        },
        async ({ query, reply, tenantId }) => {
          const all = (await deps.login?.desk.sessions(tenantId, query.user)) ?? []
          const { rows, ...page } = pageOf(all.map(sessionBody), query, {
            id: ({ id }) => id,
            sorts: {
              last_seen: (session) => session.last_seen,
              created: ({ created }) => created,
              user: ({ user }) => user,
            },
            text: ({ from, issuer, user, user_agent: agent }) => [user, issuer, agent, from],
            order: 'desc',
          })
          return reply({ data: [...rows], ...page })
        },
      ),
    )
    .delete(
      '/admin/sessions/:id',
      ...on(
        'DELETE',
        '/admin/sessions/:id',
        {
          summary: 'Log somebody out',
          tag: 'People',
          answers: { 200: t.Object({ id: t.String(), ended: t.Boolean() }) },
          errors: [404],
        },
        async ({ actor, params, reply, tenantId }) => {
          const id = params['id'] ?? ''
          const isEnded = await deps.login?.desk.revoke(tenantId, id, actor)
          if (isEnded !== true) throw noSession()
          return reply({ id, ended: true })
        },
      ),
    )
}
