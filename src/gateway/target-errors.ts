// The errors of requests that no target was asked for: none is there, none has the operation, all are left alone. Their words are the
// same whoever finds it out. And what an error says of whose fault it is.

import { GatewayError, type ErrorKind } from '../core/error.ts'

/** No provider of the model is there, or fit to be asked. */
export function noProvider(): GatewayError {
  return new GatewayError('upstream_unavailable', {
    message: 'No provider of this model can be asked.',
  })
}

/**
 * No target is left to be asked: all are left alone, or there are none.
 * @param retryAfterMs when the first of those that are left alone may be asked again
 */
export function nobodyLeft(retryAfterMs: number | undefined): GatewayError {
  if (retryAfterMs === undefined) return noProvider()
  return new GatewayError('upstream_unavailable', {
    cause: 'every target is left alone after it failed',
    retryAfterMs: Math.max(1, retryAfterMs),
  })
}

/** The provider is there, and has no such operation. */
export function notOffered(operation: string): GatewayError {
  return new GatewayError('unsupported', {
    code: 'unsupported_operation',
    param: 'model',
    message: `The provider of this model does not offer this kind of request (${operation}).`,
  })
}

/** Ends the request whoever is asked: its client left, or this server stops. */
export function isOwn(kind: ErrorKind): boolean {
  return kind === 'client_closed' || kind === 'shutting_down'
}

const TARGETS_FAULT: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'upstream_error',
  'upstream_timeout',
  'upstream_unavailable',
  'upstream_bad_response',
  'upstream_redirect',
])

/** What speaks against the target itself, and not against a key, a limit or the request. */
export function isTargetsFault(kind: ErrorKind): boolean {
  return TARGETS_FAULT.has(kind)
}
