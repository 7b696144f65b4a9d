import { expect, test } from 'bun:test'
import type { Model } from '../core/catalog.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import { dialects } from '../dialects/registry.ts'
import { createTestGateway, jsonOf, testProvider } from '../testing/gateway.ts'
import { handDeadlines } from '../testing/time-by-hand.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'
import { countTokens } from './count-tokens.ts'
import type { Inbound } from './inbound.ts'
import { memberGrants } from '../testing/principals.ts'

function inbound(model: string): Inbound {
  const body = { model, messages: [{ role: 'user', content: 'How many are these words?' }] }
  return {
    dialect: 'anthropic',
    operation: 'token-count',
    hints: {},
    streamByDefault: false,
    endpoint: '/v1/messages/count_tokens',
    bytes: new TextEncoder().encode(JSON.stringify(body)),
    headers: new Headers(),
    principal: { kind: 'anonymous', tenantId: 'default', grants: memberGrants() },
    requestId: 'req_test',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: 0,
  }
}

const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })

test('Anthropic is asked, at its own path', async () => {
  await using up = startUpstream(json({ input_tokens: 42 }))
  const provider = testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url })
  const gateway = createTestGateway({ providers: [provider] })
  const reply = await countTokens(inbound('a/claude'), gateway.deps)
  expect(await jsonOf(reply)).toEqual({ input_tokens: 42 })
  expect(reply.headers['x-weir-estimated']).toBeUndefined()
  expect(up.requests[0]!.target).toBe('/v1/messages/count_tokens')
  expect(up.requests[0]!.json()).toMatchObject({ model: 'claude' })
  expect(gateway.outcomes).toHaveLength(1)
})

test.each([404, 500, 401])('a provider that answers %d makes it an estimate', async (status) => {
  await using up = startUpstream(json({ error: { message: 'no' } }, { status }))
  const provider = testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url })
  const gateway = createTestGateway({ providers: [provider] })
  const reply = await countTokens(inbound('a/claude'), gateway.deps)
  expect(reply.headers['x-weir-estimated']).toBe('true')
  expect((await jsonOf<{ input_tokens: number }>(reply)).input_tokens).toBeGreaterThan(4)
})

test('a refusal of the request itself is handed on', async () => {
  const error = { type: 'invalid_request_error', message: 'messages: too odd' }
  await using up = startUpstream(json({ type: 'error', error }, { status: 400 }))
  const provider = testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url })
  const gateway = createTestGateway({ providers: [provider] })
  const reply = await countTokens(inbound('a/claude'), gateway.deps)
  expect(reply.status).toBe(400)
  expect(await jsonOf(reply)).toMatchObject({ error })
})

test('where nobody counts it is estimated; an unknown model is 404', async () => {
  const gateway = createTestGateway({ providers: [mock] })
  const reply = await countTokens(inbound('mock/echo'), gateway.deps)
  expect(reply.headers['x-weir-estimated']).toBe('true')
  expect((await countTokens(inbound('nope'), gateway.deps)).status).toBe(404)
})

const COUNT = json({ input_tokens: 42 })
const REFUSED = json(
  { type: 'error', error: { type: 'authentication_error', message: 'no' } },
  { status: 401 },
)
const LIMITED = json(
  { type: 'error', error: { type: 'rate_limit_error', message: 'slow' } },
  { status: 429 },
)

const two = (id: string, baseUrl: string) =>
  testProvider({
    id,
    type: 'anthropic',
    baseUrl,
    keys: [
      { id: `${id}-1`, secret: 'sk-first-0123456789-aaaa' },
      { id: `${id}-2`, secret: 'sk-second-0123456789-bbbb' },
    ],
  })

const alias = (...providers: string[]): Model => ({
  id: 'fast',
  origin: 'file',
  targets: providers.map((providerId, order) => ({
    providerId,
    model: 'claude',
    order,
    weight: 1,
  })),
  defaults: { temperature: 0.5 },
  losses: 'report',
})

test.each([
  ['refused', REFUSED],
  ['limited', LIMITED],
])('a key that is %s gives way to the next, and rests', async (word, answer) => {
  await using up = startUpstream(answer, COUNT)
  const gateway = createTestGateway({ providers: [two('a', up.url)] })
  const first = await countTokens(inbound('a/claude'), gateway.deps)
  expect(await jsonOf(first)).toEqual({ input_tokens: 42 })
  await countTokens(inbound('a/claude'), gateway.deps)
  const keys = up.requests.map(({ headers }) => headers['x-api-key']!.slice(-4))
  expect(keys).toEqual(['aaaa', 'bbbb', 'bbbb'])
  expect(gateway.outcomes[0]!.attempts.map(({ status }) => status)).toEqual([
    word === 'refused' ? 401 : 429,
    200,
  ])
})

test('a target that is down gives way to the next one', async () => {
  await using down = startUpstream(json({}, { status: 503 }))
  await using up = startUpstream(COUNT)
  const gateway = createTestGateway({
    providers: [
      testProvider({ id: 'a', type: 'anthropic', baseUrl: down.url }),
      testProvider({ id: 'b', type: 'anthropic', baseUrl: up.url }),
    ],
    models: [alias('a', 'b')],
  })
  const reply = await countTokens(inbound('fast'), gateway.deps)
  expect(reply.headers['x-weir-provider']).toBe('b')
  expect(await jsonOf(reply)).toEqual({ input_tokens: 42 })
  // A counter refuses members of an answer's wish.
  expect(up.requests[0]!.json()).not.toHaveProperty('temperature')
})

test("where the first target cannot count, another's tokenizer is not asked", async () => {
  await using up = startUpstream(COUNT)
  const gateway = createTestGateway({
    providers: [mock, testProvider({ id: 'b', type: 'anthropic', baseUrl: up.url })],
    models: [alias('mock', 'b')],
  })
  const reply = await countTokens(inbound('fast'), gateway.deps)
  expect(reply.headers['x-weir-estimated']).toBe('true')
  expect(up.requests).toHaveLength(0)
})

test('counting costs nothing: no usage in the row, not even of a provider that never answered', async () => {
  const held = Promise.withResolvers<Response>()
  await using up = startUpstream(COUNT, () => held.promise)
  const provider = testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url })
  const gateway = createTestGateway({ providers: [provider] })
  const { firstByteMs } = provider.timeouts
  const deadlines = handDeadlines(gateway.deps, firstByteMs)
  await countTokens(inbound('a/claude'), gateway.deps)
  const waiting = countTokens(inbound('a/claude'), gateway.deps)
  await up.request(1)
  deadlines.pass(firstByteMs)
  expect((await waiting).headers['x-weir-estimated']).toBe('true')
  const left = new AbortController()
  const leaving = countTokens({ ...inbound('a/claude'), signal: left.signal }, gateway.deps)
  await up.request(2)
  left.abort()
  expect((await leaving).status).toBe(499)
  held.resolve(new Response())
  expect(gateway.outcomes).toHaveLength(3)
  for (const outcome of gateway.outcomes) {
    expect(outcome.operation).toBe('token-count')
    expect(outcome.usage).toBeUndefined()
    expect(outcome.costNanoUsd).toBeUndefined()
  }
})

test('every dialect that counts answers in its own shape, whoever answers', async () => {
  const counting = Object.values(dialects).filter(({ tokenCount }) => tokenCount !== undefined)
  expect(counting.length).toBeGreaterThan(0)
  for (const dialect of counting) {
    const gateway = createTestGateway({ providers: [mock] })
    const hello: ChatRequest = {
      form: 'chat',
      model: 'mock/echo',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'How many words are these?' }] }],
      stream: false,
      sampling: {},
    }
    const target = { model: 'mock/echo', quirks: {}, defaultMaxTokens: 100 }
    const { value } = dialect.tokenCount!.encodeRequest(hello, target)
    const reply = await countTokens(
      {
        ...inbound('mock/echo'),
        dialect: dialect.name,
        hints: { model: 'mock/echo' },
        bytes: new TextEncoder().encode(JSON.stringify(value)),
      },
      gateway.deps,
    )
    expect(reply.status, dialect.name).toBe(200)
    const counted = dialect.tokenCount!.decodeResponse(await jsonOf<JsonObject>(reply))
    expect(counted, dialect.name).toBeGreaterThan(5)
    expect(counted, dialect.name).toBeLessThan(40)
  }
})
