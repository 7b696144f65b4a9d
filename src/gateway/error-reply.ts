// An error as an HTTP reply in the client's dialect, with the header fields that official SDKs act upon.

import { type GatewayError, SDK_RETRY_AFTER_MAX_MS } from '../core/error.ts'
import type { DialectName } from '../core/ir/request.ts'
import { dialects } from '../dialects/registry.ts'

export interface ErrorReply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** Status, header fields and body of an error for a client of that dialect. */
export function errorReply(
  error: GatewayError,
  dialect: DialectName,
  requestId: string,
): ErrorReply {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-should-retry': String(error.shouldRetry),
  }
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000)))
    // SDKs read this one first and would wait it out in full: a long wait is for the other one alone.
    if (error.retryAfterMs <= SDK_RETRY_AFTER_MAX_MS) {
      headers['retry-after-ms'] = String(Math.ceil(error.retryAfterMs))
    }
  }
  if (error.kind === 'authentication') headers['www-authenticate'] = 'Bearer'
  if (error.allow !== undefined) headers['allow'] = error.allow
  if (CLOSES.has(error.kind)) headers['connection'] = 'close'
  return {
    status: dialect === 'anthropic' ? error.anthropicStatus : error.status,
    headers,
    body: JSON.stringify(dialects[dialect].errors.encode(error, requestId)),
  }
}

/** After these the connection may hold the rest of a body nobody will read. */
const CLOSES: ReadonlySet<GatewayError['kind']> = new Set([
  'request_too_large',
  'headers_too_large',
  'request_timeout',
  'shutting_down',
])
