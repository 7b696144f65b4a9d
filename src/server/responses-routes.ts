// The routes of kept answers: `/v1/responses/{id}` and what is below it, in every place where Responses clients look. Asking
// for a new answer is one of the model routes.

import { Elysia } from 'elysia'
import { toGatewayError } from '../core/error.ts'
import type { Principal } from '../core/principal.ts'
import { RequestRecord } from '../gateway/record.ts'
import { refuse } from '../gateway/refuse.ts'
import {
  responseObject,
  type ResponseAction,
  type ResponseInbound,
} from '../gateway/response-objects.ts'
import { takePlace, type Place } from './admission.ts'
import { admissionOf, authorize, type ServerDeps } from './context.ts'
import { respond, respondError } from './respond.ts'
import { ruleOf, type RouteRule } from './route-actions.ts'

const BASES = ['/v1/responses', '/openai/v1/responses', '/openai/responses'] as const

const ROUTES: readonly { action: ResponseAction; method: string; below: string }[] = [
  { action: 'get', method: 'GET', below: '' },
  { action: 'delete', method: 'DELETE', below: '' },
  { action: 'input_items', method: 'GET', below: '/input_items' },
  { action: 'cancel', method: 'POST', below: '/cancel' },
]

interface Params {
  readonly id?: string
  readonly key?: string
}

interface Route {
  readonly action: ResponseAction
  readonly base: string
  readonly rule: RouteRule
}

export function responsesRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'responses-routes' })
  for (const base of BASES) {
    for (const prefix of ['', '/k/:key']) {
      for (const { action, method, below } of ROUTES) {
        const path = `${base}/:id${below}`
        const rule = ruleOf(method, path)
        app.route(
          method,
          `${prefix}${path}`,
          ({ request, params }) =>
            answer(request, { action, base, rule }, (params ?? {}) as Params, deps),
          { parse: 'none' },
        )
      }
    }
  }
  return app
}

async function answer(
  request: Request,
  { action, base, rule }: Route,
  params: Params,
  deps: ServerDeps,
): Promise<Response> {
  let principal: Principal
  try {
    principal = await authorize(request, rule, params.key, deps)
  } catch (thrown) {
    return respondError(request, toGatewayError(thrown))
  }
  const inbound = inboundOf(request, action, base, params, principal)
  let place: Place
  try {
    place = await takePlace(request, principal, deps)
  } catch (thrown) {
    return respond(request, refuse(new RequestRecord(inbound, deps.gateway), thrown, deps.gateway))
  }
  const admitted = { ...inbound, signal: place.signal, slot: place }
  return respond(request, await responseObject(admitted, deps.gateway))
}

function inboundOf(
  request: Request,
  action: ResponseAction,
  base: string,
  params: { readonly id?: string },
  principal: Principal,
): ResponseInbound {
  const { requestId, arrivedMs, arrivedMonotonicMs, from: addressOf } = admissionOf(request)
  const from = addressOf()
  const below = action === 'input_items' || action === 'cancel' ? `/${action}` : ''
  return {
    dialect: 'openai-responses',
    operation: `response-${action.replace('_', '-')}`,
    action,
    id: params.id ?? '',
    query: new URL(request.url).searchParams,
    endpoint: `${base}/{id}${below}`,
    bytes: new Uint8Array(),
    headers: request.headers,
    principal,
    requestId,
    ...(from === undefined ? {} : { from }),
    signal: request.signal,
    arrivedMs,
    arrivedMonotonicMs,
  }
}
