// `POST /admin/route`: what a request would be sent to, without sending it, with what this process knows of its providers now. A
// question, though it is posted: it changes nothing.

import { Elysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import { explainRoute } from '../../gateway/route-explain.ts'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, nullable, oneOf, strict, t } from './contract.ts'

const TEXT_CHARS_MAX = 300
const WORDS_MAX = 100

function text(description: string) {
  return t.Optional(nullable(t.String({ maxLength: TEXT_CHARS_MAX, description })))
}

/** The question; see `explainRoute`. */
const QuestionSchema = strict(
  {
    model: t.String({ minLength: 1, description: 'As a client would ask for it.' }),
    needs: t.Optional(
      nullable(
        t.Array(oneOf(['vision', 'tools', 'json_schema']), {
          maxItems: WORDS_MAX,
          description: 'What the request would need.',
        }),
      ),
    ),
    tokens: t.Optional(
      nullable(t.Integer({ minimum: 0, maximum: 1e12, description: 'Length of its prompt.' })),
    ),
    tags: t.Optional(
      nullable(
        t.Array(t.String({ maxLength: TEXT_CHARS_MAX }), {
          maxItems: WORDS_MAX,
          description: 'As in `x-weir-tags`.',
        }),
      ),
    ),
    target: text('As in `x-weir-target`: `provider/model`.'),
    session: text('As in `x-session-id`.'),
    user: text("The request's own `user`."),
    key: text('Name or id of an API key: as its request.'),
    completion: t.Optional(nullable(t.Boolean({ description: 'A completion instead of a chat.' }))),
    tenant: text('As a request of this tenant.'),
  },
  { $id: 'RouteQuestion' },
)

const ExplainedSchema = t.Object(
  {
    model: t.String(),
    strategy: t.String(),
    sticky: nullable(t.String()),
    routes: t.Array(
      t.Object({
        model: t.String(),
        by: t.String({ description: 'What decided: a strategy, `sticky` or `pinned`.' }),
        fallback_for: nullable(t.String(), {
          description: 'Why this model would be asked instead of the first one.',
        }),
        candidates: t.Array(
          t.Object({
            provider: t.String(),
            model: t.String(),
            rank: nullable(t.Integer(), {
              description: '0 is tried first; null is passed over.',
            }),
            reason: t.String(),
          }),
        ),
        refused: nullable(t.Object({ kind: t.String(), message: t.String() }), {
          description: 'Why nobody would be asked.',
        }),
        retry_after_ms: nullable(t.Number()),
      }),
    ),
  },
  { $id: 'ExplainedRoute' },
)

export function routeRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'route-routes' }).post(
    '/admin/route',
    ...on(
      'POST',
      '/admin/route',
      {
        summary: 'What a request would be sent to',
        description:
          'Says for each target of a model, and of the models it falls back to, in which order they would be tried and why. Nobody is asked.',
        tag: 'Models',
        body: QuestionSchema,
        answers: { 200: ExplainedSchema },
        errors: [404],
        examples: { 'a request with a picture': { model: 'fast', needs: ['vision'] } },
      },
      async ({ body, principal, reply, tenantId }) => {
        await deps.gateway.prices.ready()
        const asked = { tenant: tenantId, ...withoutNulls(body as unknown as JsonObject) }
        const answer = explainRoute(asked, deps.gateway.snapshot(), deps.gateway, principal)
        return reply(answer as unknown as JsonObject)
      },
    ),
  )
}

function withoutNulls(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}
