// What routes of the management API share besides their kit: the words for what is wrong or not there, and the tenant that is asked about.
// An error never repeats a value.

import { GatewayError } from '../../core/error.ts'
import { can, scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import { actorOf, type ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'

/** The error for a member that cannot be so, in words that do not repeat it. */
export function invalidMember(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}

/**
 * The tenant that a request is about: that of whoever asks, or another one that it names, where they may do this there.
 * @throws GatewayError 404 for one that they may not, the same as for one there is not
 */
export function tenantAsked(
  request: Request,
  principal: Principal,
  rule: RouteRule,
  deps: Pick<ServerDeps, 'gateway' | 'denials'>,
): string {
  const named = new URL(request.url).searchParams.get('tenant')
  if (named === null || named === principal.tenantId) return principal.tenantId
  const isThere = deps.gateway.snapshot().rights.tenant(named) !== undefined
  if (isThere && can(principal, rule.action, scopes.tenant(named))) return named
  // Of a tenant there is not as well: what is done must not tell which it is.
  deps.denials.note(actorOf(request, principal), rule)
  throw notFound('tenant')
}

/** What is not there, or not theirs. */
export function notFound(what: string): GatewayError {
  return new GatewayError('invalid_request', {
    status: 404,
    code: `${what}_not_found`,
    message: `There is no such ${what.replaceAll('_', ' ')}.`,
  })
}

/** An id that there is already. */
export function taken(what: string): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'already_exists',
    param: 'id',
    message: `There is a ${what} of this id already.`,
  })
}
