// How a login that came to nothing is told to whoever tried. It says no more than they may know: not whether a user is there, nor what an
// issuer's answer held.

import { GatewayError, toGatewayError } from '../core/error.ts'
import { loginRefused } from './oidc-failure.ts'

/** A token that names nobody, or no tenant of ours, is a login that failed and no missing key. */
export function asLoginError(thrown: unknown): GatewayError {
  const error = toGatewayError(thrown)
  const isToken = error.kind === 'authentication' && error.code === 'invalid_api_key'
  return isToken ? loginRefused(thrown) : error
}

/** 404: no such issuer, or local users do not log in. */
export function notThere(): GatewayError {
  return new GatewayError('unknown_url', { message: 'There is no such way to log in.' })
}
