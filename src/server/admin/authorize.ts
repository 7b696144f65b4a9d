// Who asks the management API: a key or a token as everywhere, or a browser that is logged in. Here and in the login routes alone is a
// cookie believed; with a credential in the request it is not even looked at.

import type { Identified } from '../../auth/login-desk.ts'
import { csrfToken } from '../../auth/session-token.ts'
import { GatewayError } from '../../core/error.ts'
import type { Principal } from '../../core/principal.ts'
import {
  CSRF_HEADER,
  isChange,
  placeOf,
  requireOwnChange,
  sessionValueOf,
  setCookie,
} from '../browser.ts'
import { actorOf, authorize, requireRule, type ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'

/**
 * Who asks, let in by the rule of the route.
 * @throws GatewayError `authentication`, `permission`, or `origin_not_allowed` for a change that no page of ours has asked for
 */
export async function authorizeAdmin(
  request: Request,
  rule: RouteRule,
  deps: ServerDeps,
): Promise<Principal> {
  const identified = await identifyBrowser(request, deps)
  if (identified === 'ended') return await withoutSession(request, rule, deps)
  if (identified === undefined) return await authorize(request, rule, undefined, deps)
  const { principal } = identified
  if (!hasRights(principal)) {
    deps.denials.note(actorOf(request, principal), rule)
    throw new GatewayError('permission', { code: 'no_role', message: NO_ROLE })
  }
  requireRule(request, principal, rule, deps)
  return principal
}

/**
 * Who asks, once more while a stream to them goes on. Nothing is renewed by it.
 * @throws GatewayError `authentication` or `permission` where they may no longer
 */
export async function stillAllowed(
  request: Request,
  rule: RouteRule,
  deps: ServerDeps,
): Promise<Principal> {
  const { login } = deps
  const place = login?.publicUrl() === undefined ? undefined : possiblePlace(deps)
  const sessionValue = place && sessionValueOf(request, place)
  if (login === undefined || sessionValue === undefined) {
    return await authorize(request, rule, undefined, deps)
  }
  const principal = await login.desk.look(sessionValue)
  if (principal === undefined) throw new GatewayError('authentication')
  requireRule(request, principal, rule, deps)
  return principal
}

/**
 * Whoever was let in, as they are now that they have been waited for.
 * @throws GatewayError `authentication` or `permission` where they may no longer
 */
export function requireStill(
  request: Request,
  arrived: Principal,
  rule: RouteRule,
  deps: ServerDeps,
): Principal {
  const { keysByHash, rights } = deps.gateway.snapshot()
  const key = keysByHash.get(arrived.keyHash ?? '')
  const isOver =
    key !== undefined &&
    (key.revokedMs !== undefined ||
      key.disabled === true ||
      (key.expiresMs ?? Infinity) <= deps.clock.nowMs())
  const principal = isOver ? undefined : rights.again(arrived, key)
  if (principal === undefined) throw new GatewayError('authentication')
  requireRule(request, principal, rule, deps)
  return principal
}

/** Words for who is logged in and may nothing. */
export const NO_ROLE =
  'You are logged in, but no role was given to you here. Ask an administrator for one, or to map a role or group of your identity provider.'

/** Whether anything at all is allowed to somebody. */
export function hasRights(principal: Principal): boolean {
  return principal.grants.some(({ effect, role }) => effect === 'allow' && role.actions.length > 0)
}

/**
 * The session of a request: undefined without one, `ended` for one that is over. A change is looked at for who makes it, and a session
 * whose rights have changed gets its new cookie.
 * @throws GatewayError 403 for a change that no page of ours has asked for
 */
export async function identifyBrowser(
  request: Request,
  deps: ServerDeps,
): Promise<Identified | 'ended' | undefined> {
  const { login } = deps
  if (login?.publicUrl() === undefined || request.headers.get('cookie') === null) return undefined
  const place = possiblePlace(deps)
  const sessionValue = place && sessionValueOf(request, place)
  if (place === undefined || sessionValue === undefined) return undefined
  const identified = await login.desk.identify(sessionValue)
  if (identified === undefined) return 'ended'
  // First of all: the old one is worth nothing any more, whatever comes of this request.
  if (identified.isRenewed) {
    const token = csrfToken(identified.sessionValue)
    setCookie(request, place, place.sessionCookie, identified.sessionValue, {
      headers: { [CSRF_HEADER]: token },
    })
  }
  if (isChange(request)) requireOwnChange(request, place, sessionValue)
  return identified
}

function possiblePlace(deps: ServerDeps) {
  try {
    return placeOf(deps)
  } catch (thrown) {
    if (thrown instanceof GatewayError) return undefined
    throw thrown
  }
}

async function withoutSession(
  request: Request,
  rule: RouteRule,
  deps: ServerDeps,
): Promise<Principal> {
  try {
    return await authorize(request, rule, undefined, deps)
  } catch (thrown) {
    const isNobody = thrown instanceof GatewayError && thrown.kind === 'authentication'
    if (!isNobody) throw thrown
    throw new GatewayError('authentication', {
      code: 'session_ended',
      message: 'The session has ended. Log in again.',
    })
  }
}
