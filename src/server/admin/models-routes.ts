// `/admin/models/…`: what became of the models that providers list, and asking the providers now. It tells names and states, never
// what a provider was asked with.

import { Elysia } from 'elysia'
import type { Provider } from '../../core/catalog.ts'
import { GatewayError, toGatewayError } from '../../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../../core/json.ts'
import type { ModelState } from '../../core/model-status.ts'
import type { Principal } from '../../core/principal.ts'
import type { ModelDirectory } from '../../gateway/catalog.ts'
import { statusJson } from '../../gateway/model-status.ts'
import { isUsable } from '../../gateway/resolve.ts'
import type { ServerDeps } from '../context.ts'
import { readBody, requireJsonType } from '../request-body.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { visibleProviders } from '../visible.ts'
import { authorizeAdmin } from './authorize.ts'

/** Bytes of a body that names a provider. */
const BODY_BYTES_MAX = 64 * 1_024

const STATES: readonly ModelState[] = ['available', 'gone', 'retired']

export function modelsRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'models-routes' })
  const { directory } = deps.gateway
  const reading = ruleOf('GET', '/admin/models/status')
  const asking = ruleOf('POST', '/admin/models/refresh')
  app.get('/admin/models/status', async ({ request }) => {
    try {
      const principal = await authorizeAdmin(request, reading, deps)
      const { provider: id, state } = filterOf(request)
      const providers = providersOf(id, principal, reading, deps)
      const models = providers.flatMap((provider) =>
        directory
          .statuses(provider)
          .map((model) => ({ ...model, tenant: provider.tenantId ?? null })),
      )
      const shown = models.filter((model) => state === undefined || model.state === state)
      return respondJson(request, {
        object: 'list',
        data: shown.map(({ tenant, ...model }) => ({
          id: `${model.providerId}/${model.model}`,
          provider: model.providerId,
          tenant,
          model: model.model,
          ...statusJson(model),
        })),
        providers: providers.map((provider) => askedJson(provider, directory)),
      })
    } catch (thrown) {
      return respondError(request, toGatewayError(thrown))
    }
  })
  app.post(
    '/admin/models/refresh',
    async ({ request }) => {
      try {
        const principal = await authorizeAdmin(request, asking, deps)
        const providers = providersOf(await providerIn(request, deps), principal, asking, deps)
        await directory.refreshEach(providers.filter(isUsable))
        const data = providers.map((provider) => askedJson(provider, directory))
        return respondJson(request, { object: 'list', data })
      } catch (thrown) {
        return respondError(request, toGatewayError(thrown))
      }
    },
    { parse: 'none' },
  )
  return app
}

function filterOf(request: Request): { provider?: string; state?: ModelState } {
  const parameters = new URL(request.url).searchParams
  const provider = parameters.get('provider') ?? ''
  const word = parameters.get('state') ?? ''
  const state = STATES.find((each) => each === word)
  if (word !== '' && state === undefined) {
    throw invalid('state', `It must be one of ${STATES.join(', ')}.`)
  }
  return {
    ...(provider === '' ? {} : { provider }),
    ...(state === undefined ? {} : { state }),
  }
}

/** Those with this id, or all, that are theirs. @throws GatewayError `invalid_request` for one that is not there, or not theirs */
function providersOf(
  id: string | undefined,
  principal: Principal,
  { action }: RouteRule,
  deps: ServerDeps,
): readonly Provider[] {
  const providers = visibleProviders(principal, action, deps.gateway.snapshot())
  if (id === undefined) return providers
  const named = providers.filter((provider) => provider.id === id)
  if (named.length === 0) throw invalid('provider', 'There is no provider with this id.')
  return named
}

async function providerIn(request: Request, deps: ServerDeps): Promise<string | undefined> {
  const { bodyTimeoutMs } = deps.settings()
  const bytes = await readBody(request, BODY_BYTES_MAX, bodyTimeoutMs, deps.gateway.deadlines)
  const text = new TextDecoder().decode(bytes)
  // A page cannot send JSON from elsewhere unasked; a bare POST it can, so that needs the type too.
  requireJsonType(request.headers, text === '')
  const body = text.trim() === '' ? {} : parseJson(text)
  if (!isObject(body)) throw new GatewayError('invalid_json')
  const unknown = Object.keys(body).find((name) => name !== 'provider')
  if (unknown !== undefined) throw invalid(unknown.slice(0, 80), 'Known members: provider.')
  const provider = body['provider'] ?? undefined
  if (provider === undefined || typeof provider === 'string') return provider
  throw invalid('provider', 'It must be text.')
}

function askedJson(provider: Provider, directory: ModelDirectory): JsonObject {
  const asked = directory.asked(provider)
  const { answeredMs, problem } = asked ?? {}
  return {
    provider: provider.id,
    tenant: provider.tenantId ?? null,
    answered: asked?.answered ?? false,
    whole: asked?.isWhole ?? false,
    models: asked?.models ?? 0,
    answered_at: answeredMs === undefined ? null : new Date(answeredMs).toISOString(),
    problem: problem ?? (isUsable(provider) ? null : 'it has no key'),
  }
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}
