// The routes that reach a model, as the router knows them: which path asks which model of which protocol. What becomes of such a request is
// told in ask-model.ts.

import { Elysia } from 'elysia'
import { GatewayError } from '../core/error.ts'
import { percentDecoded } from '../core/percent.ts'
import { answer, type PathParams } from './ask-model.ts'
import type { ServerDeps } from './context.ts'
import { asJsonArray } from './json-array.ts'
import { respondError } from './respond.ts'
import { ruleOf, type RouteRule } from './route-actions.ts'
import { GEMINI_PREFIXES, geminiRoute, MODEL_ROUTES } from './routes.ts'

export function dataPlane(deps: ServerDeps) {
  const app = new Elysia({ name: 'data-plane' })
  for (const route of MODEL_ROUTES) {
    const rule = ruleOf('POST', route.path)
    for (const prefix of ['', '/k/:key']) {
      app.post(
        `${prefix}${route.path}`,
        ({ request, params }) => answer(request, route, rule, (params ?? {}) as PathParams, deps),
        { parse: 'none', detail: { summary: route.summary } },
      )
    }
  }
  for (const gemini of GEMINI_PREFIXES) {
    const rule = ruleOf('POST', `${gemini}/*`)
    for (const prefix of ['', '/k/:key']) {
      app.post(
        `${prefix}${gemini}/*`,
        ({ request, params }) => answerGemini(request, gemini, rule, params as GeminiParams, deps),
        { parse: 'none', detail: { summary: 'Gemini: generate, count tokens, embed' } },
      )
    }
  }
  return app
}

interface GeminiParams {
  readonly '*': string
  readonly key?: string
}

async function answerGemini(
  request: Request,
  prefix: string,
  rule: RouteRule,
  params: GeminiParams,
  deps: ServerDeps,
): Promise<Response> {
  // A wildcard comes as it was sent.
  const found = geminiRoute(prefix, percentDecoded(params['*']))
  if (found === undefined) return respondError(request, new GatewayError('unknown_url'))
  const query = new URL(request.url).searchParams
  const key = params.key ?? query.get('key') ?? undefined
  const { route, model } = found
  const response = await answer(
    request,
    route,
    rule,
    { model, ...(key === undefined ? {} : { key }) },
    deps,
  )
  return route.streamByDefault === true && query.get('alt') !== 'sse'
    ? asJsonArray(response)
    : response
}
