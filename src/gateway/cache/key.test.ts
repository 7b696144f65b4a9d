import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { CacheScope } from '../../core/answer-cache.ts'
import { DEFAULT_CONTEXT, type Model } from '../../core/catalog.ts'
import type { Principal } from '../../core/principal.ts'
import { testProvider } from '../../testing/gateway.ts'
import { testKey } from '../../testing/principals.ts'
import { checkParameters } from '../../testing/seed.ts'
import { RequestForms } from '../plan.ts'
import type { Catalog } from '../snapshot.ts'
import { cacheKey, ownerOf } from './key.ts'

const model: Model = {
  id: 'm',
  origin: 'file',
  targets: [{ providerId: 'p', model: 'x', order: 0, weight: 1 }],
  defaults: {},
  losses: 'report',
}
const catalog: Catalog = { tenantId: 'a', version: 1, providers: new Map(), models: new Map() }

function keyOf(
  principal: Principal,
  scope: CacheScope,
  body = '{}',
  asked = model,
  of = catalog,
): string {
  const inbound = {
    dialect: 'openai-chat',
    operation: 'chat',
    hints: {},
    headers: new Headers(),
    principal,
  }
  const peeked = { model: 'm', body: {} }
  const forms = new RequestForms(inbound as never, peeked as never, asked)
  return cacheKey(forms, of, ownerOf(principal, scope), body)
}

const id = fc.constantFrom('a', 'b', 'user:a', 'key:a', 'anonymous', '')
const principal = fc
  .record({
    tenantId: fc.constantFrom('a', 'b', 'a"', 'ab'),
    keyId: fc.option(id, { nil: undefined }),
    userId: fc.option(id, { nil: undefined }),
    serviceId: fc.option(id, { nil: undefined }),
  })
  .map((fields) =>
    testKey(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))),
  )
const scope = fc.constantFrom<CacheScope>('tenant', 'user', 'key')

test('no two tenants share a name, whatever else is the same', () => {
  fc.assert(
    fc.property(
      principal,
      principal,
      scope,
      fc.constantFrom('{}', '{"a":1}'),
      (one, other, by, body) => {
        fc.pre(one.tenantId !== other.tenantId)
        expect(keyOf(one, by, body)).not.toBe(keyOf(other, by, body))
      },
    ),
    checkParameters(300),
  )
})

test('within a tenant, whoever is another shares only where all do', () => {
  fc.assert(
    fc.property(principal, principal, scope, (one, other, by) => {
      fc.pre(one.tenantId === other.tenantId)
      const isSame = by === 'tenant' || identity(one, by) === identity(other, by)
      expect(keyOf(one, by) === keyOf(other, by)).toBe(isSame)
    }),
    checkParameters(500),
  )
})

/** In words of the settings: a person with everything they ask with, or one key. */
function identity({ keyId, serviceId, userId }: Principal, by: CacheScope): string {
  const person =
    userId === undefined ? (serviceId === undefined ? undefined : ['s', serviceId]) : ['u', userId]
  const key = keyId === undefined ? undefined : ['k', keyId]
  return JSON.stringify((by === 'user' ? (person ?? key) : (key ?? person)) ?? null)
}

test('a model that is made up in another way has names of its own', () => {
  const changes: Partial<Model>[] = [
    { targets: [{ ...model.targets[0]!, model: 'y' }] },
    { targets: [{ ...model.targets[0]!, providerId: 'q' }] },
    { targets: [{ ...model.targets[0]!, overrides: { temperature: 0 } }] },
    { defaults: { temperature: 0 } },
  ]
  const names = [model, ...changes.map((change) => ({ ...model, ...change }))].map((one) =>
    keyOf(testKey(), 'tenant', '{}', one),
  )
  expect(new Set(names).size).toBe(names.length)
})

test('so has one whose provider is asked in another way', () => {
  const before = testProvider({ id: 'p', type: 'nemo', baseUrl: 'http://127.0.0.1:1/v1' })
  const changes = [
    { configId: 'strict' },
    { headers: { 'x-persona': 'pirate' } },
    { baseUrl: 'http://127.0.0.1:2/v1' },
    { apiVersion: '2025-01-01' },
    { context: { ...DEFAULT_CONTEXT, maxTokens: 1_024 } },
  ]
  const names = [{}, ...changes].map((change) => {
    const providers = new Map([['p', { ...before, ...change }]])
    return keyOf(testKey(), 'tenant', '{}', model, { ...catalog, providers })
  })
  expect(new Set(names).size).toBe(names.length)
})
