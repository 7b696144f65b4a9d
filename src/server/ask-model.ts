// What every route that reaches a model does, whoever has found the route: who asks, the body, the gateway, the answer; whatever goes wrong
// before the gateway is settled and logged all the same. It knows no router, so that a start can serve models before there is one.

import type { Principal } from '../core/principal.ts'
import { countTokens } from '../gateway/count-tokens.ts'
import { handle } from '../gateway/handle.ts'
import type { Inbound, Reply } from '../gateway/inbound.ts'
import { RequestRecord } from '../gateway/record.ts'
import { refuse } from '../gateway/refuse.ts'
import { takePlace, type Place } from './admission.ts'
import { admissionOf, authorize, NOBODY, type ServerDeps } from './context.ts'
import { readBody, requireJsonType } from './request-body.ts'
import { respond } from './respond.ts'
import type { RouteRule } from './route-actions.ts'
import type { ModelRoute } from './routes.ts'

/** What a path says of a request to a model. */
export interface PathParams {
  readonly model?: string
  /** What follows the slash of a `provider/model` in the path. */
  readonly rest?: string
  readonly key?: string
}

/** Answers a request to a model whose route is found. @param rule who may ask there */
export async function answer(
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
