import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import OpenAI, { NotFoundError, RateLimitError } from 'openai'
import { GatewayError } from '../core/error.ts'
import { vectorFromBase64 } from '../core/ir/embedding.ts'
import type { UpstreamRequest } from '../core/ports.ts'
import { MOCK_MODELS, pieces } from './mock-script.ts'
import { MockTransport } from './mock-transport.ts'

const transport = new MockTransport()
const TIMEOUTS = { connectMs: 1_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 60_000 }

function request(
  path: string,
  body: unknown,
  more: Partial<UpstreamRequest> = {},
): UpstreamRequest {
  return {
    url: `http://mock.invalid/v1${path}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
    timeouts: TIMEOUTS,
    network: { verify: true },
    signal: new AbortController().signal,
    ...more,
  }
}

const chat = (model: string, text: string, more: Record<string, unknown> = {}) =>
  request('/chat/completions', { model, messages: [{ role: 'user', content: text }], ...more })

async function textOf(sent: UpstreamRequest): Promise<string> {
  const response = await transport.send(sent)
  return new TextDecoder().decode(await response.bytes(10_000_000))
}

/** The kind of the error a promise ends with; fails when it does not. */
async function errorKind(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return error instanceof GatewayError ? error.kind : String(error)
  }
  return 'no error'
}

/** OpenAI's own client, with the mock in place of the network. */
const client = new OpenAI({
  apiKey: 'unused',
  baseURL: 'http://mock.invalid/v1',
  maxRetries: 0,
  async fetch(url, init) {
    const { status, headers, body } = await transport.send({
      ...request('', ''),
      url: String(url),
      method: init?.method === 'GET' ? 'GET' : 'POST',
      body: String(init?.body ?? ''),
      ...(init?.signal ? { signal: init.signal } : {}),
    })
    return new Response(body, { status, headers })
  },
})

const WEATHER: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { enum: ['c', 'f'] },
        note: { const: 'ü "quoted" 🦀' },
      },
    },
  },
}
const CLOCK: OpenAI.ChatCompletionFunctionTool = { type: 'function', function: { name: 'clock' } }

describe('faults', () => {
  test('an aborted request gets no answer, and the reason is kept', async () => {
    const gone = AbortSignal.abort()
    expect(await errorKind(transport.send({ ...chat('echo', 'x'), signal: gone }))).toBe(
      'client_closed',
    )
    const why = AbortSignal.abort(new GatewayError('shutting_down'))
    expect(await errorKind(transport.send({ ...chat('echo', 'x'), signal: why }))).toBe(
      'shutting_down',
    )
  })

  test('hang ends with the abort, at once, or with the deadline', async () => {
    const controller = new AbortController()
    const pending = transport.send({ ...chat('hang', 'x'), signal: controller.signal })
    const kind = errorKind(pending)
    controller.abort()
    expect(await kind).toBe('client_closed')
    const timeouts = { ...TIMEOUTS, firstByteMs: 5 }
    expect(await errorKind(transport.send({ ...chat('hang', 'x'), timeouts }))).toBe(
      'upstream_timeout',
    )
    expect(await errorKind(transport.send({ ...chat('slow-60000', 'x'), timeouts }))).toBe(
      'upstream_timeout',
    )
  })

  test('a stream that is dripping ends at once when it is aborted or takes too long', async () => {
    const controller = new AbortController()
    const sent = { ...chat('drip-600000', 'a b c', { stream: true }), signal: controller.signal }
    const response = await transport.send(sent)
    const read = errorKind(response.bytes(1_000))
    controller.abort()
    expect(await read).toBe('client_closed')
    const timeouts = { ...TIMEOUTS, idleMs: 5 }
    const late = await transport.send({ ...chat('drip-600000', 'a', { stream: true }), timeouts })
    expect(await errorKind(late.bytes(1_000))).toBe('upstream_timeout')
  })

  test('cancel closes the stream, twice too', async () => {
    const response = await transport.send(chat('drip-600000', 'a b', { stream: true }))
    const read = errorKind(response.bytes(1_000))
    response.cancel()
    response.cancel()
    expect(await read).toBe('client_closed')
  })

  test.each([400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 529])(
    'status-%d',
    async (status) => {
      const response = await transport.send(chat(`status-${status}`, 'x'))
      expect(response.status).toBe(status)
      expect(response.headers.get('retry-after')).toBe(status === 429 ? '1' : null)
      const body = JSON.parse(new TextDecoder().decode(await response.bytes(10_000)))
      expect(Object.keys(body.error).toSorted()).toEqual(['code', 'message', 'param', 'type'])
    },
  )

  test('a redirect is an error of the transport', async () => {
    expect(await errorKind(transport.send(chat('status-302', 'x')))).toBe('upstream_redirect')
  })

  test.each(['nope', 'status-200', 'status-600', 'long-999999', 'slow-', 'echo ', ''])(
    '%p is no model',
    async (model) => {
      const response = await transport.send(chat(model, 'x'))
      expect(response.status).toBe(404)
    },
  )

  test('broken bodies, paths and values are refused', async () => {
    const statuses = await Promise.all(
      [
        request('/chat/completions', '{"model":'),
        request('/chat/completions', '[]'),
        request('/chat/completions', { model: 'echo' }),
        chat('echo', 'x', { n: 0 }),
        chat('echo', 'x', { n: 'two' }),
        request('/embeddings', { model: 'embed', input: [] }),
        request('/embeddings', { model: 'embed', input: 'x', dimensions: 0 }),
        request('/nothing', { model: 'echo' }),
      ].map(async (sent) => (await transport.send(sent)).status),
    )
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 400, 404])
  })

  test('cut breaks the connection and truncated just ends, both without the end of a stream', async () => {
    const long = { stream: true }
    const broken = await transport.send(chat('cut', 'a b c d e f', long))
    expect(await errorKind(broken.bytes(100_000))).toBe('upstream_error')
    const ended = await textOf(chat('truncated', 'a b c d e f', long))
    expect(ended).toContain('data: {')
    expect(ended).not.toContain('finish_reason":"stop')
    expect(ended).not.toContain('[DONE]')
    const whole = await transport.send(chat('cut', 'a b c'))
    expect(await errorKind(whole.bytes(100_000))).toBe('upstream_error')
  })

  test('an error in a stream comes after content and ends it', async () => {
    const text = await textOf(chat('error-in-stream', 'a b c d e f', { stream: true }))
    expect(text.trimEnd().split('\n\n').at(-1)).toStartWith('data: {"error":')
    expect(JSON.parse(await textOf(chat('error-in-stream', 'x'))).error.message).toBeString()
  })

  test('what is no JSON and no SSE', async () => {
    const html = await transport.send(chat('html', 'x'))
    expect([html.status, html.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ])
    const json = await textOf(chat('bad-json', 'x'))
    expect(() => JSON.parse(json)).toThrow()
    const sse = await textOf(chat('bad-sse', 'a b c d', { stream: true }))
    const frames = sse.split('\n\n').filter((frame) => frame.startsWith('data: {'))
    expect(() => frames.forEach((frame) => JSON.parse(frame.slice(6)))).toThrow()
  })

  test('a body past the bound is refused', async () => {
    const response = await transport.send(chat('long-1000', 'x'))
    expect(await errorKind(response.bytes(100))).toBe('upstream_bad_response')
  })

  test('a reader that takes nothing makes it write nothing more', async () => {
    const response = await transport.send(chat('long-200000', 'x', { stream: true }))
    const reader = response.body?.getReader()
    const first = await reader?.read()
    expect(first?.value?.length).toBeLessThan(1_000)
    await reader?.cancel()
  })
})

describe("answers, read by OpenAI's own client", () => {
  const say = (model: string, content: string) => ({
    model,
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content },
    ] as OpenAI.ChatCompletionMessageParam[],
  })

  test('echo, whole', async () => {
    const answer = await client.chat.completions.create(say('echo', 'hello  wörld 🦀'))
    expect(answer.choices[0]?.message.content).toBe('hello  wörld 🦀')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 })
  })

  test('echo, streamed word by word, with usage only when it was asked for', async () => {
    for (const include_usage of [true, false]) {
      const stream = await client.chat.completions.create({
        ...say('echo', 'one two three'),
        stream: true,
        ...(include_usage ? { stream_options: { include_usage } } : {}),
      })
      const chunks = await Array.fromAsync(stream)
      const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter((text) => text)
      expect(texts).toEqual(['one', ' two', ' three'])
      const last = chunks.at(-1)
      if (include_usage) {
        expect(last?.choices).toEqual([])
        expect(last?.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3 })
        expect(chunks.slice(0, -1).map((chunk) => chunk.usage)).toEqual(
          chunks.slice(0, -1).map(() => null),
        )
      } else {
        expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
        expect(last?.choices[0]?.finish_reason).toBe('stop')
      }
    }
  })

  test('whole and streamed say the same, for every script that answers', async () => {
    const tools = [WEATHER, CLOCK]
    for (const model of [
      'echo',
      'tools',
      'parallel-tools',
      'empty-tool',
      'reasoning',
      'json',
      'refusal',
      'long-30',
    ]) {
      const asked = { ...say(model, 'one two  three'), tools: [...tools], n: 2 }
      const whole = await client.chat.completions.create(asked)
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion()
      for (const [index, choice] of whole.choices.entries()) {
        const other = streamed.choices[index]
        expect(other?.finish_reason).toBe(choice.finish_reason)
        expect(other?.message.content ?? '').toBe(choice.message.content ?? '')
        expect(other?.message.refusal ?? null).toBe(choice.message.refusal)
        const calls = (message: { tool_calls?: unknown } | undefined) =>
          (
            (message?.tool_calls ?? []) as {
              id: string
              function: { name: string; arguments: string }
            }[]
          ).map((call) => [call.id, call.function.name, call.function.arguments])
        expect(calls(other?.message)).toEqual(calls(choice.message))
      }
    }
  })

  test('tools: a call with arguments that fit, then the result in words', async () => {
    const asked = { ...say('tools', 'Paris'), tools: [WEATHER, CLOCK] }
    const first = await client.chat.completions.create(asked)
    const call = first.choices[0]?.message.tool_calls?.[0]
    if (call?.type !== 'function') throw new Error('no call')
    expect(first.choices[0]?.finish_reason).toBe('tool_calls')
    expect(JSON.parse(call.function.arguments)).toEqual({
      city: 'Paris',
      unit: 'c',
      note: 'ü "quoted" 🦀',
    })
    const second = await client.chat.completions.create({
      ...asked,
      messages: [
        ...asked.messages,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: call.id, content: '21 °C' },
      ],
    })
    expect(second.choices[0]?.message.content).toBe('The tool said: 21 °C')
  })

  test('parallel, chosen, forbidden and empty calls', async () => {
    const asked = { ...say('parallel-tools', 'x'), tools: [WEATHER, CLOCK] }
    const names = async (more: object) => {
      const answer = await client.chat.completions.create({ ...asked, ...more })
      return (answer.choices[0]?.message.tool_calls ?? []).map((call) =>
        call.type === 'function' ? [call.function.name, call.function.arguments === ''] : [],
      )
    }
    expect(await names({})).toEqual([
      ['weather', false],
      ['clock', false],
    ])
    expect(await names({ tool_choice: { type: 'function', function: { name: 'clock' } } })).toEqual(
      [['clock', false]],
    )
    expect(await names({ tool_choice: 'none' })).toEqual([])
    expect(await names({ model: 'empty-tool' })).toEqual([['weather', true]])
  })

  test('limits, stop sequences, reasoning, JSON, refusal, images', async () => {
    const short = await client.chat.completions.create({
      ...say('echo', 'a b c d'),
      max_completion_tokens: 2,
    })
    expect([short.choices[0]?.message.content, short.choices[0]?.finish_reason]).toEqual([
      'a b',
      'length',
    ])
    const stopped = await client.chat.completions.create({
      ...say('echo', 'a b STOP c'),
      stop: ['END', 'STOP'],
    })
    expect([stopped.choices[0]?.message.content, stopped.choices[0]?.finish_reason]).toEqual([
      'a b ',
      'stop',
    ])
    const thought = await client.chat.completions.create(say('reasoning', 'hm'))
    expect(thought.choices[0]?.message).toHaveProperty(
      'reasoning_content',
      'The user said 1 words. I repeat them.',
    )
    expect(thought.usage?.completion_tokens_details?.reasoning_tokens).toBe(8)
    const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 4 } } }
    const json = await client.chat.completions.create({
      ...say('json', 'x'),
      response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
    })
    expect(JSON.parse(json.choices[0]?.message.content ?? '')).toEqual({ n: 4 })
    const refused = await client.chat.completions.create(say('refusal', 'x'))
    expect([refused.choices[0]?.message.content, refused.choices[0]?.message.refusal]).toEqual([
      null,
      'I cannot help with that.',
    ])
    const url = { url: 'data:image/png;base64,AAAA' }
    const seen = await client.chat.completions.create({
      model: 'echo',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: url },
          ],
        },
      ],
    })
    expect(seen.choices[0]?.message.content).toBe('look [1 image]')
  })

  test('legacy completions: several prompts, n, echo, streamed', async () => {
    const asked = { model: 'echo', prompt: ['a b', 'c'], n: 2 }
    const answer = await client.completions.create(asked)
    expect(answer.choices.map((choice) => [choice.index, choice.text])).toEqual([
      [0, 'a b'],
      [1, 'a b'],
      [2, 'c'],
      [3, 'c'],
    ])
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6 })
    const echoed = await client.completions.create({ model: 'long-2', prompt: 'say ', echo: true })
    expect(echoed.choices[0]?.text).toBe('say word1 word2')
    const stream = await client.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await Array.fromAsync(stream)
    const second = chunks
      .filter((chunk) => chunk.choices[0]?.index === 1)
      .map((chunk) => chunk.choices[0]?.text)
    expect(second.join('')).toBe('a b')
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6 })
  })

  test('embeddings are unit vectors of the text alone, in both encodings', async () => {
    const input = ['hello', 'world', 'hello']
    const floats = await client.embeddings.create({
      model: 'embed',
      input,
      encoding_format: 'float',
      dimensions: 16,
    })
    const vectors = floats.data.map((entry) => entry.embedding)
    expect(vectors.map((vector) => vector.length)).toEqual([16, 16, 16])
    expect(vectors[0]).toEqual(vectors[2] as number[])
    expect(vectors[0]).not.toEqual(vectors[1] as number[])
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 6)
    expect(floats.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
    const raw = JSON.parse(
      await textOf(
        request('/embeddings', {
          model: 'embed',
          input,
          encoding_format: 'base64',
          dimensions: 16,
        }),
      ),
    )
    expect(
      raw.data.map((entry: { embedding: string }) => vectorFromBase64(entry.embedding)),
    ).toEqual(vectors)
    const usual = await client.embeddings.create({ model: 'embed', input: [1, 2, 3] })
    expect([usual.data.length, usual.data[0]?.embedding.length, usual.usage.prompt_tokens]).toEqual(
      [1, 8, 3],
    )
  })

  test('errors are of the classes clients catch', async () => {
    const limited = await client.chat.completions
      .create(say('status-429', 'x'))
      .catch((error: unknown) => error)
    expect(limited).toBeInstanceOf(RateLimitError)
    const missing = await client.chat.completions
      .create(say('nope', 'x'))
      .catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(NotFoundError)
  })

  test('the model list names models that exist', async () => {
    const listed = (await client.models.list()).data.map((model) => model.id)
    expect(listed).toEqual([...MOCK_MODELS])
    const quick = listed.filter((id) => !/^(hang|slow|drip|cut|status-)/.test(id))
    for (const id of quick)
      expect([id, (await transport.send(chat(id, 'x'))).status]).toEqual([id, 200])
  })
})

test('the pieces of a text are the text, and the same request gets the same bytes', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => expect(pieces(text).join('')).toBe(text)),
  )
  fc.assert(
    fc.property(fc.stringMatching(/^[ \n\ta-c]*$/), (text) =>
      expect(pieces(text).join('')).toBe(text),
    ),
  )
  const sent = () => chat('parallel-tools', 'x', { tools: [WEATHER], stream: true })
  expect(await textOf(sent())).toBe(await textOf(sent()))
}, 60_000)
