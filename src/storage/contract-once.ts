// The contract of creations that may be sent again, and of changes that are made on a certain state alone: what every engine must do
// alike. Called from each engine's tests; imported by tests alone.

import { expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import type { OnceRepository, ApiKeyRepository } from '../core/ports.ts'
import { sampleKey, TEST_ACTOR } from './test-store.ts'

export interface OnceStore {
  readonly once: OnceRepository
  readonly keys: ApiKeyRepository
}

export function onceContract(open: () => Promise<OnceStore>): void {
  test('a creation is claimed by one, and the others hear what came of it', async () => {
    const { once } = await open()
    const claims = await Promise.all(Array.from({ length: 8 }, () => once.begin('a', 'asked')))
    expect(claims.filter((claim) => claim === 'new').length).toBe(1)
    expect(claims.filter((claim) => claim === 'running').length).toBe(7)
    expect(await once.begin('a', 'something else')).toBe('other')
    const answer = { status: 201, body: '{"key":"weir_secret"}', etag: '"x"' }
    await once.finish('a', answer)
    expect(await once.begin('a', 'asked')).toEqual(answer)
    expect(await once.begin('a', 'something else')).toBe('other')
    expect(await once.begin('b', 'asked')).toBe('new')
    await once.forget('b')
    expect(await once.begin('b', 'asked')).toBe('new')
  })

  test('an answer that is too long is not kept, and nothing is done twice for it', async () => {
    const { once } = await open()
    expect(await once.begin('long', 'asked')).toBe('new')
    await once.finish('long', { status: 200, body: 'x'.repeat(70_000) })
    expect(await once.begin('long', 'asked')).toBe('running')
  })

  test('of changes made on the same state one is made, and the others are told', async () => {
    const { keys } = await open()
    const { id, tenantId } = await keys.create(sampleKey(), TEST_ACTOR)
    const nameNow = async () => (await keys.find(tenantId, id))?.name
    const seen = await nameNow()
    const precondition = async () => {
      if ((await nameNow()) !== seen) throw new GatewayError('invalid_request', { status: 412 })
    }
    const changes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, at) =>
        keys.update(tenantId, id, { name: `name ${at}` }, { ...TEST_ACTOR, precondition }),
      ),
    )
    expect(changes.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    for (const change of changes) {
      if (change.status === 'rejected') expect(change.reason).toMatchObject({ status: 412 })
    }
    const made = changes.findIndex(({ status }) => status === 'fulfilled')
    expect(await nameNow()).toBe(`name ${made}`)
  })

  test('a change that is made of what there is loses nothing of those beside it', async () => {
    const { keys } = await open()
    const { id, tenantId } = await keys.create(sampleKey({ models: [] }), TEST_ACTOR)
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    await Promise.all(
      names.map((name) =>
        keys.update(tenantId, id, ({ models = [] }) => ({ models: [...models, name] }), TEST_ACTOR),
      ),
    )
    expect((await keys.find(tenantId, id))?.models?.toSorted()).toEqual(names)
  })
}
