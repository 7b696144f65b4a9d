// `POST /admin/route`: what a request would be sent to, without sending it, with what this process knows of its providers now. A
// question, though it is posted: it changes nothing.

import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../../core/json.ts'
import { explainRoute } from '../../gateway/route-explain.ts'
import type { ServerDeps } from '../context.ts'
import { readBody, requireJsonType } from '../request-body.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf } from '../route-actions.ts'
import { authorizeAdmin } from './authorize.ts'

/** Bytes of a body that names a model and a few words. */
const BODY_BYTES_MAX = 64 * 1_024

export function routeRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'route-routes' })
  const rule = ruleOf('POST', '/admin/route')
  app.post(
    '/admin/route',
    async ({ request }) => {
      try {
        const principal = await authorizeAdmin(request, rule, deps)
        const body = await bodyOf(request, deps)
        await deps.gateway.prices.ready()
        const answer = explainRoute(body, deps.gateway.snapshot(), deps.gateway, principal)
        return respondJson(request, answer as unknown as JsonObject)
      } catch (thrown) {
        return respondError(request, toGatewayError(thrown))
      }
    },
    { parse: 'none' },
  )
  return app
}

/** @throws GatewayError `invalid_json` and what reading a body throws */
async function bodyOf(request: Request, deps: ServerDeps): Promise<JsonObject> {
  requireJsonType(request.headers, false)
  const { bodyTimeoutMs } = deps.settings()
  const bytes = await readBody(request, BODY_BYTES_MAX, bodyTimeoutMs, deps.gateway.deadlines)
  const body = parseJson(new TextDecoder().decode(bytes))
  if (!isObject(body)) throw new GatewayError('invalid_json')
  return body
}
