// The part of the repositories' contract that is about providers and their keys: imported by `contract.ts` alone.

import { expect, test } from 'bun:test'
import type { Open } from './contract.ts'
import { sampleProvider, TEST_ACTOR } from './test-store.ts'

/** As it comes back when it was saved in the first tenant. */
function inDefault<T extends object>(saved: T): T & { tenantId: string } {
  return { ...saved, tenantId: 'default' }
}

/** Whole providers: what is saved comes back, and nobody else's. */
export function providersContract(open: Open): void {
  test('another tenant can neither change, remove nor look', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    await providers.save('a', provider, TEST_ACTOR)
    expect(await providers.remove('b', provider.id, TEST_ACTOR)).toBe(false)
    expect(await providers.maskedKeys('b', provider.id)).toEqual([])
    expect(await providers.all()).toEqual([{ ...provider, tenantId: 'a' }])
  })

  test('comes back as it was saved, with keys in order and everything optional absent or present', async () => {
    const { providers } = await open()
    const bare = sampleProvider({ id: 'a', keys: [] })
    const full = sampleProvider({
      id: 'b',
      type: 'custom',
      compatible: 'anthropic',
      apiVersion: '2024-10-21',
      keys: [
        { id: 'z', secret: 'zzzzzzzzzzzzzzzzzzzz1111' },
        { id: 'a', secret: 'ünïcödé 🗝 key, a long one' },
      ],
      network: {
        verify: false,
        proxy: 'http://user:pässword@proxy:3128',
        noProxy: ['.corp', '10.0.0.0/8'],
        caFile: '/ca.pem',
        certFile: '/cert.pem',
        keyFile: '/key.pem',
        ca: 'pem of authorities',
        cert: 'pem of a certificate',
        key: 'pëm of its key',
        keyPassphrase: 'pässphrase',
        minTlsVersion: '1.3',
        allowPrivate: false,
      },
      headers: { 'x-team': 'blue', authorization: 'Basic c2VjcmV0' },
      region: 'eu-central-1',
      configId: 'main',
      context: { guard: false, maxTokens: 0, reserveTokens: 1 },
      keyStrategy: 'remaining',
      circuit: { enabled: false, failures: 0, errorRate: 0.25, windowMs: 1, openMs: 0 },
      concurrency: { max: 1, queue: 0, queueTimeoutMs: 0 },
      check: { intervalMs: 60_000, model: 'm' },
      entra: {
        tenant: 'tenant',
        clientId: 'client',
        clientSecret: 'sëcret',
        certFile: '/app.pem',
        keyFile: '/app.key',
        keyPassphrase: 'other',
        cloud: 'china',
        authority: 'https://login.example.com',
        management: 'https://management.example.com',
        scope: 'https://models.example.com/.default',
      },
    })
    const bareApplication = sampleProvider({
      id: 'c',
      keys: [],
      check: { intervalMs: 1 },
      entra: { tenant: 't', clientId: 'c', cloud: 'public' },
    })
    for (const provider of [full, bareApplication, bare])
      await providers.save('default', provider, TEST_ACTOR)
    expect(await providers.all()).toStrictEqual([bare, full, bareApplication].map(inDefault))
    // Saving again takes away what is not said any more.
    await providers.save('default', { ...bare, id: 'b' }, TEST_ACTOR)
    expect((await providers.all())[1]).toStrictEqual(inDefault({ ...bare, id: 'b' }))
  })

  test('saving again replaces: keys go, come and change, and keep the time they came', async () => {
    const { providers } = await open()
    await providers.save('default', sampleProvider(), TEST_ACTOR)
    const before = await providers.maskedKeys('default', 'openai')
    const changed = sampleProvider({
      baseUrl: 'https://other.example.com',
      keys: [
        { id: 'second', secret: 'sk-live-0123456789-2222' },
        { id: 'first', secret: 'sk-live-0123456789-1111' },
      ],
    })
    await providers.save('default', changed, TEST_ACTOR)
    expect(await providers.all()).toEqual([inDefault(changed)])
    const after = await providers.maskedKeys('default', 'openai')
    expect(after.map(({ id, lastFour }) => [id, lastFour])).toEqual([
      ['second', '2222'],
      ['first', '1111'],
    ])
    expect(after[1]?.createdMs).toBe(before[0]?.createdMs ?? -1)
    await providers.save('default', { ...changed, keys: [] }, TEST_ACTOR)
    expect(await providers.maskedKeys('default', 'openai')).toEqual([])
  })
}

/** Keys that go with their provider, and what is refused. */
export function providerEdgesContract(open: Open): void {
  test('removing takes the keys along; a short secret is not shown by its last four', async () => {
    const { providers } = await open()
    await providers.save(
      'default',
      sampleProvider({ keys: [{ id: 'k', secret: 'short' }] }),
      TEST_ACTOR,
    )
    expect((await providers.maskedKeys('default', 'openai'))[0]?.lastFour).toBe('')
    expect(await providers.remove('default', 'openai', TEST_ACTOR)).toBe(true)
    expect(await providers.remove('default', 'openai', TEST_ACTOR)).toBe(false)
    expect(await providers.maskedKeys('default', 'openai')).toEqual([])
    await providers.save('default', sampleProvider({ keys: [] }), TEST_ACTOR)
    expect((await providers.all())[0]?.keys).toEqual([])
  })

  test('two keys of one id and a password in the base URL are refused', async () => {
    const { providers } = await open()
    const key = { id: 'k', secret: 'sk-live-0123456789-first' }
    const bad = [
      sampleProvider({ keys: [key, key] }),
      sampleProvider({ baseUrl: 'https://user:hunter2@api.example.com' }),
    ]
    for (const provider of bad) {
      await expect(providers.save('default', provider, TEST_ACTOR)).rejects.toMatchObject({
        status: 400,
      })
    }
    expect(await providers.all()).toEqual([])
  })
}

/** One key at a time: what rotation does while requests go on. */
export function providerKeysContract(open: Open): void {
  const secret = (name: string) => `sk-live-0123456789-${name}`

  test('a provider that is not there, a key that is, and another tenant change nothing', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    await providers.save('a', provider, TEST_ACTOR)
    const added = { id: 'second', secret: secret('2222') }
    expect(await providers.addKey('a', 'nobody', added, TEST_ACTOR)).toBe(false)
    expect(await providers.addKey('b', provider.id, added, TEST_ACTOR)).toBe(false)
    expect(
      await providers.addKey('a', provider.id, { id: 'first', secret: 'other' }, TEST_ACTOR),
    ).toBe(false)
    expect(await providers.setKeyDraining('b', provider.id, 'first', true, TEST_ACTOR)).toBe(false)
    expect(await providers.setKeyDraining('a', 'nobody', 'first', true, TEST_ACTOR)).toBe(false)
    expect(await providers.setKeyDraining('a', provider.id, 'second', true, TEST_ACTOR)).toBe(false)
    expect(await providers.removeKey('b', provider.id, 'first', TEST_ACTOR)).toBe(false)
    expect(await providers.removeKey('a', provider.id, 'second', TEST_ACTOR)).toBe(false)
    expect(await providers.all()).toStrictEqual([{ ...provider, tenantId: 'a' }])
  })

  test('one takes the place of another in one change, where that is there', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    await providers.save('a', provider, TEST_ACTOR)
    const [old] = provider.keys
    const added = { id: 'second', secret: secret('2222') }
    const add = (tenantId: string, replaced: string) =>
      providers.addKey(tenantId, provider.id, added, TEST_ACTOR, replaced)
    expect(await add('b', old!.id)).toBe(false)
    expect(await add('a', 'nothing')).toBe(false)
    expect((await providers.find('a', provider.id))?.keys).toEqual([...provider.keys])
    expect(await add('a', old!.id)).toBe(true)
    expect((await providers.find('a', provider.id))?.keys).toEqual([
      { ...old!, draining: true },
      added,
    ])
  })

  test('one, and those of one tenant, are found as all are', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    for (const tenantId of ['a', 'b']) await providers.save(tenantId, provider, TEST_ACTOR)
    await providers.save('a', sampleProvider({ id: 'another' }), TEST_ACTOR)
    const all = await providers.all()
    expect(await providers.ofTenant('a')).toEqual(all.filter(({ tenantId }) => tenantId === 'a'))
    expect(await providers.find('b', provider.id)).toEqual(
      all.find(({ tenantId }) => tenantId === 'b')!,
    )
    expect(await providers.find('b', 'another')).toBeUndefined()
    expect(await providers.ofTenant('c')).toEqual([])
  })

  test('the new one is added behind, the old one drains and goes; the others stay as they are', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    const other = sampleProvider({ id: 'other' })
    for (const each of [provider, other]) await providers.save('default', each, TEST_ACTOR)
    const [old] = provider.keys
    if (old === undefined) throw new Error('the sample has a key')
    const added = { id: 'second', secret: secret('2222') }
    expect(await providers.addKey('default', provider.id, added, TEST_ACTOR)).toBe(true)
    const keys = async () => (await providers.all()).map((each) => each.keys)
    expect(await keys()).toStrictEqual([[old, added], other.keys])

    expect(await providers.setKeyDraining('default', provider.id, old.id, true, TEST_ACTOR)).toBe(
      true,
    )
    expect(await providers.setKeyDraining('default', provider.id, old.id, true, TEST_ACTOR)).toBe(
      true,
    )
    expect(await keys()).toStrictEqual([[{ ...old, draining: true }, added], other.keys])
    const masked = await providers.maskedKeys('default', provider.id)
    expect(masked.map(({ draining, id, lastFour }) => [id, lastFour, draining])).toEqual([
      ['first', 'irst', true],
      ['second', '2222', false],
    ])
    expect(await providers.setKeyDraining('default', provider.id, old.id, false, TEST_ACTOR)).toBe(
      true,
    )
    expect(await keys()).toStrictEqual([[old, added], other.keys])

    expect(await providers.removeKey('default', provider.id, old.id, TEST_ACTOR)).toBe(true)
    expect(await keys()).toStrictEqual([[added], other.keys])
    // The last one in use is not taken by mistake; one that drains does not count as another.
    expect(await providers.removeKey('default', provider.id, added.id, TEST_ACTOR)).toBe(false)
    expect(await keys()).toStrictEqual([[added], other.keys])
    // The place of the one that went is not given twice.
    const third = { id: 'first', secret: secret('3333'), draining: true }
    expect(await providers.addKey('default', provider.id, third, TEST_ACTOR)).toBe(true)
    expect(await keys()).toStrictEqual([[added, third], other.keys])
    expect(await providers.removeKey('default', provider.id, added.id, TEST_ACTOR)).toBe(false)
    expect(
      await providers.removeKey('default', provider.id, added.id, TEST_ACTOR, 'the last'),
    ).toBe(true)
    expect(
      await providers.removeKey('default', provider.id, third.id, TEST_ACTOR, 'the last'),
    ).toBe(true)
    expect(await keys()).toStrictEqual([[], other.keys])
  })
}
