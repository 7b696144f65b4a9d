// What one target's failure means for the request and for what is known of the target: limits of time that hold for all of it, what
// speaks against a target and what does not, and who may be asked next.

import { afterEach, describe, expect, test } from 'bun:test'
import {
  DEFAULT_ROUTING,
  type Model,
  type Provider,
  type RoutingSettings,
} from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { Deadlines } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import { FakeClock } from '../testing/clock.ts'
import { createTestGateway, jsonOf, testProvider, textOf } from '../testing/gateway.ts'
import { handDeadlines } from '../testing/time-by-hand.ts'
import { json, rateLimited, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { relayOperation } from './passthrough/relay.ts'
import { memberGrants, OWNER_GRANTS } from '../testing/principals.ts'
import { scopes } from '../core/permission.ts'
import { impliedGrant } from '../core/roles.ts'

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

const FAILING = json({ error: { message: 'no' } }, { status: 500 })
const TOO_LONG = json(
  { error: { message: 'too long', code: 'context_length_exceeded' } },
  { status: 400 },
)

/** A body of which nothing more comes after the first bytes. */
function stalling(status: number): Answer {
  return () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"error"')),
      }),
      { status, headers: { 'content-type': 'application/json' } },
    )
}

/** A body that drips for ever. */
function dripping(): Answer {
  return () =>
    new Response(
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          await Bun.sleep(20)
          controller.enqueue(new TextEncoder().encode(' '))
        },
      }),
      { headers: { 'content-type': 'application/json' } },
    )
}

const ONCE = { max: 0, baseMs: 1, capMs: 1 }

function provider(id: string, at: { url: string }, over: Partial<Provider> = {}): Provider {
  const base = { type: 'custom', compatible: 'openai' } as const
  return testProvider({ id, ...base, baseUrl: `${at.url}/v1`, retries: ONCE, ...over })
}

function model(
  id: string,
  providers: readonly string[],
  routing: Partial<RoutingSettings> = {},
  over: Partial<Model> = {},
): Model {
  return {
    id,
    origin: 'file',
    targets: providers.map((providerId, order) => ({ providerId, model: 'm', order, weight: 1 })),
    defaults: {},
    losses: 'report',
    routing: { ...DEFAULT_ROUTING, ...routing },
    ...over,
  }
}

const BODY = { model: 'fast', messages: [{ role: 'user', content: 'Hi' }] }

describe('limits of time', () => {
  test('an error whose words do not come is waited for no longer than a moment', async () => {
    const timeouts = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 30_000, totalMs: 30_000 }
    const gateway = createTestGateway({
      providers: [
        provider('a', upstream(stalling(503)), { timeouts }),
        provider('b', upstream(said('b'))),
      ],
      models: [model('fast', ['a', 'b'])],
    })
    const { deadlines } = gateway.deps
    const sooner: Deadlines = {
      after: (delayMs, run) =>
        deadlines.after(delayMs === LIMITS.errorBodyTimeoutMs ? 50 : delayMs, run),
    }
    Object.assign(gateway.deps, { deadlines: sooner })
    const reply = await gateway.ask({ body: BODY })
    expect(reply.headers['x-weir-provider']).toBe('b')
    const [attempt] = (await gateway.outcome()).attempts
    expect(attempt).toMatchObject({ providerId: 'a', status: 503 })
  })

  test('a whole answer has what is left of the total, not all of it again', async () => {
    const timeouts = { connectMs: 5_000, firstByteMs: 1_000, idleMs: 5_000, totalMs: 1_200 }
    const gateway = createTestGateway({
      providers: [
        provider(
          'a',
          upstream(() => Promise.withResolvers<Response>().promise),
          { timeouts },
        ),
        provider('b', upstream(dripping()), { timeouts }),
      ],
      models: [model('fast', ['a', 'b'])],
    })
    const clock = new FakeClock()
    Object.assign(gateway.deps, { clock })
    const deadlines = handDeadlines(gateway.deps, 1_000, 200, 1_200)
    const asking = gateway.ask({ body: BODY })
    await deadlines.reached(1_000)
    clock.advance(1_000)
    deadlines.pass(1_000)
    // What is left for its first byte, and for its whole answer.
    await deadlines.reached(200, 2)
    deadlines.pass(200)
    expect((await asking).status).toBe(504)
    // Behind the first 1,000 that would be all of it again.
    expect(deadlines.lengths).not.toContain(1_200)
  })
})

describe('what speaks against a target', () => {
  const circuit = { enabled: true, failures: 2, errorRate: 0.9, windowMs: 30_000, openMs: 60_000 }

  async function stateAfter(error: object): Promise<string> {
    const event = `data: ${JSON.stringify({ error })}\n\n`
    const one = provider('a', upstream(stream([event])), { circuit })
    const gateway = createTestGateway({ providers: [one], models: [model('fast', ['a'])] })
    for (let times = 0; times < 3; times += 1) {
      await textOf(await gateway.ask({ body: { ...BODY, stream: true, n: 1 } }))
    }
    return gateway.deps.health.view(one, 'm').circuit
  }

  test('a stream that fails does, one that is limited does not', async () => {
    expect(await stateAfter({ message: 'it broke', type: 'server_error' })).toBe('open')
    // Translated, so that the error inside is read.
    const limited = `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'limited' } })}\n\n`
    const at = upstream(stream([limited]))
    const one = provider('a', at, { type: 'anthropic', baseUrl: at.url, circuit })
    const gateway = createTestGateway({ providers: [one], models: [model('fast', ['a'])] })
    for (let times = 0; times < 3; times += 1) {
      const sse = await textOf(await gateway.ask({ body: { ...BODY, stream: true } }))
      expect(sse).toContain('limited')
    }
    expect(gateway.deps.health.view(one, 'm').circuit).toBe('closed')
  })

  test('how fast it counts tokens says nothing of how fast it answers', async () => {
    const counted = upstream(json({ input_tokens: 3 }))
    const one = provider('a', counted, { type: 'anthropic', baseUrl: counted.url, circuit })
    const gateway = createTestGateway({ providers: [one], models: [model('fast', ['a'])] })
    const reply = await gateway.count({ dialect: 'anthropic', body: BODY })
    expect(await jsonOf(reply)).toEqual({ input_tokens: 3 })
    const view = gateway.deps.health.view(one, 'm')
    expect(view).toEqual({
      circuit: 'closed',
      opensInMs: 0,
      limitedForMs: 0,
      running: 0,
      errorRate: 0,
    })
  })

  test('that it counts does not hide that it does not answer', async () => {
    const up = upstream((request) =>
      request.target.includes('count_tokens')
        ? json({ input_tokens: 3 })(request)
        : FAILING(request),
    )
    const one = provider('a', up, { type: 'anthropic', baseUrl: up.url, circuit })
    const gateway = createTestGateway({ providers: [one], models: [model('fast', ['a'])] })
    const body = { ...BODY, max_tokens: 5 }
    for (let times = 0; times < 2; times += 1) {
      await gateway.count({ dialect: 'anthropic', body })
      await gateway.ask({ dialect: 'anthropic', body })
    }
    expect(gateway.deps.health.view(one, 'm').circuit).toBe('open')
  })
})

describe('who may be asked next', () => {
  test('nobody for what has effects, also after a refusal inside a good answer', async () => {
    const refusal = { error: { message: 'no', code: 'content_filter', type: 'invalid_request' } }
    const other = upstream(said('b'))
    const openai = { type: 'openai' } as const
    const gateway = createTestGateway({
      providers: [provider('a', upstream(json(refusal)), openai), provider('b', other, openai)],
      models: [model('fast', ['a', 'b'], { retryRefused: true })],
    })
    const mcp = { type: 'mcp', server_label: 'git', server_url: 'https://mcp.example.com' }
    const body = { model: 'fast', input: 'Delete it', tools: [mcp] }
    const reply = await gateway.ask({ dialect: 'openai-responses', body })
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(other.requests).toHaveLength(0)
  })

  test('a larger target that only had no place yet, after a prompt that is too long', async () => {
    const large = upstream(said('large'))
    const concurrency = { max: 1, queue: 1, queueTimeoutMs: 15_000 }
    const big = provider('big', large, { concurrency })
    const small = upstream(async (request) => {
      slot?.release()
      return await TOO_LONG(request)
    })
    const targets = [
      { providerId: 'big', model: 'm', order: 0, weight: 1, abilities: { contextWindow: 100_000 } },
      { providerId: 'a', model: 'm', order: 1, weight: 1, abilities: { contextWindow: 10_000 } },
      { providerId: 'b', model: 'm', order: 2, weight: 1, abilities: { contextWindow: 5_000 } },
    ]
    const gateway = createTestGateway({
      providers: [big, provider('a', small), provider('b', upstream(FAILING))],
      models: [model('fast', [], {}, { targets })],
    })
    const slot = gateway.deps.gates.of(big)?.tryEnter()
    const reply = await gateway.ask({ body: BODY })
    expect(reply.status).toBe(200)
    expect(reply.headers['x-weir-provider']).toBe('big')
  })

  test('a fallback model whose provider would be told of a model that the key may not use: not', async () => {
    const other = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [provider('a', upstream(FAILING)), provider('b', other, { type: 'openrouter' })],
      models: [model('fast', ['a'], { fallbacks: { any: ['spare'] } }), model('spare', ['b'])],
    })
    const principal: Principal = {
      kind: 'key',
      grants: memberGrants(),
      tenantId: 'default',
      keyId: 'k',
      models: ['fast', 'a/*'],
    }
    const beside = await gateway.ask({ principal, body: { ...BODY, models: ['dear/one'] } })
    expect(beside.status).toBe(502)
    expect(other.requests).toHaveLength(0)
    const plain = await gateway.ask({ principal, body: BODY })
    expect(plain.headers['x-weir-fallback']).toBe('spare')
  })

  test('a fallback model that is denied to the key, or on whose list it is not: passed over', async () => {
    const other = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [provider('a', upstream(FAILING)), provider('b', other)],
      models: [
        model('fast', ['a'], { fallbacks: { any: ['dear', 'closed', 'spare'] } }),
        model('dear', ['b']),
        { ...model('closed', ['b']), access: ['group:others'] },
        model('spare', ['b']),
      ],
    })
    const key = { kind: 'key', grants: memberGrants(), tenantId: 'default' } as const
    const denied = (name: string) => ({
      ...impliedGrant('member', scopes.model('default', name), 'a test'),
      effect: 'deny' as const,
    })
    const grants = [...memberGrants(), denied('dear')]
    const held = await gateway.ask({
      principal: { ...key, grants: [...grants, denied('spare')] },
      body: BODY,
    })
    expect(held.status).toBe(502)
    expect(other.requests).toHaveLength(0)
    const wider = await gateway.ask({ principal: { ...key, grants, models: ['fast'] }, body: BODY })
    expect(wider.headers['x-weir-fallback']).toBe('spare')
  })

  test('nobody but the target that was named', async () => {
    const other = upstream(said('b'))
    const gateway = createTestGateway({
      providers: [provider('a', upstream(FAILING)), provider('b', other)],
      models: [
        model('fast', ['a', 'b'], { fallbacks: { any: ['spare', 'b/m'] } }),
        model('spare', ['b']),
      ],
    })
    const headers = { 'x-weir-target': 'a/m' }
    const principal = { kind: 'anonymous', tenantId: 'default', grants: OWNER_GRANTS } as const
    const reply = await gateway.ask({ body: BODY, headers, principal })
    expect(reply.status).toBe(502)
    expect(other.requests).toHaveLength(0)
  })

  test('the next target after a refused picture, where the model says so', async () => {
    const refused = json(
      { error: { message: 'no', code: 'content_policy_violation' } },
      { status: 400 },
    )
    for (const retryRefused of [true, false]) {
      const other = upstream(json({ created: 1, data: [{ b64_json: 'AAAA' }] }))
      const openai = { type: 'openai' } as const
      const gateway = createTestGateway({
        providers: [provider('a', upstream(refused), openai), provider('b', other, openai)],
        models: [model('fast', ['a', 'b'], { retryRefused })],
      })
      const body = { model: 'fast', prompt: 'a cat' }
      const reply = await relayOperation(
        {
          dialect: 'openai-chat',
          operation: 'image',
          endpoint: '/test',
          bytes: new TextEncoder().encode(JSON.stringify(body)),
          headers: new Headers(),
          principal: { kind: 'anonymous', tenantId: 'default', grants: memberGrants() },
          requestId: 'req_test',
          signal: new AbortController().signal,
          arrivedMs: Date.now(),
          arrivedMonotonicMs: performance.now(),
        },
        gateway.deps,
      )
      expect(reply.status).toBe(retryRefused ? 200 : 400)
    }
  })
})

test('what nobody answered is put down to the model that was asked in fact', async () => {
  const timeouts = { connectMs: 100, firstByteMs: 100, idleMs: 100, totalMs: 2_000 }
  const gateway = createTestGateway({
    providers: [
      provider(
        'a',
        upstream(() => Promise.withResolvers<Response>().promise),
        { timeouts },
      ),
    ],
    models: [
      model('fast', ['a'], { fallbacks: { any: ['spare'] } }, { price: { input: 1, output: 0 } }),
      model('spare', ['missing'], {}, { price: { input: 1_000, output: 0 } }),
    ],
  })
  expect((await gateway.ask({ body: BODY })).status).toBe(504)
  const { costNanoUsd, usage } = await gateway.outcome()
  expect(costNanoUsd).toBe(usage?.inputTokens ?? -1)
})

test('a limit is told with its wait where that is longer than the request may last', async () => {
  const at = upstream(rateLimited('60'))
  const retries = { max: 3, baseMs: 1, capMs: 1 }
  const gateway = createTestGateway({
    providers: [provider('a', at, { retries })],
    models: [model('fast', ['a'])],
  })
  const reply = await gateway.ask({ body: BODY })
  expect([reply.status, reply.headers['retry-after']]).toEqual([429, '60'])
  expect(at.requests).toHaveLength(1)
})
