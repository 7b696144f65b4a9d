// What becomes of a request that no route took, or whose handler let an error escape: one error of ours, and nothing of the framework's own
// text. Both apps, that of the protocols and that of the management API, answer by it.

import { GatewayError } from '../core/error.ts'
import { admissionOf, type ServerDeps } from './context.ts'
import { pathOf } from './respond.ts'

/** What Elysia could not route or a handler let escape; nothing of its own text reaches a client. */
export function routingError(
  error: unknown,
  code: unknown,
  request: Request,
  allowedMethods: (path: string) => string | undefined,
  deps: ServerDeps,
): GatewayError {
  if (error instanceof GatewayError) return error
  if (code === 'NOT_FOUND') {
    const path = pathOf(request)
    const allow = allowedMethods(path)
    return allow === undefined
      ? new GatewayError('unknown_url', {
          message: `Unknown request URL: ${request.method} ${shown(path)}.`,
        })
      : new GatewayError('method_not_allowed', { allow })
  }
  deps.logger.error('internal error', {
    request_id: admissionOf(request).requestId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  })
  return new GatewayError('internal', { cause: error })
}

function shown(path: string): string {
  // A key in the path is a credential.
  return path.replace(/^\/k\/[^/]*/, '/k/…').slice(0, 200)
}
