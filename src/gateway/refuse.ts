// The end of a request that failed, wherever it failed: its record settled, its cause in the log, its error said as the
// client's own dialect says it. Nothing is thrown at the server from here.

import { endReason } from '../core/end-reason.ts'
import { toGatewayError, type GatewayError } from '../core/error.ts'
import type { GatewayDeps } from './deps.ts'
import { errorReply } from './error-reply.ts'
import { estimateUsage } from './estimate.ts'
import type { Reply } from './inbound.ts'
import { logIds } from './log-ids.ts'
import type { RequestRecord } from './record.ts'

/** The provider was at work when these ended it: what went in is counted, as an estimate. */
const MAY_BE_BILLED: ReadonlySet<GatewayError['kind']> = new Set([
  'client_closed',
  'upstream_timeout',
  'shutting_down',
])

/** Operations whose input is text: the size of any other says nothing of its tokens, and counting tokens is free. */
const OF_TEXT: ReadonlySet<string> = new Set(['chat', 'completion', 'embedding'])

/** The reply to a request that failed. */
export function refuse(record: RequestRecord, thrown: unknown, deps: GatewayDeps): Reply {
  const error = cutShort(record.inbound.signal) ?? toGatewayError(thrown)
  const { dialect, requestId, bytes } = record.inbound
  if (error.kind === 'internal') {
    const { cause } = error
    deps.logger.error('internal error', {
      ...logIds(record.inbound, record.trace?.traceId),
      error: cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause),
    })
  }
  const worked = record.mayBeBilled || MAY_BE_BILLED.has(error.kind)
  const billed = worked && OF_TEXT.has(record.asksFor)
  if (billed && record.wasSent() && !record.hasUsage()) {
    record.addUsage(estimateUsage(bytes.length, 0))
  }
  const answer = errorReply(error, dialect, requestId)
  const reply = { ...answer, headers: { ...record.limitHeaders, ...answer.headers } }
  record.responseBytes = Buffer.byteLength(reply.body)
  record.settle(reply.status, error)
  return reply
}

/** The end of this server, which says more than what it made fail. */
function cutShort(signal: AbortSignal): GatewayError | undefined {
  if (!signal.aborted) return undefined
  const reason = endReason(signal)
  return reason.kind === 'shutting_down' ? reason : undefined
}
