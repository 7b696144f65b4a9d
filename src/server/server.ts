// The HTTP server: Host and Origin first, then the direct routes and the router, and one place where whatever went wrong becomes an answer.
// It listens, drains and stops; what it serves is in the route modules.

import type { Server } from 'bun'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { admit, admissionOf, type ServerDeps } from './context.ts'
import { directRoutes } from './direct-routes.ts'
import { applyCookies } from './browser.ts'
import { respondError } from './respond.ts'
import { stopServer } from './stopping.ts'

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Requests and streams running now. */
  readonly active: number
  /** Makes what only some requests need, so that none of them waits for it. */
  warm(): Promise<void>
  /** Stops accepting, lets what runs finish up to the limit, then cuts it. Resolves when every request is settled. */
  stop(drainTimeoutMs: number): Promise<void>
}

/** Binds and serves. @throws the system's error when the address cannot be bound */
export function startServer(deps: ServerDeps): RunningServer {
  const settings = deps.settings()
  const router = lazyRouter(deps)
  const direct = directRoutes(deps)
  const handle = (request: Request) => direct(request) ?? router.handle(request)
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
    warm: async () => void (await router.made()),
    stop: (drainTimeoutMs) => stopServer(server, deps.gateway, drainTimeoutMs),
  }
}

/** The router, made once: by whoever needs it first. */
function lazyRouter(deps: ServerDeps) {
  type Handle = (request: Request) => Response | Promise<Response>
  let handle: Handle | undefined
  let making: Promise<Handle> | undefined
  const make = async (): Promise<Handle> => {
    const { createApp } = await import('./router.ts')
    // Two short pauses instead of a long one, for whoever asks for a model meanwhile.
    await Bun.sleep(0)
    const app = createApp(deps)
    handle = (request) => app.handle(request)
    return handle
  }
  const made = () =>
    (making ??= make().catch((error: unknown) => {
      // Whoever asks next tries again: a failure must not outlast what has caused it.
      making = undefined
      throw error
    }))
  return {
    handle: (request: Request) => handle?.(request) ?? made().then((routed) => routed(request)),
    made,
  }
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
    const { origin } = admissionOf(request)
    if (request.method === 'OPTIONS' && origin !== undefined) return preflight(request, origin)
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

/** What a browser asks before it lets a page ask; without an Origin an OPTIONS is a method like any other, which no route takes. */
function preflight(request: Request, origin: string): Response {
  const { requestId } = admissionOf(request)
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
