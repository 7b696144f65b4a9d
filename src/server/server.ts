// The HTTP server: Host and Origin first, then Elysia's routes, and one place where whatever went wrong becomes an answer.
// It listens, drains and stops; what it serves is in the route modules.

import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { admit, admissionOf, type ServerDeps } from './context.ts'
import { dataPlane, directRoutes } from './data-plane.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import { authRoutes } from './auth-routes.ts'
import { applyCookies } from './browser.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { passthroughRoutes } from './passthrough-routes.ts'
import { publicRoutes } from './public-routes.ts'
import { responsesRoutes } from './responses-routes.ts'
import { managementRoutes } from './management-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { respondError } from './respond.ts'
import { routingError } from './routing-error.ts'
import { stopServer } from './stopping.ts'

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Requests and streams running now. */
  readonly active: number
  /** Stops accepting, lets what runs finish up to the limit, then cuts it. Resolves when every request is settled. */
  stop(drainTimeoutMs: number): Promise<void>
}

/** Binds and serves. @throws the system's error when the address cannot be bound */
export function startServer(deps: ServerDeps): RunningServer {
  const settings = deps.settings()
  const app = createApp(deps)
  const direct = directRoutes(deps)
  const handle = (request: Request) => direct(request) ?? app.handle(request)
  const server: Server<undefined> = Bun.serve({
    hostname: settings.host,
    port: settings.port,
    // A little above our own bound, so that the client gets our answer and not a bare 413.
    maxRequestBodySize: Math.max(settings.maxBodyBytes, settings.maxUploadBytes) * 2,
    // Quiet streams are kept open by our own keepalives and closed by our own deadlines.
    idleTimeout: 0,
    fetch: (request, self) => serve(request, () => self.requestIP(request)?.address, handle, deps),
    error: (error) => {
      deps.logger.error('request failed outside its handler', { error: String(error) })
      return new Response(
        '{"error":{"message":"Internal error.","type":"server_error","param":null,"code":"internal_error"}}',
        {
          status: 500,
          headers: { 'content-type': 'application/json' },
        },
      )
    },
  })
  return {
    url: `http://${urlHost(settings.host)}:${server.port}`,
    port: server.port!,
    get active() {
      return server.pendingRequests
    },
    stop: (drainTimeoutMs) => stopServer(server, deps.gateway, drainTimeoutMs),
  }
}

/** Every route there is, without a listener. */
export function createApp(deps: ServerDeps) {
  // Each `use` registers every route of what it takes in anew, so there is one level of it.
  const app = new Elysia({ name: 'weir' })
    .onError(({ error, code, request }) =>
      respondError(request, routingError(error, code, request, allowedMethods, deps)),
    )
    .use(publicRoutes(deps))
    .use(authRoutes(deps))
    .use(sessionRoutes(deps))
    .use(metricsRoutes(deps))
    .use(managementRoutes(deps))
    .use(catalogRoutes(deps))
    .use(dataPlane(deps))
    .use(passthroughRoutes(deps))
    .use(responsesRoutes(deps))
  const allowedMethods = createAllowedMethods(() => app.routes)
  return app
}

async function serve(
  request: Request,
  peer: () => string | undefined,
  handle: (request: Request) => Response | Promise<Response>,
  deps: ServerDeps,
): Promise<Response> {
  try {
    admit(request, peer, deps)
    checkHeaderCount(request.headers)
    if (request.method === 'OPTIONS') return preflight(request)
    const response = await handle(request)
    applyCookies(request, response)
    // Whoever asks next should ask another process: a load balancer keeps its connections else.
    if (deps.gateway.shutdown.state !== 'running') response.headers.set('connection', 'close')
    return response
  } catch (thrown) {
    const error = toGatewayError(thrown)
    if (error.kind === 'internal') {
      deps.logger.error('internal error', { error: String(error.cause) })
    }
    return respondError(request, error)
  }
}

/** Their size Bun bounds itself, at 16 KiB. */
function checkHeaderCount(headers: Headers): void {
  if (headers.count > LIMITS.requestHeadersMax) throw new GatewayError('headers_too_large')
}

function preflight(request: Request): Response {
  const { origin, requestId } = admissionOf(request)
  if (origin === undefined) throw new GatewayError('method_not_allowed', { allow: 'GET, POST' })
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '600',
      'x-request-id': requestId,
      vary: 'Origin',
    },
  })
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
