// The routes that only tell which models there are, in each protocol's shape. They wait for no provider: what is known is told.

import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { percentDecoded } from '../core/percent.ts'
import type { Principal } from '../core/principal.ts'
import type { CatalogModel } from '../gateway/catalog.ts'
import { allowedModel, modelNotFound } from '../gateway/model-access.ts'
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
import { ruleOf, type RouteRule } from './route-actions.ts'
import { dialectOfPath, geminiRoute } from './routes.ts'

/** How long Ollama says a model stays loaded; ours are always ready. */
const ALWAYS_LOADED_MS = 24 * 60 * 60_000

/** Bytes of a body that only names a model. */
const SHOW_BODY_BYTES_MAX = 64 * 1_024

type Answerer = (
  principal: Principal,
  request: Request,
  model?: string,
) => JsonObject | Promise<JsonObject>

/** The lists and their entries, as each caller may see them. */
class Shelf {
  private readonly gateway: ServerDeps['gateway']

  constructor({ gateway }: ServerDeps) {
    this.gateway = gateway
  }

  /** Everything that the caller may ask for. */
  known(principal: Principal): CatalogModel[] {
    const { directory, snapshot } = this.gateway
    // Old lists are renewed for the next caller; this one is not kept waiting.
    void directory.refreshAll(snapshot())
    return directory.models(snapshot().of(principal.tenantId), principal)
  }

  /** @throws GatewayError `model_not_found` for what is not there, or not theirs */
  find(name: string, principal: Principal): CatalogModel {
    const models = this.known(principal)
    const listed = models.find((model) => model.id === name || model.id === `${name}:latest`)
    if (listed !== undefined) return listed
    // A name that would be answered exists, listed or not.
    const { directory, snapshot } = this.gateway
    const catalog = snapshot().of(principal.tenantId)
    const target = allowedModel(name, principal, catalog, directory)?.targets[0]
    if (target === undefined) throw modelNotFound(name, 'model')
    const facts = directory.facts(catalog.providers.get(target.providerId), target.model)
    const own = models.find((other) => other.id === `${target.providerId}/${target.model}`)
    return { ...facts, ...own, id: name, ownedBy: target.providerId }
  }
}

export function catalogRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'catalog-routes' })
  const shelf = new Shelf(deps)
  const known = (principal: Principal) => shelf.known(principal)
  const find = (name: string, principal: Principal) => shelf.find(name, principal)
  const list: Answerer = (principal, request) =>
    isAnthropic(request) ? anthropicModels(known(principal)) : openaiModels(known(principal))
  const one: Answerer = (principal, request, name = '') => {
    const model = find(name, principal)
    return isAnthropic(request) ? anthropicModel(model) : openaiModel(model)
  }
  const get = (path: string, answer: Answerer) => {
    const rule = ruleOf('GET', path)
    for (const prefix of ['', '/k/:key']) {
      app.get(`${prefix}${path}`, ({ request, params }) => {
        const { key, '*': model } = (params ?? {}) as { key?: string; '*'?: string }
        // Official clients escape the slash of `provider/model`, and a wildcard comes as it was sent.
        const name = model === undefined ? undefined : percentDecoded(model)
        return answered(request, rule, key ?? geminiKey(request), name, answer, deps)
      })
    }
  }
  for (const base of ['/v1', '/openai/v1', '/openai', '/anthropic/v1']) {
    get(`${base}/models`, list)
    get(`${base}/models/*`, one)
  }
  for (const base of ['/v1beta', '/v1alpha']) {
    get(`${base}/models`, (principal) => geminiModels(known(principal)))
    get(`${base}/models/*`, (principal, _request, name = '') => {
      // `:generateContent` behind a model is a method of it, which is called with POST, and no part of its name.
      const isMethod = geminiRoute(base, `models/${name}`) !== undefined
      if (isMethod) throw new GatewayError('method_not_allowed', { allow: 'POST' })
      return geminiModel(find(name, principal))
    })
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
          ruleOf('POST', '/api/show'),
          ((params ?? {}) as { key?: string }).key,
          undefined,
          async (principal) => {
            const name = await shownModel(request, deps)
            await learn(name, principal, deps)
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
async function learn(name: string, principal: Principal, { gateway }: ServerDeps): Promise<void> {
  const catalog = gateway.snapshot().of(principal.tenantId)
  const target = allowedModel(name, principal, catalog, gateway.directory)?.targets[0]
  const provider = target === undefined ? undefined : catalog.providers.get(target.providerId)
  if (target !== undefined && provider !== undefined) {
    await gateway.directory.local.facts(provider, target.model)
  }
}

async function answered(
  request: Request,
  rule: RouteRule,
  key: string | undefined,
  model: string | undefined,
  answer: Answerer,
  deps: ServerDeps,
): Promise<Response> {
  try {
    const principal = await authorize(request, rule, key, deps)
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

/** Gemini's clients may carry their key in the query, and nobody else. */
function geminiKey(request: Request): string | undefined {
  if (dialectOfPath(pathOf(request), request.headers) !== 'gemini') return undefined
  return new URL(request.url).searchParams.get('key') ?? undefined
}

function isAnthropic(request: Request): boolean {
  return request.headers.has('anthropic-version') || request.url.includes('/anthropic/')
}
