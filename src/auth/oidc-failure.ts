// What goes wrong at a login, in the gateway's words: an issuer that does not answer, one that refuses us, an answer that proves
// nothing. The issuer's own words are for the log alone.

import type { AuthorizationResponseError, ResponseBodyError } from 'openid-client'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

/** The issuer does not answer, or not with what it should: everything but logins goes on. */
export function issuerUnavailable(cause: unknown): GatewayError {
  return new GatewayError('identity_unavailable', {
    message: 'The identity provider does not answer now. Try again in a moment.',
    retryAfterMs: LIMITS.oidcRetryMs,
    cause,
  })
}

/** A login that proves nothing, whatever is the matter with it: somebody who tries things must not learn which. */
export function loginRefused(cause: unknown): GatewayError {
  return new GatewayError('invalid_request', {
    code: 'login_failed',
    message: 'This login could not be completed. Start it again.',
    cause,
  })
}

/** What openid-client threw. */
export function loginFailure(thrown: unknown): GatewayError {
  const ours = gatewayErrorIn(thrown)
  if (ours !== undefined) {
    return ours.kind.startsWith('upstream') || ours.kind === 'client_closed'
      ? issuerUnavailable(ours)
      : ours
  }
  if (isAuthorizationError(thrown)) return answered(thrown)
  if (isBodyError(thrown)) {
    const isTheirs = thrown.status >= 500 || thrown.status === 429
    return isTheirs || thrown.error === 'temporarily_unavailable'
      ? issuerUnavailable(thrown)
      : loginRefused(thrown)
  }
  return isNoAnswer(thrown) ? issuerUnavailable(thrown) : loginRefused(thrown)
}

/** Whether the issuer itself says that a grant holds no more. Anything else may be a moment of weakness. */
export function isGrantRefused(thrown: unknown): boolean {
  return isBodyError(thrown) && thrown.error === 'invalid_grant'
}

/** In words for the log: never what was sent. */
export function describeLoginFailure(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    const { code, error: word } = at as { code?: unknown; error?: unknown }
    const said = typeof word === 'string' ? word : typeof code === 'string' ? code : ''
    parts.push(said === '' ? at.message : `${at.message} (${said.slice(0, 60)})`)
    at = at.cause
    if (typeof at === 'string') parts.push(at)
  }
  return parts.join(': ').slice(0, 400)
}

/** The issuer sent the browser back with an error. */
function answered(error: AuthorizationResponseError): GatewayError {
  if (error.error === 'access_denied') {
    return new GatewayError('permission', {
      code: 'login_denied',
      message: 'The identity provider did not let you in.',
      cause: error,
    })
  }
  return error.error === 'temporarily_unavailable' || error.error === 'server_error'
    ? issuerUnavailable(error)
    : loginRefused(error)
}

// Told by their codes, which openid-client promises as well as their classes: to ask for those it would have to be loaded.
function isAuthorizationError(thrown: unknown): thrown is AuthorizationResponseError {
  return hasCode(thrown, 'OAUTH_AUTHORIZATION_RESPONSE_ERROR')
}

function isBodyError(thrown: unknown): thrown is ResponseBodyError {
  return hasCode(thrown, 'OAUTH_RESPONSE_BODY_ERROR')
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as { code?: unknown }).code === code
}

const NO_ANSWER = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
])

function isNoAnswer(thrown: unknown): boolean {
  return thrown instanceof Error && NO_ANSWER.has(String((thrown as { code?: unknown }).code))
}

function gatewayErrorIn(thrown: unknown): GatewayError | undefined {
  let at = thrown
  for (let depth = 0; at instanceof Error && depth < 5; depth += 1) {
    if (at instanceof GatewayError) return at
    at = at.cause
  }
  return undefined
}
