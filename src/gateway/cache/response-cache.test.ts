import { afterEach, describe, expect, test } from 'bun:test'
import type { CacheSettings } from '../../core/answer-cache.ts'
import type { Model, Provider } from '../../core/catalog.ts'
import { collect } from '../../core/ir/collect.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { dialects } from '../../dialects/registry.ts'
import { createFramer } from '../../dialects/sse.ts'
import { TestCache, withCache } from '../../testing/cache.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestRequest,
} from '../../testing/gateway.ts'
import { testKey } from '../../testing/principals.ts'
import { HeldStream, json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../../testing/upstream.ts'
import { VOICES, voiceProvider } from '../../testing/voices.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

function good(content: string, over: Record<string, unknown> = {}) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-x-2026',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
    ...over,
  }
}
const GOOD = good('Hi')
const ASK = { model: 'p/gpt-x', messages: [{ role: 'user', content: 'Hello' }] }

function chunk(delta: unknown, finish: string | null = null, more: Record<string, unknown> = {}) {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  const about = { id: 'chatcmpl-2', object: 'chat.completion.chunk', created: 1, model: 'gpt-x' }
  return `data: ${JSON.stringify({ ...about, choices, ...more })}\n\n`
}
const BEGINNING = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Hé' }),
  chunk({ content: 'llo' }),
]
const USAGE = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 }
const STREAM = [
  ...BEGINNING,
  chunk({}, 'stop'),
  chunk({}, null, { choices: [], usage: USAGE }),
  'data: [DONE]\n\n',
]

function openai(url: string, over: Partial<Provider> = {}) {
  return testProvider({ id: 'p', type: 'openai', baseUrl: `${url}/v1`, ...over })
}

function setUp(script: Answer[], over: Partial<CacheSettings> = {}, models: Model[] = []) {
  const up = upstream(...script)
  const retries = { max: 0, baseMs: 1, capMs: 1 }
  const gateway = createTestGateway({ providers: [openai(up.url, { retries })], models })
  const cache = new TestCache(gateway.deps, over)
  const ask = (body: unknown = ASK, more: Partial<TestRequest> = {}) =>
    gateway.ask({ body, ...more })
  /** What `x-weir-cache` says, with the answer read to its end. */
  const state = async (body: unknown = ASK, more: Partial<TestRequest> = {}) => {
    const reply = await ask(body, more)
    await textOf(reply)
    return reply.headers['x-weir-cache']
  }
  return { ask, cache, gateway, state, up }
}

const contentOf = async (reply: Parameters<typeof jsonOf>[0]) =>
  (await jsonOf<typeof GOOD>(reply)).choices[0]!.message.content

test('an equal request is answered from memory, at no cost and under a name of its own', async () => {
  const { ask, cache, gateway, up } = setUp([json(GOOD)])
  Object.assign(gateway.deps, {
    prices: { ready: () => undefined, find: () => ({ price: { input: 100, output: 1_000 } }) },
  })
  const first = await ask()
  expect(first.headers['x-weir-cache']).toBe('miss')
  expect(first.headers['x-weir-provider']).toBe('p')
  cache.aheadMs = 5_000
  const second = await ask()
  expect(second.headers).toMatchObject({
    'x-weir-cache': 'hit',
    age: '5',
    'x-weir-cost-usd': '0.000000000',
  })
  expect(second.headers['x-weir-provider']).toBeUndefined()
  expect(second.headers['x-weir-attempts']).toBeUndefined()
  expect(up.requests).toHaveLength(1)
  const body = await jsonOf<typeof GOOD>(second)
  expect(body.choices[0]!.message.content).toBe('Hi')
  expect(body.usage).toMatchObject(GOOD.usage)
  expect(body.id).not.toBe(GOOD.id)
  expect(body.id).toStartWith('chatcmpl-')
  expect(gateway.outcomes[0]).toMatchObject({ costNanoUsd: 4_000, cache: { state: 'miss' } })
  expect(gateway.outcomes[1]).toMatchObject({
    status: 200,
    costNanoUsd: 0,
    cache: { state: 'hit', kind: 'exact', savedNanoUsd: 4_000 },
    attempts: [],
  })
  // Limits and budgets get back what nobody has used.
  expect(gateway.outcomes[1]!.usage).toBeUndefined()
  expect(cache.cache.tally()).toMatchObject([{ hits: 1, misses: 1, savedNanoUsd: 4_000 }])
})

test('off, it is asked nothing and says nothing', async () => {
  const { cache, gateway, state, up } = setUp([json(GOOD), json(GOOD)])
  cache.settings = { ...cache.settings, exact: { ...cache.settings.exact, enabled: false } }
  expect(await state()).toBeUndefined()
  expect(await state()).toBeUndefined()
  expect(up.requests).toHaveLength(2)
  expect(gateway.outcomes[1]!.cache).toBeUndefined()
})

describe('streams', () => {
  test('a stream and a whole answer share one', async () => {
    const { ask, up } = setUp([stream(STREAM)])
    const streamed = await textOf(await ask({ ...ASK, stream: true }))
    expect(streamed).toContain('llo')
    const whole = await ask()
    expect(whole.headers['x-weir-cache']).toBe('hit')
    expect(await contentOf(whole)).toBe('Héllo')
    const again = await ask({ ...ASK, stream: true, stream_options: { include_usage: true } })
    expect(again.headers['x-weir-cache']).toBe('hit')
    expect(again.headers['content-type']).toContain('text/event-stream')
    const text = await textOf(again)
    expect(text).toContain('Héllo')
    expect(text).toContain('"total_tokens":9')
    expect(text.trimEnd()).toEndWith('data: [DONE]')
    expect(up.requests).toHaveLength(1)
  })

  test('one that broke off is not kept', async () => {
    const { ask, state } = setUp([stream(BEGINNING), json(GOOD)])
    expect(await textOf(await ask({ ...ASK, stream: true }))).toContain('error')
    expect(await state()).toBe('miss')
  })

  test('one whose client left is not kept', async () => {
    const held = new HeldStream()
    const { ask, state } = setUp([held.answer, json(GOOD)])
    const asked = ask({ ...ASK, stream: true })
    await held.opened
    held.write(BEGINNING.join(''))
    const reader = ((await asked).body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    await held.cancelled
    expect(await state()).toBe('miss')
  })

  test('one that grows beyond the bound of an entry is given up, and its client gets it all', async () => {
    const many = Array.from({ length: 50 }, () => chunk({ content: 'x'.repeat(100) }))
    const script = [...BEGINNING, ...many, ...STREAM.slice(3)]
    const { ask, cache, state } = setUp([stream(script), json(GOOD)])
    cache.settings = { ...cache.settings, exact: { ...cache.settings.exact, entryBytesMax: 1_024 } }
    expect((await textOf(await ask({ ...ASK, stream: true }))).split('xxx').length).toBeGreaterThan(
      50,
    )
    expect(await state()).toBe('miss')
  })
})

/** The same words in each client's protocol. */
const CLIENTS: readonly Omit<TestRequest, 'principal'>[] = [
  { dialect: 'openai-chat', body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }] } },
  { dialect: 'openai-completions', operation: 'completion', body: { model: 'm', prompt: 'Hi' } },
  { dialect: 'openai-responses', body: { model: 'm', input: 'Hi', store: false } },
  {
    dialect: 'anthropic',
    body: { model: 'm', max_tokens: 50, messages: [{ role: 'user', content: 'Hi' }] },
  },
  {
    dialect: 'ollama',
    body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: false },
  },
  {
    dialect: 'gemini',
    hints: { model: 'm' },
    body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
  },
  { dialect: 'cohere', body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }] } },
  {
    dialect: 'bedrock',
    hints: { model: 'm' },
    body: { messages: [{ role: 'user', content: [{ text: 'Hi' }] }] },
  },
]

describe.each(VOICES.map((voice) => [voice.dialect, voice] as const))(
  'an answer of %s, given again',
  (_name, voice) => {
    // Some of these are asked for completions in that protocol itself, which the voice does not speak.
    const isSpoken = ({ dialect }: { dialect?: string }) =>
      dialect !== 'openai-completions' ||
      (voice.dialect !== 'openai-chat' && voice.dialect !== 'ollama')
    test.each(CLIENTS.filter(isSpoken).map((client) => [client.dialect, client] as const))(
      'to %s: whole and streamed are the same answer',
      async (dialect, client) => {
        const up = upstream(json(voice.whole({ text: 'Well said.' })))
        const provider = voiceProvider(voice, up.url, { id: 'p' })
        const target = { providerId: 'p', model: voice.model, order: 0, weight: 1 }
        const model: Model = {
          id: 'm',
          origin: 'file',
          targets: [target],
          defaults: {},
          losses: 'report',
        }
        const gateway = createTestGateway({ providers: [provider], models: [model] })
        withCache(gateway.deps)
        const first = await gateway.ask(client)
        expect([first.status, first.headers['x-weir-cache']]).toEqual([200, 'miss'])
        const bought = wholeOf(await textOf(first), client)
        const whole = await gateway.ask(client)
        expect(whole.headers['x-weir-cache']).toBe('hit')
        const given = wholeOf(await textOf(whole), client)
        const asStream = {
          ...client,
          body: {
            ...(client.body as object),
            ...(client.hints === undefined ? { stream: true } : {}),
          },
          ...(client.hints === undefined ? {} : { hints: { ...client.hints, stream: true } }),
        }
        const streamed = await gateway.ask(asStream)
        expect(streamed.headers['x-weir-cache']).toBe('hit')
        const bytes = await new Response(streamed.body as never).bytes()
        const unfolded = streamedOf(bytes, client)
        expect(essence(given)).toEqual(essence(bought))
        expect(essence(unfolded)).toEqual(essence(bought))
        expect(up.requests).toHaveLength(1)
        expect(dialect).toBe(client.dialect)
      },
    )
  },
)

test.each(VOICES.map((voice) => [voice.dialect, voice] as const))(
  'a stream of %s is kept whole, however it is read',
  async (_name, voice) => {
    const said = { text: 'Well said, at some length.', thinking: 'Hm.' }
    const headers = { 'content-type': voice.contentType }
    const up = upstream(() => new Response(voice.stream(said).join(''), { headers }))
    const target = { providerId: 'p', model: voice.model, order: 0, weight: 1 }
    const model: Model = {
      id: 'm',
      origin: 'file',
      targets: [target],
      defaults: {},
      losses: 'report',
    }
    const provider = voiceProvider(voice, up.url, { id: 'p' })
    const gateway = createTestGateway({ providers: [provider], models: [model] })
    withCache(gateway.deps)
    const body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }
    const streamed = await gateway.ask({ body: { ...body, stream: true } })
    expect([streamed.status, streamed.headers['x-weir-cache']]).toEqual([200, 'miss'])
    const bytes = await new Response(streamed.body as never).bytes()
    const bought = essence(streamedOf(bytes, { dialect: 'openai-chat', body }))
    expect(bought[0]!.texts.join('')).toBe(said.text)
    const whole = await gateway.ask({ body })
    expect(whole.headers['x-weir-cache']).toBe('hit')
    expect(essence(wholeOf(await textOf(whole), { dialect: 'openai-chat', body }))).toEqual(bought)
    expect(gateway.outcomes[1]!.cache?.ageMs).toBeGreaterThanOrEqual(0)
  },
)

function codecOf({ dialect, operation }: Omit<TestRequest, 'principal'>) {
  const found = dialects[dialect!]
  return operation === 'completion' ? found.completion! : found.chat!
}

function wholeOf(text: string, client: Omit<TestRequest, 'principal'>): ChatResponse {
  return codecOf(client).decodeResponse(JSON.parse(text))
}

function streamedOf(bytes: Uint8Array, client: Omit<TestRequest, 'principal'>): ChatResponse {
  const framer = createFramer(dialects[client.dialect!].framing)
  const decoder = codecOf(client).createStreamDecoder()
  const frames = [...framer.push(bytes), ...framer.end()]
  const events = frames.flatMap((frame) => decoder.push(frame))
  const { error, response } = collect([...events, ...decoder.end()])
  expect(error).toBeUndefined()
  return response
}

/** What a reader would take for the answer. */
function essence({ choices }: ChatResponse) {
  return choices.map(({ blocks, finish }) => ({
    texts: blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])),
    finish: finish?.unified,
  }))
}

describe('what is not kept', () => {
  const toolCall = {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
  }
  const choice = (message: unknown, finish: string) => ({
    choices: [{ index: 0, message, finish_reason: finish }],
  })
  const said = { role: 'assistant', content: 'Hi' }
  test.each([
    ['an error', json({ error: { message: 'no' } }, { status: 400 })],
    ['a cut answer', json(good('', choice(said, 'length')))],
    ['a filtered answer', json(good('', choice(said, 'content_filter')))],
    ['a call of a tool', json(good('', choice(toolCall, 'tool_calls')))],
    ['a call of a tool that says stop', json(good('', choice(toolCall, 'stop')))],
    ['a refusal', json(good('', choice({ ...said, content: null, refusal: 'No.' }, 'stop')))],
    ['an empty answer', json(good('', { choices: [] }))],
    ['an answer beyond the bound', json(good('x'.repeat(300_000)))],
  ])('%s', async (_name, answer) => {
    const { state } = setUp([answer, json(GOOD)])
    await state()
    expect(await state()).toBe('miss')
  })

  test('a call of a tool, but where that is wanted', async () => {
    const answer = json(good('', choice(toolCall, 'tool_calls')))
    const { ask, state } = setUp([answer], { toolCalls: true })
    await state()
    const reply = await ask()
    expect(reply.headers['x-weir-cache']).toBe('hit')
    expect(await textOf(reply)).toContain('"tool_calls"')
  })

  test.each([
    [
      'responses that a provider keeps',
      { dialect: 'openai-responses' as const, body: { model: 'p/gpt-x', input: 'Hi' } },
    ],
    ['chats that a provider keeps', { body: { ...ASK, store: true } }],
    [
      'what names a member twice',
      {
        body: `{"model":"p/gpt-x","messages":[{"role":"user","content":"Hello","content":"Bye"}]}`,
      },
    ],
    [
      'what two parsers read as two numbers',
      {
        body: `{"model":"p/gpt-x","seed":9007199254740993,"messages":[{"role":"user","content":"Hello"}]}`,
      },
    ],
    ['what names its target', { body: ASK, headers: { 'x-weir-target': 'p' } }],
    [
      'what does more than answer',
      {
        dialect: 'anthropic' as const,
        body: {
          ...ASK,
          max_tokens: 5,
          mcp_servers: [{ type: 'url', url: 'https://x.test', name: 'x' }],
        },
      },
    ],
    ['what may not be', { body: ASK, headers: { 'cache-control': 'no-store' } }],
    ['what wants none', { body: ASK, headers: { 'x-weir-cache': 'off' } }],
  ])('%s', async (_name, request) => {
    const { gateway, cache } = setUp([json(GOOD), json(GOOD)])
    await textOf(await gateway.ask({ principal: testKey(), ...request }))
    expect(gateway.outcomes[0]!.cache).toMatchObject({ state: 'bypass' })
    expect(await cache.store.holdings(undefined)).toEqual([])
  })

  test('what is not deterministic, where that is wanted', async () => {
    const { state } = setUp([json(GOOD), json(GOOD)], { onlyDeterministic: true })
    expect(await state()).toBe('bypass')
    expect(await state({ ...ASK, temperature: 0 })).toBe('miss')
    expect(await state({ ...ASK, temperature: 0 })).toBe('hit')
    expect(await state({ ...ASK, temperature: 0, n: 2 })).toBe('bypass')
  })
})

describe('what the client says', () => {
  test('no-cache and refresh ask anew, and put the new answer in place of the old', async () => {
    const { ask, state } = setUp([json(good('one')), json(good('two')), json(good('three'))])
    expect(await contentOf(await ask())).toBe('one')
    expect(await contentOf(await ask(ASK, { headers: { 'cache-control': 'no-cache' } }))).toBe(
      'two',
    )
    expect(await contentOf(await ask())).toBe('two')
    expect(await contentOf(await ask(ASK, { headers: { 'x-weir-cache': 'refresh' } }))).toBe(
      'three',
    )
    expect(await contentOf(await ask())).toBe('three')
    expect(await state()).toBe('hit')
  })

  test('max-age and min-fresh bound the age', async () => {
    const { cache, state } = setUp(Array.from({ length: 4 }, () => json(GOOD)))
    await state()
    cache.aheadMs = 20_000
    expect(await state(ASK, { headers: { 'cache-control': 'max-age=30' } })).toBe('hit')
    expect(await state(ASK, { headers: { 'cache-control': 'min-fresh=30' } })).toBe('hit')
    expect(await state(ASK, { headers: { 'cache-control': 'max-age=10' } })).toBe('miss')
    cache.aheadMs = 60_000
    expect(await state(ASK, { headers: { 'cache-control': 'private, Min-Fresh="30"' } })).toBe(
      'miss',
    )
    expect(await state(ASK, { headers: { 'cache-control': 'max-age=0' } })).toBe('miss')
  })

  test.each(['max-age=-1', 'max-age', 'max-age=soon', 'min-fresh=99999999999', 'min-fresh=-1'])(
    'a bound that cannot be read (%s) is the strictest one',
    async (control) => {
      const { state } = setUp([json(GOOD), json(GOOD)])
      await state()
      expect(await state(ASK, { headers: { 'cache-control': control } })).toBe('miss')
    },
  )

  test('an age that is longer than any is no bound', async () => {
    const { state } = setUp([json(GOOD)])
    await state()
    const headers = { 'cache-control': 'max-age=99999999999999999999' }
    expect(await state(ASK, { headers })).toBe('hit')
  })

  test('a time that was made shorter holds for what is kept already', async () => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    await state()
    cache.aheadMs = 10_000
    cache.settings = { ...cache.settings, exact: { ...cache.settings.exact, ttlMs: 5_000 } }
    expect(await state()).toBe('miss')
  })

  test('what was kept by a clock that was far ahead is not given until it is right', async () => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    cache.aheadMs = 86_400_000
    await state()
    cache.aheadMs = 0
    expect(await state()).toBe('miss')
    expect(await state()).toBe('hit')
  })

  test('what has ended is not given', async () => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    await state()
    cache.aheadMs = 55_000
    expect(await state()).toBe('hit')
    cache.aheadMs = 60_000
    expect(await state()).toBe('miss')
  })

  test.each([
    ['openai-chat', ASK],
    ['anthropic', { ...ASK, max_tokens: 5 }],
  ] as const)(
    'only-if-cached asks nobody, and says so in the words of %s',
    async (dialect, body) => {
      const { ask, gateway, up } = setUp([])
      const reply = await ask(body, { dialect, headers: { 'cache-control': 'only-if-cached' } })
      expect(reply.status).toBe(504)
      expect(reply.headers['x-should-retry']).toBe('false')
      const told = JSON.stringify(await jsonOf(reply))
      expect(told).toContain(dialect === 'anthropic' ? '"type":"error"' : '"code":"not_cached"')
      expect(up.requests).toHaveLength(0)
      expect(gateway.outcomes[0]).toMatchObject({ status: 504, cache: { state: 'miss' } })
    },
  )

  test('a wish that is none is refused and not echoed', async () => {
    const { ask } = setUp([])
    const reply = await ask(ASK, { headers: { 'x-weir-cache': 'secret-value' } })
    expect(reply.status).toBe(400)
    const text = await textOf(reply)
    expect(text).toContain('x-weir-cache')
    expect(text).not.toContain('secret-value')
  })
})

describe('who shares answers', () => {
  const ann = testKey({ keyId: 'k1', userId: 'ann' })
  const annToo = testKey({ keyId: 'k2', userId: 'ann' })
  const bob = testKey({ keyId: 'k3', userId: 'bob' })
  const other = testKey({ keyId: 'k1', userId: 'ann', tenantId: 'other' })
  test.each([
    ['tenant', ['hit', 'hit', 'miss']],
    ['user', ['hit', 'miss', 'miss']],
    ['key', ['miss', 'miss', 'miss']],
  ] as const)('by %s', async (scope, expected) => {
    const { state } = setUp(
      Array.from({ length: 4 }, () => json(GOOD)),
      { scope },
    )
    expect(await state(ASK, { principal: ann })).toBe('miss')
    const states: (string | undefined)[] = []
    for (const principal of [annToo, bob, other]) states.push(await state(ASK, { principal }))
    expect(states).toEqual([...expected])
  })

  test.each([
    ['openai-chat', (who: object) => ({ ...ASK, ...who })],
    [
      'openai-responses',
      (who: object) => ({ model: 'p/gpt-x', input: 'Hi', store: false, ...who }),
    ],
  ] as const)(
    'what a provider repeats of who has asked first is not for others (%s)',
    async (dialect, bodyOf) => {
      const names = ['user', 'safety_identifier', 'prompt_cache_key'] as const
      const by = (who: string) => ({
        ...Object.fromEntries(names.map((name) => [name, who])),
        metadata: { who },
      })
      const output = [
        {
          type: 'message',
          id: 'msg_1',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Hi', annotations: [], logprobs: [] }],
        },
      ]
      const whole = { object: 'response', created_at: 1, status: 'completed', output }
      const over = dialect === 'openai-chat' ? {} : { ...whole, choices: undefined }
      const { ask } = setUp([json(good('Hi', { ...over, ...by('first-who-asked') }))])
      expect(await textOf(await ask(bodyOf(by('first-who-asked')), { dialect }))).toContain('Hi')
      for (const streams of [false, true]) {
        const reply = await ask({ ...bodyOf(by('second')), stream: streams }, { dialect })
        expect(reply.headers['x-weir-cache']).toBe('hit')
        expect(await textOf(reply)).not.toContain('first-who-asked')
      }
    },
  )

  test('a model that was changed answers nothing from before', async () => {
    const target = { providerId: 'p', model: 'gpt-x', order: 0, weight: 1 }
    const model: Model = {
      id: 'm',
      origin: 'file',
      targets: [target],
      defaults: {},
      losses: 'report',
    }
    const up = upstream(json(good('one')), json(good('two')))
    const before = createTestGateway({ providers: [openai(up.url)], models: [model] })
    const cache = new TestCache(before.deps)
    const changed = { ...model, targets: [{ ...target, model: 'gpt-y' }] }
    const after = createTestGateway({ providers: [openai(up.url)], models: [changed] })
    Object.assign(after.deps, { cache: () => cache.cache })
    const body = { ...ASK, model: 'm' }
    expect(await contentOf(await before.ask({ body }))).toBe('one')
    expect(await contentOf(await after.ask({ body }))).toBe('two')
    expect(await contentOf(await before.ask({ body }))).toBe('one')
  })

  test('what another model gave in its place is not kept', async () => {
    const up = upstream(
      json({ error: { message: 'x' } }, { status: 500 }),
      json(GOOD),
      json(good('own')),
    )
    const target = { providerId: 'p', model: 'gpt-x', order: 0, weight: 1 }
    const common = { origin: 'file', targets: [target], defaults: {}, losses: 'report' } as const
    const routing = {
      strategy: 'weighted',
      fallbacks: { any: ['b'] },
      retryRefused: false,
      continuation: false,
    } as const
    const gateway = createTestGateway({
      providers: [openai(up.url, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
      models: [
        { ...common, id: 'a', routing },
        { ...common, id: 'b', targets: [{ ...target, model: 'gpt-b' }] },
      ],
    })
    withCache(gateway.deps)
    const body = { ...ASK, model: 'a' }
    const first = await gateway.ask({ body })
    expect(first.headers['x-weir-fallback']).toBe('b')
    const second = await gateway.ask({ body })
    expect(second.headers['x-weir-cache']).toBe('miss')
    expect(await contentOf(second)).toBe('own')
  })

  test('models say for themselves, then patterns, the first that fits', async () => {
    const models = [
      { match: 'p/gpt-x', mode: 'off' as const },
      { match: 'p/*', ttlMs: 1_000 },
    ]
    const { cache, state } = setUp(
      Array.from({ length: 4 }, () => json(GOOD)),
      { models },
    )
    expect(await state()).toBeUndefined()
    const another = { ...ASK, model: 'p/gpt-y' }
    expect(await state(another)).toBe('miss')
    expect(await state(another)).toBe('hit')
    cache.aheadMs = 1_000
    expect(await state(another)).toBe('miss')
  })
})

describe('equal requests at the same time', () => {
  test('a thousand of them ask once', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { ask, gateway, up } = setUp([
      async () => {
        await promise
        return Response.json(GOOD)
      },
    ])
    const asked = Array.from({ length: 1_000 }, () => ask())
    await up.request(0)
    resolve()
    const replies = await Promise.all(asked)
    expect(up.requests).toHaveLength(1)
    const states = replies.map(({ headers }) => headers['x-weir-cache'])
    expect(states.filter((state) => state === 'miss')).toHaveLength(1)
    expect(states.filter((state) => state === 'hit')).toHaveLength(999)
    expect(gateway.outcomes).toHaveLength(1_000)
  })

  test('whoever waits for one that fails goes on alone', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { ask, up } = setUp([
      async () => {
        await promise
        return Response.json({ error: { message: 'bad' } }, { status: 400 })
      },
      json(good('one')),
      json(good('two')),
    ])
    const asked = Array.from({ length: 3 }, () => ask())
    await up.request(0)
    resolve()
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 200, 400])
  })

  test('nobody waits longer than is allowed', async () => {
    const held = Promise.withResolvers<void>()
    const { ask, up } = setUp(
      [
        async () => {
          await held.promise
          return Response.json(good('slow'))
        },
        json(good('quick')),
      ],
      { coalesceWaitMs: 20 },
    )
    const first = ask()
    await up.request(0)
    expect(await contentOf(await ask())).toBe('quick')
    held.resolve()
    expect(await contentOf(await first)).toBe('slow')
  })

  test('whoever leaves while waiting is let go at once', async () => {
    const held = Promise.withResolvers<void>()
    const { ask, gateway, up } = setUp([
      async () => {
        await held.promise
        return Response.json(GOOD)
      },
    ])
    const first = ask()
    await up.request(0)
    const leaving = new AbortController()
    const second = ask(ASK, { signal: leaving.signal })
    leaving.abort()
    await second
    expect(gateway.outcomes[0]).toMatchObject({ status: 499 })
    held.resolve()
    expect((await first).status).toBe(200)
  })
})

describe('when places fail', () => {
  const failing = (over: object) => ({
    place: 'store' as const,
    get: () => undefined,
    put: () => undefined,
    drop: () => undefined,
    purge: () => Promise.resolve(0),
    holdings: () => Promise.resolve([]),
    ...over,
  })
  test.each([
    [
      'throws',
      failing({
        get: () => {
          throw new Error('down')
        },
      }),
    ],
    ['rejects', failing({ get: () => Promise.reject(new Error('down')) })],
    [
      'throws at keeping',
      failing({
        put: () => {
          throw new Error('full')
        },
      }),
    ],
  ])('one that %s is a miss', async (_name, store) => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    cache.store = store
    expect(await state()).toBe('miss')
    expect(await state()).toBe('miss')
  })

  test('one that says nothing is a miss after its time', async () => {
    const { cache, state } = setUp([json(GOOD)])
    cache.store = failing({ get: () => new Promise(() => undefined) })
    expect(await state()).toBe('miss')
  })

  test.each([
    '',
    '{',
    'null',
    '{"form":1}',
    '{"form":2,"chat":{}}',
    '{"form":1,"chat":{"id":"x","model":"m","choices":[{"index":0,"blocks":[null]}]}}',
  ])('a damaged entry (%s) is dropped and bought anew', async (value) => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    const dropped: string[] = []
    const { store } = cache
    await state()
    cache.store = {
      ...failing({}),
      get: (tenantId: string, id: string) => {
        const kept = store.get(tenantId, id)
        return kept instanceof Promise || kept === undefined ? kept : { ...kept, value }
      },
      drop: (_tenantId: string, id: string) => void dropped.push(id),
    }
    expect(await state()).toBe('miss')
    expect(dropped).toHaveLength(1)
  })

  test('an entry of another tenant is none, whatever a place gives', async () => {
    const { cache, state } = setUp([json(GOOD), json(GOOD)])
    const { store } = cache
    await state()
    cache.store = {
      ...failing({}),
      get: (tenantId: string, id: string) => {
        const kept = store.get(tenantId, id)
        return kept instanceof Promise || kept === undefined ? kept : { ...kept, tenantId: 'other' }
      },
    }
    expect(await state()).toBe('miss')
  })
})

test('what is asked while it is emptied is not kept', async () => {
  const held = Promise.withResolvers<void>()
  const { ask, cache, state, up } = setUp([
    async () => {
      await held.promise
      return Response.json(good('old'))
    },
    json(good('new')),
  ])
  const first = ask()
  await up.request(0)
  await cache.cache.purge({})
  held.resolve()
  expect(await contentOf(await first)).toBe('old')
  expect(await state()).toBe('miss')
  expect(await contentOf(await ask())).toBe('new')
})

test('embeddings are kept too', async () => {
  const answer = {
    object: 'list',
    model: 'e',
    data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.25] }],
    usage: { prompt_tokens: 2, total_tokens: 2 },
  }
  const { gateway, up } = setUp([json(answer)])
  const request = {
    dialect: 'openai-embeddings' as const,
    operation: 'embedding' as const,
    body: { model: 'p/e', input: 'Hi', encoding_format: 'float' },
  }
  await gateway.ask(request)
  const again = await gateway.ask(request)
  expect(again.headers['x-weir-cache']).toBe('hit')
  expect(await jsonOf(again)).toMatchObject({ data: [{ embedding: [0.5, -0.25] }] })
  expect(up.requests).toHaveLength(1)
})
