// The routes that reach a model. Each is the same few steps: who asks, the body, the gateway, the answer; whatever goes
// wrong before the gateway is settled and logged all the same.

import { Elysia } from 'elysia'
import { GatewayError } from '../core/error.ts'
import { countTokens } from '../gateway/count-tokens.ts'
import { handle } from '../gateway/handle.ts'
import type { Inbound, Reply } from '../gateway/inbound.ts'
import { RequestRecord } from '../gateway/record.ts'
import { refuse } from '../gateway/refuse.ts'
import type { Principal } from '../core/principal.ts'
import { takePlace, type Place } from './admission.ts'
import { admissionOf, authorize, NOBODY, type ServerDeps } from './context.ts'
import { readBody, requireJsonType } from './request-body.ts'
import { asJsonArray } from './json-array.ts'
import { pathOf, respond, respondError } from './respond.ts'
import { ruleOf, type RouteRule } from './route-actions.ts'
import { GEMINI_PREFIXES, geminiRoute, MODEL_ROUTES, type ModelRoute } from './routes.ts'

interface PathParams {
  readonly model?: string
  /** What follows the slash of a `provider/model` in the path. */
  readonly rest?: string
  readonly key?: string
}

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

/**
 * Answers the routes whose whole path is fixed, which most requests ask for, without the router: it costs a tenth of what the rest of a
 * small request does. The routes are registered all the same, for their prefixes, for other methods and for the API's description.
 * @returns undefined for what is the router's
 */
export function directRoutes(
  deps: ServerDeps,
): (request: Request) => Promise<Response> | undefined {
  const known = new Map(
    MODEL_ROUTES.filter(({ path }) => !/[:*]/.test(path)).map((route) => [
      route.path,
      { route, rule: ruleOf('POST', route.path) },
    ]),
  )
  return (request) => {
    if (request.method !== 'POST') return undefined
    const found = known.get(pathOf(request))
    return found === undefined ? undefined : answer(request, found.route, found.rule, {}, deps)
  }
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
  const found = geminiRoute(prefix, unescaped(params['*']))
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

/** A wildcard comes as it was sent. */
function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

async function answer(
  request: Request,
  route: ModelRoute,
  rule: RouteRule,
  params: PathParams,
  deps: ServerDeps,
): Promise<Response> {
  const identify = () => authorize(request, rule, params.key, deps)
  return respond(request, await askModel(request, route, params, identify, deps))
}

/**
 * Puts a request to a model, whoever it is that lets it in. Never rejects: what goes wrong is recorded, and said as the route's dialect says it.
 * @param identify who asks; rejects for whom nobody lets in
 */
export async function askModel(
  request: Request,
  route: ModelRoute,
  params: PathParams,
  identify: () => Principal | Promise<Principal>,
  deps: ServerDeps,
): Promise<Reply> {
  let principal = NOBODY
  let place: Place | undefined
  let bytes = new Uint8Array()
  try {
    const asking = identify()
    principal = asking instanceof Promise ? await asking : asking
    requireJsonType(request.headers, route.dialect === 'ollama')
    const taking = takePlace(request, principal, deps)
    place = taking instanceof Promise ? await taking : taking
    const { maxBodyBytes, bodyTimeoutMs } = deps.settings()
    bytes = (await readBody(request, maxBodyBytes, bodyTimeoutMs, deps.gateway.deadlines, {
      signal: place.signal,
      shutdown: deps.gateway.shutdown,
    })) as Uint8Array<ArrayBuffer>
  } catch (thrown) {
    const record = new RequestRecord(
      inboundOf(request, route, params, principal, place, bytes),
      deps.gateway,
    )
    return refuse(record, thrown, deps.gateway)
  }
  const inbound = inboundOf(request, route, params, principal, place, bytes)
  const ask = route.operation === 'token-count' ? countTokens : handle
  return await ask(inbound, deps.gateway)
}

function inboundOf(
  request: Request,
  route: ModelRoute,
  params: PathParams,
  principal: Principal,
  place: Place | undefined,
  bytes: Uint8Array,
): Inbound {
  const admission = admissionOf(request)
  const { arrivedMonotonicMs, arrivedMs, requestId } = admission
  return {
    dialect: route.dialect,
    operation: route.operation,
    hints: {
      ...(params.model === undefined ? {} : { model: modelOfPath(params.model, params.rest) }),
      ...(route.legacy === true ? { legacy: true } : {}),
      ...(route.batch === true ? { batch: true } : {}),
      ...(route.dialect === 'gemini' ? { stream: route.streamByDefault === true } : {}),
    },
    streamByDefault: route.streamByDefault ?? false,
    endpoint: route.path,
    bytes,
    headers: request.headers,
    principal,
    requestId,
    get from() {
      return admission.from()
    },
    signal: place?.signal ?? request.signal,
    ...(place === undefined ? {} : { slot: place }),
    arrivedMs,
    arrivedMonotonicMs,
  }
}

/** Elysia has decoded both parts: what a client escaped twice stays escaped once. */
function modelOfPath(first: string, rest: string | undefined): string {
  return rest === undefined ? first : `${first}/${rest}`
}
