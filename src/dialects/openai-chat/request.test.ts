// Faults first: what a client may get wrong is named, never echoed. Then what real clients send, and what each quirk of a
// provider does to it.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import type { ChatRequest } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Quirks } from '../dialect.ts'
import { decodeRequest, encodeRequest } from './request.ts'

const user = { role: 'user', content: 'hi' }

function failure(body: JsonObject): GatewayError {
  try {
    decodeRequest(body, {})
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

function decode(body: JsonObject): ChatRequest {
  return decodeRequest({ model: 'm', messages: [user], ...body }, {})
}

function encode(request: ChatRequest, quirks: Quirks = {}, model = 'some-model') {
  return encodeRequest(request, { model, quirks, defaultMaxTokens: 1000 })
}

describe('wrong requests name their parameter', () => {
  const SECRET = 'sk-secret-value'
  const call = (changes: JsonObject) => ({
    role: 'assistant',
    tool_calls: [{ id: 'c', type: 'function', ...changes }],
  })
  const cases: [string, JsonObject][] = [
    ['model', { messages: [user] }],
    ['messages', { model: 'm' }],
    ['messages', { model: 'm', messages: [] }],
    ['messages', { model: 'm', messages: SECRET }],
    ['messages[0]', { model: 'm', messages: [SECRET] }],
    ['messages[0].role', { model: 'm', messages: [{ role: SECRET, content: 'x' }] }],
    ['messages[1].content', { model: 'm', messages: [user, { role: 'user', content: 5 }] }],
    ['messages[0].content[0]', { model: 'm', messages: [{ role: 'user', content: [7] }] }],
    [
      'messages[0].content[0].image_url.url',
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
    ],
    ['messages[0].tool_call_id', { model: 'm', messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].tool_calls[0].function', { model: 'm', messages: [call({})] }],
    [
      'messages[0].tool_calls[0].function.name',
      { model: 'm', messages: [call({ function: { arguments: '{}' } })] },
    ],
    ['temperature', { model: 'm', messages: [user], temperature: SECRET }],
    ['stop[1]', { model: 'm', messages: [user], stop: ['a', 1] }],
    ['stream', { model: 'm', messages: [user], stream: 'yes' }],
    ['tools[0].function.name', { model: 'm', messages: [user], tools: [{ function: {} }] }],
    ['tool_choice', { model: 'm', messages: [user], tool_choice: SECRET }],
    ['response_format.type', { model: 'm', messages: [user], response_format: {} }],
    [
      'response_format.json_schema',
      { model: 'm', messages: [user], response_format: { type: 'json_schema' } },
    ],
  ]
  for (const [param, body] of cases) {
    test(`${param}: ${Object.keys(body).join()}`, () => {
      const error = failure(body)
      expect(error.kind).toBe('invalid_request')
      expect(error.param).toBe(param)
      expect(error.message).not.toContain(SECRET)
    })
  }
})

describe('decoding', () => {
  test('null is absent, zero and false are not', () => {
    const request = decode({
      temperature: 0,
      top_p: null,
      seed: 0,
      logprobs: false,
      tools: null,
      tool_choice: null,
      stop: null,
      metadata: null,
      parallel_tool_calls: false,
    })
    expect(request.sampling).toEqual({ temperature: 0, seed: 0 })
    expect(request.logprobs).toEqual({ enabled: false })
    expect(request.parallelToolCalls).toBe(false)
    for (const key of ['tools', 'toolChoice', 'stop', 'extras'])
      expect(request).not.toHaveProperty(key)
  })

  test('an assistant turn without text has no text block, whatever stands for nothing', () => {
    for (const content of [null, '', [], undefined]) {
      const toolCalls = [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '' } }]
      const message: JsonObject = { role: 'assistant', tool_calls: toolCalls }
      if (content !== undefined) message.content = content
      const [turn] = decode({ messages: [message] }).messages
      expect(turn?.content).toEqual([{ type: 'tool-use', id: 'c1', name: 'f', input: '' }])
    }
  })

  test('adjacent tool messages are one turn and know the tool', () => {
    const { messages } = decode({
      messages: [
        {
          role: 'assistant',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
            { id: 'b', type: 'function', function: { name: 'g', arguments: '{"x":1}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'one' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'two' }] },
      ],
    })
    expect(messages).toHaveLength(2)
    expect(messages[1]?.content).toMatchObject([
      { type: 'tool-result', toolUseId: 'a', toolName: 'f' },
      { type: 'tool-result', toolUseId: 'b', toolName: 'g' },
    ])
  })

  test('legacy functions become tools, and their results find the call', () => {
    const request = decode({
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
      messages: [
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
        { role: 'function', name: 'f', content: 'done' },
      ],
    })
    expect(request.tools).toEqual([{ type: 'function', name: 'f', parameters: { type: 'object' } }])
    expect(request.toolChoice).toEqual({ type: 'tool', name: 'f' })
    const [call, result] = request.messages.map(({ content }) => content[0])
    expect(call).toMatchObject({ type: 'tool-use', name: 'f', input: '{"a":1}' })
    expect(result).toMatchObject({
      type: 'tool-result',
      toolUseId: call?.type === 'tool-use' ? call.id : 'none',
    })
  })

  test('a data URL is bytes, another URL stays one', () => {
    const [turn] = decode({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
            { type: 'input_audio', input_audio: { data: 'BBBB', format: 'mp3' } },
          ],
        },
      ],
    }).messages
    expect(turn?.content).toEqual([
      {
        type: 'image',
        source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' },
        detail: 'low',
      },
      { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
      {
        type: 'audio',
        source: { kind: 'base64', mediaType: 'audio/mpeg', data: 'BBBB' },
        format: 'mp3',
      },
    ])
  })

  test('unknown members come home at every level, and a member named __proto__ is just that', () => {
    const body = JSON.parse(`{
      "model": "m", "metadata": {"a": 1}, "__proto__": {"polluted": true},
      "tools": [{"type": "function", "x_tool": 1, "function": {"name": "f", "x_inner": 2}}],
      "stream_options": {"include_obfuscation": false}, "stream": true,
      "tool_choice": {"type": "allowed_tools", "allowed_tools": {}},
      "messages": [{"role": "user", "x_message": 3, "content": [{"type": "text", "text": "t", "x_part": 4}]}]
    }`) as JsonObject
    const { value, losses } = encode(decodeRequest(body, {}))
    expect(losses).toEqual([])
    expect(JSON.parse(JSON.stringify(value))).toMatchObject({
      metadata: { a: 1 },
      tools: [{ x_tool: 1, function: { x_inner: 2 } }],
      stream_options: { include_usage: true, include_obfuscation: false },
      tool_choice: { type: 'allowed_tools' },
      messages: [{ x_message: 3, content: [{ x_part: 4 }] }],
    })
    expect(Object.hasOwn(value, '__proto__')).toBe(true)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('the seal of another dialect survives an OpenAI client', () => {
    const seal = { dialect: 'anthropic', kind: 'signature', value: 'c2ln' } as const
    const [turn] = decode({
      messages: [
        {
          role: 'assistant',
          content: 'x',
          reasoning_content: 'thought',
          reasoning_details: [
            {
              type: 'reasoning.text',
              text: 'thought',
              signature: 'c2ln',
              format: 'weir.anthropic.signature',
              index: 0,
            },
          ],
        },
      ],
    }).messages
    expect(turn?.content[0]).toEqual({ type: 'thinking', text: 'thought', seal })
  })

  test('a client that kept text and signature apart is understood', () => {
    const [turn] = decode({
      messages: [
        {
          role: 'assistant',
          reasoning: 'thought',
          reasoning_details: [
            { type: 'reasoning.text', signature: 's', format: 'weir.anthropic.signature' },
          ],
        },
      ],
    }).messages
    expect(turn?.content).toMatchObject([
      { type: 'thinking', text: 'thought', seal: { value: 's' } },
    ])
  })

  test('a made-up dialect in a format is no seal of it', () => {
    const [turn] = decode({
      messages: [
        {
          role: 'assistant',
          reasoning_details: [{ type: 'reasoning.encrypted', data: 'd', format: 'weir.nobody.x' }],
        },
      ],
    }).messages
    expect(turn?.content).toMatchObject([{ type: 'thinking', seal: { dialect: 'openai-chat' } }])
  })
})
