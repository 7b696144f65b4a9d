// Ways around the rules: text in places that nobody looks at, in bytes that somebody reads, in two readings of one body, in names and sounds
// of an answer; and masking that would break what it masks.

import { afterEach, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../core/json.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestRequest,
} from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'
import { openaiChat } from '../../testing/voices-openai.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function gatewayOf(
  guards: Parameters<typeof withGuards>[1][],
  answer: Answer = json(openaiChat.whole({ text: 'fine' })),
) {
  const upstream = startUpstream(answer)
  closing.push(upstream)
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'p', type: 'custom', baseUrl: `${upstream.url}/v1` })],
  })
  const events = withGuards(gateway.deps, ...guards)
  return { ...gateway, upstream, events }
}

/** Finds the word where it stands by itself, as a list of words does. */
const WORD = { pattern: /(?<![\w])secret-word(?![\w])/g }
const input = { stages: ['input', 'tool_result'] } as const
const base64 = (text: string) => Buffer.from(text).toString('base64')
const user = (content: JsonObject['x']) => ({
  model: 'p/m',
  messages: [{ role: 'user', content: content! }],
})
const PDF = base64('%PDF-1.7 something')

const BLOCKED: Record<
  string,
  Pick<TestRequest, 'dialect' | 'operation' | 'hints'> & { body: JsonObject }
> = {
  'second line of a parameter': {
    dialect: 'openai-chat',
    body: {
      ...user('hi'),
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            parameters: {
              type: 'object',
              properties: { a: { type: 'string', description: 'a\nsecret-word' } },
            },
          },
        },
      ],
    },
  },
  'name in the schema of the answer': {
    dialect: 'openai-chat',
    body: {
      ...user('hi'),
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'x',
          schema: { type: 'object', properties: { 'secret-word': { type: 'string' } } },
        },
      },
    },
  },
  'name in metadata': {
    dialect: 'openai-chat',
    body: { ...user('hi'), metadata: { 'a secret-word': '1' } },
  },
  'structural name in metadata': {
    dialect: 'openai-chat',
    body: { ...user('hi'), metadata: { status: 'secret-word' } },
  },
  extra_body: {
    dialect: 'openai-chat',
    body: { ...user('hi'), extra_body: { id: 'secret-word' } },
  },
  prediction: {
    dialect: 'openai-chat',
    body: { ...user('hi'), prediction: { type: 'content', content: 'secret-word' } },
  },
  'part without a type': {
    dialect: 'openai-chat',
    body: user([{ text: 'secret' }, { text: '-word' }]),
  },
  'nested lists': { dialect: 'openai-chat', body: user([['secret'], ['-word']]) },
  'split over system and developer': {
    dialect: 'openai-chat',
    body: {
      model: 'p/m',
      messages: [
        { role: 'system', content: 'secret' },
        { role: 'developer', content: '-word' },
        { role: 'user', content: 'hi' },
      ],
    },
  },
  'file of text, encoded': {
    dialect: 'openai-chat',
    body: user([
      {
        type: 'file',
        file: { filename: 'a.txt', file_data: `data:text/plain;base64,${base64('a secret-word')}` },
      },
    ]),
  },
  'gemini: inline text': {
    dialect: 'gemini',
    hints: { model: 'p/m', stream: false },
    body: {
      contents: [
        {
          role: 'user',
          parts: [{ inlineData: { mimeType: 'text/plain', data: base64('a secret-word') } }],
        },
      ],
    },
  },
  'file that nobody can read': {
    dialect: 'openai-chat',
    body: user([
      {
        type: 'file',
        file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` },
      },
    ]),
  },
  sound: {
    dialect: 'openai-chat',
    body: user([{ type: 'input_audio', input_audio: { data: base64('RIFF'), format: 'wav' } }]),
  },
  'no bytes but said to be': {
    dialect: 'openai-chat',
    body: { ...user('hi'), note: 'data:x;base64,the secret-word' },
  },
  'long without a blank': {
    dialect: 'openai-chat',
    body: { ...user('hi'), note: `${'very_'.repeat(60)}/secret-word/` },
  },
  'gemini: result of a function': {
    dialect: 'gemini',
    hints: { model: 'p/m', stream: false },
    body: {
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
        {
          role: 'user',
          parts: [{ functionResponse: { name: 'f', response: { status: 'secret-word' } } }],
        },
      ],
    },
  },
  'cohere: document': {
    dialect: 'cohere',
    body: { ...user('hi'), documents: [{ id: '1', data: { id: 'secret-word', type: 'x' } }] },
  },
}

describe('hidden in a request', () => {
  for (const [name, request] of Object.entries(BLOCKED)) {
    test(name, async () => {
      const gateway = gatewayOf([testGuard(input, WORD)])
      const reply = await gateway.ask(request)
      expect([reply.status, await textOf(reply)]).toEqual([400, expect.stringContaining("'words'")])
      expect(gateway.upstream.requests).toHaveLength(0)
    })
  }
})

describe('hidden in a list of turns before', () => {
  test('a member named twice in a request that goes on an answer of its provider', async () => {
    const upstream = startUpstream(json({}))
    closing.push(upstream)
    const gateway = createTestGateway({
      providers: [testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })],
    })
    withGuards(gateway.deps, testGuard(input))
    await gateway.deps.kept.put({
      kind: 'response',
      id: 'resp_1',
      tenantId: 'default',
      providerId: 'p',
      model: 'm',
      createdMs: Date.now(),
      expiresMs: Date.now() + 60_000,
    })
    const reply = await gateway.ask({
      dialect: 'openai-responses',
      body: '{"model":"p/m","previous_response_id":"resp_1","input":"secret-word","input":"hi"}',
    })
    expect([reply.status, upstream.requests.length]).toEqual([400, 0])
  })
})

const call = (args: string, name = 'f') => ({
  id: 'c1',
  type: 'function',
  function: { name, arguments: args },
})
const chunks = (...deltas: JsonObject[]) => {
  const about = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
  const lines = deltas.map((delta) => ({
    ...about,
    choices: [{ index: 0, delta, finish_reason: null }],
  }))
  const end = { ...about, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
  return stream([
    ...[...lines, end].map((line) => `data: ${JSON.stringify(line)}\n\n`),
    'data: [DONE]\n\n',
  ])
}
const whole = (message: JsonObject) =>
  json({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, ...message },
        finish_reason: 'stop',
      },
    ],
  })

describe('masking', () => {
  const number = { pattern: /4111111111111111/g, label: 'card' }

  test('a number in the arguments of a call leaves JSON behind, in the request and in the answer', async () => {
    const mask = testGuard({ mode: 'mask', check: 'pii', stages: ['input'] }, number)
    const gateway = gatewayOf([mask], whole({ tool_calls: [call('{"card":"[CARD_1]","n":7}')] }))
    const reply = await gateway.ask({
      body: {
        model: 'p/m',
        messages: [
          { role: 'user', content: 'hi' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [call('{"card": 4111111111111111, "n": 7}')],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'ok' },
        ],
      },
    })
    const sent = JSON.parse(gateway.upstream.requests[0]!.text)
    expect(sent.messages[1].tool_calls[0].function.arguments).toBe('{"card": "[CARD_1]", "n": 7}')
    const said = await jsonOf<{
      choices: { message: { tool_calls: { function: { arguments: string } }[] } }[]
    }>(reply)
    expect(JSON.parse(said.choices[0]!.message.tool_calls[0]!.function.arguments)).toEqual({
      card: '4111111111111111',
      n: 7,
    })

    for (const isStream of [false, true]) {
      const args = '{"card":4111111111111111,"n":7}'
      const answer = isStream
        ? chunks({ role: 'assistant', tool_calls: [{ index: 0, ...call(args) }] })
        : whole({ tool_calls: [call(args)] })
      const out = gatewayOf(
        [testGuard({ mode: 'mask', check: 'pii', stages: ['output'] }, number)],
        answer,
      )
      const text = await textOf(await out.ask({ body: { ...user('hi'), stream: isStream } }))
      expect(text).toContain(JSON.stringify('{"card":"[CARD]","n":7}').slice(1, -1))
    }
  })

  test('reasoning that was masked loses its signature, streamed too; other reasoning keeps it', async () => {
    const events = (thinking: string) => {
      const say = (event: JsonObject) =>
        `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`
      return stream([
        say({
          type: 'message_start',
          message: {
            id: 'm',
            type: 'message',
            role: 'assistant',
            model: 'm',
            content: [],
            stop_reason: null,
            usage: { input_tokens: 1, output_tokens: 1 },
          },
        }),
        say({
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'thinking', thinking: '', signature: '' },
        }),
        say({ type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking } }),
        say({
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'signature_delta', signature: 'SIGNED' },
        }),
        say({ type: 'content_block_stop', index: 0 }),
        say({
          type: 'message_delta',
          delta: { stop_reason: 'end_turn' },
          usage: { output_tokens: 3 },
        }),
        say({ type: 'message_stop' }),
      ])
    }
    for (const thinking of ['well, the secret-word', 'well']) {
      const upstream = startUpstream(events(thinking))
      closing.push(upstream)
      const gateway = createTestGateway({
        providers: [testProvider({ id: 'p', type: 'anthropic', baseUrl: upstream.url })],
      })
      withGuards(gateway.deps, testGuard({ mode: 'mask', check: 'pii', stages: ['output'] }))
      const text = await textOf(
        await gateway.ask({
          dialect: 'anthropic',
          body: { ...user('hi'), max_tokens: 9, stream: true },
        }),
      )
      expect([
        text.includes('SIGNED'),
        text.includes('secret-word'),
        text.includes('message_stop'),
      ]).toEqual([thinking === 'well', false, true])
    }
  })
})

describe('hidden in an answer', () => {
  const output = { stages: ['output'] } as const
  const SOUND = { id: 'a', data: base64('RIFFsound'), expires_at: 1 }
  const HIDDEN: Record<string, [JsonObject, JsonObject]> = {
    'name of a call': [
      { tool_calls: [call('{}', 'secret-word')] },
      { role: 'assistant', tool_calls: [{ index: 0, ...call('{}', 'secret-word') }] },
    ],
    'id of a call': [
      { tool_calls: [{ ...call('{}'), id: 'the secret-word' }] },
      { role: 'assistant', tool_calls: [{ index: 0, ...call('{}'), id: 'the secret-word' }] },
    ],
    refusal: [{ refusal: 'no secret-word' }, { role: 'assistant', refusal: 'no secret-word' }],
    'a member nobody knows': [
      { content: 'x', whim: ['secret-word'] },
      { role: 'assistant', content: 'x', whim: ['secret-word'] },
    ],
    annotation: [
      {
        content: 'x',
        annotations: [
          {
            type: 'url_citation',
            url_citation: {
              url: 'https://a/secret-word',
              title: 'x',
              start_index: 0,
              end_index: 1,
            },
          },
        ],
      },
      {
        role: 'assistant',
        content: 'x',
        annotations: [
          {
            type: 'url_citation',
            url_citation: {
              url: 'https://a/secret-word',
              title: 'x',
              start_index: 0,
              end_index: 1,
            },
          },
        ],
      },
    ],
    'words of a sound': [
      { audio: { ...SOUND, transcript: 'the secret-word' } },
      { role: 'assistant', audio: { ...SOUND, transcript: 'the secret-word' } },
    ],
    'sound without words': [{ audio: SOUND }, { role: 'assistant', audio: SOUND }],
  }
  for (const [name, [message, delta]] of Object.entries(HIDDEN)) {
    for (const mode of ['block', 'mask'] as const) {
      for (const isStream of [false, true]) {
        test(`${name}, ${mode}${isStream ? ', streamed' : ''}`, async () => {
          const gateway = gatewayOf(
            [testGuard({ ...output, mode, check: 'pii' })],
            isStream ? chunks(delta) : whole(message),
          )
          const text = await textOf(
            await gateway.ask({ body: { ...user('hi'), stream: isStream } }),
          )
          for (const hidden of ['secret-word', SOUND.data]) expect(text).not.toContain(hidden)
          const [verdict] = (await gateway.outcome()).guardrails ?? []
          expect(['blocked', 'masked']).toContain(verdict?.verdict ?? '')
          if (/call|sound/.test(name)) expect(text).toContain('content_filter')
        })
      }
    }
  }
})
