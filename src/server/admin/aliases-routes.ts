// `/admin/models`: the aliases that clients may ask for, with what is behind them, and providers' own models as `provider/model`. What file
// and environment declare is shown and not changed here; the rest is written by `model-desk.ts` alone.

import { Elysia } from 'elysia'
import type { Model, Provider } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ModelState, ProviderModel } from '../../core/model-status.ts'
import { can, modelScopes } from '../../core/permission.ts'
import type { ServerDeps } from '../context.ts'
import { visibleProviders } from '../visible.ts'
import { notFound } from './body.ts'
import { adminRoutes, oneOf, strict, type RouteContract, t } from './contract.ts'
import { ModelDesk, type Asking } from './model-desk.ts'
import { aliasJson, directJson, modelDocument } from './model-json.ts'
import { ModelBodySchema, ModelChangeSchema, ModelSchema, NewModelSchema } from './model-schema.ts'
import { listOf, listQuery, pageOf, type ListQuery } from './paging.ts'

const STATES = ['available', 'gone', 'retired'] as const
const ORIGINS = ['file', 'environment', 'store', 'built-in'] as const

const LIST = {
  summary: 'Models',
  description:
    'Aliases with what is behind them; with `kind=direct` the models that providers list, or have listed, by the name clients can ask for them without any alias.',
  tag: 'Models',
  query: strict({
    ...listQuery(['id', 'origin']),
    kind: t.Optional(oneOf(['alias', 'direct'], { description: '`alias` unless given.' })),
    provider: t.Optional(t.String({ maxLength: 300, description: 'Only with it behind them.' })),
    origin: t.Optional(oneOf(ORIGINS)),
    state: t.Optional(
      oneOf(STATES, { description: 'Only those of which a provider’s model is in this state.' }),
    ),
  }),
  answers: { 200: listOf(ModelSchema) },
} as const satisfies RouteContract

const EXAMPLE = {
  id: 'fast',
  targets: [
    { provider: 'openai', model: 'gpt-5-mini', weight: 80 },
    { provider: 'azure', model: 'gpt5-mini-prod', weight: 20 },
    { provider: 'anthropic', model: 'claude-haiku-4-5', order: 1 },
  ],
  defaults: { temperature: 0.2 },
  access: ['group:engineers'],
}

/** A provider's own model. */
interface Direct {
  readonly provider: Provider
  readonly name: string
  readonly status: ProviderModel | undefined
}

export function aliasesRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const shelf = new Shelf(deps)
  const { desk } = shelf
  return new Elysia({ name: 'aliases-routes' })
    .get(
      '/admin/models',
      ...on('GET', '/admin/models', LIST, async ({ query, reply, ...asking }) => {
        await deps.gateway.prices.ready()
        return reply(
          query.kind === 'direct'
            ? shelf.directPage(asking, query)
            : await shelf.aliasPage(asking, query),
        )
      }),
    )
    .post(
      '/admin/models',
      ...on(
        'POST',
        '/admin/models',
        {
          summary: 'Make a model',
          tag: 'Models',
          body: NewModelSchema,
          answers: { 201: ModelSchema },
          errors: [404, 409],
          once: true,
          versioned: true,
          examples: { 'two providers and a fallback': EXAMPLE },
        },
        async ({ actor, body, show, ...rest }) => {
          const asking = { actor, ...rest }
          const made = await desk.change(asking, actor, body.id, 'model.write', (before) => {
            if (before !== undefined) throw taken()
            return body as unknown as JsonObject
          })
          return await shelf.shown(asking, made, show, 201)
        },
      ),
    )
    .get(
      '/admin/models/:id',
      ...on(
        'GET',
        '/admin/models/:id',
        {
          summary: 'One model',
          description: 'An alias, or a provider’s own model by `provider/model`.',
          tag: 'Models',
          answers: { 200: ModelSchema },
          errors: [404],
          versioned: true,
        },
        async ({ params, show, ...asking }) => {
          await deps.gateway.prices.ready()
          const id = params['id'] ?? ''
          const model = await desk.find(asking, id)
          if (model !== undefined) return await shelf.shown(asking, model, show, 200)
          const direct = shelf.direct(asking, id)
          if (direct === undefined) throw notFound('model')
          return show(shelf.directBody(asking, direct))
        },
      ),
    )
    .put(
      '/admin/models/:id',
      ...on(
        'PUT',
        '/admin/models/:id',
        {
          summary: 'Make or replace a model',
          tag: 'Models',
          body: ModelBodySchema,
          answers: { 200: ModelSchema, 201: ModelSchema },
          errors: [404, 409],
          versioned: true,
        },
        async ({ body, changing, params, show, ...asking }) => {
          const id = params['id'] ?? ''
          if (body.id !== undefined && body.id !== id) {
            throw new GatewayError('invalid_request', {
              param: 'id',
              message: 'Is not the id in the path. A model keeps its name.',
            })
          }
          const by = changing(() => desk.version(asking.tenantId, id))
          let isNew = false
          const made = await desk.change(asking, by, id, 'model.write', (before) => {
            isNew = before === undefined
            return body as unknown as JsonObject
          })
          return await shelf.shown(asking, made, show, isNew ? 201 : 200)
        },
      ),
    )
    .patch(
      '/admin/models/:id',
      ...on(
        'PATCH',
        '/admin/models/:id',
        {
          summary: 'Change a model',
          description: 'Members that are given replace what is there; null takes them away.',
          tag: 'Models',
          body: ModelChangeSchema,
          answers: { 200: ModelSchema },
          errors: [404, 409],
          versioned: true,
        },
        async ({ body, changing, params, show, ...asking }) => {
          const id = params['id'] ?? ''
          const by = changing(() => desk.version(asking.tenantId, id))
          const made = await desk.change(asking, by, id, 'model.write', (before) => {
            if (before === undefined) throw notFound('model')
            return { ...modelDocument(before), ...(body as unknown as JsonObject) }
          })
          return await shelf.shown(asking, made, show, 200)
        },
      ),
    )
    .delete(
      '/admin/models/:id',
      ...on(
        'DELETE',
        '/admin/models/:id',
        {
          summary: 'Delete a model',
          description: 'Tells which other models name it to fall back to: they go on without it.',
          tag: 'Models',
          answers: {
            200: t.Object({
              id: t.String(),
              deleted: t.Boolean(),
              named_by: t.Array(t.String(), { description: 'Models that fall back to it.' }),
            }),
          },
          errors: [404, 409],
          versioned: true,
        },
        async ({ changing, params, reply, ...asking }) => {
          const id = params['id'] ?? ''
          const by = changing(() => desk.version(asking.tenantId, id))
          await desk.change(asking, by, id, 'model.delete', (before) => {
            if (before === undefined) throw notFound('model')
            return undefined
          })
          const others = (await desk.visible(asking)).filter((model) => fallsBackTo(model, id))
          return reply({ id, deleted: true, named_by: others.map((model) => model.id) })
        },
      ),
    )
}

type Show = (body: JsonObject, options: { status: number; version: JsonObject }) => Response

/** Models as somebody sees them. */
class Shelf {
  readonly desk: ModelDesk
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
    this.desk = new ModelDesk(deps)
  }

  async shown(asking: Asking, model: Model | undefined, show: Show, status: number) {
    if (model === undefined) throw notFound('model')
    await this.deps.gateway.prices.ready()
    return show(this.aliasBody(asking, model), { status, version: modelDocument(model) })
  }

  async aliasPage(asking: Asking, query: AskedList): Promise<JsonObject> {
    const { directory } = this.deps.gateway
    const { providers } = this.catalog(asking)
    const stateOf = ({ model, providerId }: Model['targets'][number]): ModelState | undefined => {
      const provider = providers.get(providerId)
      return provider && directory.stateOf(provider, model)
    }
    const models = (await this.desk.visible(asking)).filter(
      ({ origin, targets }) =>
        (query.origin === undefined || query.origin === origin) &&
        (query.provider === undefined ||
          targets.some(({ providerId }) => providerId === query.provider)) &&
        (query.state === undefined || targets.some((target) => stateOf(target) === query.state)),
    )
    const { rows, ...page } = pageOf(models, query, {
      id: ({ id }) => id,
      sorts: { id: ({ id }) => id, origin: ({ origin }) => origin },
      text: ({ id, targets }) => [
        id,
        ...targets.map(({ model, providerId }) => `${providerId}/${model}`),
      ],
    })
    return { data: rows.map((model) => this.aliasBody(asking, model)), ...page }
  }

  directPage(asking: Asking, query: AskedList): JsonObject {
    // Only of what no alias hides: by that name a request gets the alias.
    const { models } = this.catalog(asking)
    const directs = this.directs(asking, query.provider).filter(
      ({ name, provider, status }) =>
        !models.has(`${provider.id}/${name}`) &&
        query.origin === undefined &&
        (query.state === undefined || (status?.state ?? 'available') === query.state),
    )
    const nameOf = ({ name, provider }: Direct) => `${provider.id}/${name}`
    const { rows, ...page } = pageOf(directs, query, {
      id: nameOf,
      sorts: { id: nameOf, origin: ({ provider }) => provider.id },
    })
    return { data: rows.map((direct) => this.directBody(asking, direct)), ...page }
  }

  /** The provider's model of this name, where they may see it and the provider is known to have or to have had it. */
  direct(asking: Asking, id: string): Direct | undefined {
    const slash = id.indexOf('/')
    if (slash <= 0) return undefined
    return this.directs(asking, id.slice(0, slash)).find(({ name }) => name === id.slice(slash + 1))
  }

  directBody(asking: Asking, { name, provider, status }: Direct): JsonObject {
    const nowMs = this.deps.clock.nowMs()
    return directJson(provider, name, status, this.catalog(asking), this.deps.gateway, nowMs)
  }

  private aliasBody(asking: Asking, model: Model): JsonObject {
    const nowMs = this.deps.clock.nowMs()
    return aliasJson(model, this.catalog(asking), this.deps.gateway, nowMs)
  }

  private directs({ principal, tenantId }: Asking, only: string | undefined): Direct[] {
    const { directory } = this.deps.gateway
    const seen = visibleProviders({ ...principal, tenantId }, 'model.read', this.snapshot())
    const own = this.catalog({ tenantId }).providers
    const providers = seen.filter(
      (provider) => own.get(provider.id) === provider && (only ?? provider.id) === provider.id,
    )
    return providers.flatMap((provider) => {
      const statuses = directory.statuses(provider)
      const known = new Set(statuses.map(({ model }) => model))
      const listed = (directory.listed(provider) ?? []).filter(({ id }) => !known.has(id))
      return [
        ...statuses.map((status) => ({ provider, name: status.model, status })),
        ...listed.map(({ id }) => ({ provider, name: id, status: undefined })),
      ].filter(({ name }) =>
        can(principal, 'model.read', modelScopes(tenantId, `${provider.id}/${name}`)),
      )
    })
  }

  private snapshot() {
    return this.deps.gateway.snapshot()
  }

  private catalog({ tenantId }: Pick<Asking, 'tenantId'>) {
    return this.snapshot().of(tenantId)
  }
}

interface AskedList extends ListQuery {
  readonly provider?: string
  readonly origin?: string
  readonly state?: string
}

function fallsBackTo({ routing }: Model, id: string): boolean {
  return Object.values(routing?.fallbacks ?? {}).some((names) => names.includes(id))
}

function taken(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'already_exists',
    param: 'id',
    message: 'There is a model of this name.',
  })
}
