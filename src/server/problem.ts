// An error of the management API as problem details (RFC 9457), with the header fields that every error has. The other paths answer in
// their clients' protocols; this one has no clients of another kind.

import type { GatewayError } from '../core/error.ts'
import { errorReply, type ErrorReply } from '../gateway/error-reply.ts'

/** Whether a path is answered with problem details. */
export function isProblemPath(path: string): boolean {
  return path === '/admin' || path.startsWith('/admin/')
}

/** Status, header fields and body. */
export function problemReply(error: GatewayError, requestId: string): ErrorReply {
  const { headers, status } = errorReply(error, 'openai-chat', requestId)
  const { message, param } = error
  return {
    status,
    headers: { ...headers, 'content-type': PROBLEM_TYPE },
    body: problemText(status, { code: error.code ?? error.type, message, param }, requestId),
  }
}

/** Media type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json'

/** The body of a problem. @param error.message words for people */
export function problemText(
  status: number,
  error: { readonly code: string; readonly message: string; readonly param: string | null },
  requestId: string,
): string {
  const { code, message, param } = error
  // Loaded with the first of them: the module is a large one, and every start would pay for it.
  const { STATUS_CODES } = process.getBuiltinModule('node:http')
  return JSON.stringify({
    type: `urn:weir:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    param,
    request_id: requestId,
  })
}
