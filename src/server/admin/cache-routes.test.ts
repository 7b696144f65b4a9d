import { afterEach, expect, test } from 'bun:test'
import type { CacheSelection } from '../../core/answer-cache.ts'
import type { Actor } from '../../core/audit.ts'
import { GatewayError } from '../../core/error.ts'
import { MemoryAnswers } from '../../storage/memory-answers.ts'
import { systemClock } from '../../system.ts'
import { KEYS, startTwoTenants, type TwoTenants } from '../../testing/two-tenants.ts'
import type { CacheDeps } from './cache-routes.ts'

let world: TwoTenants | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

const NOW_MS = Date.now()

/** A cache with an answer of each tenant, and what it was asked. */
function start(over: Partial<CacheDeps> = {}) {
  const store = new MemoryAnswers(systemClock, () => 1_000_000)
  for (const tenantId of ['a', 'b']) {
    for (const model of ['m', 'n']) {
      const about = { createdMs: NOW_MS, expiresMs: NOW_MS + 3_600_000, value: 'secret-answer' }
      store.put({ id: `${tenantId}${model}`, tenantId, model, ...about })
    }
  }
  const tallies = ['a', 'b'].map((tenantId) => ({
    tenantId,
    hits: 2,
    semanticHits: 1,
    misses: 3,
    savedNanoUsd: 1_500_000_000,
  }))
  const purges: { which: CacheSelection; by: Actor }[] = []
  world = startTwoTenants({
    cache: {
      async state(tenantId) {
        const own = tallies.filter((one) => tenantId === undefined || one.tenantId === tenantId)
        return {
          enabled: true,
          place: 'memory',
          holdings: await store.holdings(tenantId),
          tallies: own,
        }
      },
      purge(which, by) {
        purges.push({ which, by })
        return store.purge(which)
      },
      ...over,
    },
  })
  const { url } = world.server
  const ask = async (who: keyof typeof KEYS, query = '', method = 'GET') => {
    const response = await fetch(`${url}/admin/cache${query}`, {
      method,
      headers: { authorization: `Bearer ${KEYS[who]}` },
    })
    return { status: response.status, text: await response.text() }
  }
  return { ask, purges, store }
}

test('a tenant sees its own and no more', async () => {
  const { ask } = start()
  const { status, text } = await ask('aAdmin')
  expect(status).toBe(200)
  expect(JSON.parse(text)).toMatchObject({
    enabled: true,
    store: 'memory',
    entries: 2,
    hits: 2,
    semantic_hits: 1,
    misses: 3,
    saved_usd: 1.5,
    tenants: [{ tenant: 'a' }],
  })
  expect(text).not.toContain('"b"')
  expect(text).not.toContain('secret-answer')
  for (const query of ['?tenant=b', '?tenant=*']) {
    const refused = await ask('aAdmin', query)
    expect(refused.status).toBeWithin(403, 405)
    expect(refused.text).not.toContain('entries')
  }
  expect((await ask('aAuditor')).status).toBe(200)
  expect((await ask('aMember')).status).toBe(403)
})

test('a tenant empties its own and no more', async () => {
  const { ask, purges, store } = start()
  for (const [who, query] of [
    ['aMember', ''],
    ['aAuditor', ''],
    ['guest', ''],
    ['aAdmin', '?tenant=b'],
    ['aAdmin', '?tenant=*'],
    ['bAdmin', '?tenant=a&model=m'],
  ] as const) {
    expect((await ask(who, query, 'DELETE')).status).toBeWithin(401, 405)
  }
  expect(purges).toEqual([])
  expect((await ask('aAdmin', '?models=m', 'DELETE')).status).toBe(400)
  expect(JSON.parse((await ask('aAdmin', '?model=m', 'DELETE')).text)).toEqual({ deleted: 1 })
  expect(JSON.parse((await ask('aAdmin', '', 'DELETE')).text)).toEqual({ deleted: 1 })
  expect(purges.map(({ which }) => which)).toEqual([
    { tenantId: 'a', model: 'm' },
    { tenantId: 'a' },
  ])
  expect(purges[0]!.by.kind).toBe('key')
  expect((await store.holdings(undefined)).map(({ tenantId }) => tenantId)).toEqual(['b', 'b'])
})

test('the platform names a tenant, or all', async () => {
  const { ask, purges } = start()
  expect(JSON.parse((await ask('platform', '?tenant=*')).text)).toMatchObject({
    entries: 4,
    saved_usd: 3,
  })
  expect(JSON.parse((await ask('platform', '?tenant=b', 'DELETE')).text)).toEqual({ deleted: 2 })
  expect(JSON.parse((await ask('platform', '?tenant=*', 'DELETE')).text)).toEqual({ deleted: 2 })
  expect(purges.map(({ which }) => which)).toEqual([{ tenantId: 'b' }, {}])
})

test('where nobody can know that answers are gone, that is said', async () => {
  const away = () => Promise.reject(new GatewayError('storage_unavailable'))
  const { ask } = start({ purge: away, state: away })
  expect((await ask('aAdmin')).status).toBe(503)
  expect((await ask('aAdmin', '', 'DELETE')).status).toBe(503)
})
