import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model, type Provider, type Target } from '../core/catalog.ts'
import type { DialectName } from '../core/ir/request.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { json, stream } from '../testing/upstream-answers.ts'
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

function chunk(delta: unknown, finish: string | null = null, more: object = {}): string {
  const body = {
    id: 'c1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

function usage(prompt: number, completion: number): string {
  return chunk({}, null, {
    choices: [],
    usage: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    },
  })
}

/** An answer that breaks off after these words. */
function cut(...words: string[]): Answer {
  return stream([
    chunk({ role: 'assistant', content: '' }),
    ...words.map((content) => chunk({ content })),
  ])
}

function whole(...words: string[]): Answer {
  return stream([
    chunk({ role: 'assistant', content: '' }),
    ...words.map((content) => chunk({ content })),
    chunk({}, 'stop'),
    usage(20, 5),
    'data: [DONE]\n\n',
  ])
}

function claude(...words: string[]): Answer {
  const event = (type: string, data: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content: [],
    model: 'claude-3-5-haiku-latest',
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 20, output_tokens: 1 },
  }
  return stream([
    event('message_start', { message }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...words.map((text) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 5 },
    }),
    event('message_stop', {}),
  ])
}

const TAKES_IT = { abilities: { prefill: true } }

function gatewayOf(
  first: Upstream,
  second: Upstream,
  options: {
    second?: Partial<Provider>
    target?: Partial<Target>
    continuation?: boolean
  } = {},
) {
  const target = (providerId: string, order: number, over: Partial<Target> = {}): Target => ({
    providerId,
    model: 'm',
    order,
    weight: 1,
    ...over,
  })
  const model: Model = {
    id: 'fast',
    origin: 'file',
    targets: [target('a', 0), target('b', 1, options.target ?? TAKES_IT)],
    defaults: {},
    losses: 'report',
    price: { input: 1, output: 10 },
    routing: { ...DEFAULT_ROUTING, continuation: options.continuation ?? true },
  }
  const base = { type: 'custom', compatible: 'openai' } as const
  return createTestGateway({
    providers: [
      testProvider({ id: 'a', ...base, baseUrl: `${first.url}/v1` }),
      testProvider({ id: 'b', ...base, baseUrl: `${second.url}/v1`, ...options.second }),
    ],
    models: [model],
  })
}

const BODY = {
  model: 'fast',
  stream: true,
  stream_options: { include_usage: true },
  messages: [{ role: 'user', content: 'Count' }],
}

function textIn(sse: string): string {
  return [...sse.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)]
    .map(([, piece]) => JSON.parse(`"${piece}"`) as string)
    .join('')
}

describe('an answer that breaks off', () => {
  test('is gone on with by the next target, as one answer', async () => {
    const first = upstream(cut('One', ', two,', ' '))
    const second = upstream(whole(' three', ', four'))
    const gateway = gatewayOf(first, second)
    const reply = await gateway.ask({ body: BODY })
    const sse = await textOf(reply)
    expect(textIn(sse)).toBe('One, two, three, four')
    expect(sse).toContain('data: [DONE]')
    expect(sse).not.toContain('"error"')
    expect(sse.match(/"finish_reason":"stop"/g)).toHaveLength(1)
    expect(reply.headers['x-weir-continuation']).toBe('on')
    expect(second.requests[0]?.json()).toMatchObject({
      stream: true,
      continue_final_message: true,
      add_generation_prompt: false,
      messages: [
        { role: 'user', content: 'Count' },
        { role: 'assistant', content: 'One, two,' },
      ],
    })
    const outcome = await gateway.outcome()
    expect(outcome).toMatchObject({ status: 200, providerId: 'b', finish: 'stop' })
    expect(outcome.attempts.map(({ providerId, as }) => [providerId, as])).toEqual([
      ['a', undefined],
      ['b', 'continuation'],
    ])
    // Both parts are counted: the first as an estimate, since its provider told nothing.
    expect(outcome.usage?.estimated).toBe(true)
    expect(outcome.usage?.inputTokens).toBeGreaterThan(20)
    expect(outcome.usage?.outputTokens).toBeGreaterThan(5)
    const { inputTokens = 0, outputTokens = 0 } = outcome.usage ?? {}
    expect(outcome.costNanoUsd).toBe(inputTokens + 10 * outputTokens)
  })

  test('is gone on with in the protocol of the next target, for any client', async () => {
    const asks: readonly [DialectName, object, RegExp][] = [
      ['openai-chat', BODY, /data: \[DONE\]/],
      [
        'anthropic',
        { model: 'fast', stream: true, max_tokens: 50, messages: BODY.messages },
        /event: message_stop/,
      ],
      ['ollama', { model: 'fast', messages: BODY.messages }, /"done":true/],
      ['openai-responses', { model: 'fast', stream: true, input: 'Count' }, /response\.completed/],
    ]
    for (const [dialect, body, terminator] of asks) {
      const first = upstream(cut('One, two'))
      const second = upstream(claude(', three'))
      const gateway = gatewayOf(first, second, {
        second: { type: 'anthropic', baseUrl: second.url },
        target: { model: 'claude-3-5-haiku-latest' },
      })
      const sse = await textOf(await gateway.ask({ dialect, body }))
      expect(sse).toMatch(terminator)
      expect(sse).toContain(', three')
      expect(sse).not.toContain('broke off')
      expect(second.requests[0]?.json()).toMatchObject({
        messages: [{ role: 'user' }, { role: 'assistant' }],
      })
    }
  })

  test('after an error told inside the stream too, which the client never sees', async () => {
    const broken = stream([
      chunk({ role: 'assistant', content: 'One' }),
      `data: ${JSON.stringify({ error: { message: 'overloaded', type: 'server_error' } })}\n\n`,
    ])
    const gateway = gatewayOf(upstream(broken), upstream(whole(' two')))
    const sse = await textOf(await gateway.ask({ body: BODY }))
    expect(textIn(sse)).toBe('One two')
    expect(sse).not.toContain('overloaded')
  })

  test('before its first word is asked for anew, of any target', async () => {
    const second = upstream(whole('All of it'))
    const gateway = gatewayOf(upstream(cut()), second, { target: {} })
    const sse = await textOf(await gateway.ask({ body: BODY }))
    expect(textIn(sse)).toBe('All of it')
    expect(second.requests[0]?.json()).toMatchObject({ messages: BODY.messages })
  })

  const told = async (sse: Promise<string>) => {
    const text = await sse
    expect(text).toContain('broke off')
    expect(text).not.toContain('[DONE]')
  }

  test('ends in an error where nobody can go on', async () => {
    const second = upstream(whole(' unused'))
    const gateway = gatewayOf(upstream(cut('One')), second, { target: {} })
    await told(textOf(await gateway.ask({ body: BODY })))
    expect(second.requests).toHaveLength(0)
    expect((await gateway.outcome()).errorKind).toBe('upstream_error')
  })

  test('ends in an error where it is off, and is relayed as it came', async () => {
    const second = upstream(whole(' unused'))
    const gateway = gatewayOf(upstream(cut('One')), second, { continuation: false })
    const reply = await gateway.ask({ body: BODY })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    expect(reply.headers['x-weir-continuation']).toBeUndefined()
    await told(textOf(reply))
    expect(second.requests).toHaveLength(0)
  })

  test('ends in an error where it was calling a tool', async () => {
    const calling = stream([
      chunk({
        role: 'assistant',
        tool_calls: [
          { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{' } },
        ],
      }),
    ])
    const second = upstream(whole(' unused'))
    const gateway = gatewayOf(upstream(calling), second)
    await told(textOf(await gateway.ask({ body: BODY })))
    expect(second.requests).toHaveLength(0)
  })

  test('ends with the error that broke it off when the next target fails too', async () => {
    const failing = json({ error: { message: 'no' } }, { status: 500 })
    const gateway = gatewayOf(upstream(cut('One'), failing), upstream(failing), {
      second: { retries: { max: 0, baseMs: 1, capMs: 1 } },
    })
    await told(textOf(await gateway.ask({ body: BODY })))
  })
})
