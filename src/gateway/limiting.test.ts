import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import type { LimitRule } from '../core/money.ts'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import type { LimitCounters } from '../core/ports-money.ts'
import type { Principal } from '../core/principal.ts'
import { systemIds } from '../system.ts'
import { FakeClock } from '../testing/clock.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestRequest,
} from '../testing/gateway.ts'
import { startHeldUpstream } from '../testing/held-upstream.ts'
import { testKey } from '../testing/principals.ts'
import { handDeadlines } from '../testing/time-by-hand.ts'
import { startUpstream, type Upstream } from '../testing/upstream.ts'
import { handle } from './handle.ts'
import type { Arrival, Reply } from './inbound.ts'
import { LimitRules } from './limit-rules.ts'
import { Limiting } from './limiting.ts'
import { RequestRecord } from './record.ts'

const CHAT = { model: 'fast', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 }

let upstream: Upstream
let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
  upstream = startUpstream(() => answerOf(10, 7))
})
afterEach(() => upstream.close())

function answerOf(input: number, output: number): Response {
  return Response.json(
    {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'real',
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    },
    // A provider's own are about its account, not about our client.
    {
      headers: {
        'x-ratelimit-limit-requests': '77777',
        'anthropic-ratelimit-requests-limit': '77777',
      },
    },
  )
}

let ids = 0
function rule(over: Partial<LimitRule> & Pick<LimitRule, 'per' | 'amounts'>): LimitRule {
  ids += 1
  return { id: `rule-${ids}`, origin: 'file', whenUnavailable: 'local', ...over }
}

function modelOf(id: string, ...providers: string[]): Model {
  return {
    id,
    origin: 'file',
    targets: providers.map((providerId, order) => ({
      providerId,
      model: 'real',
      order,
      weight: 1,
    })),
    defaults: {},
    losses: 'report',
  }
}

function world(
  rules: readonly LimitRule[],
  options: {
    providers?: readonly Provider[]
    models?: readonly Model[]
    counters?: LimitCounters
  } = {},
) {
  const refused: string[] = []
  const counters = options.counters ?? new MemoryLimits(clock)
  const inForce = { rules: new LimitRules(rules) }
  const limiting = new Limiting({
    rules: () => inForce.rules,
    counters: () => counters,
    clock,
    ids: systemIds,
    refused: (per, counts) => refused.push(`${per} ${counts}`),
  })
  const providers = options.providers ?? [
    testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` }),
  ]
  const gateway = createTestGateway({ providers, models: options.models ?? [modelOf('fast', 'p')] })
  Object.assign(gateway.deps, { tolls: [limiting], providerLimits: limiting })
  const ask = (request: Partial<TestRequest> & { from?: string } = {}) =>
    gateway.ask({ body: CHAT, ...request })
  return {
    gateway,
    counters,
    limiting,
    refused,
    ask,
    use: (next: readonly LimitRule[]) => {
      inForce.rules = new LimitRules(next)
    },
  }
}

const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status)

describe('limits', () => {
  test('where there are none, nothing is counted and nothing told', async () => {
    const counters = new Proxy(new MemoryLimits(clock), {
      get: (_target, name) => () => {
        throw new Error(`asked for ${String(name)}`)
      },
    })
    const { ask } = world([], { counters })
    const reply = await ask({
      principal: testKey({
        keyId: 'k',
        own: { budget: { nanoUsd: 1, window: 'day', action: 'alert' } },
      }),
    })
    expect(reply.status).toBe(200)
    expect(Object.keys(reply.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
  })

  test('of all that apply each must let a request through, and a refused one takes nothing of any', async () => {
    const { ask, refused } = world([
      rule({ per: 'global', amounts: { requestsPerMinute: 10 } }),
      rule({ per: 'key', amounts: { requestsPerMinute: 2, concurrent: 5 } }),
    ])
    const one = testKey({ keyId: 'one' })
    const replies: Reply[] = []
    for (let count = 0; count < 12; count += 1) replies.push(await ask({ principal: one }))
    expect(statuses(replies)).toEqual([200, 200, ...Array<number>(10).fill(429)])
    // Ten refusals have not used up what the others share.
    const others: Reply[] = []
    for (let count = 0; count < 9; count += 1) {
      others.push(await ask({ principal: testKey({ keyId: `other-${count}` }) }))
    }
    expect(statuses(others)).toEqual([...Array<number>(8).fill(200), 429])
    expect(new Set(refused)).toEqual(new Set(['key requests', 'global requests']))
    expect(upstream.requests).toHaveLength(10)
  })

  test('what runs within another request counts, but needs no place among those that run', async () => {
    const { gateway } = world([
      rule({ per: 'key', amounts: { concurrent: 1, requestsPerMinute: 3 } }),
    ])
    const principal = testKey({ keyId: 'k' })
    const within: number[] = []
    // A request of the same key is asked while the first one holds its only place.
    const { tolls } = gateway.deps
    const inner = async (): Promise<void> => {
      const inbound = {
        dialect: 'openai-chat',
        operation: 'chat',
        hints: {},
        streamByDefault: false,
        endpoint: 'guardrail:x',
        bytes: new TextEncoder().encode(JSON.stringify(CHAT)),
        headers: new Headers(),
        principal,
        requestId: 'inner',
        signal: new AbortController().signal,
        isWithin: true,
        arrivedMs: 0,
        arrivedMonotonicMs: 0,
      } as const
      within.push((await handle(inbound, { ...gateway.deps, tolls })).status)
    }
    Object.assign(gateway.deps, { tolls: [...tolls, { take: inner }] })
    const first = await gateway.ask({ body: CHAT, principal })
    expect([first.status, ...within]).toEqual([200, 200])
    const second = await gateway.ask({ body: CHAT, principal })
    // The third of this minute is the second request's own; none is left for what runs within it.
    expect([second.status, ...within]).toEqual([200, 200, 429])
  })

  test('whoever waits as long as it was told gets through', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { requestsPerMinute: 3 } })])
    const principal = testKey({ keyId: 'k' })
    for (let count = 0; count < 3; count += 1) {
      expect((await ask({ principal })).status).toBe(200)
      clock.advance(7_000)
    }
    const refused = await ask({ principal })
    expect(refused.headers['retry-after-ms']).toBe('39000')
    expect(refused.headers['retry-after']).toBe('39')
    expect(refused.headers['x-should-retry']).toBe('true')
    clock.advance(38_999)
    expect((await ask({ principal })).status).toBe(429)
    clock.advance(1)
    expect((await ask({ principal })).status).toBe(200)
  })

  test.each([
    [
      'openai-chat',
      {
        error: {
          type: 'requests',
          code: 'rate_limit_exceeded',
          param: null,
          message: expect.stringContaining('2 requests per hour for this API key'),
        },
      },
    ],
    ['openai-responses', { error: { type: 'requests', code: 'rate_limit_exceeded' } }],
    ['anthropic', { type: 'error', error: { type: 'rate_limit_error' } }],
    ['ollama', { error: expect.stringContaining('Rate limit') }],
    ['gemini', { error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }],
    ['cohere', { message: expect.stringContaining('Rate limit') }],
  ] as const)('a refusal is one of %s for its clients', async (dialect, body) => {
    const { ask } = world([rule({ per: 'key', amounts: { requestsPerHour: 2 } })])
    const principal = testKey({ keyId: 'k' })
    const chat = {
      ...CHAT,
      input: 'hi',
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      stream: false,
    }
    await ask({ principal, body: CHAT })
    await ask({ principal, body: CHAT })
    const refused = await ask({ principal, dialect, body: chat, hints: { model: 'fast' } })
    expect(refused.status).toBe(429)
    expect(await jsonOf(refused)).toMatchObject(body)
    // An hour is longer than clients wait: they are told not to try on their own.
    expect(refused.headers).toMatchObject({ 'x-should-retry': 'false', 'retry-after': '3600' })
    expect(refused.headers['retry-after-ms']).toBeUndefined()
    expect(refused.headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1h0m0s',
    })
  })

  test('every answer tells the tightest limit, streamed ones and failures too, and never the provider’s own', async () => {
    const { ask } = world([
      rule({ per: 'global', amounts: { requestsPerMinute: 50, tokensPerMinute: 100_000 } }),
      rule({ per: 'key', amounts: { requestsPerDay: 9, tokensPerHour: 5_000 } }),
    ])
    const principal = testKey({ keyId: 'k' })
    const whole = await ask({ principal })
    expect(whole.headers).toMatchObject({
      'x-ratelimit-limit-requests': '9',
      'x-ratelimit-remaining-requests': '8',
      'x-ratelimit-reset-requests': '24h0m0s',
      'x-ratelimit-limit-tokens': '5000',
      'x-ratelimit-reset-tokens': '1h0m0s',
    })
    expect(Number(whole.headers['x-ratelimit-remaining-tokens'])).toBeWithin(4_980, 4_996)
    expect(JSON.stringify(whole.headers)).not.toContain('77777')
    const streamed = await ask({ principal, body: { ...CHAT, stream: true } })
    await textOf(streamed)
    expect(streamed.headers['x-ratelimit-remaining-requests']).toBe('7')
    upstream.play(() => new Response('{}', { status: 500 }))
    const failed = await ask({ principal })
    expect(failed.status).toBe(502)
    expect(failed.headers['x-ratelimit-remaining-requests']).toBe('6')
  })

  test('Anthropic’s clients are told in their words as well', async () => {
    clock.setWallMs(Date.UTC(2026, 5, 1, 12))
    const { ask } = world([
      rule({ per: 'key', amounts: { requestsPerMinute: 4, tokensPerMinute: 900 } }),
    ])
    const reply = await ask({ principal: testKey({ keyId: 'k' }), dialect: 'anthropic' })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'anthropic-ratelimit-requests-limit': '4',
      'anthropic-ratelimit-requests-remaining': '3',
      'anthropic-ratelimit-requests-reset': '2026-06-01T12:01:00Z',
      'anthropic-ratelimit-tokens-limit': '900',
      'anthropic-ratelimit-tokens-reset': '2026-06-01T12:01:00Z',
      'x-ratelimit-limit-requests': '4',
    })
  })

  test('what remains never rises while a window lasts', async () => {
    const { ask } = world([
      rule({ per: 'global', amounts: { requestsPerMinute: 30, requestsPerHour: 40 } }),
      rule({ per: 'key', amounts: { requestsPerMinute: 20 } }),
    ])
    const told: number[] = []
    for (let count = 0; count < 25; count += 1) {
      const reply = await ask({ principal: testKey({ keyId: 'k' }) })
      told.push(Number(reply.headers['x-ratelimit-remaining-requests']))
      clock.advance(1_000)
    }
    expect(told).toEqual(told.toSorted((a, b) => b - a))
    expect(told.at(-1)).toBe(0)
  })

  test('a limit of nothing lets nothing through and asks nobody to come again', async () => {
    const { ask } = world([rule({ per: 'model', only: 'fast', amounts: { requestsPerMinute: 0 } })])
    const refused = await ask()
    expect(refused.status).toBe(429)
    expect(refused.headers['x-should-retry']).toBe('false')
    expect(refused.headers['retry-after']).toBeUndefined()
  })
})

describe('whom a request counts for', () => {
  const principals: Readonly<Record<string, Principal>> = {
    one: testKey({ keyId: 'k1', keyName: 'ci', userId: 'u1', teamIds: ['red', 'blue'] }),
    other: testKey({ keyId: 'k2', userId: 'u1', teamId: 'blue', tenantId: 'default' }),
    stranger: testKey({ keyId: 'k1', userId: 'u1', teamIds: ['red'], tenantId: 'elsewhere' }),
  }
  /** Whether the second is refused after the first has used up the one request there is. */
  const shares = async (
    over: Partial<LimitRule> & Pick<LimitRule, 'per'>,
    first: string,
    second: string,
  ) => {
    const { ask } = world([rule({ ...over, amounts: { requestsPerDay: 1 } })])
    expect((await ask({ principal: principals[first]! })).status).toBe(200)
    return (await ask({ principal: principals[second]! })).status === 429
  }

  test.each([
    ['global', 'one', 'stranger', true],
    ['tenant', 'one', 'other', true],
    ['tenant', 'one', 'stranger', false],
    ['user', 'one', 'other', true],
    ['key', 'one', 'one', true],
    ['key', 'one', 'other', false],
    // Ids are a tenant's own: the same one elsewhere is somebody else.
    ['key', 'one', 'stranger', false],
    ['team', 'one', 'other', true],
    ['team', 'one', 'stranger', false],
    ['model', 'one', 'other', true],
    ['model', 'one', 'stranger', false],
    ['ip', 'one', 'stranger', true],
  ] as const)('per %s: %s and %s share: %p', async (per, first, second, expected) => {
    expect(await shares({ per }, first, second)).toBe(expected)
  })

  test('a rule for some concerns nobody else', async () => {
    expect(await shares({ per: 'key', only: 'c*' }, 'one', 'one')).toBe(true)
    expect(await shares({ per: 'key', only: 'k1' }, 'one', 'one')).toBe(true)
    expect(await shares({ per: 'key', only: 'k1' }, 'other', 'other')).toBe(false)
    expect(await shares({ per: 'team', only: 'red' }, 'one', 'one')).toBe(true)
    expect(await shares({ per: 'team', only: 'red' }, 'other', 'other')).toBe(false)
    expect(await shares({ per: 'model', only: 'slow*' }, 'one', 'one')).toBe(false)
  })

  test('a tenant’s own rule holds in that tenant alone, and another’s of the same id counts apart', async () => {
    const own = { per: 'global', amounts: { requestsPerDay: 1 }, origin: 'store' } as const
    const { ask } = world([
      rule({ ...own, id: 'same', tenantId: 'elsewhere' }),
      rule({ ...own, id: 'same', tenantId: 'third' }),
    ])
    const [one, stranger] = [principals['one']!, principals['stranger']!]
    const asked = [stranger, stranger, one, one, testKey({ keyId: 'x', tenantId: 'third' })]
    const replies: number[] = []
    for (const principal of asked) replies.push((await ask({ principal })).status)
    expect(replies).toEqual([200, 429, 200, 200, 200])
  })

  test('a key’s own limits hold beside those of all', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { requestsPerMinute: 5 } })])
    const principal = testKey({ keyId: 'k', own: { limits: { requestsPerMinute: 2 } } })
    const again = testKey({ keyId: 'k', own: { limits: { requestsPerMinute: 2 } } })
    expect((await ask({ principal })).status).toBe(200)
    // Read anew it is the same key, with the same counter.
    expect((await ask({ principal: again })).status).toBe(200)
    expect((await ask({ principal })).status).toBe(429)
  })

  test('addresses are counted by themselves, those of IPv6 by their /64, and a rule may name a block', async () => {
    const { gateway, use } = world([
      rule({ per: 'ip', only: '2001:db8::/32', amounts: { requestsPerDay: 1 } }),
    ])
    const from = async (address: string) => {
      const inbound = {
        dialect: 'openai-chat',
        operation: 'chat',
        hints: {},
        streamByDefault: false,
        endpoint: '/test',
        bytes: new TextEncoder().encode(JSON.stringify(CHAT)),
        headers: new Headers(),
        principal: testKey({ keyId: 'k' }),
        requestId: 'req',
        signal: new AbortController().signal,
        arrivedMs: 0,
        arrivedMonotonicMs: performance.now(),
        from: address,
      } as const
      return (await handle(inbound, gateway.deps)).status
    }
    expect(await from('2001:db8:0:1::5')).toBe(200)
    expect(await from('2001:db8:0:1:ffff::1')).toBe(429)
    expect(await from('2001:db8:0:2::5')).toBe(200)
    expect(await from('192.0.2.1')).toBe(200)
    expect(await from('192.0.2.1')).toBe(200)
    // A rule for a few addresses of a block is not forgotten because another of the block came first.
    use([rule({ per: 'ip', only: '2001:db8:0:3::/120', amounts: { requestsPerDay: 1 } })])
    expect(await from('2001:db8:0:3:ffff::1')).toBe(200)
    expect(await from('2001:db8:0:3::5')).toBe(200)
    expect(await from('2001:db8:0:3::6')).toBe(429)
  })

  test('a rule that is changed keeps its counter', async () => {
    const first = rule({ per: 'key', amounts: { requestsPerMinute: 5 } })
    const { ask, use } = world([first])
    const principal = testKey({ keyId: 'k' })
    await ask({ principal })
    await ask({ principal })
    use([{ ...first, amounts: { requestsPerMinute: 3 } }])
    expect((await ask({ principal })).headers['x-ratelimit-remaining-requests']).toBe('0')
    expect((await ask({ principal })).status).toBe(429)
  })
})

describe('tokens', () => {
  const principal = testKey({ keyId: 'k' })
  const remaining = (reply: Reply) => Number(reply.headers['x-ratelimit-remaining-tokens'])

  test('an estimate is taken, and what was used stands in the end', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 1_000 } })])
    const body = { ...CHAT, max_tokens: 400 }
    const first = await ask({ principal, body })
    expect(remaining(first)).toBeWithin(590, 600)
    // The answer took 17: the next one is told of that and of its own estimate.
    expect(remaining(await ask({ principal, body }))).toBe(remaining(first) - 17)
  })

  test('more than the estimate is counted as well, beyond the maximum if it must be', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 100 } })])
    upstream.play(
      () => answerOf(10, 5_000),
      () => answerOf(1, 1),
    )
    expect((await ask({ principal })).status).toBe(200)
    const refused = await ask({ principal })
    expect(refused.status).toBe(429)
    expect(await jsonOf(refused)).toMatchObject({
      error: {
        type: 'tokens',
        code: 'rate_limit_exceeded',
        message: expect.stringContaining('100 tokens per minute'),
      },
    })
    clock.advance(60_000)
    expect((await ask({ principal })).status).toBe(200)
  })

  test('many at once cannot use more than there is', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 1_000 } })])
    upstream.play(() => answerOf(1, 99))
    const body = { ...CHAT, max_tokens: 99 }
    const replies = await Promise.all(Array.from({ length: 30 }, () => ask({ principal, body })))
    const good = replies.filter(({ status }) => status === 200).length
    expect(good).toBeWithin(9, 11)
    expect(good * 100).toBeLessThanOrEqual(1_000)
  })

  test('one that by its own words needs more than there ever is is refused for good', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 100 } })])
    const refused = await ask({ principal, body: { ...CHAT, max_tokens: 5_000 } })
    expect(refused.status).toBe(429)
    expect(refused.headers['x-should-retry']).toBe('false')
    expect((await jsonOf<{ error: { message: string } }>(refused)).error.message).toContain(
      'shorter answer',
    )
    // Where the client says nothing of the answer, our caution shuts nobody out.
    const { max_tokens: _max, ...open } = CHAT
    expect((await ask({ principal, body: open })).status).toBe(200)
  })

  test('a request that nobody answered has used none', async () => {
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 1_000 } })])
    upstream.play(() => new Response('{}', { status: 500 }))
    const body = { ...CHAT, max_tokens: 600 }
    const first = await ask({ principal, body })
    expect(first.status).toBe(502)
    expect((await ask({ principal, body })).status).toBe(502)
    // Nor has one that a later toll refused.
    expect((await ask({ principal, body: { ...body, model: 'nothing' } })).status).toBe(404)
    expect(remaining(await ask({ principal, body }))).toBe(remaining(first))
  })

  test('a stream is put right when it ends', async () => {
    const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'real' }
    const usage = { prompt_tokens: 100, completion_tokens: 100, total_tokens: 200 }
    const lines = [
      {
        ...chunk,
        choices: [{ index: 0, delta: { role: 'assistant', content: 'ok' }, finish_reason: null }],
      },
      { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      { ...chunk, choices: [], usage },
    ]
    const text = `${lines.map((line) => `data: ${JSON.stringify(line)}\n\n`).join('')}data: [DONE]\n\n`
    upstream.play(() => new Response(text, { headers: { 'content-type': 'text/event-stream' } }))
    const { ask } = world([rule({ per: 'key', amounts: { tokensPerMinute: 1_000 } })])
    const body = { ...CHAT, max_tokens: 5, stream: true }
    const first = await ask({ principal, body })
    await textOf(first)
    expect(remaining(await ask({ principal, body }))).toBe(remaining(first) - 200)
  })

  test('counting tokens costs a request and no tokens', async () => {
    const { gateway } = world([
      rule({ per: 'key', amounts: { tokensPerMinute: 10, requestsPerMinute: 1 } }),
    ])
    const body = { model: 'fast', messages: [{ role: 'user', content: 'x'.repeat(500) }] }
    const counted = await gateway.count({ dialect: 'anthropic', body, principal })
    expect(counted.status).toBe(200)
    expect(counted.headers['x-ratelimit-remaining-tokens']).toBe('10')
    expect((await gateway.count({ dialect: 'anthropic', body, principal })).status).toBe(429)
  })
})

describe('what runs at once', () => {
  const principal = testKey({ keyId: 'k' })
  const running = [rule({ per: 'key', amounts: { concurrent: 3 } })]

  test('the provider never sees one more, and places come back', async () => {
    const held = startHeldUpstream()
    const providers = [testProvider({ id: 'p', type: 'openai', baseUrl: `${held.url}/v1` })]
    const { ask } = world(running, { providers })
    const first = Array.from({ length: 20 }, () => ask({ principal }))
    await held.arrived(3)
    const refused = await Promise.all(first.slice(3))
    expect(statuses(refused)).toEqual(Array<number>(17).fill(429))
    expect(refused[0]?.headers).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' })
    expect(await jsonOf(refused[0]!)).toMatchObject({
      error: { code: 'concurrency_limit_exceeded', type: 'requests' },
    })
    held.release()
    const good = await Promise.all(first.slice(0, 3))
    expect(statuses(good)).toEqual([200, 200, 200])
    expect(held.most).toBe(3)
    expect((await ask({ principal })).status).toBe(200)
    await held.close()
  })

  test('places come back from whoever leaves, from time-outs and from streams that break off', async () => {
    const held = startHeldUpstream()
    const slow = testProvider({
      id: 'p',
      type: 'openai',
      baseUrl: `${held.url}/v1`,
      retries: { max: 0, baseMs: 1, capMs: 1 },
    })
    const { ask, counters, gateway } = world(running, { providers: [slow] })
    const { firstByteMs } = slow.timeouts
    const deadlines = handDeadlines(gateway.deps, firstByteMs)
    const leaving = new AbortController()
    const left = ask({ principal, signal: leaving.signal })
    await held.arrived(1)
    leaving.abort()
    expect((await left).status).toBe(499)
    const late = ask({ principal })
    await held.arrived(2)
    deadlines.pass(firstByteMs)
    expect((await late).status).toBe(504)
    const local = counters as MemoryLimits
    expect(local.holders().size).toBe(0)
    await held.close()
  })
})

test('a place is held for as long as the request lasts, whoever goes on with its answer', async () => {
  const { counters, gateway, limiting } = world([
    rule({ per: 'global', amounts: { concurrent: 1 } }),
  ])
  const inbound: Arrival = {
    dialect: 'openai-chat',
    operation: 'chat',
    endpoint: '/test',
    bytes: new Uint8Array(),
    headers: new Headers(),
    principal: testKey({ keyId: 'k' }),
    requestId: 'req',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: 0,
  }
  const record = new RequestRecord(inbound, gateway.deps)
  await limiting.take({ inbound, modelName: 'fast', stream: true }, record)
  // The answer broke off: this is over for the one who gave it.
  for (const end of record.detachEnds()) end(undefined)
  const local = counters as MemoryLimits
  expect(local.holders().size).toBe(1)
  record.settle(200)
  record.settle(200)
  expect(local.holders().size).toBe(0)
})

describe('limits of providers', () => {
  const principal = testKey({ keyId: 'k' })
  let second: Upstream
  beforeEach(() => {
    second = startUpstream(() => answerOf(1, 1))
  })
  afterEach(() => second.close())
  const providers = () => [
    testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` }),
    testProvider({ id: 'q', type: 'openai', baseUrl: `${second.url}/v1` }),
  ]
  const both = { models: [modelOf('fast', 'p', 'q')] }

  test('one without room is passed over, and only when none is left the client is refused', async () => {
    const { ask, refused } = world([rule({ per: 'provider', amounts: { requestsPerMinute: 2 } })], {
      ...both,
      providers: providers(),
    })
    const replies: Reply[] = []
    for (let count = 0; count < 5; count += 1) replies.push(await ask({ principal }))
    expect(replies.map(({ headers, status }) => headers['x-weir-provider'] ?? status)).toEqual([
      'p',
      'p',
      'q',
      'q',
      429,
    ])
    expect([upstream.requests.length, second.requests.length]).toEqual([2, 2])
    expect(await jsonOf(replies[4]!)).toMatchObject({
      error: { type: 'requests', code: 'rate_limit_exceeded' },
    })
    expect(replies[4]?.headers['retry-after']).toBe('60')
    expect(refused.at(-1)).toBe('provider requests')
    // What it tells of a provider is nothing that a client could plan by.
    expect(replies[0]?.headers['x-ratelimit-limit-requests']).toBeUndefined()
  })

  test('every attempt counts, and what a failed one has taken of tokens and places comes back', async () => {
    const rules = [
      rule({
        per: 'provider',
        only: 'p',
        amounts: { requestsPerMinute: 2, tokensPerMinute: 50, concurrent: 1 },
      }),
    ]
    const { ask, counters } = world(rules, { ...both, providers: providers() })
    upstream.play(
      () => new Response('{}', { status: 503 }),
      () => answerOf(1, 1),
    )
    expect((await ask({ principal })).headers['x-weir-provider']).toBe('q')
    expect((await ask({ principal })).headers['x-weir-provider']).toBe('p')
    expect((await ask({ principal })).headers['x-weir-provider']).toBe('q')
    expect(upstream.requests).toHaveLength(2)
    expect((counters as MemoryLimits).holders().size).toBe(0)
    const [state] = await counters.peek([
      {
        key: `${rules[0]!.id}|p|t60000`,
        windowMs: 60_000,
        max: 50,
        cost: 0,
        whenUnavailable: 'local',
      },
    ])
    expect(state?.remaining).toBe(48)
  })

  test('a model that falls back goes on to its next one', async () => {
    const models = [
      {
        ...modelOf('fast', 'p'),
        routing: { strategy: 'priority', fallbacks: { rate_limited: ['spare'] } } as never,
      },
      modelOf('spare', 'q'),
    ]
    const { ask } = world(
      [rule({ per: 'provider', only: 'p', amounts: { requestsPerMinute: 1 } })],
      { models, providers: providers() },
    )
    expect((await ask({ principal })).headers['x-weir-provider']).toBe('p')
    const second_ = await ask({ principal })
    expect(second_.headers).toMatchObject({ 'x-weir-provider': 'q', 'x-weir-fallback': 'spare' })
  })
})
