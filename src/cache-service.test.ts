// The response cache as a process has it: which place is asked, and what becomes of answers when the settings change.

import { expect, test } from 'bun:test'
import type { AnswerStore, CachedAnswer, CacheSettings } from './core/answer-cache.ts'
import { CacheService } from './cache-service.ts'
import { AnswerSeal } from './storage/answer-seal.ts'
import { keptAnswer } from './storage/contract-answers.ts'
import { CACHE_ON } from './testing/cache.ts'
import { FakeClock } from './testing/clock.ts'
import { createTestGateway, testProvider, textOf } from './testing/gateway.ts'
import { testKey } from './testing/principals.ts'

const ASK = { model: 'mock/echo', messages: [{ role: 'user', content: 'Hi' }] }

function start() {
  const provider = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1' })
  const gateway = createTestGateway({ providers: [provider] })
  const { deps } = gateway
  const put: CachedAnswer[] = []
  const bounds: number[] = []
  const answers: AnswerStore & { useBytesMax(bytesMax: number): void } = {
    place: 'store',
    get: () => undefined,
    put: (answer) => void put.push(answer),
    drop: () => undefined,
    purge: () => Promise.resolve(put.splice(0).length),
    holdings: () => Promise.resolve([]),
    useBytesMax: (bytesMax) => void bounds.push(bytesMax),
  }
  const { deadlines, ids, logger } = deps
  const answerSeal = new AnswerSeal({} as never)
  const service = new CacheService({
    store: { answers: answers as never, answerSeal },
    clock: new FakeClock(1),
    deadlines,
    ids,
    logger,
    gateway: () => deps,
  })
  return { bounds, gateway, put, service }
}

const inPlace = (place: CacheSettings['exact']['place'], enabled = true): CacheSettings => ({
  ...CACHE_ON,
  exact: { ...CACHE_ON.exact, enabled, place },
})

test('before it is told anything, and while it is off, there is none', async () => {
  const { service } = start()
  expect(service.current()).toBeUndefined()
  await service.use(inPlace('memory', false), {})
  expect(service.current()).toBeUndefined()
  expect(await service.state(undefined)).toMatchObject({ enabled: false, holdings: [] })
  void service.use(inPlace('memory'), {})
  // At once: nobody waits for Redis.
  expect(service.current()).toBeDefined()
  await service.stop()
})

test('a change of the place is in force at once, and the bound of the store with it', async () => {
  const { bounds, put, service } = start()
  await service.use(inPlace('memory'), {})
  expect((await service.state(undefined)).place).toBe('memory')
  await service.use(inPlace('store'), {})
  expect((await service.state(undefined)).place).toBe('store')
  expect(bounds).toEqual([CACHE_ON.exact.bytesMax])
  put.push(keptAnswer())
  expect(await service.purge({})).toBe(1)
  await service.stop()
})

test('a Redis that has no address holds nothing, and fails nobody', async () => {
  const { service } = start()
  await service.use(inPlace('redis'), {})
  expect(await service.state(undefined)).toMatchObject({ place: 'redis', holdings: [] })
  expect(await service.purge({})).toBe(0)
  await service.stop()
})

test('what somebody has asked for is forgotten, wherever it lies, and while it is off there is nothing', async () => {
  const { gateway, service } = start()
  Object.assign(gateway.deps, { cache: () => service.current() })
  await service.use({ ...inPlace('memory'), scope: 'user' }, {})
  for (const userId of ['ann', 'bob']) {
    const principal = testKey({ userId, keyId: `key of ${userId}` })
    await textOf(await gateway.ask({ principal, body: ASK }))
  }
  const held = async () => (await service.state(undefined)).holdings[0]?.entries
  expect(await held()).toBe(2)
  expect(await service.forget('default', ['key of ann', 'user:ann'])).toBe(1)
  expect(await held()).toBe(1)
  await service.use(inPlace('redis', false), { url: 'redis://127.0.0.1:1' })
  expect(await service.forget('default', ['key of bob'])).toBe(0)
  await service.stop()
})

test('answers in a Redis that is not asked while the cache is off are not said to be gone', async () => {
  const { service } = start()
  await service.use(inPlace('redis', false), { url: 'redis://127.0.0.1:1' })
  await expect(service.purge({})).rejects.toMatchObject({ kind: 'storage_unavailable' })
  expect(await service.state(undefined)).toMatchObject({ enabled: false, holdings: [] })
  await service.stop()
})
