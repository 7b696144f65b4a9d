import { afterEach, describe, expect, test } from 'bun:test'
import type { CacheSettings } from '../../core/answer-cache.ts'
import { Flags, type FlagRule } from '../../core/flags.ts'
import { CACHE_ON, TestCache, withCache } from '../../testing/cache.ts'
import { createTestGateway, testProvider, textOf, type TestRequest } from '../../testing/gateway.ts'
import { testKey } from '../../testing/principals.ts'
import { startUpstream } from '../../testing/upstream.ts'
import { openaiChat } from '../../testing/voices-openai.ts'
import type { Embed } from './semantic.ts'
import { strictParts } from './semantic-text.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

/** Letters by how often they stand there: texts of the same words in another order are the same. */
const byLetters: Embed = ({ text }) => {
  const vector = Array.from({ length: 26 }, () => 0)
  for (const letter of text.toLowerCase()) {
    const at = letter.charCodeAt(0) - 97
    if (at >= 0 && at < 26) vector[at]! += 1
  }
  return Promise.resolve(vector)
}

const SEMANTIC = { enabled: true, model: 'p/e', threshold: 0.99, entriesMax: 100, ttlMs: 60_000 }

function setUp(embed: Embed = byLetters, over: Partial<CacheSettings> = {}) {
  let said = 0
  const up = startUpstream(() => Response.json(openaiChat.whole({ text: `answer ${(said += 1)}` })))
  closing.push(up)
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'p', type: 'custom', baseUrl: `${up.url}/v1` })],
  })
  const cache = new TestCache(gateway.deps, { semantic: SEMANTIC, ...over }, embed)
  const state = async (content: string, more: object = {}, request: Partial<TestRequest> = {}) => {
    const messages = [{ role: 'user', content }]
    const reply = await gateway.ask({ body: { model: 'p/m', messages, ...more }, ...request })
    await textOf(reply)
    return reply.headers['x-weir-cache']
  }
  return { cache, gateway, state, up }
}

test('the same words in another order are answered from memory, and equal ones without asking the model', async () => {
  let asked = 0
  const { cache, gateway, state, up } = setUp((question) => {
    asked += 1
    return byLetters(question)
  })
  expect(await state('what is the capital of France')).toBe('miss')
  expect(await state('the capital of France is what')).toBe('semantic-hit')
  expect(await state('what is the capital of France')).toBe('hit')
  expect(asked).toBe(2)
  expect(up.requests).toHaveLength(1)
  expect(gateway.outcomes[1]!.cache).toMatchObject({ state: 'hit', kind: 'semantic' })
  expect(cache.cache.tally()[0]).toMatchObject({ semanticHits: 1, hits: 1, misses: 1 })
})

describe('all else must be equal', () => {
  const text = 'tell me more about weirs'
  const again = 'weirs about more me tell'
  const base = { temperature: 0.5 }
  test.each([
    ['another parameter', { temperature: 0.6 }, {}],
    ['another model', { ...base, model: 'p/n' }, {}],
    ['a tool', { ...base, tools: [{ type: 'function', function: { name: 'f' } }] }, {}],
    [
      'another history',
      {
        ...base,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: again },
        ],
      },
      {},
    ],
    [
      'a picture',
      {
        ...base,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: again },
              { type: 'image_url', image_url: { url: 'https://x.test/a.png' } },
            ],
          },
        ],
      },
      {},
    ],
    ['another tenant', base, { principal: testKey({ tenantId: 'b' }) }],
  ])('%s', async (_name, more, request) => {
    const { state } = setUp()
    expect(await state(text, base, { principal: testKey() })).toBe('miss')
    expect(await state(again, more, { principal: testKey(), ...request })).toBe('miss')
    expect(await state(again, base, { principal: testKey() })).not.toBe('miss')
  })

  test('and who asks, by the scope', async () => {
    const { state } = setUp(byLetters, { scope: 'user' })
    const ann = { principal: testKey({ keyId: 'a', userId: 'ann' }) }
    const bob = { principal: testKey({ keyId: 'b', userId: 'bob' }) }
    expect(await state(text, {}, ann)).toBe('miss')
    expect(await state(again, {}, bob)).toBe('miss')
    expect(await state(again, {}, ann)).toBe('semantic-hit')
  })
})

test.each([
  ['what is 2+2', 'what is 2+3'],
  ['what is 2+2', 'what is 2-2'],
  ['can I smoke here', "can't I smoke here"],
  ['is it safe', 'is it not safe'],
  ['wake me at nine', 'wake me at ten'],
  ['darf ich das', 'darf ich das nicht'],
  ['pay 10.50 now', 'pay 1.050 now'],
  ['turn it on', 'turn it off'],
  ['before lunch', 'after lunch'],
])('however near they are, "%s" is not "%s"', async (one, other) => {
  const { state } = setUp(() => Promise.resolve([1, 0]))
  expect(await state(one)).toBe('miss')
  expect(await state(other)).toBe('miss')
})

test('only-if-cached asks no embedding model either', async () => {
  let asked = 0
  const { state } = setUp((question) => {
    asked += 1
    return byLetters(question)
  })
  await state('what is the capital of France')
  const headers = { 'cache-control': 'only-if-cached' }
  expect(await state('the capital of France is what', {}, { headers })).toBeUndefined()
  expect(asked).toBe(1)
})

test('numbers and negations are found whatever stands around them', () => {
  expect(strictParts('Don’t pay ９ or 1,000.5 – can’t!')).toEqual(['9', '1,000.5', 'not', 'not'])
  expect(strictParts('nothing')).toEqual(['nothing'])
  expect(strictParts('a notable noon')).toEqual([])
})

test.each([
  ['fails', () => Promise.reject(new Error('down'))],
  [
    'throws',
    () => {
      throw new Error('down')
    },
  ],
  ['gives nothing', () => Promise.resolve([])],
  ['gives no numbers', () => Promise.resolve([Number.NaN, 1])],
  ['gives no direction', () => Promise.resolve([0, 0])],
] as [string, Embed][])('a model that %s is a miss, and no error', async (_name, embed) => {
  const { state, up } = setUp(embed)
  expect(await state('one way')).toBe('miss')
  expect(await state('way one')).toBe('miss')
  expect(await state('one way')).toBe('hit')
  expect(up.failures).toEqual([])
})

test('vectors of another length are never near', async () => {
  let length = 1
  const { state } = setUp(() => Promise.resolve(Array.from({ length: (length += 1) }, () => 1)))
  expect(await state('say a')).toBe('miss')
  expect(await state('say b')).toBe('miss')
})

describe('flags', () => {
  const rule = (flag: FlagRule['flag'], value: FlagRule['value'], tenantId?: string): FlagRule => ({
    flag,
    value,
    percent: 100,
    origin: 'file',
    ...(tenantId === undefined ? {} : { tenantId }),
  })
  test('turn it off for a tenant', async () => {
    const { gateway, state } = setUp()
    Object.assign(gateway.deps, { flags: new Flags([rule('semantic_cache', false, 'default')]) })
    const cache = new TestCache(gateway.deps, { semantic: SEMANTIC }, byLetters)
    expect(await state('one way')).toBe('miss')
    expect(await state('way one')).toBe('miss')
    const other = { principal: testKey({ tenantId: 'b' }) }
    expect(await state('one way', {}, other)).toBe('miss')
    expect(await state('way one', {}, other)).toBe('semantic-hit')
    expect(cache.semantic!.size).toBe(1)
  })

  test('say how near is near enough', async () => {
    const { gateway, state } = setUp()
    Object.assign(gateway.deps, { flags: new Flags([rule('cache_similarity', 0.5)]) })
    withCache(gateway.deps, { semantic: SEMANTIC }, byLetters)
    expect(await state('aaab')).toBe('miss')
    expect(await state('abbb')).toBe('semantic-hit')
  })
})

test('the index is bounded, and what is gone is forgotten', async () => {
  const { cache, state } = setUp(byLetters, { semantic: { ...SEMANTIC, entriesMax: 2 } })
  for (const text of ['aaa', 'bbb', 'ccc']) await state(text)
  expect(cache.semantic!.size).toBe(2)
  await cache.store.purge({})
  expect(await state('c c c')).toBe('miss')
  await cache.cache.purge({ tenantId: 'default' })
  expect(cache.semantic!.size).toBe(0)
  await state('ddd')
  cache.aheadMs = CACHE_ON.exact.ttlMs
  expect(await state('d d d')).toBe('miss')
})
