// `/admin/models/…`: what became of the models that providers list, and asking the providers now. It tells names and states, never
// what a provider was asked with.

import { Elysia } from 'elysia'
import type { Provider } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ModelState } from '../../core/model-status.ts'
import type { ModelDirectory } from '../../gateway/catalog.ts'
import { statusJson } from '../../gateway/model-status.ts'
import { isUsable } from '../../gateway/resolve.ts'
import type { ServerDeps } from '../context.ts'
import { providersInView, type Looking } from '../visible.ts'
import { adminRoutes, moment, nullable, oneOf, strict, t } from './contract.ts'
import { listOf, listQuery, pageOf } from './paging.ts'
import { invalid } from './provider-input.ts'

const STATES = ['available', 'gone', 'retired'] as const satisfies readonly ModelState[]

const ListedModelSchema = t.Object(
  {
    id: t.String({ description: 'provider/model.' }),
    provider: t.String(),
    tenant: nullable(t.String()),
    model: t.String(),
    state: oneOf(STATES),
    context_window: nullable(t.Integer()),
    capabilities: nullable(t.Array(t.String())),
    base_model: nullable(t.String()),
    version: nullable(t.String()),
    status: nullable(t.String({ description: 'The provider’s own word.' })),
    retires: nullable(moment()),
    first_seen: nullable(moment()),
    last_seen: nullable(moment()),
    gone_since: nullable(moment()),
  },
  { $id: 'ListedModel' },
)

const AskedSchema = t.Object(
  {
    provider: t.String(),
    tenant: nullable(t.String()),
    answered: t.Boolean(),
    whole: t.Boolean({ description: 'False where only a part of its list could be read.' }),
    models: t.Integer(),
    answered_at: nullable(moment()),
    problem: nullable(t.String()),
  },
  { $id: 'AskedProvider' },
)

const PROVIDER = t.Optional(t.String({ minLength: 1, maxLength: 200, description: 'By its id.' }))

export function modelsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { directory } = deps.gateway
  return new Elysia({ name: 'models-routes' })
    .get(
      '/admin/models/status',
      ...on(
        'GET',
        '/admin/models/status',
        {
          summary: 'Models that providers list, and what became of them',
          tag: 'Providers',
          query: strict({
            ...listQuery(['id', 'last_seen']),
            provider: PROVIDER,
            state: t.Optional(oneOf(STATES)),
          }),
          answers: {
            200: t.Intersect([
              listOf(ListedModelSchema),
              t.Object({ providers: t.Array(AskedSchema) }),
            ]),
          },
        },
        (ask) => {
          const { query, reply } = ask
          const providers = providersOf(query.provider, ask, deps)
          const rows = providers.flatMap((provider) =>
            directory
              .statuses(provider)
              .filter(({ state }) => query.state === undefined || state === query.state)
              .map((model) => {
                const told = statusJson(model)
                const known = directory.facts(provider, model.model)
                return {
                  id: `${model.providerId}/${model.model}`,
                  provider: model.providerId,
                  tenant: provider.tenantId ?? null,
                  model: model.model,
                  ...told,
                  // What the provider does not say may be known of a model of this name.
                  context_window: told.context_window ?? known.contextWindow ?? null,
                }
              }),
          )
          const {
            next_cursor,
            rows: data,
            total,
          } = pageOf(rows, query, {
            id: ({ id, tenant }) => `${id} ${tenant ?? ''}`,
            sorts: { id: ({ id }) => id, last_seen: (row) => row.last_seen },
            text: ({ base_model: base, id }) => [id, base],
          })
          return reply({
            data: [...data],
            next_cursor,
            total,
            providers: providers.map((provider) => askedJson(provider, directory)),
          })
        },
      ),
    )
    .post(
      '/admin/models/refresh',
      ...on(
        'POST',
        '/admin/models/refresh',
        {
          summary: 'Ask providers for their models now',
          tag: 'Providers',
          body: strict({ provider: t.Optional(nullable(t.String({ maxLength: 200 }))) }),
          answers: { 200: t.Object({ data: t.Array(AskedSchema) }) },
        },
        async (ask) => {
          const providers = providersOf(ask.body.provider ?? undefined, ask, deps)
          await directory.refreshEach(providers.filter(isUsable))
          return ask.reply({ data: providers.map((provider) => askedJson(provider, directory)) })
        },
      ),
    )
}

/** Those with this id, or all, that are theirs. @throws GatewayError `invalid_request` for one that is not there, or not theirs */
function providersOf(
  id: string | undefined,
  looking: Looking,
  deps: ServerDeps,
): readonly Provider[] {
  const providers = providersInView(looking, deps.gateway.snapshot())
  if (id === undefined) return providers
  const named = providers.filter((provider) => provider.id === id)
  if (named.length === 0) throw invalid('provider', 'There is no provider with this id.')
  return named
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
