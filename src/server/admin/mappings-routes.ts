// `/admin/mappings`: models as rows, one for each target of each alias, for programs that keep them so. It is another view of the same
// models: what is written here is seen under `/admin/models` and the other way round.

import { Elysia } from 'elysia'
import type { Model, Target } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ServerDeps } from '../context.ts'
import { notFound } from './body.ts'
import { adminRoutes, strict, t } from './contract.ts'
import { declaredElsewhere, ModelDesk, type Asking } from './model-desk.ts'
import { modelDocument, readOnlyReason, targetDocument } from './model-json.ts'
import { MappingChangeSchema, MappingSchema, NewMappingSchema } from './model-schema.ts'
import { listOf, listQuery, pageOf } from './paging.ts'

/** Of `targets[].order`. */
const ORDER_MAX = 1_000

/** A target and where it stands. */
interface Row {
  readonly id: string
  readonly model: Model
  readonly target: Target
  readonly position: number
}

/** What a request says of a target. */
interface Wanted {
  readonly provider_id?: string
  readonly provider_model_name?: string
  readonly order_index?: number
  readonly is_default?: boolean
  readonly config?: object | null
}

const EXAMPLE = {
  alias_name: 'fast',
  provider_id: 'openai',
  provider_model_name: 'gpt-5-mini',
  order_index: 0,
  is_default: true,
  config: { weight: 80 },
}

export function mappingsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const desk = new ModelDesk(deps)
  const find = async (asking: Asking, id = '') => {
    const row = (await rowsOf(desk, asking)).find((each) => each.id === id)
    if (row === undefined) throw notFound('mapping')
    return row
  }
  const versionOf = (asking: Asking, alias: string, id: string) => async () => {
    const model = await deps.models.models.find(asking.tenantId, alias)
    const row = model && rowsOfModel(model).find((each) => each.id === id)
    return row && mappingJson(row)
  }
  return new Elysia({ name: 'mappings-routes' })
    .get(
      '/admin/mappings',
      ...on(
        'GET',
        '/admin/mappings',
        {
          summary: 'Mappings',
          description: 'Every target of every alias as one row, in the order they are tried.',
          tag: 'Models',
          query: strict({
            ...listQuery(['alias_name', 'provider_id']),
            alias: t.Optional(t.String({ maxLength: 200, description: 'Only of this alias.' })),
            provider: t.Optional(t.String({ maxLength: 300, description: 'Only to it.' })),
          }),
          answers: { 200: listOf(MappingSchema) },
        },
        async ({ query, reply, ...asking }) => {
          const rows = (await rowsOf(desk, asking)).filter(
            ({ model, target }) =>
              (query.alias ?? model.id) === model.id &&
              (query.provider ?? target.providerId) === target.providerId,
          )
          const { rows: data, ...page } = pageOf(rows, query, {
            id: (row) => `${row.model.id}\u0000${placeOf(row)}`,
            sorts: {
              alias_name: ({ model }) => model.id,
              provider_id: ({ target }) => target.providerId,
            },
            text: ({ model, target }) => [model.id, `${target.providerId}/${target.model}`],
          })
          return reply({ data: data.map(mappingJson), ...page })
        },
      ),
    )
    .post(
      '/admin/mappings',
      ...on(
        'POST',
        '/admin/mappings',
        {
          summary: 'Make a mapping',
          description: 'Adds a target to an alias, which is made where there is none of the name.',
          tag: 'Models',
          body: NewMappingSchema,
          answers: { 201: MappingSchema },
          errors: [404, 409],
          once: true,
          versioned: true,
          examples: { 'the first target of an alias': EXAMPLE },
        },
        async ({ actor, body, show, ...rest }) => {
          const asking = { actor, ...rest }
          const alias = body.alias_name
          const model = await named(() =>
            desk.change(asking, actor, alias, 'model.write', (before) => {
              const targets = withTarget(before?.targets ?? [], body)
              return { ...(before && modelDocument(before)), targets: documentsOf(targets) }
            }),
          )
          const made = rowOf(model, body.provider_id, body.provider_model_name)
          return show(mappingJson(made), { status: 201 })
        },
      ),
    )
    .get(
      '/admin/mappings/:id',
      ...on(
        'GET',
        '/admin/mappings/:id',
        {
          summary: 'One mapping',
          tag: 'Models',
          answers: { 200: MappingSchema },
          errors: [404],
          versioned: true,
        },
        async ({ params, show, ...asking }) => show(mappingJson(await find(asking, params['id']))),
      ),
    )
    .patch(
      '/admin/mappings/:id',
      ...on(
        'PATCH',
        '/admin/mappings/:id',
        {
          summary: 'Change a mapping',
          description:
            'Another provider or model makes another mapping of it: the answer has its new id. What `config` leaves out gets its default.',
          tag: 'Models',
          body: MappingChangeSchema,
          answers: { 200: MappingSchema },
          errors: [404, 409],
          versioned: true,
        },
        async ({ body, changing, params, show, ...asking }) => {
          const row = await find(asking, params['id'])
          const by = changing(versionOf(asking, row.model.id, row.id))
          const { model: name, providerId } = row.target
          const model = await named(() =>
            desk.change(asking, by, row.model.id, 'model.write', (before) => {
              const now = stillThere(before, row.id)
              const after = changed(now, body)
              const targets = now.model.targets.with(now.position, after.target)
              const ordered = after.isFirst ? inFront(targets, now.position) : targets
              return { ...modelDocument(now.model), targets: documentsOf(ordered) }
            }),
          )
          const provider = body.provider_id ?? providerId
          return show(mappingJson(rowOf(model, provider, body.provider_model_name ?? name)))
        },
      ),
    )
    .delete(
      '/admin/mappings/:id',
      ...on(
        'DELETE',
        '/admin/mappings/:id',
        {
          summary: 'Delete a mapping',
          description: 'With the last one its alias goes too, which needs the right to delete it.',
          tag: 'Models',
          answers: {
            200: t.Object({
              id: t.String(),
              deleted: t.Boolean(),
              alias_deleted: t.Boolean({ description: 'It was the last one.' }),
            }),
          },
          errors: [404, 409],
          versioned: true,
        },
        async ({ changing, params, reply, ...asking }) => {
          const row = await find(asking, params['id'])
          const by = changing(versionOf(asking, row.model.id, row.id))
          const left = await desk.change(asking, by, row.model.id, 'model.write', (before) => {
            const now = stillThere(before, row.id)
            if (now.model.targets.length === 1) {
              desk.require(asking, 'model.delete', now.model.id)
              return undefined
            }
            const targets = now.model.targets.toSpliced(now.position, 1)
            return { ...modelDocument(now.model), targets: documentsOf(targets) }
          })
          return reply({ id: row.id, deleted: true, alias_deleted: left === undefined })
        },
      ),
    )
}

async function rowsOf(desk: ModelDesk, asking: Asking): Promise<Row[]> {
  return (await desk.visible(asking)).flatMap(rowsOfModel)
}

function rowsOfModel(model: Model): Row[] {
  return model.targets.map((target, position) => ({
    id: idIn(model.id, model.targets, position),
    model,
    target,
    position,
  }))
}

function rowOf(model: Model | undefined, provider: string, name: string): Row {
  const rows = model === undefined ? [] : rowsOfModel(model)
  const row = rows.find(({ target }) => target.providerId === provider && target.model === name)
  if (row === undefined) throw new GatewayError('internal', { cause: 'a mapping without its row' })
  return row
}

function stillThere(model: Model | undefined, id: string): Row {
  const row = model && rowsOfModel(model).find((each) => each.id === id)
  if (row === undefined) throw notFound('mapping')
  if (row.model.origin !== 'store') throw declaredElsewhere(row.model)
  return row
}

/** The id of the target at a position. The same target may stand twice in a file: the second has another id. */
function idIn(alias: string, targets: readonly Target[], position: number): string {
  const { model = '', providerId = '' } = targets[position] ?? {}
  const before = targets
    .slice(0, position)
    .filter((other) => other.providerId === providerId && other.model === model)
  return mappingId(alias, providerId, model, before.length)
}

function mappingId(alias: string, provider: string, model: string, count: number): string {
  const text = JSON.stringify([alias, provider, model, count])
  return `map_${new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 24)}`
}

/** The position of what is tried first where nothing is drawn by lot. */
function firstOf(targets: readonly Target[]): number {
  const lowest = Math.min(...targets.map(({ order }) => order))
  return targets.findIndex(({ order }) => order === lowest)
}

/** Sorts as they are tried. */
function placeOf({ position, target }: Row): string {
  return `${String(target.order).padStart(5, '0')} ${String(position).padStart(5, '0')}`
}

function mappingJson({ id, model, position, target }: Row): JsonObject {
  const { abilities, overrides, tags, weight } = targetDocument(target)
  return {
    id,
    alias_name: model.id,
    provider_id: target.providerId,
    provider_model_name: target.model,
    order_index: target.order,
    is_default: firstOf(model.targets) === position,
    config: { weight, tags, abilities, overrides },
    origin: model.origin,
    read_only: readOnlyReason(model.origin),
  }
}

function documentsOf(targets: readonly (Target | DocumentTarget)[]): JsonObject[] {
  return targets.map((target) =>
    'document' in target ? { ...target.document, order: target.order } : targetDocument(target),
  )
}

/** A target that was asked for and is not checked yet. */
interface DocumentTarget extends Target {
  readonly document: JsonObject
}

function drafted(provider: string, model: string, order: number, config: object): DocumentTarget {
  const document = { provider, model, order, ...config }
  return { providerId: provider, model, order, weight: 1, document }
}

/** The targets with one more. @throws GatewayError 409 where it is one of them */
function withTarget(
  targets: readonly Target[],
  body: Wanted & { readonly provider_id: string; readonly provider_model_name: string },
): readonly Target[] {
  const { config, is_default: isDefault, provider_id: provider } = body
  const model = body.provider_model_name
  if (targets.some((other) => other.providerId === provider && other.model === model)) {
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'already_exists',
      message: 'The alias has this target already.',
    })
  }
  const behind = Math.min(
    targets.reduce((order, target) => Math.max(order, target.order + 1), 0),
    ORDER_MAX,
  )
  const added = drafted(provider, model, body.order_index ?? behind, config ?? {})
  const all = [...targets, added]
  return isDefault === true ? inFront(all, all.length - 1) : all
}

/** A target as it is to be, and whether it goes in front. */
function changed(row: Row, body: Wanted): { target: DocumentTarget; isFirst: boolean } {
  const { model, position, target } = row
  if (body.is_default === false && firstOf(model.targets) === position) {
    throw new GatewayError('invalid_request', {
      param: 'is_default',
      message: 'One of the alias is always the default. Make another one the default instead.',
    })
  }
  const { abilities, overrides, tags, weight } = targetDocument(target)
  const provider = body.provider_id ?? target.providerId
  const name = body.provider_model_name ?? target.model
  const isOther = provider !== target.providerId || name !== target.model
  if (isOther && model.targets.some((one) => one.providerId === provider && one.model === name)) {
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'already_exists',
      message: 'The alias has this target already.',
    })
  }
  const config =
    body.config === undefined ? { abilities, overrides, tags, weight } : (body.config ?? {})
  const order = body.order_index ?? target.order
  return { target: drafted(provider, name, order, config), isFirst: body.is_default === true }
}

/** Tried before all others, which go behind it where they must. */
function inFront(targets: readonly Target[], position: number): readonly Target[] {
  const first = targets[position]
  if (first === undefined) return targets
  const others = targets.toSpliced(position, 1)
  const lowest = Math.min(ORDER_MAX, ...others.map(({ order }) => order))
  const isRoom = others.length === 0 || lowest > 0
  const order = isRoom ? Math.min(first.order, Math.max(0, lowest - 1)) : 0
  const moved = isRoom
    ? others
    : others.map((target) => ({
        ...target,
        order: Math.min(target.order + 1, ORDER_MAX),
      }))
  return [{ ...first, order }, ...moved]
}

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^targets\[\d+\]\.provider$/, 'provider_id'],
  [/^targets\[\d+\]\.model$/, 'provider_model_name'],
  [/^targets\[\d+\]\.order$/, 'order_index'],
  [/^targets\[\d+\]\.(.+)$/, 'config.$1'],
  [/^targets\[\d+\]$/, 'provider_model_name'],
  [/^id$/, 'alias_name'],
]

/** What is wrong with a model, told by the members of a mapping. @throws GatewayError */
async function named<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (thrown) {
    if (!(thrown instanceof GatewayError) || thrown.param === null) throw thrown
    const { code, kind, message, status } = thrown
    const param = thrown.param
    const [pattern, name] = NAMES.find(([known]) => known.test(param)) ?? []
    if (pattern === undefined || name === undefined) throw thrown
    throw new GatewayError(kind, {
      status,
      ...(code === null ? {} : { code }),
      param: param.replace(pattern, name),
      message,
    })
  }
}
