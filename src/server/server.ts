// The HTTP server: Host and Origin first, then Elysia's routes, and one place where whatever went wrong becomes an answer.
// It listens, drains and stops; what it serves is in the route modules.

import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { discoveryRoutes } from './admin/discovery-routes.ts'
import { auditRoutes } from './admin/audit-routes.ts'
import { keysRoutes } from './admin/keys-routes.ts'
import { modelsRoutes } from './admin/models-routes.ts'
import { healthRoutes } from './admin/health-routes.ts'
import { routeRoutes } from './admin/route-routes.ts'
import { usageRoutes } from './admin/usage-routes.ts'
import { catalogRoutes } from './catalog-routes.ts'
import { admit, admissionOf, type ServerDeps } from './context.ts'
import { dataPlane } from './data-plane.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import { authRoutes } from './auth-routes.ts'
import { applyCookies } from './browser.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { passthroughRoutes } from './passthrough-routes.ts'
import { publicRoutes } from './public-routes.ts'
import { responsesRoutes } from './responses-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { pathOf, respondError } from './respond.ts'
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
  const server: Server<undefined> = Bun.serve({
    hostname: settings.host,
    port: settings.port,
    // A little above our own bound, so that the client gets our answer and not a bare 413.
    maxRequestBodySize: Math.max(settings.maxBodyBytes, settings.maxUploadBytes) * 2,
    // Quiet streams are kept open by our own keepalives and closed by our own deadlines.
    idleTimeout: 0,
    fetch: (request, self) => serve(request, () => self.requestIP(request)?.address, app, deps),
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
    .use(healthRoutes(deps))
    .use(routeRoutes(deps))
    .use(discoveryRoutes(deps))
    .use(modelsRoutes(deps))
    .use(keysRoutes(deps))
    .use(auditRoutes(deps))
    .use(usageRoutes(deps))
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
  app: ReturnType<typeof createApp>,
  deps: ServerDeps,
): Promise<Response> {
  try {
    admit(request, peer, deps)
    checkHeaderCount(request.headers)
    if (request.method === 'OPTIONS') return preflight(request)
    const response = await app.handle(request)
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

/** What Elysia could not route or a handler let escape; nothing of its own text reaches a client. */
function routingError(
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
    requestId: admissionOf(request).requestId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  })
  return new GatewayError('internal', { cause: error })
}

function shown(path: string): string {
  // A key in the path is a credential.
  return path.replace(/^\/k\/[^/]*/, '/k/…').slice(0, 200)
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
