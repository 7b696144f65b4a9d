// Sessions as their owners and administrators see them: who one is, where one is logged in, and the end of it. Every change needs the
// proof that `requireOwnChange` asks for, or a key with the right to it.

import { Elysia } from 'elysia'
import { sessionId, type Identified } from '../auth/login-desk.ts'
import { csrfToken } from '../auth/session-token.ts'
import { GatewayError, toGatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import type { Session } from '../core/ports-people.ts'
import { authorizeAdmin, hasRights, identifyBrowser, NO_ROLE } from './admin/authorize.ts'
import { browserOf, placeOf, setCookie } from './browser.ts'
import { actorOf, type ServerDeps } from './context.ts'
import { pathOf, respondError, respondJson } from './respond.ts'
import { ruleOf } from './route-actions.ts'

export function sessionRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'session-routes' })
  const answered =
    (handler: (request: Request) => Promise<Response>) =>
    async ({ request }: { readonly request: Request }) => {
      try {
        const response = await handler(request)
        response.headers.set('cache-control', 'no-store')
        return response
      } catch (thrown) {
        return respondError(request, toGatewayError(thrown))
      }
    }
  const unparsed = { parse: 'none' } as const
  app.get(
    '/auth/session',
    answered((request) => whoAmI(request, deps)),
  )
  app.get(
    '/auth/sessions',
    answered((request) => ownSessions(request, deps)),
  )
  app.delete(
    '/auth/sessions/:id',
    answered((request) => endOwn(request, deps)),
    unparsed,
  )
  app.post(
    '/auth/logout',
    answered((request) => logOut(request, deps)),
    unparsed,
  )
  app.get(
    '/admin/sessions',
    answered((request) => listSessions(request, deps)),
  )
  app.delete(
    '/admin/sessions/:id',
    answered((request) => endSession(request, deps)),
    unparsed,
  )
  return app
}

/** Who the browser is, what it may prove a change with, and how to log in where it is nobody. */
async function whoAmI(request: Request, deps: ServerDeps): Promise<Response> {
  const identified = deps.login && (await identifyBrowser(request, deps))
  if (identified === undefined || identified === 'ended') {
    const options = deps.login?.desk.options()
    return respondJson(request, {
      authenticated: false,
      issuers: (options?.issuers ?? []).map(({ id, label }) => ({ id, label })),
      local: options?.isLocalOpen ?? false,
    })
  }
  const { principal, session, sessionValue, user } = identified
  const access = hasRights(principal)
  return respondJson(request, {
    authenticated: true,
    user: {
      id: user.id,
      tenant: user.tenantId,
      issuer: user.issuer,
      name: user.name ?? null,
      email: user.email ?? null,
    },
    roles: rolesOf(identified),
    groups: [...(principal.groups ?? [])],
    access,
    ...(access ? {} : { message: NO_ROLE }),
    csrf: csrfToken(sessionValue),
    session: sessionId(session),
    expires: new Date(session.expiresMs).toISOString(),
  })
}

function rolesOf({ principal }: Identified): JsonObject[] {
  const seen = new Map(
    principal.grants.map(({ effect, role, scope }) => [
      `${role.id} ${scope} ${effect}`,
      { role: role.id, scope, effect },
    ]),
  )
  return [...seen.values()]
}

/** @throws GatewayError `authentication` without a session */
async function requireSession(request: Request, deps: ServerDeps): Promise<Identified> {
  const identified = await identifyBrowser(request, deps)
  if (identified === undefined || identified === 'ended') {
    throw new GatewayError('authentication', {
      code: 'session_ended',
      message: 'There is no session. Log in first.',
    })
  }
  return identified
}

async function ownSessions(request: Request, deps: ServerDeps): Promise<Response> {
  const { session } = await requireSession(request, deps)
  const own = (await deps.login?.desk.sessions(session.tenantId, session.userId)) ?? []
  return respondJson(request, {
    data: own.map((each) => ({
      ...sessionBody(each),
      current: each.idHash === session.idHash,
    })),
  })
}

async function endOwn(request: Request, deps: ServerDeps): Promise<Response> {
  const { principal, session } = await requireSession(request, deps)
  const id = lastPart(request)
  const by = actorOf(request, principal)
  const isEnded = await deps.login?.desk.revoke(session.tenantId, id, by, session.userId)
  if (isEnded !== true) throw noSession()
  if (id === sessionId(session)) forgetCookie(request, deps)
  return respondJson(request, { id, ended: true })
}

/** Ends the session here, and says where the issuer ends its own. */
async function logOut(request: Request, deps: ServerDeps): Promise<Response> {
  const identified = await requireSession(request, deps)
  const place = placeOf(deps)
  forgetCookie(request, deps)
  const { from, requestId } = browserOf(request, place)
  const url = await deps.login?.desk.logOut(identified, `${place.url}/auth/login`, {
    ...(from === undefined ? {} : { from }),
    ...(requestId === undefined ? {} : { requestId }),
  })
  return respondJson(request, { redirect: url ?? '/auth/login' })
}

async function listSessions(request: Request, deps: ServerDeps): Promise<Response> {
  const principal = await authorizeAdmin(request, ruleOf('GET', '/admin/sessions'), deps)
  const at = request.url.indexOf('?')
  const userId = new URLSearchParams(at < 0 ? '' : request.url.slice(at)).get('user')
  const all = (await deps.login?.desk.sessions(principal.tenantId, userId ?? undefined)) ?? []
  return respondJson(request, { data: all.map(sessionBody) })
}

async function endSession(request: Request, deps: ServerDeps): Promise<Response> {
  const rule = ruleOf('DELETE', '/admin/sessions/:id')
  const principal = await authorizeAdmin(request, rule, deps)
  const id = lastPart(request)
  const by = actorOf(request, principal)
  const isEnded = await deps.login?.desk.revoke(principal.tenantId, id, by)
  if (isEnded !== true) throw noSession()
  return respondJson(request, { id, ended: true })
}

function sessionBody(session: Session): JsonObject {
  return {
    id: sessionId(session),
    user: session.userId,
    issuer: session.issuer,
    created: new Date(session.createdMs).toISOString(),
    last_seen: new Date(session.lastSeenMs).toISOString(),
    expires: new Date(session.expiresMs).toISOString(),
    user_agent: session.userAgent ?? null,
    from: session.from ?? null,
  }
}

function forgetCookie(request: Request, deps: ServerDeps): void {
  const place = placeOf(deps)
  setCookie(request, place, place.sessionCookie, '', { maxAgeSeconds: 0 })
}

function lastPart(request: Request): string {
  return pathOf(request).split('/').at(-1) ?? ''
}

function noSession(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 404,
    code: 'not_found',
    message: 'There is no such session.',
  })
}
