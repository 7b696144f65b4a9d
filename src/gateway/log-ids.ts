// Whose request a line of the program's log is about: the ids that lead to its row, its trace and whoever asked, by the names that the access
// log has for them. Ids alone: no name of a person, no key, nothing that was said.

import { readTraceParent } from '../core/trace-context.ts'
import type { Arrival } from './inbound.ts'

/** The ids of a request, for the fields of a line. */
export function logIds({ headers, principal, requestId }: Arrival, traceId?: string) {
  return {
    request_id: requestId,
    trace_id: traceId ?? readTraceParent(headers.get('traceparent'))?.traceId,
    tenant: principal.tenantId,
    key_id: principal.keyId,
    user_id: principal.userId,
    service_id: principal.serviceId,
  }
}
