// What each tenant sees of the catalogue: laws over any mixture of sources, and the cases that people meet.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { providerUid, type Model, type Provider } from '../core/catalog.ts'
import { testProvider } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { targetOf } from '../testing/routes.ts'
import { buildSnapshot, type CatalogSource } from './snapshot.ts'

function provider(id: string, tenantId?: string, over: Partial<Provider> = {}): Provider {
  return testProvider({
    id,
    type: 'custom',
    baseUrl: `http://127.0.0.1:9/${tenantId ?? 'all'}/${id}`,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...over,
  })
}

function alias(id: string, tenantId?: string): Model {
  return {
    id,
    origin: 'store',
    targets: [targetOf('p')],
    defaults: {},
    losses: 'report',
    ...(tenantId === undefined ? {} : { tenantId }),
  }
}

const source = (providers: readonly Provider[], models: readonly Model[] = []): CatalogSource => ({
  providers,
  models,
  keys: [],
})

describe('a tenant', () => {
  test('sees its own and nobody’s, and nothing of another', () => {
    const snapshot = buildSnapshot(1, [
      source([provider('all')], [alias('fast'), alias('file-of-b', 'b')]),
      source(
        [provider('mine', 'a'), provider('same', 'a'), provider('same', 'b')],
        [alias('own', 'a'), alias('own', 'b')],
      ),
    ])
    const [a, b, c] = ['a', 'b', 'c'].map((id) => snapshot.of(id))
    expect([...a!.providers.keys()]).toEqual(['all', 'mine', 'same'])
    expect([...b!.providers.keys()]).toEqual(['all', 'same'])
    expect([...c!.providers.keys()]).toEqual(['all'])
    expect(a!.providers.get('same')?.tenantId).toBe('a')
    expect(b!.providers.get('same')?.tenantId).toBe('b')
    expect([...a!.models.keys()]).toEqual(['fast', 'own'])
    expect([...b!.models.keys()]).toEqual(['fast', 'file-of-b', 'own'])
    expect([...c!.models.keys()]).toEqual(['fast'])
    expect([...snapshot.allProviders.keys()].toSorted()).toEqual([
      'a:mine',
      'a:same',
      'all',
      'b:same',
    ])
  })

  test('finds the file’s before the store’s own of that id, which then is nobody’s to ask', () => {
    const snapshot = buildSnapshot(1, [
      source([provider('p')], [alias('m')]),
      source([provider('p', 'a')], [alias('m', 'a')]),
    ])
    expect(snapshot.of('a').providers.get('p')?.tenantId).toBeUndefined()
    expect(snapshot.of('a').models.get('m')?.tenantId).toBeUndefined()
    expect([...snapshot.allProviders.keys()]).toEqual(['p'])
    expect(snapshot.allModels).toHaveLength(1)
  })

  test.each([
    ['its own first', [alias('m', 'a'), alias('m')]],
    ['its own last', [alias('m'), alias('m', 'a')]],
  ])('finds its own within one source: %s', (_name, models) => {
    const snapshot = buildSnapshot(1, [source([], models)])
    expect(snapshot.of('a').models.get('m')?.tenantId).toBe('a')
    expect(snapshot.of('b').models.get('m')?.tenantId).toBeUndefined()
  })

  test('has one view for one snapshot', () => {
    const snapshot = buildSnapshot(1, [source([provider('p', 'a')])])
    expect(snapshot.of('a')).toBe(snapshot.of('a'))
    expect(snapshot.of('default')).toBe(snapshot.of('default'))
    expect(snapshot.of('a')).not.toBe(snapshot.of('b'))
  })

  test.each(['__proto__', 'constructor', '', '_platform', 'a\nb'])('named %p is nobody', (id) => {
    const snapshot = buildSnapshot(1, [source([provider('p', 'a'), provider('all')])])
    expect([...snapshot.of(id).providers.keys()]).toEqual(['all'])
  })
})

test('whatever the sources: only one’s own and nobody’s, the first source wins, and what anybody sees is in the whole', () => {
  const tenant = fc.constantFrom(undefined, 'a', 'b', 'ab')
  const entry = fc.tuple(fc.constantFrom('x', 'y', 'z', 'a'), tenant)
  const sources = fc.array(fc.array(entry, { maxLength: 6 }), { maxLength: 4 })
  fc.assert(
    fc.property(sources, (lists) => {
      const snapshot = buildSnapshot(
        1,
        lists.map((list) => source(list.map(([id, owner]) => provider(id, owner)))),
      )
      const seen = new Set<string>()
      for (const tenantId of ['a', 'b', 'ab', 'none']) {
        for (const [id, found] of snapshot.of(tenantId).providers) {
          expect(found.id).toBe(id)
          expect([undefined, tenantId]).toContain(found.tenantId)
          seen.add(providerUid(found))
          const first = lists.find((list) =>
            list.some(([name, owner]) => name === id && (owner ?? tenantId) === tenantId),
          )
          expect(first?.some(([name, owner]) => name === id && owner === found.tenantId)).toBe(true)
        }
        const wanted = lists.flat().filter(([, owner]) => (owner ?? tenantId) === tenantId)
        expect(new Set(snapshot.of(tenantId).providers.keys())).toEqual(
          new Set(wanted.map(([id]) => id)),
        )
      }
      expect(new Set(snapshot.allProviders.keys())).toEqual(seen)
    }),
    checkParameters(500),
  )
})
