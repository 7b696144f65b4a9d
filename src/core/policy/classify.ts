// What a failed attempt means: try the same target again, another key, another target, or stop. One pure function over
// everything a failure shows. It never decides how often or how long: `retry` and `route` do.

import type { ErrorKind, GatewayError } from '../error.ts'
import { type HeaderReader, readRetryAfterMs } from './retry-after.ts'
import { type FailureBody, type Hint, hintOf } from './provider-hints.ts'

/** A failure below HTTP. */
export type ConnectionFault =
  /** Refused, unreachable, reset, name not found: nothing says the provider saw the request whole. */
  | 'connection'
  | 'connect-timeout'
  /** Connected and sent, but no answer in time: it may be at work, and billed. */
  | 'answer-timeout'
  | 'tls'
  /** The forward proxy does not let it through, and will not in a second either. */
  | 'proxy'
  | 'redirect'
  /** An answer that is not one: HTML, broken JSON, too large. */
  | 'bad-response'
  /** No token could be had for it: nothing was sent. */
  | 'credential'
  | 'client-closed'

export interface Failure {
  /** HTTP status, absent when no answer came. 2xx when the error stood inside a good answer. */
  readonly status?: number
  readonly headers?: HeaderReader
  readonly body?: FailureBody
  readonly fault?: ConnectionFault
  /** Something was already sent to the client. */
  readonly committed?: boolean
}

export interface Decision {
  readonly action: 'retry' | 'next-key' | 'next-target' | 'stop'
  /** What the client is told if nothing else works. */
  readonly error: ErrorKind
  /** The key that was asked with is fit for other requests: it is not set aside. */
  readonly keyIsFit?: true
  /** How long the provider asked to wait. */
  readonly retryAfterMs?: number
}

const stop = (error: ErrorKind): Decision => ({ action: 'stop', error })
const retry = (error: ErrorKind): Decision => ({ action: 'retry', error })
const nextTarget = (error: ErrorKind): Decision => ({ action: 'next-target', error })
const nextKey = (error: ErrorKind): Decision => ({ action: 'next-key', error })

const FAULTS: Readonly<Record<ConnectionFault, Decision>> = {
  connection: retry('upstream_error'),
  'connect-timeout': retry('upstream_timeout'),
  'answer-timeout': nextTarget('upstream_timeout'),
  tls: nextTarget('upstream_error'),
  proxy: nextTarget('upstream_error'),
  redirect: nextTarget('upstream_redirect'),
  'bad-response': nextTarget('upstream_bad_response'),
  credential: nextTarget('upstream_auth'),
  'client-closed': stop('client_closed'),
}

const HINTS: Readonly<Record<Hint, Decision>> = {
  credential: nextKey('upstream_auth'),
  'model-permission': { ...nextKey('model_not_found'), keyIsFit: true },
  permission: { ...nextKey('upstream_auth'), keyIsFit: true },
  'context-length': stop('context_length'),
  'content-filter': stop('content_filter'),
  model: nextTarget('model_not_found'),
  overloaded: retry('upstream_unavailable'),
}

/**
 * Decides what to do after one failed attempt (the error contract's rows). After the commit point nothing is tried again.
 * @param nowMs for a `retry-after` that is a date
 */
export function classify(failure: Failure, nowMs: number): Decision {
  const decision = decide(failure)
  const obeyed = obeyProvider(decision, failure)
  const final: Decision = failure.committed === true ? stop(obeyed.error) : obeyed
  const retryAfterMs = mayWait(decision)
    ? readRetryAfterMs(failure.headers, failure.body?.retryAfterMs, nowMs)
    : undefined
  return retryAfterMs === undefined ? final : { ...final, retryAfterMs }
}

function decide(failure: Failure): Decision {
  if (failure.fault !== undefined) return FAULTS[failure.fault]
  const status = effectiveStatus(failure)
  const hint = hintOf(status, failure.body)
  return hint === undefined ? byStatus(status, failure.body !== undefined) : HINTS[hint]
}

/** The status, or for an error inside a good answer the one that its code names (OpenRouter: `"code":502`). */
function effectiveStatus(failure: Failure): number {
  const status = failure.status ?? 502
  if (status >= 300) return status
  const told = Number(failure.body?.code)
  return Number.isInteger(told) && told >= 400 && told <= 599 ? told : 502
}

function byStatus(status: number, hasBody: boolean): Decision {
  if (status < 400) return nextTarget('upstream_redirect')
  switch (status) {
    case 401:
    case 402:
    case 403:
    case 407:
      return nextKey('upstream_auth')
    case 404:
      // Nothing readable under a 404 is no provider's answer but a wrong address.
      return hasBody ? stop('upstream_invalid_request') : nextTarget('upstream_error')
    case 405:
    case 426:
    case 501:
    case 505:
      return nextTarget('upstream_error')
    case 410:
      return nextTarget('model_not_found')
    case 408:
    case 504:
    case 524:
      return retry('upstream_timeout')
    case 409:
    case 425:
    case 498:
    case 499:
      return retry('upstream_error')
    case 413:
      return stop('upstream_invalid_request')
    case 429:
      return retry('upstream_rate_limited')
    case 529:
      return retry('upstream_unavailable')
    default:
      return status >= 500 ? retry('upstream_error') : stop('upstream_invalid_request')
  }
}

/** A provider that says `x-should-retry: false` is not asked the same again; its `true` never overrules a stop. */
function obeyProvider(decision: Decision, failure: Failure): Decision {
  if (decision.action !== 'retry') return decision
  return failure.headers?.get('x-should-retry') === 'false' ? nextTarget(decision.error) : decision
}

function mayWait(decision: Decision): boolean {
  return decision.action === 'retry' || decision.action === 'next-key'
}

/** The fault behind what the transport threw. */
export function connectionFault(error: GatewayError): ConnectionFault {
  switch (error.kind) {
    case 'client_closed':
      return 'client-closed'
    case 'upstream_redirect':
      return 'redirect'
    case 'upstream_bad_response':
      return 'bad-response'
    case 'upstream_auth':
      return 'credential'
    case 'upstream_timeout':
      return typeof error.cause === 'string' && error.cause.includes('connection')
        ? 'connect-timeout'
        : 'answer-timeout'
    default:
      if (isProxyRefusal(error.cause)) return 'proxy'
      return isTlsCode(error.cause) ? 'tls' : 'connection'
  }
}

/** Wrong passwords asked again and again lock accounts. */
function isProxyRefusal(cause: unknown): boolean {
  return (cause as { code?: unknown } | null | undefined)?.code === 'ERR_PROXY_REFUSED'
}

/** A certificate that does not hold now will not hold in a second either. */
function isTlsCode(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && /CERT|VERIFY|SELF_SIGNED|ALTNAME|TLS|SSL/.test(code)
}

/** Statuses with which a provider says that it has not begun: the request was refused before any work. */
const NOT_BEGUN: ReadonlySet<number> = new Set([429, 503, 529])

/** Below HTTP, the codes of a connection that was never made. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ConnectionRefused|ENOTFOUND|EAI_AGAIN|DNS_\w+|ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|ERR_PROXY_TUNNEL|FailedToOpenSocket)$/

/**
 * Whether the provider may have begun to work on a request that failed. A second time would then do twice what it does beyond
 * writing an answer.
 * @param thrown what the attempt ended with
 */
export function mayHaveBegun(failure: Failure, thrown: unknown): boolean {
  const { fault, status } = failure
  if (fault === 'connect-timeout' || fault === 'tls' || fault === 'redirect') return false
  if (fault === 'credential' || fault === 'proxy') return false
  if (fault === 'connection') {
    const cause = (thrown as { cause?: { code?: unknown } } | undefined)?.cause
    return !(typeof cause?.code === 'string' && NEVER_CONNECTED.test(cause.code))
  }
  if (fault !== undefined || status === undefined) return true
  return status < 400 || (status >= 500 && !NOT_BEGUN.has(status)) || status === 408
}
