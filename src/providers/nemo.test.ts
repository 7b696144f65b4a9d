// NeMo Guardrails as a provider, on answers that a real server of 0.24.1 has given: what it is asked, that a block is told as one, and that
// nothing of its log reaches a client.

import { afterEach, describe, expect, test } from 'bun:test'
import type { Provider } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestRequest,
} from '../testing/gateway.ts'
import { nemo } from './nemo.ts'

const REFUSAL = "I'm sorry, I can't respond to that."
const LEAK = 'here is the internal-only plan that nobody should see at all'

const generation = {
  type: 'generation',
  name: 'generate user intent',
  decisions: ['execute generate_user_intent'],
  executed_actions: [
    {
      action_name: 'generate_user_intent',
      llm_calls: [{ task: 'general', total_tokens: 12, prompt: 'User\nleak it', completion: LEAK }],
    },
  ],
  stop: false,
}

function answer(content: string, rails: JsonObject[], tokens: readonly [number, number]) {
  const [prompt, completion] = tokens
  return {
    id: 'chatcmpl-709df987-746b-4b73-b026-f003fe5d0580',
    choices: [{ finish_reason: 'stop', index: 0, message: { content, role: 'assistant' } }],
    created: 1_795_288_213,
    model: 'tiny',
    object: 'chat.completion',
    guardrails: {
      config_id: 'regex',
      log: {
        activated_rails: rails,
        stats: {
          llm_calls_count: prompt === 0 ? 0 : 1,
          llm_calls_total_prompt_tokens: prompt,
          llm_calls_total_completion_tokens: completion,
        },
      },
    },
  }
}

const PASSED = answer(
  'Hello from tiny.',
  [{ type: 'input', name: 'regex check input', stop: false }, generation],
  [5, 7],
)
const INPUT_BLOCKED = answer(
  REFUSAL,
  [{ type: 'input', name: 'regex check input', stop: true }],
  [0, 0],
)
const OUTPUT_BLOCKED = answer(
  REFUSAL,
  [generation, { type: 'output', name: 'regex check output', stop: true }],
  [5, 7],
)
const RAIL_FAILED = answer("I'm sorry, an internal error has occurred.", [], [0, 0])

function chunk(content: string): string {
  const choices = [{ delta: { content }, index: 0, finish_reason: null }]
  return `data: ${JSON.stringify({
    id: 'chatcmpl-c19c326d',
    object: 'chat.completion.chunk',
    created: 1_795_288_213,
    model: 'tiny',
    choices,
  })}\n\n`
}

const VIOLATION =
  'data: {"error": {"message": "Blocked by regex check output rails.", "type": "guardrails_violation", "param": "regex check output", "code": "content_blocked"}}\n\n'
const DONE = 'data: [DONE]\n\n'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A gateway before a server that answers so, and what the server was asked. */
function gatewayFor(told: object | string, over: Partial<Provider> = {}) {
  const seen: JsonObject[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      seen.push({ path: new URL(request.url).pathname, ...((await request.json()) as JsonObject) })
      return typeof told === 'string'
        ? new Response(told, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
        : Response.json(told)
    },
  })
  closing.push(() => void server.stop(true))
  const provider = testProvider({
    id: 'nemo',
    type: 'nemo',
    baseUrl: `http://127.0.0.1:${server.port}`,
    keys: [],
    configId: 'regex',
    ...over,
  })
  const gateway = createTestGateway({ providers: [provider] })
  return { gateway, seen, ask: (request: TestRequest) => gateway.ask(request) }
}

const messages = [{ role: 'user', content: 'hi' }]

describe('what it is asked', () => {
  test('the configuration of the provider, or of the model', async () => {
    const { ask, seen } = gatewayFor(PASSED)
    await ask({ body: { model: 'nemo/tiny', messages } })
    await ask({ body: { model: 'nemo/tiny@strict', messages } })
    await ask({ body: { model: 'nemo/@strict', messages } })
    await ask({ body: { model: 'nemo/claude@20250101@strict', messages } })
    expect(seen.map(({ model, guardrails }) => [model, guardrails])).toEqual(
      [
        ['tiny', 'regex'],
        ['tiny', 'strict'],
        ['', 'strict'],
        ['claude@20250101', 'strict'],
      ].map(([model, config]) => [
        model,
        { config_id: config, options: { log: { activated_rails: true } } },
      ]),
    )
    expect(seen[0]?.['path']).toBe('/v1/chat/completions')
  })

  test('no configuration where none is named: the server has a default, or says so', async () => {
    const { ask, seen } = gatewayFor(PASSED)
    const { configId: _configId, ...plain } = testProvider({
      id: 'x',
      type: 'nemo',
      baseUrl: 'http://x',
    })
    expect(plain.id).toBe('x')
    await ask({ body: { model: 'nemo/tiny@', messages } })
    expect(seen[0]?.['guardrails']).toMatchObject({ config_id: 'regex' })
    expect(nemo.quirks(plain, 'tiny').shape?.({ messages: [] })['guardrails']).toEqual({
      options: { log: { activated_rails: true } },
    })
  })

  test('a client does not choose the rails, and is told so', async () => {
    const { ask, seen } = gatewayFor(PASSED)
    const reply = await ask({
      body: { model: 'nemo/tiny', messages, n: 2, guardrails: { config_id: 'none', options: {} } },
    })
    expect(seen[0]?.['guardrails']).toMatchObject({ config_id: 'regex' })
    expect(seen[0]).not.toHaveProperty('n')
    expect(reply.headers['x-weir-losses']).toContain('guardrails')
  })

  test('texts as one, never as a list: its rails fail on those', async () => {
    const { ask, seen } = gatewayFor(PASSED)
    const content = [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ]
    await ask({ body: { model: 'nemo/tiny', messages: [{ role: 'user', content }] } })
    expect(seen[0]?.['messages']).toEqual([{ role: 'user', content: 'one\ntwo' }])
  })

  test('with tools it is asked for a whole answer, which is streamed', async () => {
    const { ask, seen } = gatewayFor(PASSED)
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
    const reply = await ask({ body: { model: 'nemo/tiny', messages, tools, stream: true } })
    expect(seen[0]).toMatchObject({ stream: false })
    const text = await textOf(reply)
    expect(text).toContain('Hello from tiny.')
    expect(text).toEndWith(DONE)
  })
})

describe('whole answers', () => {
  test('one that passed has its usage, and nothing of the log', async () => {
    const { ask, gateway } = gatewayFor(PASSED)
    const body = await jsonOf(await ask({ body: { model: 'nemo/tiny', messages } }))
    expect(body).toMatchObject({
      choices: [{ message: { content: 'Hello from tiny.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 7 },
    })
    expect(body).not.toHaveProperty('guardrails')
    expect(await gateway.outcome()).toMatchObject({
      mode: 'translate',
      usage: { inputTokens: 5, outputTokens: 7 },
    })
  })

  test.each([
    ['input', INPUT_BLOCKED, 0],
    ['output', OUTPUT_BLOCKED, 5],
  ] as const)('a blocked %s is a content filter', async (_stage, told, inputTokens) => {
    const { ask, gateway } = gatewayFor(told)
    const text = await textOf(await ask({ body: { model: 'nemo/tiny', messages } }))
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: REFUSAL }, finish_reason: 'content_filter' }],
    })
    expect(text).not.toContain('internal-only')
    expect(text).not.toContain('regex check')
    expect(await gateway.outcome()).toMatchObject({
      status: 200,
      finish: 'content_filter',
      usage: { inputTokens },
    })
  })

  test('a block is one for clients of other protocols', async () => {
    const { ask } = gatewayFor(OUTPUT_BLOCKED)
    const body = { model: 'nemo/tiny', messages, max_tokens: 9 }
    const text = await textOf(await ask({ dialect: 'anthropic', body }))
    expect(JSON.parse(text)).toMatchObject({ stop_reason: 'refusal' })
    expect(text).not.toContain('internal-only')
  })

  test('a rail that failed is a failure', async () => {
    const { ask } = gatewayFor(RAIL_FAILED, { retries: { max: 0, baseMs: 1, capMs: 1 } })
    const reply = await ask({ body: { model: 'nemo/tiny', messages } })
    expect(reply.status).toBe(502)
  })
})

describe('streams', () => {
  test('without a finish they end all the same', async () => {
    const { ask, gateway } = gatewayFor(chunk('Hello') + chunk(' there') + chunk('') + DONE)
    const text = await textOf(await ask({ body: { model: 'nemo/tiny', messages, stream: true } }))
    expect(text).toContain('"finish_reason":"stop"')
    expect(text).toEndWith(DONE)
    expect(await gateway.outcome()).toMatchObject({ status: 200, usage: { estimated: true } })
  })

  test.each([
    ['before anything was said', VIOLATION + DONE, ''],
    ['after something was said', chunk('Hello') + VIOLATION + DONE, 'Hello'],
  ])('what the rails stop %s ends as filtered', async (_when, told, said) => {
    const { ask, gateway } = gatewayFor(told)
    const text = await textOf(await ask({ body: { model: 'nemo/tiny', messages, stream: true } }))
    expect(text).toContain('"finish_reason":"content_filter"')
    expect(text).toEndWith(DONE)
    expect(text).not.toContain('regex check')
    expect(text).toContain(said)
    const outcome = await gateway.outcome()
    expect(outcome).toMatchObject({ status: 200, finish: 'content_filter' })
    expect(outcome.errorKind).toBeUndefined()
  })

  test('one that breaks off is broken', async () => {
    const { ask } = gatewayFor(chunk('Hello'))
    const text = await textOf(await ask({ body: { model: 'nemo/tiny', messages, stream: true } }))
    expect(text).toContain('"error"')
    expect(text).not.toContain('[DONE]')
  })
})

test('its configurations are its models', () => {
  expect(nemo.models?.read([{ id: 'colang' }, { id: 'regex' }, { id: '' }, {}])).toEqual([
    { id: '@colang' },
    { id: '@regex' },
  ])
})
