// The routes that only tell which models there are, in each protocol's shape. They wait for no provider: what is known is told.

import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { isObject, parseJson } from '../core/json.ts'
import { mayUseModel } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { CatalogModel } from '../gateway/catalog.ts'
import { resolve } from '../gateway/resolve.ts'
import { encodePs, encodeShow, encodeTags, encodeVersion } from '../dialects/ollama/catalog.ts'
import { admissionOf, authorize, type ServerDeps } from './context.ts'
import {
  anthropicModel,
  anthropicModels,
  geminiModel,
  geminiModels,
  ollamaModel,
  openaiModel,
  openaiModels,
} from './model-lists.ts'
import { readBody, requireJsonType } from './request-body.ts'
import { pathOf, respondError, respondJson } from './respond.ts'
import { dialectOfPath } from './routes.ts'
import type { JsonObject } from '../core/json.ts'

/** How long Ollama says a model stays loaded; ours are always ready. */
const ALWAYS_LOADED_MS = 24 * 60 * 60_000

/** Bytes of a body that only names a model. */
const SHOW_BODY_BYTES_MAX = 64 * 1_024

type Answerer = (
  principal: Principal,
  request: Request,
  model?: string,
) => JsonObject | Promise<JsonObject>

export function catalogRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'catalog-routes' })
  const known = (principal: Principal): CatalogModel[] => {
    const snapshot = deps.gateway.snapshot()
    // Old lists are renewed for the next caller; this one is not kept waiting.
    void deps.gateway.directory.refreshAll(snapshot)
    return deps.gateway.directory.models(snapshot, principal)
  }
  const list: Answerer = (principal, request) =>
    isAnthropic(request) ? anthropicModels(known(principal)) : openaiModels(known(principal))
  const one: Answerer = (principal, request, name = '') => {
    const model = find(name, principal)
    return isAnthropic(request) ? anthropicModel(model) : openaiModel(model)
  }
  const find = (name: string, principal: Principal): CatalogModel => {
    if (!mayUseModel(principal, name)) throw notFound(name)
    const models = known(principal)
    const listed = models.find((model) => model.id === name || model.id === `${name}:latest`)
    if (listed !== undefined) return listed
    // A name that would be answered exists, listed or not.
    const model = resolve(name, deps.gateway.snapshot(), deps.gateway.directory)
    const target = model?.targets[0]
    if (target === undefined) throw notFound(name)
    const { directory, snapshot } = deps.gateway
    const facts = directory.facts(snapshot().providers.get(target.providerId), target.model)
    const own = models.find((other) => other.id === `${target.providerId}/${target.model}`)
    return { ...facts, ...own, id: name, ownedBy: target.providerId }
  }

  const get = (path: string, answer: Answerer) => {
    for (const prefix of ['', '/k/:key']) {
      app.get(`${prefix}${path}`, ({ request, params }) => {
        const { key, '*': model } = (params ?? {}) as { key?: string; '*'?: string }
        return answered(request, key ?? geminiKey(request), decoded(model), answer, deps)
      })
    }
  }
  for (const base of ['/v1', '/openai/v1', '/openai', '/anthropic/v1']) {
    get(`${base}/models`, list)
    get(`${base}/models/*`, one)
  }
  for (const base of ['/v1beta', '/v1alpha']) {
    get(`${base}/models`, (principal) => geminiModels(known(principal)))
    get(`${base}/models/*`, (principal, _request, name = '') => geminiModel(find(name, principal)))
  }
  get('/api/tags', (principal) => encodeTags(known(principal).map(ollamaModel)))
  get('/api/ps', (principal, request) =>
    encodePs(known(principal).map(ollamaModel), admissionOf(request).arrivedMs + ALWAYS_LOADED_MS),
  )
  get('/api/version', () => encodeVersion())
  for (const prefix of ['', '/k/:key']) {
    app.post(
      `${prefix}/api/show`,
      ({ request, params }) =>
        answered(
          request,
          ((params ?? {}) as { key?: string }).key,
          undefined,
          async (principal) => {
            const name = await shownModel(request, deps)
            if (mayUseModel(principal, name)) await learn(name, deps)
            return encodeShow(ollamaModel(find(name, principal)))
          },
          deps,
        ),
      { parse: 'none' },
    )
  }
  return app
}

/** Has a local server describe the model, as its list does not; a bounded wait, and nothing for other providers. */
async function learn(name: string, { gateway }: ServerDeps): Promise<void> {
  const snapshot = gateway.snapshot()
  const target = resolve(name, snapshot, gateway.directory)?.targets[0]
  const provider = target === undefined ? undefined : snapshot.providers.get(target.providerId)
  if (target !== undefined && provider !== undefined) {
    await gateway.directory.local.facts(provider, target.model)
  }
}

/** Official clients escape the slash of `provider/model`; a wildcard comes as it was sent. */
function decoded(model: string | undefined): string | undefined {
  try {
    return model === undefined ? undefined : decodeURIComponent(model)
  } catch {
    return model
  }
}

async function answered(
  request: Request,
  key: string | undefined,
  model: string | undefined,
  answer: Answerer,
  deps: ServerDeps,
): Promise<Response> {
  try {
    const principal = await authorize(request, 'model.list', key, deps)
    return respondJson(request, await answer(principal, request, model))
  } catch (thrown) {
    return respondError(request, toGatewayError(thrown))
  }
}

/** The model of an `/api/show` body: `model`, or `name` from older clients. */
async function shownModel(request: Request, deps: ServerDeps): Promise<string> {
  requireJsonType(request.headers, true)
  const bytes = await readBody(
    request,
    SHOW_BODY_BYTES_MAX,
    deps.settings().bodyTimeoutMs,
    deps.gateway.deadlines,
  )
  const body = parseJson(new TextDecoder().decode(bytes))
  if (!isObject(body)) throw new GatewayError('invalid_json')
  const model = body['model'] ?? body['name']
  if (typeof model !== 'string' || model === '') {
    throw new GatewayError('invalid_request', {
      param: 'model',
      message: "Missing required parameter: 'model'.",
    })
  }
  return model
}

function notFound(name: string): GatewayError {
  const shown = name.slice(0, 100)
  return new GatewayError('model_not_found', {
    param: 'model',
    message: `The model '${shown}' does not exist or you do not have access to it.`,
  })
}

/** Gemini's clients may carry their key in the query, and nobody else. */
function geminiKey(request: Request): string | undefined {
  if (dialectOfPath(pathOf(request), request.headers) !== 'gemini') return undefined
  return new URL(request.url).searchParams.get('key') ?? undefined
}

function isAnthropic(request: Request): boolean {
  return request.headers.has('anthropic-version') || request.url.includes('/anthropic/')
}
