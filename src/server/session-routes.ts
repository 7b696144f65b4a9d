// Sessions as their owners and administrators see them: who one is, where one is logged in, and the end of it. Every change needs the
// proof that `requireOwnChange` asks for, or a key with the right to it.

import { Elysia } from 'elysia'
import { sessionId, type Identified } from '../auth/login-desk.ts'
import { csrfToken } from '../auth/session-token.ts'
import { GatewayError, toGatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import { ACTIONS, can, canSomewhere, scopes, type Action } from '../core/permission.ts'
import type { Session } from '../core/ports-people.ts'
import type { Principal } from '../core/principal.ts'
import { hasRights, identifyBrowser, NO_ROLE } from './admin/authorize.ts'
import { browserOf, placeOf, setCookie } from './browser.ts'
import { actorOf, authorize, type ServerDeps } from './context.ts'
import { lastPartOf, respondError, respondJson } from './respond.ts'
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
  return app
}

/** Who the browser is, what it may prove a change with, and how to log in where it is nobody; of whoever asks, what they may do. */
async function whoAmI(request: Request, deps: ServerDeps): Promise<Response> {
  const identified = deps.login && (await identifyBrowser(request, deps))
  if (identified === undefined || identified === 'ended') {
    const options = deps.login?.desk.options()
    return respondJson(request, {
      authenticated: false,
      issuers: (options?.issuers ?? []).map(({ id, label }) => ({ id, label })),
      local: options?.isLocalOpen ?? false,
      ...(await callerState(request, deps)),
    })
  }
  const { principal, session, sessionValue, user } = identified
  const access = hasRights(principal)
  return respondJson(request, {
    authenticated: true,
    ...rightsState(principal, deps),
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

/** Whoever asks with a key, or from this machine without one; nothing where that is nobody. */
async function callerState(request: Request, deps: ServerDeps): Promise<JsonObject> {
  try {
    const rule = ruleOf('GET', '/auth/session')
    const principal = await authorize(request, rule, undefined, deps)
    const { keyName, kind, name } = principal
    return { caller: { kind, name: keyName ?? name ?? null }, ...rightsState(principal, deps) }
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.kind === 'authentication') return {}
    throw thrown
  }
}

/**
 * What somebody may do, for pages that show only that: to anything of their tenant, and to what lies anywhere. Each request is judged by
 * itself all the same.
 */
function rightsState(principal: Principal, deps: ServerDeps): JsonObject {
  const all = Object.keys(ACTIONS) as Action[]
  const rights = deps.gateway.snapshot().rights
  return {
    tenant: principal.tenantId,
    tenant_name: rights.tenant(principal.tenantId)?.name ?? null,
    many_tenants: rights.hasManyTenants,
    actions: all.filter((action) => canSomewhere(principal, action)),
    platform_actions: all.filter((action) => can(principal, action, scopes.platform)),
  }
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
  const id = lastPartOf(request)
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

/** A session as it is shown. */
export function sessionBody(session: Session) {
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

/** What is not there, or not theirs. */
export function noSession(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 404,
    code: 'not_found',
    message: 'There is no such session.',
  })
}
