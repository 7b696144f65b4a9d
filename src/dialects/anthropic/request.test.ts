// A client's request into the IR: first what is refused and how the refusal names its place, then what each part becomes.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import type { Seal } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import { signatureFromSeal } from './seal.ts'
import { decodeRequest } from './request.ts'

const base: JsonObject = {
  model: 'claude-x',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'hi' }],
}

function refused(body: JsonObject): { kind: string; param: string | null; message: string } {
  try {
    decodeRequest(body, {})
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { kind: error.kind, param: error.param, message: error.message }
  }
  throw new Error('was accepted')
}

const user = (content: unknown): JsonObject => ({
  ...base,
  messages: [{ role: 'user', content: content as JsonObject }],
})

describe('faults name their place and never their value', () => {
  const cases: [string, JsonObject, string][] = [
    ['no model', { messages: [] }, 'model'],
    ['no messages', { model: 'm' }, 'messages'],
    ['messages of text', { ...base, messages: 'secret-value' }, 'messages'],
    ['a message that is a list', { ...base, messages: [['secret-value']] }, 'messages[0]'],
    ['no role', { ...base, messages: [{ content: 'x' }] }, 'messages[0].role'],
    ['a role of its own', { ...base, messages: [{ role: 'secret-value' }] }, 'messages[0].role'],
    ['no content', { ...base, messages: [{ role: 'user' }] }, 'messages[0].content'],
    ['content of a number', user(7), 'messages[0].content'],
    ['a block of text alone', user(['secret-value']), 'messages[0].content[0]'],
    ['a block without type', user([{ text: 'secret-value' }]), 'messages[0].content[0].type'],
    ['text without text', user([{ type: 'text' }]), 'messages[0].content[0].text'],
    [
      'an image without source type',
      user([{ type: 'image', source: {} }]),
      'messages[0].content[0].source.type',
    ],
    [
      'a broken block inside a tool result',
      user([{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 1 }] }]),
      'messages[0].content[0].content[0].text',
    ],
    ['max_tokens of text', { ...base, max_tokens: 'secret-value' }, 'max_tokens'],
    ['a stop of a number', { ...base, stop_sequences: [1] }, 'stop_sequences[0]'],
    ['a tool of text', { ...base, tools: ['secret-value'] }, 'tools[0]'],
    ['a tool without name', { ...base, tools: [{ input_schema: {} }] }, 'tools[0].name'],
    ['an odd tool choice', { ...base, tool_choice: { type: 'secret-value' } }, 'tool_choice.type'],
    ['a tool choice without name', { ...base, tool_choice: { type: 'tool' } }, 'tool_choice.name'],
    ['thinking without type', { ...base, thinking: {} }, 'thinking.type'],
    [
      'a schema format without schema',
      { ...base, output_format: { type: 'json_schema' } },
      'output_format.schema',
    ],
  ]
  test.each(cases)('%s', (_name, body, param) => {
    const error = refused(body)
    expect(error.kind).toBe('invalid_request')
    expect(error.param).toBe(param)
    expect(error.message).not.toContain('secret-value')
  })
})

describe('messages', () => {
  test('tool results come before the words of the same turn, and know their tool', () => {
    const { messages } = decodeRequest(
      {
        ...base,
        messages: [
          { role: 'user', content: 'go' },
          { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'and' },
              { type: 'tool_result', tool_use_id: 'a', content: 'ok', is_error: false },
            ],
          },
        ],
      },
      {},
    )
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user'])
    expect(messages[1]?.content[0]).toEqual({ type: 'tool-use', id: 'a', name: 'f', input: '' })
    expect(messages[2]?.content[0]).toEqual({
      type: 'tool-result',
      toolUseId: 'a',
      toolName: 'f',
      content: [{ type: 'text', text: 'ok' }],
      isError: false,
    })
  })

  test('a system message inside the list keeps its place, top-level system leads', () => {
    const { messages } = decodeRequest(
      {
        ...base,
        system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'system', content: 'later' },
        ],
      },
      {},
    )
    expect(messages).toEqual([
      { role: 'system', content: [{ type: 'text', text: 's', cache: { ttl: '1h' } }] },
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      { role: 'system', content: [{ type: 'text', text: 'later' }] },
    ])
  })

  test('thinking: a signature, a packed seal, a broken packing, none', () => {
    const seal: Seal = {
      dialect: 'openai-chat',
      kind: 'details',
      value: [{ data: 'é', index: 0 }],
    }
    const thinking = (signature: string): JsonObject => ({
      type: 'thinking',
      thinking: 't',
      signature,
    })
    const { messages } = decodeRequest(
      user([
        thinking('abc'),
        thinking(signatureFromSeal(seal)),
        thinking('weir1.AAAA'),
        thinking(''),
        { type: 'redacted_thinking', data: 'zzz' },
      ]),
      {},
    )
    expect(messages[0]?.content).toEqual([
      {
        type: 'thinking',
        text: 't',
        seal: { dialect: 'anthropic', kind: 'signature', value: 'abc' },
      },
      { type: 'thinking', text: 't', seal },
      { type: 'thinking', text: 't' },
      { type: 'thinking', text: 't' },
      {
        type: 'thinking',
        text: '',
        seal: { dialect: 'anthropic', kind: 'redacted', value: 'zzz' },
      },
    ])
  })

  test('documents of every source, and a document of blocks as its text', () => {
    const document = (source: JsonObject): JsonObject => ({ type: 'document', source })
    const content = {
      type: 'content',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    }
    const { messages } = decodeRequest(
      user([
        document({ type: 'base64', media_type: 'application/pdf', data: 'AA==' }),
        document({ type: 'url', url: 'https://x.example/a.pdf' }),
        document({ type: 'file', file_id: 'file_1' }),
        document({ type: 'text', media_type: 'text/plain', data: 'plain' }),
        document(content),
      ]),
      {},
    )
    expect(messages[0]?.content).toMatchObject([
      { type: 'file', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AA==' } },
      { type: 'file', source: { kind: 'url', url: 'https://x.example/a.pdf' } },
      { type: 'file', source: { kind: 'file-id', fileId: 'file_1' } },
      { type: 'file', source: { kind: 'text', text: 'plain' } },
      {
        type: 'file',
        source: { kind: 'text', text: 'a\nb' },
        extras: { anthropic: { source: content } },
      },
    ])
  })

  test('what only Anthropic knows is opaque', () => {
    const block = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
    const { messages } = decodeRequest(user([block]), {})
    expect(messages[0]?.content).toEqual([{ type: 'opaque', dialect: 'anthropic', value: block }])
  })
})

describe('options', () => {
  test('zeros and falses are not absent, nulls are', () => {
    const request = decodeRequest(
      {
        ...base,
        temperature: 0,
        top_p: null,
        top_k: 0,
        stream: false,
        max_tokens: 0,
        stop_sequences: [],
      },
      {},
    )
    expect(request).toMatchObject({
      sampling: { temperature: 0, topK: 0 },
      maxTokens: 0,
      stop: [],
      stream: false,
    })
    expect('topP' in request.sampling).toBe(false)
  })

  test('what Claude Code sends for a name it does not know', () => {
    const request = decodeRequest(
      {
        ...base,
        thinking: { type: 'adaptive', display: 'summarized' },
        output_config: { effort: 'high' },
        metadata: { user_id: '{"device":"x"}', other: 1 },
        context_management: { edits: [] },
        tool_choice: { type: 'any', disable_parallel_tool_use: true },
      },
      {},
    )
    expect(request).toMatchObject({
      reasoning: { enabled: true, adaptive: true, effort: 'high' },
      user: '{"device":"x"}',
      toolChoice: { type: 'required' },
      parallelToolCalls: false,
      extras: {
        anthropic: {
          context_management: { edits: [] },
          metadata: { other: 1 },
          thinking: { display: 'summarized' },
        },
      },
    })
  })

  test('tools: functions by schema, the rest of its own type runs at the provider', () => {
    const { tools } = decodeRequest(
      {
        ...base,
        tools: [
          { name: 'f', input_schema: { type: 'object' }, type: 'custom', defer_loading: true },
          { name: 'web_search', type: 'web_search_20250305', max_uses: 1 },
        ],
      },
      {},
    )
    expect(tools).toEqual([
      {
        type: 'function',
        name: 'f',
        parameters: { type: 'object' },
        extras: { anthropic: { defer_loading: true } },
      },
      {
        type: 'provider',
        dialect: 'anthropic',
        value: { name: 'web_search', type: 'web_search_20250305', max_uses: 1 },
      },
    ])
  })

  test('a schema by either name, and an effort without thinking', () => {
    const schema = { type: 'object' }
    const format = { type: 'json_schema', schema }
    const wanted = { type: 'json-schema', schema } as const
    expect(decodeRequest({ ...base, output_format: format }, {}).responseFormat).toEqual(wanted)
    const newer = decodeRequest({ ...base, output_config: { format, effort: 'low' } }, {})
    expect(newer.responseFormat).toEqual(wanted)
    expect(newer.reasoning).toEqual({ effort: 'low', adaptive: false })
    expect(newer.extras).toBeUndefined()
  })

  test('the model of the path wins', () => {
    expect(decodeRequest({ messages: [] }, { model: 'path' }).model).toBe('path')
    expect(decodeRequest(base, { model: 'path' }).model).toBe('path')
  })
})
