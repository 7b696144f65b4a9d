// What anybody may read: liveness, readiness and the page of the web UI. None of it shows a key, a model or a provider.

import { Elysia } from 'elysia'
import { GatewayError } from '../core/error.ts'
import type { ServerDeps } from './context.ts'
import { pathOf, respond, respondError, respondJson } from './respond.ts'

/** Everything the page needs is in the executable; nothing may come from elsewhere. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function publicRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'public-routes' })
  app.get('/health', ({ request }) => respondJson(request, { status: 'ok' }))
  app.get('/readyz', ({ request }) => {
    const { ready, checks } = deps.readiness()
    return respondJson(
      request,
      { status: ready ? 'ready' : 'not ready', checks },
      ready ? 200 : 503,
    )
  })
  app.get('/', ({ request }) =>
    wantsPage(request)
      ? respond(request, { status: 302, headers: { location: '/ui' }, body: '' })
      : // Ollama's own words: clients ask the root to see whether a server is there.
        respond(request, {
          status: 200,
          headers: { 'content-type': 'text/plain; charset=utf-8' },
          body: 'Ollama is running',
        }),
  )
  app.get('/ui', ({ request }) => page(request, 'index.html', deps))
  app.get('/ui/*', ({ request }) => page(request, pathOf(request).slice('/ui/'.length), deps))
  return app
}

function page(request: Request, path: string, deps: ServerDeps): Response {
  const asset = deps.asset(path === '' ? 'index.html' : path)
  if (asset === undefined) return respondError(request, new GatewayError('unknown_url'))
  const headers = {
    'content-type': asset.contentType,
    'cache-control': 'no-cache',
    etag: asset.etag,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'referrer-policy': 'no-referrer',
  }
  return request.headers.get('if-none-match') === asset.etag
    ? respond(request, { status: 304, headers, body: '' })
    : respond(request, { status: 200, headers, body: asset.body })
}

function wantsPage(request: Request): boolean {
  return request.headers.get('accept')?.includes('text/html') ?? false
}
