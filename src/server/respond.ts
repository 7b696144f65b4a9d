// The only place that makes a Response. Always a fresh one with filtered header fields: a stream handed to Elysia in any other
// way is re-decoded chunk by chunk, which breaks characters and hides errors.

import type { GatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import { errorReply } from '../gateway/error-reply.ts'
import type { Reply } from '../gateway/inbound.ts'
import { admissionOf } from './context.ts'
import { isProblemPath, problemReply } from './problem.ts'
import { dialectOfPath } from './routes.ts'

/** A reply of the gateway as a Response. */
export function respond(request: Request, reply: Reply): Response {
  let body = reply.body as ConstructorParameters<typeof Response>[0]
  if (request.method === 'HEAD' && body instanceof ReadableStream) {
    // The router would read it to its end to count its bytes, and with it all that the provider has to send.
    void body.cancel()
    body = null
  }
  return new Response(body, {
    status: reply.status,
    headers: withCommon(request, reply.headers),
  })
}

/** A JSON answer of our own. */
export function respondJson(request: Request, body: JsonObject, status = 200): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: withCommon(request, { 'content-type': 'application/json' }),
  })
}

/** An error for whichever protocol the path belongs to. */
export function respondError(request: Request, error: GatewayError): Response {
  const { requestId } = admissionOf(request)
  const path = pathOf(request)
  const reply = isProblemPath(path)
    ? problemReply(error, requestId)
    : errorReply(error, dialectOfPath(path, request.headers), requestId)
  return respond(request, reply)
}

/** Path of a request whose URL may be anything: the text between authority and query. */
export function pathOf(request: Request): string {
  const { url } = request
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start < 0) return '/'
  const end = url.indexOf('?', start)
  return end < 0 ? url.slice(start) : url.slice(start, end)
}

/** The last part of a request's path, as it was sent: for ids that hold nothing that must be escaped. */
export function lastPartOf(request: Request): string {
  return pathOf(request).split('/').at(-1) ?? ''
}

function withCommon(request: Request, headers: Record<string, string>): Record<string, string> {
  const { requestId, origin } = admissionOf(request)
  headers['x-request-id'] = requestId
  if (request.headers.has('anthropic-version')) headers['request-id'] = requestId
  headers['x-content-type-options'] = 'nosniff'
  if (origin !== undefined) {
    headers['access-control-allow-origin'] = origin
    headers['access-control-expose-headers'] = '*'
    headers['vary'] = 'Origin'
  }
  return headers
}
