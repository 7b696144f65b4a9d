// `/admin/playground/…`: asking a model from the web UI. A session is worth nothing on the clients' own paths, so this is the one place where
// who is logged in can ask, as themselves: the same way through the gateway, the same limits, budgets and log, told apart by its path.

import { Elysia } from 'elysia'
import type { Model } from '../../core/catalog.ts'
import { asString, isObject, parseJson, type JsonObject } from '../../core/json.ts'
import type { CatalogModel } from '../../gateway/catalog.ts'
import type { Reply } from '../../gateway/inbound.ts'
import { allowedModel } from '../../gateway/model-access.ts'
import type { Catalog } from '../../gateway/snapshot.ts'
import { targetPrice } from '../../gateway/target-price.ts'
import { admissionOf, type ServerDeps } from '../context.ts'
import { askModel } from '../ask-model.ts'
import { PROBLEM_TYPE, problemText } from '../problem.ts'
import { respond } from '../respond.ts'
import type { ModelRoute } from '../routes.ts'
import { invalidMember } from './body.ts'
import { adminRoutes, nullable, oneOf, t } from './contract.ts'
import { priceJson } from './model-json.ts'

const CHAT: ModelRoute = {
  path: '/admin/playground/chat/completions',
  dialect: 'openai-chat',
  operation: 'chat',
  summary: 'Ask a model from the web UI',
}

const OfferedSchema = t.Object(
  {
    id: t.String({ description: 'As it is asked for.' }),
    kind: oneOf(['alias', 'direct']),
    provider: nullable(t.String(), { description: 'Of its first target; null where it is gone.' }),
    context_window: nullable(t.Integer()),
    capabilities: nullable(t.Array(t.String()), {
      description: 'Null where nothing is known: then anything may be tried.',
    }),
    price: nullable(t.Record(t.String(), t.Unknown()), {
      description: 'Of its first target, in dollars per million tokens; null is unknown.',
    }),
  },
  { $id: 'OfferedModel' },
)

/** For readers: it is checked by the protocol's own decoder, which takes far more. */
const AskedSchema = t.Object(
  {
    model: t.String(),
    messages: t.Array(t.Record(t.String(), t.Unknown())),
    stream: t.Optional(nullable(t.Boolean())),
  },
  {
    $id: 'PlaygroundRequest',
    additionalProperties: true,
    description: 'As of `POST /v1/chat/completions`.',
  },
)

const AnsweredSchema = t.String({
  description:
    'As of `POST /v1/chat/completions`: one completion, or its chunks as server-sent events.',
})

export function playgroundRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'playground-routes' })
    .get(
      '/admin/playground/models',
      ...on(
        'GET',
        '/admin/playground/models',
        {
          summary: 'Models that you may ask',
          description: 'All that `GET /v1/models` lists for you, with what is known of each.',
          tag: 'Playground',
          answers: {
            200: t.Object({
              data: t.Array(OfferedSchema),
              next_cursor: t.Null(),
              total: t.Integer(),
            }),
          },
        },
        async ({ principal, reply, tenantId }) => {
          const { directory, prices, snapshot } = deps.gateway
          await prices.ready()
          // Old lists are renewed for the next caller; this one is not kept waiting.
          void directory.refreshAll(snapshot())
          const asking = { ...principal, tenantId }
          const catalog = snapshot().of(tenantId)
          const data = directory.models(catalog, asking).map((offered) => {
            const model = allowedModel(offered.id, asking, catalog, directory)
            return offeredJson(offered, model, catalog, deps)
          })
          return reply({ data, next_cursor: null, total: data.length })
        },
      ),
    )
    .post(
      '/admin/playground/chat/completions',
      ...on(
        'POST',
        '/admin/playground/chat/completions',
        {
          summary: CHAT.summary,
          description:
            'What `POST /v1/chat/completions` does, for whoever is logged in: as yourself, in your own tenant. Limits and budgets count it, and the log has it under this path. An error before the answer begins is a problem; one in the middle of a stream is an event of it.',
          tag: 'Playground',
          body: AskedSchema,
          raw: true,
          answers: { 200: AnsweredSchema },
          media: { 200: ['application/json', 'text/event-stream'] },
          errors: [402, 422, 500, 502, 504],
          examples: {
            'a question': {
              model: 'mock/echo',
              messages: [{ role: 'user', content: 'Hello.' }],
              stream: true,
            },
          },
        },
        async ({ principal, request, tenantId }) => {
          if (tenantId !== principal.tenantId) {
            throw invalidMember('tenant', 'Models are asked in your own tenant alone.')
          }
          const reply = await askModel(request, CHAT, {}, () => principal, deps)
          return respond(request, asProblem(reply, admissionOf(request).requestId))
        },
      ),
    )
}

function offeredJson(
  { capabilities, contextWindow, id }: CatalogModel,
  model: Model | undefined,
  catalog: Catalog,
  { clock, gateway }: ServerDeps,
): JsonObject {
  const target = model?.targets[0]
  const provider = target === undefined ? undefined : catalog.providers.get(target.providerId)
  const price =
    target === undefined || provider === undefined
      ? undefined
      : targetPrice(model, provider, target.model, gateway.prices, clock.nowMs())
  return {
    id,
    kind: catalog.models.has(id) ? 'alias' : 'direct',
    provider: provider?.id ?? null,
    context_window: contextWindow ?? null,
    capabilities: capabilities === undefined ? null : [...capabilities],
    price: price === undefined ? null : priceJson(price),
  }
}

/** An error of the protocol as the management API says errors; everything else as it is. */
function asProblem(reply: Reply, requestId: string): Reply {
  const { body, headers, status } = reply
  if (status < 400 || body instanceof ReadableStream) return reply
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
  const parsed = parseJson(text)
  const error = isObject(parsed) && isObject(parsed['error']) ? parsed['error'] : {}
  const problem = {
    code: asString(error['code']) ?? asString(error['type']) ?? 'upstream_error',
    message: asString(error['message']) ?? 'The request has failed.',
    param: asString(error['param']) ?? null,
  }
  return {
    status,
    headers: { ...headers, 'content-type': PROBLEM_TYPE },
    body: problemText(status, problem, requestId),
  }
}
