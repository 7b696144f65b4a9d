// `/admin/providers/:id/keys`: what a provider is asked with. A key goes in and never comes out: it is known by its name and its last four
// characters. One is replaced by another without a failed request: the old one is on its way out from the moment the new one is there.

import { Elysia } from 'elysia'
import type { Actor } from '../../core/audit.ts'
import type { Provider } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { providerProblems } from '../../core/provider-rules.ts'
import { providerKind } from '../../providers/registry.ts'
import type { ServerDeps } from '../context.ts'
import { notFound } from './body.ts'
import { adminRoutes, strict, t } from './contract.ts'
import { listOf, listQuery, pageOf } from './paging.ts'
import type { ProviderAsking } from './provider-book.ts'
import { ProviderChanges } from './provider-changes.ts'
import { invalid, keyIdOf, secretKey } from './provider-input.ts'
import { providerVersion } from './provider-json.ts'
import { ID, ProviderKeySchema, SECRET_KEY } from './provider-schemas.ts'

const NewKeySchema = strict({
  secret: SECRET_KEY,
  id: t.Optional(ID),
  replaces: t.Optional(
    t.String({
      maxLength: 200,
      description: 'A key that is on its way out from the same moment on, by id.',
    }),
  ),
})

export function providerKeysRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const desk = new KeyDesk(deps)
  return new Elysia({ name: 'provider-keys-routes' })
    .get(
      '/admin/providers/:id/keys',
      ...on(
        'GET',
        '/admin/providers/:id/keys',
        {
          summary: 'Keys of a provider',
          description: 'Masked, with how each fares as this process knows it.',
          tag: 'Providers',
          query: strict(listQuery(['position', 'created'])),
          answers: { 200: listOf(ProviderKeySchema) },
          errors: [404],
        },
        async (ask) => {
          const rows = await desk.keys(ask, ask.params['id'] ?? '')
          const page = pageOf(rows, ask.query, {
            id: ({ id }) => String(id),
            sorts: {
              position: (row) => rows.indexOf(row),
              created: ({ created }) => created as string | null,
            },
          })
          const { next_cursor, rows: data, total } = page
          return ask.reply({ data: [...data], next_cursor, total })
        },
      ),
    )
    .post(
      '/admin/providers/:id/keys',
      ...on(
        'POST',
        '/admin/providers/:id/keys',
        {
          summary: 'Add or replace a key of a provider',
          description:
            'Used at once by every replica. With `replaces` the old one is on its way out from the same moment on.',
          tag: 'Providers',
          body: NewKeySchema,
          answers: { 201: ProviderKeySchema },
          errors: [404, 409, 412],
          once: true,
          versioned: true,
          examples: { add: { secret: 'sk-…' }, rotate: { secret: 'sk-…', replaces: '1f0c9a2b' } },
        },
        async (ask) => {
          const { id = '' } = ask.params
          const by = ask.changing(async () => {
            const now = await desk.find(ask, id)
            return now === undefined ? undefined : providerVersion(now)
          })
          const keyId = await desk.add(ask, id, ask.body, by)
          return ask.reply(await desk.key(ask, id, keyId), 201)
        },
      ),
    )
    .patch(
      '/admin/providers/:id/keys/:key',
      ...on(
        'PATCH',
        '/admin/providers/:id/keys/:key',
        {
          summary: 'Set a key of a provider aside',
          description: 'One that is on its way out is used only while no other is fit.',
          tag: 'Providers',
          body: strict({ draining: t.Boolean() }),
          answers: { 200: ProviderKeySchema },
          errors: [404, 409],
        },
        async (ask) => {
          const { id = '', key = '' } = ask.params
          await desk.stored(ask, id)
          const { store } = deps.providers
          const { actor, body, tenantId } = ask
          const isThere = await store.setKeyDraining(tenantId, id, key, body.draining, actor)
          if (!isThere) throw notFound('provider_key')
          return ask.reply(await desk.key(ask, id, key))
        },
      ),
    )
    .delete(
      '/admin/providers/:id/keys/:key',
      ...on(
        'DELETE',
        '/admin/providers/:id/keys/:key',
        {
          summary: 'Retire a key of a provider',
          description: 'The last one that is in use needs `even_the_last`.',
          tag: 'Providers',
          query: strict({ even_the_last: t.Optional(t.Boolean()) }),
          answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
          errors: [404, 409],
        },
        async (ask) => {
          const { id = '', key = '' } = ask.params
          await desk.retire(ask, id, key, ask.query.even_the_last === true)
          return ask.reply({ id: key, deleted: true })
        },
      ),
    )
}

class KeyDesk {
  private readonly deps: ServerDeps
  private readonly changes: ProviderChanges

  constructor(deps: ServerDeps) {
    this.deps = deps
    this.changes = new ProviderChanges(deps)
  }

  async keys(asking: ProviderAsking, id: string) {
    const { book } = this.changes
    const found = await book.named(asking, id)
    book.requireOwn(asking, found)
    return await this.changes.shownKeys(asking, found)
  }

  /** What an `If-Match` is held against. */
  async find({ tenantId }: ProviderAsking, id: string): Promise<Provider | undefined> {
    return await this.changes.book.find(tenantId, id)
  }

  /** One as it is shown after it was changed. @throws GatewayError 404 */
  async key(asking: ProviderAsking, id: string, keyId: string) {
    const found = await this.stored(asking, id)
    const shown = await this.changes.shownKeys(asking, found)
    const key = shown.find((each) => each['id'] === keyId)
    if (key === undefined) throw notFound('provider_key')
    return key
  }

  /** @throws GatewayError 404, 409 for what the store does not have */
  async stored(asking: ProviderAsking, id: string): Promise<Provider> {
    const { book } = this.changes
    const found = await book.named(asking, id)
    book.requireOwn(asking, found)
    book.requireStored(found)
    return found
  }

  /** @returns the id of the new key */
  async add(
    asking: ProviderAsking,
    id: string,
    given: { readonly secret: string; readonly id?: string; readonly replaces?: string },
    by: Actor,
  ): Promise<string> {
    const provider = await this.stored(asking, id)
    const secret = secretKey(given.secret, 'secret')
    refuseUnfit(provider, secret)
    const same = provider.keys.find((key) => key.secret === secret)
    if (same !== undefined) throw conflict('key_exists', `It has this key already: ${same.id}.`)
    if (provider.keys.length >= LIMITS.providerKeysMax) {
      throw conflict('too_many_keys', 'It has as many keys as it may. Retire one first.')
    }
    const { replaces } = given
    if (replaces !== undefined && !provider.keys.some((key) => key.id === replaces)) {
      throw invalid('replaces', 'There is no key with this id.')
    }
    const keyId = given.id ?? keyIdOf(secret)
    const { store } = this.deps.providers
    const { tenantId } = asking
    // Somebody may send it elsewhere at this moment: the key was meant for where it goes now.
    const precondition = async () => {
      await by.precondition?.()
      const now = await store.find(tenantId, id)
      if (now?.baseUrl !== provider.baseUrl || !Bun.deepEquals(now.network, provider.network)) {
        throw conflict(
          'changed_meanwhile',
          'The provider was changed at this moment. Look at it first.',
        )
      }
    }
    const judged = { ...by, precondition }
    if (await store.addKey(tenantId, id, { id: keyId, secret }, judged, replaces)) return keyId
    throw conflict('already_exists', 'A key of this id is there.', 'id')
  }

  /** @throws GatewayError 404, 409 for the last one that is in use */
  async retire(
    asking: ProviderAsking,
    id: string,
    keyId: string,
    isEvenTheLast: boolean,
  ): Promise<void> {
    const provider = await this.stored(asking, id)
    if (!provider.keys.some((key) => key.id === keyId)) throw notFound('provider_key')
    const { store } = this.deps.providers
    const { actor, tenantId } = asking
    const even = isEvenTheLast ? (['the last'] as const) : ([] as const)
    if (await store.removeKey(tenantId, id, keyId, actor, ...even)) return
    throw conflict(
      'last_key',
      'It is the last key in use: requests would have none. Add another first, or say even_the_last.',
    )
  }
}

/** What keys of this provider look like, by the rules of all its settings. */
function refuseUnfit(provider: Provider, secret: string): void {
  const { baseUrl, entra, id, region, retries, type } = provider
  const [first] = providerProblems({
    id,
    type,
    needsBaseUrl: providerKind(type)?.defaultBaseUrl === undefined,
    baseUrl,
    hasBaseUrl: true,
    hasCompatible: type === 'custom',
    hasApiVersion: false,
    hasRegion: region !== undefined,
    hasContext: false,
    hasConfigId: false,
    keys: [secret],
    retries,
    entra: entra && {
      hasSecret: true,
      hasCertificate: false,
      hasKey: false,
      hasPassphrase: false,
      authority: undefined,
      management: undefined,
    },
  })
  if (first === undefined) return
  const words = `${first.message.charAt(0).toUpperCase()}${first.message.slice(1)}.`
  throw invalid('secret', words)
}

function conflict(code: string, message: string, param?: string): GatewayError {
  const named = param === undefined ? {} : { param }
  return new GatewayError('invalid_request', { status: 409, code, message, ...named })
}
