// The routes of operations beyond chat: those that name a model, files and batches, and raw requests to one provider. Each
// says who asks, takes the body in (a form never whole in memory) and hands over; what a request may do is decided behind.

import { Elysia } from 'elysia'
import { sha256Hex } from '../auth/authenticate.ts'
import { GatewayError } from '../core/error.ts'
import type { UpstreamMethod } from '../core/ports.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../core/principal.ts'
import type { Arrival, Reply } from '../gateway/inbound.ts'
import { ownedObjects, type OwnedAction } from '../gateway/passthrough/owned.ts'
import { proxy } from '../gateway/passthrough/proxy.ts'
import {
  receiveBody,
  receiveForm,
  type Incoming,
  type ReceiveDeps,
  type ReceivedBody,
  type ReceivedForm,
} from '../gateway/passthrough/receive.ts'
import { relayOperation } from '../gateway/passthrough/relay.ts'
import { RequestRecord } from '../gateway/record.ts'
import { refuse } from '../gateway/refuse.ts'
import type { RelayedOperation } from '../providers/provider.ts'
import { takePlace, type Place } from './admission.ts'
import { admissionOf, authorize, NOBODY, type ServerDeps } from './context.ts'
import { readBody, requireJsonType } from './request-body.ts'
import { pathOf, respond } from './respond.ts'
import { ruleOf, type RouteRule } from './route-actions.ts'
import { dialectOfPath } from './routes.ts'

interface Params {
  readonly key?: string
  readonly model?: string
  readonly rest?: string
  readonly id?: string
  readonly provider?: string
}

interface RelayedRoute {
  readonly path: string
  readonly operation: RelayedOperation
  /** What its body may be. */
  readonly body: 'json' | 'form' | 'either'
  readonly summary: string
}

const relayed = (
  path: string,
  operation: RelayedOperation,
  body: RelayedRoute['body'],
  summary: string,
): RelayedRoute => ({ path, operation, body, summary })

/** Those that Azure has below a deployment. */
const DEPLOYED: readonly RelayedRoute[] = [
  relayed('/images/generations', 'image', 'json', 'make images'),
  relayed('/images/edits', 'image-edit', 'either', 'edit images'),
  relayed('/audio/transcriptions', 'audio-transcription', 'either', 'transcribe speech'),
  relayed('/audio/translations', 'audio-translation', 'form', 'translate speech'),
  relayed('/audio/speech', 'audio-speech', 'json', 'speak'),
]

const RELAYED: readonly RelayedRoute[] = [
  ...DEPLOYED,
  relayed('/images/variations', 'image-variation', 'form', 'vary an image'),
  relayed('/moderations', 'moderation', 'json', 'moderate'),
  relayed('/rerank', 'rerank', 'json', 'rank documents'),
  relayed('/responses/compact', 'response-compact', 'json', 'compact a conversation'),
]

function below(prefix: string, routes: readonly RelayedRoute[]): RelayedRoute[] {
  return routes.map((route) => ({ ...route, path: `${prefix}${route.path}` }))
}

const RELAYED_ROUTES: readonly RelayedRoute[] = [
  ...below('/v1', RELAYED),
  ...below('/openai/v1', RELAYED),
  ...below('/openai/deployments/:model', DEPLOYED),
  ...below('/openai/deployments/:model/:rest', DEPLOYED),
  relayed('/v2/rerank', 'rerank', 'json', 'Cohere: rank documents'),
]

interface OwnedRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly operation: 'file' | 'batch'
  readonly action: OwnedAction
}

const owned = (
  method: OwnedRoute['method'],
  path: string,
  operation: OwnedRoute['operation'],
  action: OwnedAction,
): OwnedRoute => ({ method, path, operation, action })

const OWNED_ROUTES: readonly OwnedRoute[] = ['/v1', '/openai/v1', '/openai'].flatMap((prefix) => [
  owned('POST', `${prefix}/files`, 'file', 'create'),
  owned('GET', `${prefix}/files`, 'file', 'list'),
  owned('GET', `${prefix}/files/:id`, 'file', 'get'),
  owned('DELETE', `${prefix}/files/:id`, 'file', 'delete'),
  owned('GET', `${prefix}/files/:id/content`, 'file', 'content'),
  owned('POST', `${prefix}/batches`, 'batch', 'create'),
  owned('GET', `${prefix}/batches`, 'batch', 'list'),
  owned('GET', `${prefix}/batches/:id`, 'batch', 'get'),
  owned('POST', `${prefix}/batches/:id/cancel`, 'batch', 'cancel'),
])

const PROXY_METHODS: readonly UpstreamMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

export function passthroughRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'passthrough' })
  const add = (
    method: string,
    path: string,
    summary: string,
    answer: (request: Request, params: Params, rule: RouteRule) => Promise<Response>,
  ) => {
    const rule = ruleOf(method, path)
    for (const prefix of ['', '/k/:key']) {
      app.route(
        method,
        `${prefix}${path}`,
        ({ request, params }) => answer(request, (params ?? {}) as Params, rule),
        { parse: 'none', detail: { summary } },
      )
    }
  }
  for (const route of RELAYED_ROUTES) {
    add('POST', route.path, route.summary, (request, params, rule) =>
      answerRelayed(request, route, rule, params, deps),
    )
  }
  for (const route of OWNED_ROUTES) {
    add(route.method, route.path, `${route.operation}: ${route.action}`, (request, params, rule) =>
      answerOwned(request, route, rule, params, deps),
    )
  }
  for (const method of PROXY_METHODS) {
    for (const path of ['/proxy/:provider', '/proxy/:provider/*']) {
      add(method, path, 'raw request to one provider', (request, params, rule) =>
        answerProxy(request, rule, params, deps),
      )
    }
  }
  return app
}

interface Opened<Body> {
  readonly principal: Principal
  readonly place: Place
  readonly body: Body
}

/** Who asks, let in, and the body taken in; a request that fails here is logged and answered all the same. */
async function opened<Body>(
  request: Request,
  about: Pick<Arrival, 'operation' | 'endpoint'>,
  rule: RouteRule,
  key: string | undefined,
  deps: ServerDeps,
  take: (incoming: Taking) => Promise<Body>,
): Promise<Opened<Body> | Reply> {
  let principal = NOBODY
  let place: Place | undefined
  try {
    principal = await authorize(request, rule, key, deps)
    place = await takePlace(request, principal, deps)
    return { principal, place, body: await take({ request, signal: place.signal }) }
  } catch (thrown) {
    const arrival = arrivalOf(request, about, principal, place, new Uint8Array())
    return refuse(new RequestRecord(arrival, deps.gateway), thrown, deps.gateway)
  }
}

/** A request whose body is to be taken in, for as long as its signal allows. */
interface Taking {
  readonly request: Request
  readonly signal: AbortSignal
}

function isReply(result: Opened<unknown> | Reply): result is Reply {
  return 'status' in result
}

async function answerRelayed(
  request: Request,
  route: RelayedRoute,
  rule: RouteRule,
  params: Params,
  deps: ServerDeps,
): Promise<Response> {
  const { operation } = route
  const about = { operation, endpoint: route.path }
  const result = await opened(request, about, rule, params.key, deps, (taking) =>
    takeBody(taking, route.body, deps),
  )
  if (isReply(result)) return respond(request, result)
  const { bytes, form } = result.body
  const inbound = {
    ...arrivalOf(request, about, result.principal, result.place, bytes),
    operation,
    ...(form === undefined ? {} : { form }),
    ...(params.model === undefined ? {} : { model: joined(params.model, params.rest) }),
  }
  return respond(request, await relayOperation(inbound, deps.gateway))
}

async function answerOwned(
  request: Request,
  route: OwnedRoute,
  rule: RouteRule,
  params: Params,
  deps: ServerDeps,
): Promise<Response> {
  const { operation, action } = route
  const about = { operation, endpoint: route.path }
  const result = await opened(request, about, rule, params.key, deps, (taking) =>
    action === 'create'
      ? takeBody(taking, operation === 'file' ? 'form' : 'json', deps)
      : Promise.resolve({ bytes: new Uint8Array() }),
  )
  if (isReply(result)) return respond(request, result)
  const { bytes, form } = result.body as TakenBody
  const query = new URLSearchParams(queryOf(request))
  const provider = request.headers.get('x-weir-provider') ?? query.get('provider')
  const inbound = {
    ...arrivalOf(request, about, result.principal, result.place, bytes),
    operation,
    action,
    query,
    ...(params.id === undefined ? {} : { id: params.id }),
    ...(provider === null || provider === '' ? {} : { provider }),
    ...(form === undefined ? {} : { form }),
  }
  return respond(request, await ownedObjects(inbound, deps.gateway))
}

async function answerProxy(
  request: Request,
  rule: RouteRule,
  params: Params,
  deps: ServerDeps,
): Promise<Response> {
  // The router takes a HEAD for a GET.
  const method = request.method as UpstreamMethod
  const provider = params.provider ?? ''
  const path = pathOf(request).replace(/^\/k\/[^/]*(?=\/)/, '')
  const rest = /^\/proxy\/[^/]*\/(.*)$/s.exec(path)?.[1] ?? ''
  const about = { operation: 'proxy', endpoint: path.slice(0, 200) }
  const key = params.key ?? geminiKey(request, provider, deps)
  const result = await opened(request, about, rule, key, deps, async (taking) => {
    requireNoUpgrade(request.headers)
    return method === 'GET' || method === 'HEAD'
      ? { bytes: new Uint8Array() }
      : await takeAnyBody(taking, deps)
  })
  if (isReply(result)) return respond(request, result)
  const { bytes, received } = result.body as { bytes: Uint8Array; received?: ReceivedBody }
  const inbound = {
    ...arrivalOf(request, about, result.principal, result.place, bytes),
    dialect: dialectOfPath(`/${rest}`, request.headers),
    operation: 'proxy' as const,
    method,
    provider,
    rest,
    query: queryOf(request),
    ...(received === undefined ? {} : { received }),
  }
  const response = respond(request, await proxy(inbound, deps.gateway))
  // With no body at all the length is that of the body a GET would have.
  return method === 'HEAD' ? new Response(null, response) : response
}

interface TakenBody {
  readonly bytes: Uint8Array
  readonly form?: ReceivedForm
}

async function takeBody(
  taking: Taking,
  wanted: RelayedRoute['body'],
  deps: ServerDeps,
): Promise<TakenBody> {
  const { headers } = taking.request
  const form = wanted === 'form' || (wanted === 'either' && isForm(headers))
  if (form) {
    return { bytes: new Uint8Array(), form: await receiveForm(incomingOf(taking), uploads(deps)) }
  }
  requireJsonType(headers, false)
  return { bytes: await jsonBytes(taking, deps) }
}

/** A raw body: JSON as bytes, a form scanned, anything else unread. */
async function takeAnyBody(
  taking: Taking,
  deps: ServerDeps,
): Promise<{ bytes: Uint8Array; received?: ReceivedBody }> {
  const bytes = new Uint8Array()
  const { headers } = taking.request
  const type = headers.get('content-type') ?? ''
  if (isForm(headers)) {
    return { bytes, received: await receiveForm(incomingOf(taking), uploads(deps)) }
  }
  if (/^\s*application\/(?:[\w.-]+\+)?json\b/i.test(type)) {
    return { bytes: await jsonBytes(taking, deps) }
  }
  return { bytes, received: await receiveBody(incomingOf(taking), uploads(deps)) }
}

function jsonBytes({ request, signal }: Taking, deps: ServerDeps): Promise<Uint8Array> {
  const { maxBodyBytes, bodyTimeoutMs } = deps.settings()
  const { deadlines, shutdown } = deps.gateway
  return readBody(request, maxBodyBytes, bodyTimeoutMs, deadlines, { signal, shutdown })
}

function incomingOf({ request, signal }: Taking): Incoming {
  return { headers: request.headers, body: request.body, signal }
}

function uploads(deps: ServerDeps): ReceiveDeps {
  return {
    room: deps.spools,
    deadlines: deps.gateway.deadlines,
    uploadBytesMax: () => deps.settings().maxUploadBytes,
  }
}

function isForm(headers: Headers): boolean {
  return /^\s*multipart\/form-data\b/i.test(headers.get('content-type') ?? '')
}

function requireNoUpgrade(headers: Headers): void {
  if (!headers.has('upgrade')) return
  throw new GatewayError('unsupported', {
    code: 'upgrade_unsupported',
    message: 'WebSocket and other upgraded connections are not supported here.',
  })
}

/**
 * Gemini's clients may carry their key in the query, and nobody else: so it counts where the tenant it is a key of has such a provider
 * by that name. Which providers another tenant has makes no difference to it.
 */
function geminiKey(request: Request, provider: string, deps: ServerDeps): string | undefined {
  const given = new URLSearchParams(queryOf(request)).get('key') ?? undefined
  if (given === undefined) return undefined
  const { tenantId = DEFAULT_TENANT_ID } = deps.authentication.keyByHash(sha256Hex(given)) ?? {}
  const { providers } = deps.gateway.snapshot().of(tenantId)
  return providers.get(provider)?.type === 'gemini' ? given : undefined
}

function queryOf(request: Request): string {
  const { url } = request
  const start = url.indexOf('?')
  const end = url.indexOf('#')
  return start < 0 ? '' : url.slice(start + 1, end < 0 ? undefined : end)
}

function joined(first: string, rest: string | undefined): string {
  return rest === undefined ? first : `${first}/${rest}`
}

function arrivalOf(
  request: Request,
  about: Pick<Arrival, 'operation' | 'endpoint'>,
  principal: Principal,
  place: Place | undefined,
  bytes: Uint8Array,
): Arrival {
  const { requestId, arrivedMs, arrivedMonotonicMs, from: addressOf } = admissionOf(request)
  const from = addressOf()
  return {
    ...about,
    dialect: dialectOfPath(pathOf(request), request.headers),
    bytes,
    headers: request.headers,
    principal,
    requestId,
    ...(from === undefined ? {} : { from }),
    signal: place?.signal ?? request.signal,
    ...(place === undefined ? {} : { slot: place }),
    arrivedMs,
    arrivedMonotonicMs,
  }
}
