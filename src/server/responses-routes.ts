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

const BASES = ['/v1/responses', '/openai/v1/responses', '/openai/responses'] as const

export function responsesRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'responses-routes' })
  for (const base of BASES) {
    for (const prefix of ['', '/k/:key']) {
      const path = `${prefix}${base}/:id`
      const on = (action: ResponseAction) => (context: { request: Request; params: unknown }) => {
        const params = (context.params ?? {}) as { id?: string; key?: string }
        return answer(context.request, action, base, params, deps)
      }
      app.get(path, on('get'))
      app.delete(path, on('delete'))
      app.get(`${path}/input_items`, on('input_items'))
      app.post(`${path}/cancel`, on('cancel'), { parse: 'none' })
    }
  }
  return app
}

async function answer(
  request: Request,
  action: ResponseAction,
  base: string,
  params: { readonly id?: string; readonly key?: string },
  deps: ServerDeps,
): Promise<Response> {
  let principal: Principal
  try {
    principal = await authorize(request, 'model.invoke', params.key, deps)
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
  const { requestId, arrivedMs, arrivedMonotonicMs } = admissionOf(request)
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
    signal: request.signal,
    arrivedMs,
    arrivedMonotonicMs,
  }
}
