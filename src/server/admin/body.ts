// Bodies and queries of the management API: read within bounds, every member known and of its type, the value never repeated in an
// error. What a member means is each route's own.

import { GatewayError } from '../../core/error.ts'
import {
  invalidType,
  isObject,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { can, scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import { actorOf, type ServerDeps } from '../context.ts'
import { readBody, requireJsonType } from '../request-body.ts'
import type { RouteRule } from '../route-actions.ts'

/**
 * The JSON object of a body; an empty body is an empty object.
 * @throws GatewayError `invalid_json`, `invalid_request` for a member that is not among `known`, 413, 408, 415
 */
export async function adminBody(
  request: Request,
  known: readonly string[],
  deps: Pick<ServerDeps, 'settings' | 'gateway'>,
): Promise<JsonObject> {
  requireJsonType(request.headers, false)
  const { bodyTimeoutMs } = deps.settings()
  const bytes = await readBody(
    request,
    LIMITS.adminBodyBytesMax,
    bodyTimeoutMs,
    deps.gateway.deadlines,
  )
  const text = new TextDecoder().decode(bytes)
  const body = text.trim() === '' ? {} : parseJson(text)
  if (!isObject(body)) throw new GatewayError('invalid_json')
  const unknown = Object.keys(body).find((member) => !known.includes(member))
  if (unknown !== undefined) {
    throw new GatewayError('invalid_request', {
      code: 'unknown_parameter',
      param: unknown.slice(0, 100),
      message: `Unknown member. Known are: ${known.join(', ')}.`,
    })
  }
  return body
}

/** The error for a member that cannot be so, in words that do not repeat it. */
export function invalidMember(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}

/** A text within bounds; null and absent are undefined. @throws GatewayError naming the member */
export function textMember(body: JsonObject, param: string, charsMax: number): string | undefined {
  const value = body[param]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw invalidType(param, 'a string')
  const text = value.trim()
  if (text === '' || text.length > charsMax || /[\p{Cc}\u2028\u2029]/u.test(text)) {
    throw invalidMember(param, `Must be 1 to ${charsMax} characters without control characters.`)
  }
  return text
}

/** A list of texts within bounds. @throws GatewayError naming the member */
export function textsMember(
  value: JsonValue | undefined,
  param: string,
  charsMax: number,
): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw invalidType(param, 'an array of strings')
  if (value.length > LIMITS.adminListItemsMax) {
    throw invalidMember(param, `Must have at most ${LIMITS.adminListItemsMax} items.`)
  }
  return value.map((item, index) => {
    const at = `${param}[${index}]`
    const text = textMember({ [at]: item }, at, charsMax)
    if (text === undefined) throw invalidType(at, 'a string')
    return text
  })
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
