// How users get in, as administrators see to it: a new password or a link to choose one, and the end of every session of somebody.

import { Elysia } from 'elysia'
import { sessionId } from '../../../auth/login-desk.ts'
import { LOCAL_ISSUER } from '../../../core/issuer.ts'
import { LIMITS } from '../../../core/limits.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import { adminRoutes, nullable, strict, t, type RouteContract } from '../contract.ts'
import { conflict, guarded } from './guard.ts'
import { linkUrl, makeLink, requireLocal } from './password-links.ts'
import { PasswordLinkSchema } from './schemas.ts'
import { asActive, foundUser } from './users-routes.ts'

const PASSWORD = '/admin/users/:id/password'
const SESSIONS = '/admin/users/:id/sessions'

const setPassword = {
  summary: 'Give a local user a new password, or a link to choose one',
  description:
    'With a password it is in force at once and every session of theirs ends. Without one the answer has a link; the old password holds until they choose.',
  tag: 'People',
  body: strict({
    password: t.Optional(
      t.String({
        maxLength: LIMITS.passwordCharsMax,
        description: `At least ${LIMITS.passwordShortestChars} characters.`,
      }),
    ),
  }),
  answers: {
    200: t.Object({ id: t.String(), password_link: nullable(PasswordLinkSchema) }),
  },
  errors: [404, 409],
} satisfies RouteContract

const endSessions = {
  summary: 'Log a user out everywhere',
  tag: 'People',
  answers: { 200: t.Object({ id: t.String(), ended: t.Integer() }) },
  errors: [404],
} satisfies RouteContract

export function userAccessRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'user-access-routes' })
    .post(
      PASSWORD,
      ...on('POST', PASSWORD, setPassword, async (ask) => {
        const { actor, body, params, reply, tenantId } = ask
        const user = await foundUser(deps, tenantId, params['id'])
        const { id, issuer, subject } = user
        if (issuer !== LOCAL_ISSUER) {
          throw conflict('from_issuer', `${issuer} knows the password; it is changed there.`)
        }
        requireLocal(deps)
        const by = guarded(deps, ask, actor, { becomes: (state) => asActive(state, user) })
        if (body.password === undefined) {
          linkUrl(deps, '')
          // The link is no change of a row: what holds for one must hold all the same.
          await by.precondition?.()
          return reply({ id, password_link: await makeLink(deps, user, actor) })
        }
        const hash = await deps.people.local.hashFor(subject, body.password)
        if (!(await deps.people.users.setPasswordHash(tenantId, id, hash, by))) {
          throw notFound('user')
        }
        return reply({ id, password_link: null })
      }),
    )
    .delete(
      SESSIONS,
      ...on('DELETE', SESSIONS, endSessions, async ({ actor, params, reply, tenantId }) => {
        const { id } = await foundUser(deps, tenantId, params['id'])
        const open = (await deps.login?.desk.sessions(tenantId, id)) ?? []
        let ended = 0
        for (const session of open) {
          const isEnded = await deps.login?.desk.revoke(tenantId, sessionId(session), actor, id)
          if (isEnded === true) ended += 1
        }
        return reply({ id, ended })
      }),
    )
}
