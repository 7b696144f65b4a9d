// The guard against a strict stand-in for an Ollama: it loads models with a context, loads anew when another is asked for, cuts
// or refuses as the real one does, and describes its models. What a client gets and what the server was asked is compared.

import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import type { DialectName } from '../core/ir/request.ts'
import type { Reply } from './inbound.ts'
import { asNumber, asObject, type JsonObject } from '../core/json.ts'
import { createTestGateway, jsonOf, testProvider, type TestGateway } from '../testing/gateway.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream, type CapturedRequest, type Upstream } from '../testing/upstream.ts'
import { stepAbove } from './context-guard.ts'

// A server is asked about its models for a moment only, and does without where that has passed. On a machine that stands still for as
// long, a server that answers would be taken for one that does not.
let moment: ReturnType<typeof spyOn<typeof AbortSignal, 'timeout'>>
beforeEach(() => {
  moment = spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal)
})
afterEach(() => moment.mockRestore())

interface FakeOllama {
  readonly up: Upstream
  /** Contexts it was loaded with, in order. */
  readonly loads: number[]
  /** Prompts it has cut without a word. */
  readonly cuts: number
  asked(path: string): readonly CapturedRequest[]
  [Symbol.asyncDispose](): Promise<void>
}

interface FakeOptions {
  readonly ownLength?: number
  readonly parameters?: string
  readonly defaultContext?: number
  readonly show?: (request: CapturedRequest) => Response | Promise<Response>
  readonly remote?: boolean
}

const reply = (body: JsonObject, status = 200) => Response.json(body, { status })

function fakeOllama(options: FakeOptions = {}): FakeOllama {
  const loads: number[] = []
  let cuts = 0
  const show = (request: CapturedRequest): Response => {
    if (asObject(request.json())?.['model'] !== 'llama') {
      return reply({ error: 'model not found' }, 404)
    }
    return reply({
      parameters: options.parameters ?? 'stop "<|eot|>"',
      model_info: {
        'general.architecture': 'llama',
        'llama.context_length': options.ownLength ?? 131_072,
      },
      capabilities: ['completion', 'tools'],
      ...(options.remote === true ? { remote_model: 'llama', remote_host: 'x' } : {}),
    })
  }
  const chat = (request: CapturedRequest): Response => {
    const body = asObject(request.json()) ?? {}
    const asked = asNumber(asObject(body['options'])?.['num_ctx'])
    const context = asked ?? options.defaultContext ?? 4_096
    if (loads.at(-1) !== context) loads.push(context)
    // One word is one token here.
    const tokens = JSON.stringify(body['messages'] ?? body['prompt']).split(' ').length
    if (tokens > context && body['truncate'] === false) {
      return reply({ error: 'the input length exceeds the context length' }, 400)
    }
    if (tokens > context) cuts += 1
    const said =
      request.target === '/api/chat'
        ? { message: { role: 'assistant', content: 'Hi' } }
        : { response: 'Hi' }
    return reply({
      model: 'llama',
      created_at: '2026-01-01T00:00:00Z',
      ...said,
      done: true,
      done_reason: 'stop',
      prompt_eval_count: Math.min(tokens, context),
      eval_count: 1,
    })
  }
  const up = startUpstream((request) => {
    switch (request.target) {
      case '/api/show':
        return (options.show ?? show)(request)
      case '/api/ps':
        return reply({
          models:
            loads.length === 0
              ? []
              : [{ name: 'llama:latest', model: 'llama:latest', context_length: loads.at(-1)! }],
        })
      case '/api/chat':
      case '/api/generate':
        return chat(request)
      default:
        return reply({ error: `no ${request.target}` }, 404)
    }
  })
  return {
    up,
    loads,
    get cuts() {
      return cuts
    },
    asked: (path) => up.requests.filter(({ target }) => target === path),
    [Symbol.asyncDispose]: () => up.close(),
  }
}

/** A text of so many one-token words. */
function words(count: number): string {
  return Array.from({ length: count }, () => 'word').join(' ')
}

function gatewayOf(
  fake: FakeOllama,
  over: Partial<Provider> = {},
  models: Model[] = [],
): TestGateway {
  const provider = testProvider({
    id: 'o',
    type: 'ollama',
    baseUrl: fake.up.url,
    keys: [],
    ...over,
  })
  return createTestGateway({ providers: [provider], models })
}

async function ask(
  gateway: TestGateway,
  tokens: number,
  more: JsonObject = {},
  dialect: DialectName = 'openai-chat',
): Promise<Reply> {
  return await gateway.ask({
    dialect,
    body: {
      model: 'o/llama',
      messages: [{ role: 'user', content: words(tokens) }],
      stream: false,
      ...(dialect === 'anthropic' ? { max_tokens: 500 } : {}),
      ...more,
    },
  })
}

const sent = (fake: FakeOllama, path = '/api/chat'): JsonObject =>
  asObject(fake.asked(path).at(-1)!.json())!

describe('refusals', () => {
  test.each<[DialectName, (body: JsonObject) => unknown]>([
    ['openai-chat', (body) => asObject(body['error'])],
    ['anthropic', (body) => asObject(body['error'])],
    ['ollama', (body) => ({ message: body['error'] })],
  ])(
    'a prompt longer than the model: 400 to a client of %s, with the numbers',
    async (dialect, read) => {
      await using fake = fakeOllama({ ownLength: 8_192 })
      const gateway = gatewayOf(fake)
      const refused = await ask(gateway, 20_000, {}, dialect)
      expect(refused.status).toBe(400)
      expect(refused.headers['x-should-retry']).toBe('false')
      const error = read(await jsonOf(refused)) as {
        message: string
        code?: string
        param?: string
      }
      expect(error.message).toContain("about 20,000 tokens long; 'o/llama' takes at most 8,192")
      if (dialect === 'openai-chat') {
        expect(error.code).toBe('context_length_exceeded')
        expect(error.param).toBe('messages')
      }
      expect(fake.asked('/api/chat')).toHaveLength(0)
      expect(await gateway.outcome()).toMatchObject({
        status: 400,
        errorKind: 'context_length',
        attempts: [],
      })
    },
  )

  test('a prompt longer than what may be asked for says what to change', async () => {
    await using fake = fakeOllama()
    const context = { guard: true, maxTokens: 8_192, reserveTokens: 512 }
    const refused = await ask(gatewayOf(fake, { context }), 20_000)
    expect(refused.status).toBe(400)
    const { error } = await jsonOf<{ error: { message: string } }>(refused)
    expect(error.message).toContain('at most 8,192')
    expect(error.message).toContain("context.max_tokens of provider 'o'")
  })

  test('another target with a longer context answers instead', async () => {
    await using small = fakeOllama({ ownLength: 8_192 })
    await using large = fakeOllama()
    const model: Model = {
      id: 'fast',
      origin: 'file',
      targets: ['s', 'l'].map((providerId, order) => ({
        providerId,
        model: 'llama',
        order,
        weight: 1,
      })),
      defaults: {},
      losses: 'report',
    }
    const gateway = createTestGateway({
      providers: [
        testProvider({ id: 's', type: 'ollama', baseUrl: small.up.url, keys: [] }),
        testProvider({ id: 'l', type: 'ollama', baseUrl: large.up.url, keys: [] }),
      ],
      models: [model],
    })
    const answer = await ask(gateway, 20_000, { model: 'fast' })
    expect(answer.headers['x-weir-provider']).toBe('l')
    expect(small.asked('/api/chat')).toHaveLength(0)
  })

  test('a num_ctx of the client stands, and is refused only when the prompt surely does not fit', async () => {
    await using fake = fakeOllama()
    const gateway = gatewayOf(fake)
    const options = { num_ctx: 6_000 }
    expect((await ask(gateway, 5_500, { options }, 'ollama')).status).toBe(200)
    expect(sent(fake)).not.toHaveProperty('truncate')
    expect(sent(fake)['options']).toEqual(options)
    const refused = await ask(gateway, 20_000, { options }, 'ollama')
    expect(refused.status).toBe(400)
    expect((await jsonOf<{ error: string }>(refused)).error).toContain('num_ctx of the request')
    expect(fake.asked('/api/chat')).toHaveLength(1)
  })

  test('near the limit the server itself decides, and its refusal reaches the client as one', async () => {
    await using fake = fakeOllama({ ownLength: 8_192 })
    const refused = await ask(gatewayOf(fake), 8_500)
    expect(refused.status).toBe(400)
    expect((await jsonOf<{ error: { code: string } }>(refused)).error.code).toBe(
      'context_length_exceeded',
    )
    expect(sent(fake)).toMatchObject({ truncate: false, options: { num_ctx: 8_192 } })
    expect(fake.cuts).toBe(0)
  })

  test.each(['lmstudio', 'custom'] as const)(
    '%s: only where the known context is surely too small',
    async (type) => {
      await using up = startUpstream(
        json({
          id: 'c',
          object: 'chat.completion',
          model: 'm',
          choices: [
            { index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' },
          ],
        }),
      )
      const model = (contextWindow?: number): Model => ({
        id: `m${contextWindow}`,
        origin: 'file',
        targets: [{ providerId: 'p', model: 'm', order: 0, weight: 1 }],
        defaults: {},
        losses: 'report',
        ...(contextWindow === undefined ? {} : { contextWindow }),
      })
      const provider = testProvider({
        id: 'p',
        type,
        baseUrl: `${up.url}/v1`,
        ...(type === 'custom' ? { compatible: 'openai' as const } : {}),
      })
      const models = [model(), model(4_096), model(10_000)]
      const gateway = createTestGateway({ providers: [provider], models })
      expect((await ask(gateway, 12_000, { model: 'm4096' })).status).toBe(400)
      expect(up.requests).toHaveLength(0)
      for (const name of ['mundefined', 'm10000']) {
        expect((await ask(gateway, 12_000, { model: name })).status).toBe(200)
      }
      expect(asObject(up.requests[0]!.json())).not.toHaveProperty('options')
    },
  )
})

describe('room', () => {
  test('a short prompt is sent as it is, and nobody is asked anything', async () => {
    await using fake = fakeOllama()
    const gateway = gatewayOf(fake)
    await ask(gateway, 100)
    await ask(gateway, 100, {}, 'ollama')
    expect(fake.up.requests.map(({ target }) => target)).toEqual(['/api/chat', '/api/chat'])
    expect(sent(fake)).not.toHaveProperty('options')
    expect(sent(fake)).not.toHaveProperty('truncate')
  })

  test.each<DialectName>(['openai-chat', 'anthropic', 'ollama'])(
    'a long prompt of a client of %s goes to /api/chat with a context that holds it',
    async (dialect) => {
      await using fake = fakeOllama()
      expect((await ask(gatewayOf(fake), 9_000, {}, dialect)).status).toBe(200)
      expect(sent(fake)).toMatchObject({
        truncate: false,
        shift: false,
        options: { num_ctx: 16_384 },
      })
      expect(fake.cuts).toBe(0)
    },
  )

  test('a relayed body keeps every word of the client', async () => {
    await using fake = fakeOllama()
    const more = {
      options: { temperature: 0, mirostat: 2 },
      keep_alive: 0,
      shift: true,
      other: null,
    }
    await ask(gatewayOf(fake), 9_000, more, 'ollama')
    expect(sent(fake)).toMatchObject({
      ...more,
      options: { temperature: 0, mirostat: 2, num_ctx: 16_384 },
      truncate: false,
    })
  })

  test('a completion gets its room too', async () => {
    await using fake = fakeOllama()
    await gatewayOf(fake).ask({
      dialect: 'openai-completions',
      operation: 'completion',
      body: { model: 'o/llama', prompt: words(9_000) },
    })
    expect(sent(fake, '/api/generate')).toMatchObject({ options: { num_ctx: 16_384 } })
  })

  test('an asked-for length of the answer counts', async () => {
    await using fake = fakeOllama()
    await ask(gatewayOf(fake), 50, { max_tokens: 20_000 })
    expect(sent(fake)).toMatchObject({ options: { num_ctx: 32_768 } })
  })

  test('a growing conversation loads the model a handful of times, and short requests between do not', async () => {
    await using fake = fakeOllama()
    const gateway = gatewayOf(fake)
    for (let turn = 1; turn <= 24; turn += 1) {
      expect((await ask(gateway, turn * 800)).status).toBe(200)
      await ask(gateway, 20)
    }
    expect(fake.loads).toEqual([4_096, 8_192, 16_384, 32_768])
    expect(fake.cuts).toBe(0)
    expect(fake.asked('/api/show')).toHaveLength(1)
  })

  test('what the owner has set is taken where it is enough', async () => {
    await using fake = fakeOllama({
      parameters: 'num_ctx                        12000\ntemperature 1',
    })
    await ask(gatewayOf(fake), 6_000)
    expect(sent(fake)).toMatchObject({ options: { num_ctx: 12_000 } })
  })

  test('a model in memory with more room than may be asked for is left there', async () => {
    await using fake = fakeOllama({ defaultContext: 65_536 })
    const gateway = gatewayOf(fake)
    await ask(gateway, 10)
    await ask(gateway, 40_000)
    expect(fake.loads).toEqual([65_536])
  })

  test('a model that runs elsewhere is not told its context', async () => {
    await using fake = fakeOllama({ remote: true, ownLength: 262_144 })
    await ask(gatewayOf(fake), 40_000)
    expect(sent(fake)).not.toHaveProperty('options')
  })

  test('switched off, OpenAI requests are relayed to it as they are', async () => {
    await using fake = fakeOllama()
    const context = { guard: false, maxTokens: 32_768, reserveTokens: 2_048 }
    await ask(gatewayOf(fake, { context }), 9_000)
    expect(fake.up.requests.map(({ target }) => target)).toEqual(['/v1/chat/completions'])
  })
})

describe('a server that does not describe its models', () => {
  test.each([
    ['says 404', () => reply({ error: 'not found' }, 404)],
    ['says nonsense', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['says odd things', () => reply({ model_info: { 'x.context_length': -1 }, parameters: 7 })],
  ] as const)('that %s is asked for what fits all the same', async (_word, show) => {
    await using fake = fakeOllama({ show: () => show() })
    const gateway = gatewayOf(fake)
    expect((await ask(gateway, 9_000)).status).toBe(200)
    expect(sent(fake)).toMatchObject({ options: { num_ctx: 16_384 } })
    await ask(gateway, 9_000)
    expect(fake.asked('/api/show')).toHaveLength(1)
  })

  test('one that never answers holds a request up for its bound and no longer', async () => {
    moment.mockRestore()
    const held = Promise.withResolvers<Response>()
    await using fake = fakeOllama({ show: () => held.promise })
    // The provider's own limits are longer than this test may last: it is not they that end the wait.
    const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 60_000 }
    const gateway = gatewayOf(fake, { timeouts })
    const both = await Promise.all([ask(gateway, 9_000), ask(gateway, 9_000)])
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    expect(fake.asked('/api/show')).toHaveLength(1)
    held.resolve(reply({}))
  })
})

test('steps double, hold what they are for, and waste less than half', () => {
  for (const tokens of [1, 4_096, 4_097, 8_192, 100_000, 1_000_000]) {
    const step = stepAbove(tokens)
    expect(step).toBeGreaterThanOrEqual(tokens)
    expect(step === 4_096 || step / 2 < tokens).toBe(true)
  }
})
