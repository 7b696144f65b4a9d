// What we say to clients, read by Anthropic's own SDK, with its fetch answered here: no network.

import { Anthropic, APIError, NotFoundError } from '@anthropic-ai/sdk'
import { expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { replay } from '../../core/ir/replay.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { errors } from './error.ts'
import { anthropic } from './index.ts'

const codec = anthropic.chat!
const reply = { model: 'asked', id: 'fresh', nowMs: 0, streamUsage: false }

const answer: ChatResponse = {
  id: 'chatcmpl-1',
  model: 'gpt-x',
  choices: [
    {
      index: 0,
      blocks: [
        {
          type: 'thinking',
          text: 'hm',
          seal: { dialect: 'openai-chat', kind: 'details', value: [1] },
        },
        { type: 'text', text: 'Grüße' },
        { type: 'tool-use', id: 'call_1', name: 'f', input: '{"a":"}"}' },
        { type: 'tool-use', id: 'call_2', name: 'g', input: '' },
      ],
      finish: { unified: 'tool-use' },
    },
  ],
  usage: { inputTokens: 5, cacheReadTokens: 2, outputTokens: 7 },
}

function client(body: string, type: string, status = 200): Anthropic {
  return new Anthropic({
    apiKey: 'k',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(body, { status, headers: { 'content-type': type } })),
  })
}

const ask = {
  model: 'm',
  max_tokens: 10,
  messages: [{ role: 'user' as const, content: 'hi' }],
}

function streamText(): string {
  const encoder = codec.createStreamEncoder(reply)
  const body = replay(answer).map((event) => encoder.push(event) + anthropic.keepalive('m', 0))
  return anthropic.keepalive('m', 0) + body.join('') + encoder.end()
}

test('a stream is the same message as the whole answer', async () => {
  const whole = await client(
    JSON.stringify(codec.encodeResponse(answer, reply).value),
    'application/json',
  ).messages.create(ask)
  const streamed = await client(streamText(), 'text/event-stream')
    .messages.stream(ask)
    .finalMessage()
  expect(JSON.parse(JSON.stringify(streamed.content))).toEqual(
    JSON.parse(JSON.stringify(whole.content)),
  )
  expect(streamed.stop_reason).toBe('tool_use')
  expect(streamed.usage).toMatchObject({
    input_tokens: 5,
    cache_read_input_tokens: 2,
    output_tokens: 7,
  })
  const [thinking] = streamed.content
  const back = codec.decodeRequest(
    {
      ...ask,
      messages: [
        ...ask.messages,
        { role: 'assistant', content: [JSON.parse(JSON.stringify(thinking))] },
      ],
    },
    {},
  )
  expect(back.messages[1]?.content[0]).toEqual(answer.choices[0]!.blocks[0]!)
})

test('an error inside a stream is raised with its type', async () => {
  const error = new GatewayError('upstream_error')
  const text = streamText().split('event: message_delta')[0]! + errors.encodeStream(error, 'r1')
  const raised = await client(text, 'text/event-stream')
    .messages.stream(ask)
    .finalMessage()
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  expect(raised).toBeInstanceOf(APIError)
  expect(String(raised)).toContain(error.message)
})

test('an error body is raised as its class', async () => {
  const body = JSON.stringify(errors.encode(new GatewayError('model_not_found'), 'r1'))
  const raised = await client(body, 'application/json', 404)
    .messages.create(ask)
    .catch((thrown: unknown) => thrown)
  expect(raised).toBeInstanceOf(NotFoundError)
})
