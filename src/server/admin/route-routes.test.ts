// `POST /admin/route` over a real server: who may ask, what it refuses, and that its answer is the decision a request would get.

import { describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model } from '../../core/catalog.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { targetOf } from '../../testing/routes.ts'
import { startTestServer, testKey } from '../../testing/server.ts'
import type { ExplainedModel } from '../../gateway/route-explain.ts'

const USER = 'weir_user5678901234567890123456789012345678abcdef'
const ADMIN = 'weir_admin678901234567890123456789012345678abcdef'

const modelOf = (id: string, over: Partial<Model> = {}): Model => ({
  id,
  origin: 'file',
  targets: [targetOf('a'), targetOf('b', { abilities: { vision: false }, tags: ['eu'] })],
  defaults: {},
  losses: 'report',
  ...over,
})

function gateway(models: readonly Model[]) {
  const providers = ['a', 'b'].map((id) =>
    testProvider({ id, type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' }),
  )
  return createTestGateway({ providers, models })
}

const FAST = modelOf('fast', {
  routing: {
    ...DEFAULT_ROUTING,
    strategy: 'order',
    sticky: 'session',
    fallbacks: { context_length: ['long'], any: ['long', 'lost'] },
  },
})
const LONG = modelOf('long', { targets: [targetOf('a', { model: 'long' })] })

async function ask(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/admin/route`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const answer = (await response.json()) as ExplainedModel & {
    code: string
    param: string | null
  }
  return { status: response.status, answer }
}

describe('who may ask', () => {
  test('nobody without a key where one is wanted, no key without the role', async () => {
    const keys = [testKey(USER), testKey(ADMIN, { roles: ['admin'] })]
    await using server = startTestServer(gateway([FAST, LONG]), { keys, anonymous: 'never' })
    const statusFor = async (secret: string | undefined) =>
      (
        await ask(
          server.url,
          { model: 'fast' },
          secret === undefined ? {} : { authorization: `Bearer ${secret}` },
        )
      ).status
    expect(await statusFor(undefined)).toBe(401)
    expect(await statusFor(USER)).toBe(403)
    expect(await statusFor(ADMIN)).toBe(200)
  })

  test('a key in the path opens nothing here', async () => {
    const keys = [testKey(ADMIN, { roles: ['admin'] })]
    await using server = startTestServer(gateway([FAST]), { keys, anonymous: 'never' })
    const response = await fetch(`${server.url}/k/${ADMIN}/admin/route`, { method: 'POST' })
    expect(response.status).toBe(404)
  })
})

test.each([
  ['not json', 'invalid_json', null],
  ['[]', 'invalid_value', null],
  [{}, 'missing_required_parameter', 'model'],
  [{ model: 7 }, 'invalid_value', 'model'],
  [{ model: 'nobody' }, 'model_not_found', 'model'],
  [{ model: 'fast', needs: 'vision' }, 'invalid_value', 'needs'],
  [{ model: 'fast', needs: ['sight'] }, 'invalid_value', 'needs[0]'],
  [{ model: 'fast', tokens: -1 }, 'invalid_value', 'tokens'],
  [{ model: 'fast', tokens: 1.5 }, 'invalid_value', 'tokens'],
  [{ model: 'fast', tags: [], needs: [1] }, 'invalid_value', 'needs[0]'],
  [{ model: 'fast', tags: [''] }, 'invalid_value', 'tags'],
  [{ model: 'fast', target: '/' }, 'invalid_value', 'target'],
  [{ model: 'fast', key: 'nobody' }, 'invalid_value', 'key'],
  [{ model: 'fast', sesion: 's' }, 'unknown_parameter', 'sesion'],
])('%j is refused with %s', async (body, code, param) => {
  await using server = startTestServer(gateway([FAST, LONG]))
  const { answer, status } = await ask(server.url, body)
  expect(status).toBe(code === 'model_not_found' ? 404 : 400)
  expect([answer.code, answer.param]).toEqual([code, param])
})

test('the decision for the model and for each it falls back to, by cause', async () => {
  await using server = startTestServer(gateway([FAST, LONG]))
  const { answer } = await ask(server.url, { model: 'fast', needs: ['vision'], tokens: 900 })
  expect(answer as unknown).toEqual({
    model: 'fast',
    strategy: 'order',
    sticky: 'session',
    routes: [
      {
        model: 'fast',
        by: 'order',
        fallback_for: null,
        candidates: [
          { provider: 'a', model: 'm', rank: 0, reason: 'as listed' },
          { provider: 'b', model: 'm', rank: null, reason: 'declared without vision' },
        ],
        refused: null,
        retry_after_ms: null,
      },
      ...['context_length', 'any'].map((cause) => ({
        model: 'long',
        by: 'weighted',
        fallback_for: cause,
        candidates: [{ provider: 'a', model: 'long', rank: 0, reason: 'the only target' }],
        refused: null,
        retry_after_ms: null,
      })),
      {
        model: 'lost',
        by: 'weighted',
        fallback_for: 'any',
        candidates: [],
        refused: { kind: 'model_not_found', message: 'There is no such model.' },
        retry_after_ms: null,
      },
    ],
  })
})

test('what would be refused is told as it would be, and asking changes nothing', async () => {
  const blind = modelOf('blind', {
    targets: [targetOf('b', { abilities: { vision: false, contextWindow: 100 } })],
    routing: { ...DEFAULT_ROUTING, strategy: 'round_robin' },
  })
  const turns = modelOf('turns', { routing: { ...DEFAULT_ROUTING, strategy: 'round_robin' } })
  const running = gateway([blind, turns, LONG])
  await using server = startTestServer(running)
  const refused = async (more: object) =>
    (await ask(server.url, { model: 'blind', ...more })).answer.routes[0]?.refused?.kind
  expect(await refused({ needs: ['vision'] })).toBe('unsupported')
  expect(await refused({ tokens: 101 })).toBe('context_length')
  expect(await refused({ tokens: 100 })).toBeUndefined()
  expect(await refused({ tags: ['us'] })).toBe('invalid_request')
  expect(await refused({ target: 'a' })).toBe('invalid_request')
  const first = async () =>
    (await ask(server.url, { model: 'turns' })).answer.routes[0]?.candidates[0]
  const once = await first()
  expect(await first()).toEqual(once!)
  expect(running.outcomes).toEqual([])
})

test('what a target has failed lately is told, with the wait', async () => {
  const running = gateway([LONG])
  const { health, snapshot } = running.deps
  for (let count = 0; count < 50; count += 1) {
    health.begin(snapshot().allProviders.get('a')!, 'long')?.failed()
  }
  await using server = startTestServer(running)
  const [route] = (await ask(server.url, { model: 'long' })).answer.routes
  expect(route?.candidates[0]?.reason).toMatch(/^left alone for another \d+ s$/)
  expect(route?.retry_after_ms).toBeGreaterThan(0)
})

test('a session, a user and a key stay where requests of theirs do; a key sees its own models', async () => {
  const running = gateway([FAST, LONG])
  const deps = {
    ...running.deps,
    snapshot: () => ({
      ...running.deps.snapshot(),
      keysByHash: new Map([['h', testKey(USER, { name: 'ci', models: ['fast'] })]]),
    }),
  }
  await using server = startTestServer({ ...running, deps })
  const orders = new Set<string>()
  for (let index = 0; index < 20; index += 1) {
    const body = { model: 'fast', session: `s${index}` }
    const [route] = (await ask(server.url, body)).answer.routes
    const [again] = (await ask(server.url, { ...body, key: 'ci' })).answer.routes
    expect(route?.by).toBe('sticky')
    expect(again).toEqual(route!)
    orders.add(route?.candidates[0]?.provider ?? '')
  }
  expect([...orders].toSorted()).toEqual(['a', 'b'])
  expect((await ask(server.url, { model: 'long', key: 'ci' })).status).toBe(404)
})
