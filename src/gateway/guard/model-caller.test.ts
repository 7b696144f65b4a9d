// A guard's model call is a request like any other, in the name of whoever asked, but for what would make it wait for itself or keep it
// from judging: it is not guarded, takes no place of its own, and its model need not be one that they may ask.

import { afterEach, describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../../core/catalog.ts'
import type { GuardModelCaller, GuardrailRule } from '../../core/guardrail.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Principal } from '../../core/principal.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { guardRule, judgeFailure } from '../../testing/guard.ts'
import { memberGrants } from '../../testing/principals.ts'
import type { Toll } from '../admit.ts'
import type { Arrival } from '../inbound.ts'
import { guardModelCaller } from './model-caller.ts'
import type { GatewayDeps } from '../deps.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Upstream {
  readonly provider: Provider
  readonly seen: JsonObject[]
}

function upstream(answer: (body: JsonObject, path: string) => unknown): Upstream {
  const seen: JsonObject[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = (await request.json()) as JsonObject
      seen.push(body)
      const told = answer(body, new URL(request.url).pathname)
      return told instanceof Response ? told : Response.json(told)
    },
  })
  closing.push(() => void server.stop(true))
  const baseUrl = `http://127.0.0.1:${server.port}/v1`
  return {
    provider: testProvider({
      id: 'up',
      type: 'openai',
      baseUrl,
      retries: { max: 0, baseMs: 1, capMs: 1 },
    }),
    seen,
  }
}

const said = (content: string, over: JsonObject = {}): JsonObject => ({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'judge-1',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', ...over }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
})

const JUDGE: Model = {
  id: 'judge',
  origin: 'file',
  targets: [{ providerId: 'up', model: 'judge-1', order: 0, weight: 1 }],
  defaults: {},
  losses: 'report',
}

/** One that may ask nothing but `fast`. */
const NARROW: Principal = {
  kind: 'key',
  tenantId: 'default',
  keyId: 'key-1',
  keyHash: 'hash-1',
  userId: 'user-1',
  models: ['fast'],
  actions: ['model.invoke'],
  grants: memberGrants(),
}

function arrival(principal: Principal): Arrival {
  return {
    dialect: 'anthropic',
    operation: 'chat',
    endpoint: '/v1/messages',
    bytes: new Uint8Array(),
    headers: new Headers({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      authorization: 'Bearer canary',
    }),
    principal,
    requestId: 'req-9',
    from: '192.0.2.7',
    signal: new AbortController().signal,
    arrivedMs: 1,
    arrivedMonotonicMs: 1,
  }
}

function callerFor(
  { provider }: Upstream,
  options: {
    readonly rule?: Partial<GuardrailRule>
    readonly model?: Partial<Model>
    readonly principal?: Principal
    readonly tolls?: readonly Toll[]
  } = {},
) {
  const gateway = createTestGateway({
    providers: [provider],
    models: [{ ...JUDGE, ...options.model }],
  })
  const deps = {
    ...gateway.deps,
    tolls: options.tolls ?? [],
    guards: () => {
      throw new Error('a guard was guarded')
    },
    cache: () => {
      throw new Error('a guard was answered from memory')
    },
  }
  const rule = guardRule('llama_guard', {}, { id: 'safety', ...options.rule })
  return { gateway, caller: guardModelCaller(rule, arrival(options.principal ?? NARROW), deps) }
}

const signal = new AbortController().signal

async function ask(caller: GuardModelCaller, logprobs?: number) {
  return await caller.chat({
    model: 'judge',
    messages: [{ role: 'user', content: 'is this fine?' }],
    maxTokens: 5,
    ...(logprobs === undefined ? {} : { logprobs }),
    signal,
  })
}

describe('a chat', () => {
  test('is a row of its own, of the same tenant, key and user', async () => {
    const up = upstream(() => said('safe'))
    const { caller, gateway } = callerFor(up)
    expect(await ask(caller)).toEqual({ text: 'safe' })
    expect(await gateway.outcome()).toMatchObject({
      endpoint: 'guardrail:safety',
      tenantId: 'default',
      apiKeyId: 'key-1',
      apiKeyHash: 'hash-1',
      userId: 'user-1',
      requestId: 'req-9',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      modelRequested: 'judge',
      status: 200,
      usage: { inputTokens: 3, outputTokens: 1 },
    })
    expect(up.seen[0]).toMatchObject({ temperature: 0, stream: false })
    expect(up.seen[0]).not.toHaveProperty('logprobs')
  })

  test('passes the tolls, and says that it runs within another', async () => {
    const taken: unknown[] = []
    const toll: Toll = {
      take: ({ inbound, modelName }) => {
        taken.push([inbound.principal.keyId, inbound.from, inbound.isWithin, modelName])
      },
    }
    const { caller } = callerFor(
      upstream(() => said('safe')),
      { tolls: [toll] },
    )
    await ask(caller)
    expect(taken).toEqual([['key-1', '192.0.2.7', true, 'judge']])
  })

  test('brings the first token and its alternatives', async () => {
    const content = [
      {
        token: 'No',
        logprob: -0.1,
        top_logprobs: [
          { token: 'No', logprob: -0.1 },
          { token: 'Yes', logprob: -2.4 },
        ],
      },
      { token: '.', logprob: -0.5, top_logprobs: [] },
    ]
    const up = upstream(() => said('No.', { logprobs: { content } }))
    const { caller } = callerFor(up)
    expect(await ask(caller, 5)).toEqual({
      text: 'No.',
      first: [
        { token: 'No', logprob: -0.1 },
        { token: 'Yes', logprob: -2.4 },
      ],
    })
    expect(up.seen[0]).toMatchObject({ logprobs: true, top_logprobs: 5 })
  })

  test('a list of a model is for people: the operator’s rules need no place on it, a tenant’s do', async () => {
    const up = upstream(() => said('safe'))
    const listed = { access: ['group:judges'] }
    const operators = callerFor(up, { model: listed })
    expect(await ask(operators.caller)).toEqual({ text: 'safe' })
    const rule = { origin: 'store', tenantId: 'default' } as const
    const tenants = callerFor(up, { model: listed, rule })
    const error = await judgeFailure(async () => {
      await ask(tenants.caller)
      return { hit: false, categories: [] }
    })
    expect(error.kind).toBe('guardrail_unavailable')
    expect(up.seen).toHaveLength(1)
    const own = callerFor(up, { rule })
    expect(await ask(own.caller)).toEqual({ text: 'safe' })
  })

  test.each([
    ['fails', () => new Response('{"error":{"message":"canary"}}', { status: 500 })],
    ['says nothing', () => said('x', { message: { role: 'assistant', content: null } })],
    [
      'says junk',
      () => new Response('canary', { headers: { 'content-type': 'application/json' } }),
    ],
    ['has gone', () => new Response('canary', { status: 404 })],
  ])('of a model that %s there is no answer', async (_what, answer) => {
    const { caller, gateway } = callerFor(upstream(answer))
    const error = await judgeFailure(async () => {
      const { text } = await ask(caller)
      return { hit: false, categories: [text] }
    })
    expect(error.kind).toBe('guardrail_unavailable')
    expect(String(error.cause)).not.toContain('canary')
    expect((await gateway.outcome()).endpoint).toBe('guardrail:safety')
  })

  test('ends when the judgement does', async () => {
    const begun = Promise.withResolvers<void>()
    const up = upstream(() => {
      begun.resolve()
      return new Response(new ReadableStream({ pull: () => new Promise<never>(() => {}) }))
    })
    const { caller, gateway } = callerFor(up)
    const leaving = new AbortController()
    const failure = judgeFailure(async () => {
      await caller.chat({ model: 'judge', messages: [], maxTokens: 1, signal: leaving.signal })
      return { hit: false, categories: [] }
    })
    await begun.promise
    leaving.abort()
    expect((await failure).kind).toBe('guardrail_unavailable')
    expect((await gateway.outcome()).status).toBe(499)
  })
})

test('embeddings stand in the order of their texts', async () => {
  const up = upstream(() => ({
    object: 'list',
    data: [
      { object: 'embedding', index: 1, embedding: [0, 1] },
      { object: 'embedding', index: 0, embedding: [1, 0] },
    ],
    model: 'judge-1',
    usage: { prompt_tokens: 2, total_tokens: 2 },
  }))
  const { caller, gateway } = callerFor(up)
  expect(await caller.embed({ model: 'judge', texts: ['a', 'b'], signal })).toEqual([
    [1, 0],
    [0, 1],
  ])
  expect(await gateway.outcome()).toMatchObject({
    operation: 'embedding',
    endpoint: 'guardrail:safety',
  })
  const error = await judgeFailure(async () => {
    await caller.embed({ model: 'judge', texts: ['a', 'b', 'c'], signal })
    return { hit: false, categories: [] }
  })
  expect(error.kind).toBe('guardrail_unavailable')
})

test('moderations are relayed as they come', async () => {
  const told = { id: 'm', model: 'judge-1', results: [{ flagged: false, categories: {} }] }
  const up = upstream((_body, path) =>
    path === '/v1/moderations' ? told : new Response('', { status: 404 }),
  )
  const { caller, gateway } = callerFor(up)
  expect(await caller.moderate({ model: 'judge', texts: ['a'], signal })).toEqual(told)
  expect(up.seen[0]).toEqual({ model: 'judge-1', input: ['a'] })
  expect(await gateway.outcome()).toMatchObject({
    operation: 'moderation',
    endpoint: 'guardrail:safety',
  })
})

describe('by a rule of the operator no model of a tenant judges', () => {
  const THEIRS = { ...NARROW, tenantId: 'acme' }
  const lenient = () => upstream(() => said('safe'))
  const strict = () => upstream(() => said('unsafe'))

  function gatewayWith(operators: Upstream, theirs: Upstream, models: Model[]) {
    const own: Provider = { ...theirs.provider, id: 'mine', tenantId: 'acme' }
    return createTestGateway({ providers: [operators.provider, own], models }).deps
  }
  const alias = (id: string, tenantId: string): Model => ({
    ...JUDGE,
    id,
    origin: 'store',
    tenantId,
    targets: [{ providerId: 'mine', model: 'm', order: 0, weight: 1 }],
  })
  const asked = async (model: string, rule: Partial<GuardrailRule>, deps: GatewayDeps) => {
    const whole = guardRule('llama_guard', {}, { id: 'safety', ...rule })
    const caller = guardModelCaller(whole, arrival(THEIRS), deps)
    const messages = [{ role: 'user', content: 'is this fine?' }] as const
    return (await caller.chat({ model, messages, maxTokens: 5, signal })).text
  }

  test.each(['judge', 'up/judge-1'])('%s, which they have named the same', async (name) => {
    const theirs = lenient()
    const deps = gatewayWith(strict(), theirs, [JUDGE, alias(name, 'acme')])
    expect(await asked(name, {}, deps)).toBe('unsafe')
    expect(theirs.seen).toEqual([])
    // By their own rule it is theirs.
    expect(await asked(name, { tenantId: 'acme', origin: 'store' }, deps)).toBe('safe')
  })

  test('where the operator has none, theirs takes no place', async () => {
    const theirs = lenient()
    const deps = gatewayWith(strict(), theirs, [alias('judge', 'acme')])
    await expect(asked('judge', {}, deps)).rejects.toMatchObject({ kind: 'guardrail_unavailable' })
    expect(theirs.seen).toEqual([])
  })
})
