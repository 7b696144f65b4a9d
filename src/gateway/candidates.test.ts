import { afterEach, describe, expect, test } from 'bun:test'
import type { Model, Provider, RoutingSettings } from '../core/catalog.ts'
import { DEFAULT_ROUTING } from '../core/catalog.ts'
import { FakeClock } from '../testing/clock.ts'
import { createTestGateway, jsonOf, testProvider, type TestGateway } from '../testing/gateway.ts'
import { handDeadlines } from '../testing/time-by-hand.ts'
import { json, rateLimited } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

function said(content: string): Answer {
  return json({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
  })
}

function failing(status: number, code = 'oops', headers: Record<string, string> = {}): Answer {
  return json({ error: { message: `failed: ${code}`, type: 'x', code } }, { status, headers })
}

const TOO_LONG = failing(400, 'context_length_exceeded')
const FILTERED = failing(400, 'content_filter')

/** Answers when it is told to, or sees its caller leave. */
function held(): { answer: Answer; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    answer: async (request) => {
      await Promise.race([promise, request.disconnected])
      return await said('slow')(request)
    },
    release: resolve,
  }
}

function provider(id: string, at: { url: string }, over: Partial<Provider> = {}): Provider {
  return testProvider({
    id,
    type: 'custom',
    compatible: 'openai',
    baseUrl: `${at.url}/v1`,
    circuit: { enabled: false, failures: 5, errorRate: 0.5, windowMs: 30_000, openMs: 5_000 },
    ...over,
  })
}

function model(id: string, providers: readonly string[], over: Partial<Model> = {}): Model {
  return {
    id,
    origin: 'file',
    targets: providers.map((providerId, order) => ({ providerId, model: 'm', order, weight: 1 })),
    defaults: {},
    losses: 'report',
    ...over,
  }
}

function routing(over: Partial<RoutingSettings>): { routing: RoutingSettings } {
  return { routing: { ...DEFAULT_ROUTING, ...over } }
}

const BODY = { model: 'fast', messages: [{ role: 'user', content: 'Hi' }] }

async function ask(gateway: TestGateway, body: object = BODY) {
  const reply = await gateway.ask({ body })
  const answer = await jsonOf<{
    choices?: { message: { content: string } }[]
    error?: { code: string; message: string }
  }>(reply)
  const outcome = await gateway.outcome(gateway.outcomes.length - 1)
  return { reply, outcome, text: answer.choices?.[0]?.message.content, error: answer.error }
}

describe('several targets', () => {
  test('a failure goes to the next target at once, whatever wait the first one names', async () => {
    const bad = upstream(failing(503, 'overloaded', { 'retry-after': '30' }))
    const good = upstream(said('from b'))
    const gateway = createTestGateway({
      providers: [
        provider('a', bad, { retries: { max: 2, baseMs: 60_000, capMs: 60_000 } }),
        provider('b', good),
      ],
      models: [model('fast', ['a', 'b'])],
    })
    const { reply, outcome, text } = await ask(gateway)
    expect(text).toBe('from b')
    expect(reply.headers['x-weir-attempts']).toBe('2')
    expect(outcome.attempts.map(({ providerId, as }) => [providerId, as])).toEqual([
      ['a', undefined],
      ['b', undefined],
    ])
    expect(bad.requests).toHaveLength(1)
  })

  test('all are asked before any is asked again, and the soonest comes first', async () => {
    const first = upstream(failing(500), said('a again'))
    const second = upstream(failing(500))
    const gateway = createTestGateway({
      providers: [
        provider('a', first, { retries: { max: 1, baseMs: 1, capMs: 1 } }),
        provider('b', second, { retries: { max: 1, baseMs: 60_000, capMs: 60_000 } }),
      ],
      models: [model('fast', ['a', 'b'])],
    })
    const { outcome, text } = await ask(gateway)
    expect(text).toBe('a again')
    expect(outcome.attempts.map(({ providerId, as }) => [providerId, as])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['a', 'retry'],
    ])
  })

  test('what is wrong in the request itself is asked of nobody else', async () => {
    const strict = upstream(failing(400, 'invalid_value'))
    const other = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [provider('a', strict), provider('b', other)],
      models: [model('fast', ['a', 'b'])],
    })
    const { reply } = await ask(gateway)
    expect(reply.status).toBe(400)
    expect(other.requests).toHaveLength(0)
  })

  test('the failure that says most is told: not that a target could not be asked', async () => {
    const limited = upstream(rateLimited('7'))
    const gateway = createTestGateway({
      providers: [provider('a', limited, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
      models: [model('fast', ['a', 'missing'])],
    })
    const { reply, error } = await ask(gateway)
    expect(reply.status).toBe(429)
    expect(error?.code).toBe('upstream_rate_limited')
    expect(reply.headers['retry-after']).toBe('7')
  })

  test('a longer prompt goes only to targets that take more', async () => {
    const small = upstream(TOO_LONG)
    const same = upstream(said('same'))
    const large = upstream(said('large'))
    const target = (providerId: string, order: number, contextWindow: number) => ({
      providerId,
      model: 'm',
      order,
      weight: 1,
      abilities: { contextWindow },
    })
    const gateway = createTestGateway({
      providers: [provider('a', small), provider('b', same), provider('c', large)],
      models: [
        model('fast', [], {
          targets: [target('a', 0, 8_000), target('b', 1, 8_000), target('c', 2, 128_000)],
        }),
      ],
    })
    const { text } = await ask(gateway)
    expect(text).toBe('large')
    expect(same.requests).toHaveLength(0)
  })

  test('a refused prompt goes on only where the model says so', async () => {
    for (const retryRefused of [false, true]) {
      const strict = upstream(FILTERED)
      const other = upstream(said('b'))
      const gateway = createTestGateway({
        providers: [provider('a', strict), provider('b', other)],
        models: [model('fast', ['a', 'b'], routing({ retryRefused }))],
      })
      const { reply, error } = await ask(gateway)
      expect(reply.status).toBe(retryRefused ? 200 : 400)
      if (!retryRefused) expect(error?.code).toBe('content_filter')
      expect(other.requests).toHaveLength(retryRefused ? 1 : 0)
    }
  })
})

describe('requests that may do more than write', () => {
  const RESPONSES = {
    model: 'fast',
    input: 'Delete the old branch',
    tools: [{ type: 'mcp', server_label: 'git', server_url: 'https://mcp.example.com' }],
  }

  test('are not sent again once a provider may have begun', async () => {
    const bad = upstream(failing(500))
    const other = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [
        provider('a', bad, { type: 'openai', compatible: 'openai' }),
        provider('b', other, { type: 'openai' }),
      ],
      models: [model('fast', ['a', 'b'], routing({ fallbacks: { any: ['b/m'] } }))],
    })
    const reply = await gateway.ask({ dialect: 'openai-responses', body: RESPONSES })
    expect(reply.status).toBe(502)
    expect(bad.requests).toHaveLength(1)
    expect(other.requests).toHaveLength(0)
  })

  test('are sent again where nothing was begun', async () => {
    const limited = upstream(rateLimited(), said('unused'))
    const refused = { url: 'http://127.0.0.1:1' }
    const good = upstream(
      json({ id: 'resp_1', object: 'response', status: 'completed', model: 'm', output: [] }),
    )
    const gateway = createTestGateway({
      providers: [
        provider('a', limited, { type: 'openai' }),
        provider('gone', refused, { type: 'openai' }),
        provider('b', good, { type: 'openai' }),
      ],
      models: [model('fast', ['a', 'gone', 'b'])],
    })
    const reply = await gateway.ask({ dialect: 'openai-responses', body: RESPONSES })
    expect(reply.status).toBe(200)
    expect(good.requests).toHaveLength(1)
  })
})

describe('fallback models', () => {
  const cases: readonly [
    string,
    Answer,
    Partial<RoutingSettings['fallbacks']>,
    string | undefined,
  ][] = [
    ['rate limited', rateLimited(), { rate_limited: ['other'] }, 'rate_limited'],
    ['failed', failing(500), { failed: ['other'] }, 'failed'],
    ['failed, by any', failing(500), { any: ['other'] }, 'failed'],
    ['another cause', failing(500), { rate_limited: ['other'] }, undefined],
    ['too long', TOO_LONG, { context_length: ['other'] }, 'context_length'],
    ['refused', FILTERED, { content_filter: ['other'] }, 'content_filter'],
    ['refused, and only any', FILTERED, { any: ['other'] }, undefined],
    ['unknown names are skipped', failing(500), { any: ['nobody', 'other'] }, 'failed'],
  ]
  for (const [name, answer, fallbacks, cause] of cases) {
    test(name, async () => {
      const bad = upstream(answer)
      const good = upstream(said('other'))
      const gateway = createTestGateway({
        providers: [
          provider('a', bad, { retries: { max: 0, baseMs: 1, capMs: 1 } }),
          provider('b', good),
        ],
        models: [
          model('fast', ['a'], routing({ fallbacks })),
          model('other', ['b'], {
            defaults: { temperature: 0.25 },
            price: { input: 1, output: 2 },
          }),
        ],
      })
      const { reply, outcome, text } = await ask(gateway)
      expect(good.requests).toHaveLength(cause === undefined ? 0 : 1)
      if (cause === undefined) return expect(reply.status).not.toBe(200)
      expect(text).toBe('other')
      expect(outcome.modelRequested).toBe('fast')
      // The other model's own defaults and price, not those of the one that was asked for.
      expect(good.requests[0]?.json()).toMatchObject({ temperature: 0.25 })
      expect(outcome.costNanoUsd).toBe(16)
      expect(reply.headers['x-weir-fallback']).toBe('other')
      expect(outcome.attempts.map(({ providerId }) => providerId)).toEqual(['a', 'b'])
    })
  }

  test('two models that name each other end', async () => {
    const bad = upstream(failing(500))
    const gateway = createTestGateway({
      providers: [provider('a', bad, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
      models: [
        model('fast', ['a'], routing({ fallbacks: { any: ['other', 'fast'] } })),
        model('other', ['a'], routing({ fallbacks: { any: ['fast'] } })),
      ],
    })
    const { reply } = await ask(gateway)
    expect(reply.status).toBe(502)
    expect(bad.requests).toHaveLength(2)
  })
})

describe('hedging', () => {
  test('the next target is asked beside a slow one; the first answer wins and the other is cut', async () => {
    const slow = held()
    const a = upstream(slow.answer)
    const b = upstream(said('quick'))
    const gateway = createTestGateway({
      providers: [provider('a', a), provider('b', b)],
      models: [model('fast', ['a', 'b'], routing({ hedgeAfterMs: 10 }))],
    })
    const { reply, outcome, text } = await ask(gateway)
    expect(text).toBe('quick')
    expect(reply.headers['x-weir-provider']).toBe('b')
    expect(outcome.providerId).toBe('b')
    await a.requests[0]?.disconnected
    slow.release()
    expect(outcome.attempts.find(({ as }) => as === 'hedge')?.providerId).toBe('b')
  })

  test('a first answer in time leaves the second alone', async () => {
    const a = upstream(said('a'))
    const b = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [provider('a', a), provider('b', b)],
      models: [model('fast', ['a', 'b'], routing({ hedgeAfterMs: 60_000 }))],
    })
    const { text } = await ask(gateway)
    expect(text).toBe('a')
    expect(b.requests).toHaveLength(0)
  })

  test('the slow one answers when the other has failed', async () => {
    const slow = held()
    const a = upstream(slow.answer)
    const b = upstream((request) => {
      slow.release()
      return failing(500)(request)
    })
    const gateway = createTestGateway({
      providers: [provider('a', a), provider('b', b, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
      models: [model('fast', ['a', 'b'], routing({ hedgeAfterMs: 5 }))],
    })
    const { text, outcome } = await ask(gateway)
    expect(text).toBe('slow')
    expect(outcome.providerId).toBe('a')
  })

  test('a client that leaves cuts both', async () => {
    const a = upstream(held().answer)
    const b = upstream(held().answer)
    const gateway = createTestGateway({
      providers: [provider('a', a), provider('b', b)],
      models: [model('fast', ['a', 'b'], routing({ hedgeAfterMs: 5 }))],
    })
    const client = new AbortController()
    const asked = gateway.ask({ body: BODY, signal: client.signal })
    await Promise.all([a.request(0), b.request(0)])
    client.abort()
    await asked
    await Promise.all([a.requests[0]?.disconnected, b.requests[0]?.disconnected])
    expect((await gateway.outcome()).status).toBe(499)
  })
})

test('all goes together stay within the total limit of the request', async () => {
  const silent = () => upstream(held().answer)
  const timeouts = { connectMs: 5_000, firstByteMs: 300, idleMs: 300, totalMs: 450 }
  const gateway = createTestGateway({
    providers: ['a', 'b', 'c', 'd'].map((id) => provider(id, silent(), { timeouts })),
    models: [model('fast', ['a', 'b', 'c', 'd'])],
  })
  const clock = new FakeClock()
  Object.assign(gateway.deps, { clock })
  const deadlines = handDeadlines(gateway.deps, 300, 150)
  const asking = ask(gateway)
  // 300 ms for the first, what was left for the second, nothing for the others.
  for (const waitMs of [300, 150]) {
    await deadlines.reached(waitMs)
    clock.advance(waitMs)
    deadlines.pass(waitMs)
  }
  const { reply, outcome } = await asking
  expect(reply.status).toBe(504)
  expect(outcome.attempts.map(({ providerId }) => providerId)).toEqual(['a', 'b'])
})

describe('what does not speak against a target', () => {
  const settings = { enabled: true, failures: 2, errorRate: 0.9, windowMs: 30_000, openMs: 60_000 }

  test('that it cannot count tokens', async () => {
    const up = upstream((request) =>
      request.target.includes('count_tokens')
        ? new Response('<h1>404</h1>', { status: 404 })
        : json({
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: 'm',
            content: [{ type: 'text', text: 'Hi' }],
            stop_reason: 'end_turn',
            usage: { input_tokens: 1, output_tokens: 1 },
          })(request),
    )
    const gateway = createTestGateway({
      providers: [provider('a', up, { type: 'anthropic', baseUrl: up.url, circuit: settings })],
      models: [model('fast', ['a'])],
    })
    const body = { ...BODY, max_tokens: 5 }
    for (let times = 0; times < 5; times += 1) {
      const counted = await gateway.count({ dialect: 'anthropic', body })
      expect(counted.headers['x-weir-estimated']).toBe('true')
    }
    expect((await gateway.ask({ dialect: 'anthropic', body })).status).toBe(200)
  })

  test('a request that is wrong, a limit, or a key that is refused', async () => {
    const up = upstream(
      failing(400, 'invalid_value'),
      failing(422, 'invalid_value'),
      rateLimited(),
      rateLimited(),
      said('still asked'),
    )
    const gateway = createTestGateway({
      providers: [
        provider('a', up, { circuit: settings, retries: { max: 0, baseMs: 1, capMs: 1 } }),
      ],
      models: [model('fast', ['a'])],
    })
    for (let times = 0; times < 4; times += 1) await ask(gateway)
    expect((await ask(gateway)).text).toBe('still asked')
  })
})

test('a limit with a wait holds for its model alone where there is one key, and nobody asks before it is over', async () => {
  const up = upstream((request) =>
    (request.json() as { model: string }).model === 'm'
      ? rateLimited('30')(request)
      : said('the other model')(request),
  )
  const gateway = createTestGateway({
    providers: [provider('a', up, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
    models: [
      model('fast', ['a']),
      model('other', [], { targets: [{ providerId: 'a', model: 'n', order: 0, weight: 1 }] }),
    ],
  })
  expect((await ask(gateway)).reply.status).toBe(429)
  const again = await ask(gateway)
  expect(again.reply.status).toBe(429)
  expect(Number(again.reply.headers['retry-after'])).toBeGreaterThan(25)
  expect(up.requests).toHaveLength(1)
  expect((await ask(gateway, { ...BODY, model: 'other' })).text).toBe('the other model')
})
