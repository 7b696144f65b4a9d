// What is done with one provider of `/admin/providers` besides changing it: taking it away, trying it, asking it for its models and taking it
// as well again after it had failed.

import { Elysia } from 'elysia'
import { providerUid } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { can, modelScopes } from '../../core/permission.ts'
import type { ServerDeps } from '../context.ts'
import { notFound } from './body.ts'
import { adminRoutes, moment, nullable, oneOf, strict, t } from './contract.ts'
import type { ProviderAsking } from './provider-book.ts'
import { ProviderChanges } from './provider-changes.ts'
import { providerVersion } from './provider-json.ts'
import { TrySchema, UseSchema } from './provider-schemas.ts'

export const ProbeSchema = t.Object(
  {
    ok: t.Boolean(),
    reachable: nullable(t.Boolean(), { description: 'Null where it was not asked at all.' }),
    key_accepted: nullable(t.Boolean(), {
      description: 'Null without a key, and where nothing told: some lists are open to everybody.',
    }),
    duration_ms: t.Integer(),
    models: nullable(t.Integer(), { description: 'It lists.' }),
    sample: t.Array(t.String(), {
      description: `Names of them, ${LIMITS.probeModelsMax} at most.`,
    }),
    reason: nullable(t.String(), { description: 'Why it failed.' }),
    todo: nullable(t.String(), { description: 'What to do about it.' }),
    steps: t.Array(
      t.Object({
        step: t.String(),
        label: nullable(t.String()),
        state: oneOf(['ok', 'warning', 'failed', 'skipped', 'not_reached']),
        duration_ms: t.Integer(),
        result: nullable(t.String()),
        reason: nullable(t.String()),
        todo: nullable(t.String()),
      }),
    ),
  },
  { $id: 'ProviderProbe' },
)

const ListedSchema = t.Object({
  provider: t.String(),
  answered: t.Boolean(),
  whole: t.Boolean({ description: 'False where only a part of its list could be read.' }),
  answered_at: nullable(moment()),
  problem: nullable(t.String(), { description: 'Why it did not answer.' }),
  models: t.Array(
    t.Object({
      id: t.String({ description: 'As clients may ask for it: provider/model.' }),
      model: t.String(),
      context_window: nullable(t.Integer()),
      capabilities: t.Array(t.String()),
      aliases: t.Array(t.String(), { description: 'That lead to it already.' }),
    }),
  ),
})

const GoneSchema = t.Object({
  id: t.String(),
  deleted: t.Boolean(),
  used_by: t.Array(UseSchema, {
    description: 'Aliases that led to it; theirs are left as they are.',
  }),
})

/** What is done with one provider besides changing it. */
export function providerActsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const changes = new ProviderChanges(deps)
  const { book } = changes
  return new Elysia({ name: 'provider-acts-routes' })
    .delete(
      '/admin/providers/:id',
      ...on(
        'DELETE',
        '/admin/providers/:id',
        {
          summary: 'Delete a provider',
          description: 'With its keys. Aliases that lead to it stay, and have a target less.',
          tag: 'Providers',
          answers: { 200: GoneSchema },
          errors: [404, 409, 412],
          versioned: true,
        },
        async (ask) => {
          const { id = '' } = ask.params
          const { tenantId } = ask
          book.requireAction(ask, id)
          const found = await book.find(tenantId, id)
          if (found !== undefined) book.requireStored(found)
          const uses = found === undefined ? [] : changes.usesOf(ask, found)
          const by = ask.changing(async () => {
            const now = await book.find(tenantId, id)
            return now === undefined ? undefined : providerVersion(now)
          })
          // One whose secrets do not open any more is not found, and can be taken away all the same.
          if (!(await deps.providers.store.remove(tenantId, id, by))) throw notFound('provider')
          return ask.reply({
            id,
            deleted: true,
            used_by: uses.map(({ isOnly, model, targets }) => ({
              model,
              targets,
              is_only: isOnly,
            })),
          })
        },
      ),
    )
    .post(
      '/admin/providers/:id/test',
      ...on(
        'POST',
        '/admin/providers/:id/test',
        {
          summary: 'Try a provider',
          description:
            'Asks it once with each of its keys. Settings in the body are tried and not kept, by the rules of changing them.',
          tag: 'Providers',
          body: TrySchema,
          answers: { 200: ProbeSchema },
          errors: [404, 409],
        },
        async (ask) => {
          const { model, ...change } = ask.body
          const found = await book.named(ask, ask.params['id'] ?? '')
          book.requireOwn(ask, found)
          if (Object.keys(change).length === 0) {
            return ask.reply(await changes.tried(found, model))
          }
          book.requireStored(found)
          const decision = changes.patched(found, change as JsonObject)
          return ask.reply(await changes.tryDraft(ask, { before: found, ...decision }, model))
        },
      ),
    )
    .post(
      '/admin/providers/:id/discover',
      ...on(
        'POST',
        '/admin/providers/:id/discover',
        {
          summary: 'Ask a provider for its models',
          tag: 'Providers',
          body: strict({}),
          answers: { 200: ListedSchema },
          errors: [404],
        },
        async (ask) => {
          const found = await book.named(ask, ask.params['id'] ?? '')
          return ask.reply(await discovered(found.id, ask, deps))
        },
      ),
    )
    .post(
      '/admin/providers/:id/reset',
      ...on(
        'POST',
        '/admin/providers/:id/reset',
        {
          summary: 'Take a provider as well again',
          description:
            'Closes circuits and ends the rests of keys in this process, and tells the other replicas: those on the same store within a second.',
          tag: 'Providers',
          body: strict({}),
          answers: {
            200: t.Object({
              id: t.String(),
              circuits: t.Integer({ description: 'Targets that were left alone here.' }),
              keys: t.Integer({ description: 'Keys that rested here.' }),
              told: t.Boolean({
                description: 'False where the store could not be written to tell others.',
              }),
            }),
          },
          errors: [404],
        },
        async (ask) => {
          const found = await book.named(ask, ask.params['id'] ?? '')
          book.requireOwn(ask, found)
          const { circuits, isTold, keys } = await changes.reset(found)
          deps.logger.info('a provider was taken as well again by hand', {
            provider: providerUid(found),
            by: ask.actor.id,
            circuits,
            keys,
          })
          return ask.reply({ id: found.id, circuits, keys, told: isTold })
        },
      ),
    )
}

/** The snapshot's own object is asked: what comes of it is what requests see. */
async function discovered(
  id: string,
  { principal, tenantId }: ProviderAsking,
  deps: ServerDeps,
): Promise<JsonObject> {
  const { directory, snapshot } = deps.gateway
  const catalog = snapshot().of(tenantId)
  const provider = catalog.providers.get(id)
  if (provider === undefined) throw notFound('provider')
  await directory.refresh(provider)
  const asked = directory.asked(provider)
  const aliases = Map.groupBy(
    [...catalog.models.values()]
      .filter((alias) => can(principal, 'model.read', modelScopes(tenantId, alias.id)))
      .flatMap((alias) =>
        alias.targets
          .filter(({ providerId }) => providerId === id)
          .map(({ model }) => ({ model, alias: alias.id })),
      ),
    ({ model }) => model,
  )
  return {
    provider: id,
    answered: asked?.answered ?? false,
    whole: asked?.isWhole ?? false,
    answered_at: asked?.answeredMs === undefined ? null : new Date(asked.answeredMs).toISOString(),
    problem: asked?.problem ?? null,
    models: (directory.listed(provider) ?? []).map(({ id: model }) => {
      const { capabilities = [], contextWindow } = directory.facts(provider, model)
      return {
        id: `${id}/${model}`,
        model,
        context_window: contextWindow ?? null,
        capabilities: [...capabilities],
        aliases: [...new Set((aliases.get(model) ?? []).map(({ alias }) => alias))],
      }
    }),
  }
}
