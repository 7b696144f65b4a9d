// The official JavaScript client against answers of this dialect on the loopback: what it makes of lines, keepalives, calls,
// counts and errors. The whole gateway is tested end to end elsewhere; this holds the shapes alone.

import { afterAll, describe, expect, test } from 'bun:test'
import { Ollama } from 'ollama'
import { GatewayError } from '../../core/error.ts'
import { replay } from '../../core/ir/replay.ts'
import type { ChatRequest } from '../../core/ir/request.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ChatCodec, EmbeddingCodec, ReplyContext } from '../dialect.ts'
import { encodeShow, encodeTags, encodeVersion } from './catalog.ts'
import { ollama } from './index.ts'

const chat = ollama.chat as ChatCodec
const generate = ollama.completion as ChatCodec
const embedding = ollama.embedding as EmbeddingCodec

const answer: ChatResponse = {
  id: 'chatcmpl-1',
  model: 'm',
  choices: [
    {
      index: 0,
      blocks: [
        { type: 'thinking', text: 'hm' },
        { type: 'text', text: 'hé 😀' },
        { type: 'tool-use', id: 'call_1', name: 'weather', input: '{"city":"Paris"}' },
        { type: 'tool-use', id: 'call_2', name: 'now', input: '' },
      ],
      finish: { unified: 'tool-use' },
    },
  ],
  usage: { inputTokens: 3, outputTokens: 0 },
}

const seen: ChatRequest[] = []
const model = { id: 'm', contextWindow: 1000, capabilities: ['completion', 'tools'] as const }

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/api/version') return Response.json(encodeVersion())
    if (pathname === '/api/tags') return Response.json(encodeTags([model]))
    const body = (await request.json()) as JsonObject
    if (pathname === '/api/show') return Response.json(encodeShow(model))
    if (pathname.startsWith('/api/embed')) {
      const asked = embedding.decodeRequest(body, { legacy: pathname === '/api/embeddings' })
      const vectors = asked.input.map((_, index) => [index, 0.5])
      const context = { ...replyTo(asked.model), request: asked }
      return Response.json(embedding.encodeResponse({ model: 'm', vectors }, context).value)
    }
    return answerTo(pathname === '/api/chat' ? chat : generate, body)
  },
})
afterAll(() => server.stop(true))

function replyTo(name: string): ReplyContext {
  return { model: name, id: 'id', nowMs: Date.UTC(2026, 0, 1), streamUsage: false }
}

function answerTo(codec: ChatCodec, body: JsonObject): Response {
  const asked = codec.decodeRequest(body, {})
  seen.push(asked)
  const reply = replyTo(asked.model)
  if (asked.model === 'missing') {
    const error = new GatewayError('invalid_request', { message: "model 'missing' not found" })
    return Response.json(ollama.errors.encode(error, 'r'), { status: 404 })
  }
  if (!asked.stream) return Response.json(codec.encodeResponse(answer, reply).value)
  const encoder = codec.createStreamEncoder(reply)
  const pieces = replay(answer).map((event) => encoder.push(event))
  if (asked.model === 'breaks') {
    pieces.push(ollama.errors.encodeStream(new GatewayError('upstream_error'), 'r'))
  } else pieces.push(encoder.end())
  const text = pieces.filter((piece) => piece !== '').join(ollama.keepalive('m', 0))
  return new Response(text, { headers: { 'content-type': 'application/x-ndjson' } })
}

const client = new Ollama({ host: server.url.href })
const messages = [{ role: 'user', content: 'q' }]

describe('the official client', () => {
  test('sees a stream that breaks as an error', async () => {
    const stream = await client.chat({ model: 'breaks', messages, stream: true })
    const read = async (): Promise<void> => {
      for await (const part of stream) expect(part.done).toBe(false)
    }
    await expect(read()).rejects.toThrow('The provider failed to answer.')
  })

  test('sees a refusal with its status and sentence', async () => {
    const failure: unknown = await client
      .chat({ model: 'missing', messages })
      .catch((e: unknown) => e)
    expect(failure).toMatchObject({ status_code: 404, message: "model 'missing' not found" })
  })

  test('reads a whole chat and its counts, zero among them', async () => {
    const said = await client.chat({ model: 'm', messages })
    expect(said.message.content).toBe('hé 😀')
    expect(said.message.thinking).toBe('hm')
    expect(said.message.tool_calls?.map((call) => call.function.arguments)).toEqual([
      { city: 'Paris' },
      {},
    ])
    expect([said.prompt_eval_count, said.eval_count]).toEqual([3, 0])
    expect(seen.at(-1)).toMatchObject({ stream: false })
  })

  test('reads a streamed chat, keepalives between the lines', async () => {
    let text = ''
    const calls: string[] = []
    let last: JsonObject = {}
    for await (const part of await client.chat({ model: 'm', messages, stream: true })) {
      text += part.message.content
      for (const call of part.message.tool_calls ?? []) calls.push(call.function.name)
      last = part as unknown as JsonObject
    }
    expect(text).toBe('hé 😀')
    expect(calls).toEqual(['weather', 'now'])
    expect(last).toMatchObject({ done: true, done_reason: 'stop', prompt_eval_count: 3 })
  })

  test('reads a streamed completion', async () => {
    let text = ''
    for await (const part of await client.generate({ model: 'm', prompt: 'q', stream: true })) {
      text += part.response
    }
    expect(text).toBe('hé 😀')
    expect(seen.at(-1)).toMatchObject({ form: 'completion', stream: true })
  })

  test('sends an image as bytes that are read as a picture', async () => {
    const png = Uint8Array.fromHex('89504e470d0a1a0a0000000d49484452')
    const images = [png]
    await client.chat({ model: 'm', messages: [{ role: 'user', content: 'q', images }] })
    expect(seen.at(-1)?.messages[0]?.content).toEqual([
      {
        type: 'image',
        source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUg==' },
      },
      { type: 'text', text: 'q' },
    ])
  })

  test('reads vectors in both forms, and the catalogue', async () => {
    const many = await client.embed({ model: 'm', input: ['a', 'b'] })
    expect(many.embeddings).toEqual([
      [0, 0.5],
      [1, 0.5],
    ])
    const one = await client.embeddings({ model: 'm', prompt: 'a' })
    expect(one).toEqual({ embedding: [0, 0.5] })
    expect((await client.list()).models.map((entry) => entry.name)).toEqual(['m'])
    const shown = (await client.show({ model: 'm' })) as unknown as JsonObject
    expect(shown['capabilities']).toEqual(['completion', 'tools'])
    expect(await client.version()).toEqual(encodeVersion() as { version: string })
  })
})
