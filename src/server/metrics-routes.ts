// `/metrics` for Prometheus. It tells no secret, yet it tells who is asked and how much, by everybody: so it wants a key, or a caller of
// this machine where those need none, and with several tenants one with rights over all of them.

import { Elysia } from 'elysia'
import { toGatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { authorize, type ServerDeps } from './context.ts'
import { respond, respondError } from './respond.ts'
import { ruleOf } from './route-actions.ts'
import { takesGzip } from './web-files.ts'

export function metricsRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'metrics-routes' })
  const rule = ruleOf('GET', '/metrics')
  app.get('/metrics', async ({ request }) => {
    try {
      await authorize(request, rule, undefined, deps)
      const { contentType, text } = await deps.metrics(request.headers.get('accept') ?? undefined)
      const isPacked = text.length >= LIMITS.metricTextPackBytes && takesGzip(request)
      return respond(request, {
        status: 200,
        headers: {
          'content-type': contentType,
          'cache-control': 'no-store',
          vary: 'Accept, Accept-Encoding',
          ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
        },
        body: isPacked ? Bun.gzipSync(text, { level: 1 }) : text,
      })
    } catch (thrown) {
      return respondError(request, toGatewayError(thrown))
    }
  })
  return app
}
