// `/admin/providers`: the providers of a tenant, made, changed, tried and taken away; `/admin/provider-types`: what there is to choose from.
// What the file declares is shown and left alone. Their keys have routes of their own.

import { Elysia } from 'elysia'
import { PROVIDER_TYPES } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, nullable, oneOf, strict, t } from './contract.ts'
import { listOf, listQuery, pageOf } from './paging.ts'
import { ProbeSchema } from './provider-acts-routes.ts'
import { ProviderChanges } from './provider-changes.ts'
import { providerOf } from './provider-input.ts'
import { providerVersion } from './provider-json.ts'
import {
  DraftSchema,
  HEALTH_STATES,
  NewProviderSchema,
  ProviderChangeSchema,
  ProviderSchema,
  WholeProviderSchema,
} from './provider-schemas.ts'
import { providerTypes } from './provider-types.ts'

const TypeSchema = t.Object(
  {
    type: oneOf(PROVIDER_TYPES),
    title: t.String(),
    hint: t.String({ description: 'Where a key is made, or what has to run.' }),
    default_base_url: nullable(t.String()),
    needs_key: t.Boolean(),
    lists_models: t.Boolean(),
    capabilities: t.Array(t.String()),
    fields: t.Array(
      t.Object({
        name: t.String({ description: 'A member of `POST /admin/providers`.' }),
        label: t.String(),
        kind: oneOf(['url', 'text', 'secret', 'choice', 'entra']),
        required: t.Boolean(),
        choices: nullable(t.Array(t.String())),
        example: nullable(t.String()),
        doc: nullable(t.String()),
      }),
    ),
  },
  { $id: 'ProviderType' },
)

const KEY_EXAMPLE = {
  openai: { id: 'openai', type: 'openai', keys: ['sk-…'] },
  ollama: { id: 'gpu-box', type: 'ollama', base_url: 'http://10.0.0.7:11434' },
  azure: {
    id: 'azure',
    type: 'azure',
    base_url: 'https://team.openai.azure.com',
    entra: { tenant: 'contoso.onmicrosoft.com', client_id: '…', client_secret: '…' },
  },
}

export function providersRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const changes = new ProviderChanges(deps)
  const { book } = changes
  const one = ({ params }: { readonly params: Readonly<Record<string, string>> }) =>
    params['id'] ?? ''
  const versionIn = (tenantId: string, id: string) => async () => {
    const found = await book.find(tenantId, id)
    return found === undefined ? undefined : providerVersion(found)
  }
  return new Elysia({ name: 'providers-routes' })
    .get(
      '/admin/provider-types',
      ...on(
        'GET',
        '/admin/provider-types',
        {
          summary: 'Types of providers',
          description: 'With what a form has to ask for; everything else has a good default.',
          tag: 'Providers',
          query: strict(listQuery(['type'])),
          answers: { 200: listOf(TypeSchema) },
        },
        ({ query, reply }) => {
          const rows = providerTypes()
          const page = pageOf(rows, query, {
            id: ({ type }) => String(type),
            sorts: { type: (row) => rows.indexOf(row) },
          })
          const { next_cursor, rows: data, total } = page
          return reply({ data: [...data], next_cursor, total })
        },
      ),
    )
    .get(
      '/admin/providers',
      ...on(
        'GET',
        '/admin/providers',
        {
          summary: 'Providers',
          description: 'Of every origin, with how they fare as this process knows it.',
          tag: 'Providers',
          query: strict({
            ...listQuery(['id', 'type', 'state']),
            type: t.Optional(oneOf(PROVIDER_TYPES)),
            state: t.Optional(oneOf(HEALTH_STATES)),
          }),
          answers: { 200: listOf(ProviderSchema) },
        },
        async (ask) => {
          const { query, reply } = ask
          const found = await book.list(ask)
          const shown = await Promise.all(found.map((each) => changes.shown(ask, each)))
          const rows = shown.filter(
            (row) =>
              (query.type === undefined || row['type'] === query.type) &&
              (query.state === undefined || stateOf(row) === query.state),
          )
          const {
            next_cursor,
            rows: data,
            total,
          } = pageOf(rows, query, {
            id: ({ id }) => String(id),
            sorts: {
              id: ({ id }) => String(id),
              type: ({ type }) => String(type),
              state: (row) => HEALTH_STATES.indexOf(stateOf(row)),
            },
            text: ({ base_url: url, id, type }) => [String(id), String(type), url as string | null],
          })
          return reply({ data: [...data], next_cursor, total })
        },
      ),
    )
    .post(
      '/admin/providers',
      ...on(
        'POST',
        '/admin/providers',
        {
          summary: 'Add a provider',
          tag: 'Providers',
          body: NewProviderSchema,
          answers: { 201: ProviderSchema },
          errors: [409],
          once: true,
          versioned: true,
          examples: KEY_EXAMPLE,
        },
        async (ask) => {
          const { id, type, ...given } = ask.body
          const made = await changes.create(ask, { id, type }, given)
          return ask.show(await changes.shown(ask, made, true), {
            status: 201,
            version: providerVersion(made),
          })
        },
      ),
    )
    .post(
      '/admin/providers/test',
      ...on(
        'POST',
        '/admin/providers/test',
        {
          summary: 'Try a provider that is not saved',
          description: 'By the rules of saving one. Nothing is kept.',
          tag: 'Providers',
          body: DraftSchema,
          answers: { 200: ProbeSchema },
        },
        async (ask) => {
          const { id = 'draft', model, type, ...given } = ask.body
          book.requireAction(ask, id)
          const name = { id, type, tenantId: ask.tenantId }
          const decision = { before: undefined, after: providerOf(name, given, undefined), given }
          return ask.reply(await changes.tryDraft(ask, decision, model))
        },
      ),
    )
    .get(
      '/admin/providers/:id',
      ...on(
        'GET',
        '/admin/providers/:id',
        {
          summary: 'One provider',
          tag: 'Providers',
          answers: { 200: ProviderSchema },
          errors: [404],
          versioned: true,
        },
        async (ask) => {
          const found = await book.named(ask, one(ask))
          return ask.show(await changes.shown(ask, found, true), {
            version: providerVersion(found),
          })
        },
      ),
    )
    .put(
      '/admin/providers/:id',
      ...on(
        'PUT',
        '/admin/providers/:id',
        {
          summary: 'Change all settings of a provider',
          description:
            'What is left out is as if nothing had been said; keys stay. A secret that is sent as *** stays. Where requests would go elsewhere, secrets must be given anew.',
          tag: 'Providers',
          body: WholeProviderSchema,
          answers: { 200: ProviderSchema },
          errors: [404, 409, 412],
          versioned: true,
        },
        async (ask) => {
          const by = ask.changing(versionIn(ask.tenantId, one(ask)))
          const after = await changes.change(ask, one(ask), by, (before) =>
            changes.replaced(before, ask.body),
          )
          return ask.show(await changes.shown(ask, after, true), {
            version: providerVersion(after),
          })
        },
      ),
    )
    .patch(
      '/admin/providers/:id',
      ...on(
        'PATCH',
        '/admin/providers/:id',
        {
          summary: 'Change some settings of a provider',
          description:
            'Sections are joined to what there is, null takes away (RFC 7396). Where requests would go elsewhere, secrets must be given anew.',
          tag: 'Providers',
          body: ProviderChangeSchema,
          answers: { 200: ProviderSchema },
          errors: [404, 409, 412],
          versioned: true,
        },
        async (ask) => {
          const by = ask.changing(versionIn(ask.tenantId, one(ask)))
          const after = await changes.change(ask, one(ask), by, (before) =>
            changes.patched(before, ask.body as JsonObject),
          )
          return ask.show(await changes.shown(ask, after, true), {
            version: providerVersion(after),
          })
        },
      ),
    )
}

function stateOf(row: JsonObject): (typeof HEALTH_STATES)[number] {
  return (row['health'] as { state: (typeof HEALTH_STATES)[number] }).state
}
