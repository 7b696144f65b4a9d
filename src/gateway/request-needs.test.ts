// What a request needs, in each client's dialect: what is no need first, then each way of saying one.

import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { DialectName, Operation } from '../dialects/dialect.ts'
import { RequestNeeds, userOf } from './request-needs.ts'

function needsOf(
  dialect: DialectName,
  body: JsonObject,
  operation: Operation = 'chat',
): RequestNeeds {
  const bytes = Buffer.byteLength(JSON.stringify(body))
  return new RequestNeeds({ dialect, operation, bytes, body: () => body })
}

/** A user's message with these parts, as OpenAI's chats have it. */
const said = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] })
const PIXEL = 'iVBORw0KGgo='

describe('pictures', () => {
  const shown: readonly (readonly [string, DialectName, JsonObject, Operation?])[] = [
    ['by address', 'openai-chat', said({ type: 'image_url', image_url: { url: 'https://x/y' } })],
    [
      'in an earlier turn, after text',
      'openai-chat',
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url' }] },
          { role: 'assistant', content: 'b' },
          { role: 'user', content: 'c' },
        ],
      },
    ],
    [
      'in a message',
      'openai-responses',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:' }] }] },
    ],
    [
      'in a result of a tool',
      'openai-responses',
      {
        input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image' }] }],
      },
    ],
    [
      'of a screen',
      'openai-responses',
      { input: [{ type: 'computer_call_output', output: { type: 'computer_screenshot' } }] },
    ],
    ['in a message', 'anthropic', said({ type: 'image', source: { type: 'base64', data: PIXEL } })],
    [
      'in a result of a tool',
      'anthropic',
      said({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'image' }] }),
    ],
    ['in a chat', 'ollama', { messages: [{ role: 'user', content: 'a', images: [PIXEL] }] }],
    ['in a prompt', 'ollama', { prompt: 'a', images: [PIXEL] }, 'completion'],
    [
      'inline',
      'gemini',
      { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: PIXEL } }] }] },
    ],
    [
      'inline, in snake case, not in a list',
      'gemini',
      { contents: { parts: { inline_data: { mime_type: 'image/webp' } } } },
    ],
    [
      'as a file whose name tells it',
      'gemini',
      { contents: [{ parts: [{ file_data: { file_uri: 'gs://b/x.JPG' } }] }] },
    ],
    [
      'in a result of a function',
      'gemini',
      {
        contents: [
          { parts: [{ functionResponse: { parts: [{ inlineData: { mimeType: 'image/png' } }] } }] },
        ],
      },
    ],
    [
      'in a result of a function, in snake case',
      'gemini',
      {
        contents: [
          {
            parts: [
              { function_response: { parts: [{ inline_data: { mime_type: 'image/png' } }] } },
            ],
          },
        ],
      },
    ],
    ['in a message', 'cohere', said({ type: 'image_url', image_url: { url: 'data:' } })],
    ['in a message', 'bedrock', said({ image: { format: 'png', source: { bytes: PIXEL } } })],
    [
      'in a result of a tool',
      'bedrock',
      said({ toolResult: { toolUseId: 't', content: [{ image: { format: 'png' } }] } }),
    ],
  ]
  for (const [name, dialect, body, operation] of shown) {
    test(`${dialect}: ${name}`, () => expect(needsOf(dialect, body, operation).vision).toBe(true))
  }

  const unseen: readonly (readonly [string, DialectName, JsonObject, Operation?])[] = [
    ['nothing', 'openai-chat', {}],
    ['no messages', 'openai-chat', { messages: 'image_url' }],
    ['the word', 'openai-chat', { messages: [{ role: 'user', content: 'image_url' }] }],
    ['nulls', 'anthropic', { messages: [null, { role: 'user', content: null }], system: null }],
    ['a sound', 'openai-chat', said({ type: 'input_audio', input_audio: { data: PIXEL } })],
    ['a file', 'anthropic', said({ type: 'document', source: { type: 'text', data: 'image' } })],
    [
      'arguments',
      'anthropic',
      said({ type: 'tool_use', id: 't', name: 'n', input: { image: {} } }),
    ],
    ['no pictures', 'ollama', { messages: [{ role: 'user', content: 'a', images: [] }] }],
    ['a sound', 'gemini', { contents: [{ parts: [{ inlineData: { mimeType: 'audio/wav' } }] }] }],
    ['a file', 'gemini', { contents: [{ parts: [{ fileData: { fileUri: 'gs://b/x.pdf' } }] }] }],
    ['one to embed', 'cohere', { images: [PIXEL], input: [{ type: 'image' }] }, 'embedding'],
  ]
  for (const [name, dialect, body, operation] of unseen) {
    test(`${dialect}: ${name} is none`, () =>
      expect(needsOf(dialect, body, operation).vision).toBe(false))
  }
})

describe('tools', () => {
  const some = [{ type: 'function' }]
  test.each([
    ['openai-chat', { tools: some }],
    ['openai-chat', { functions: [{ name: 'f' }] }],
    ['openai-responses', { tools: some }],
    ['anthropic', { tools: [{ name: 'f', input_schema: {} }] }],
    ['ollama', { tools: some }],
    ['gemini', { tools: [{ functionDeclarations: [] }] }],
    ['gemini', { tools: { function_declarations: [] } }],
    ['cohere', { tools: some }],
    ['bedrock', { toolConfig: { tools: [{ toolSpec: {} }] } }],
  ] as const)('%s %j', (dialect, body) => {
    expect(needsOf(dialect, body as unknown as JsonObject).tools).toBe(true)
  })
  test.each([
    ['openai-chat', { tools: [] }],
    ['openai-chat', { tools: null }],
    ['openai-chat', { tools: 'all' }],
    ['bedrock', { tools: some }],
  ] as const)('%s %j is none', (dialect, body) => {
    expect(needsOf(dialect, body as unknown as JsonObject).tools).toBe(false)
  })
})

describe('a schema', () => {
  const schema = { type: 'object' }
  test.each([
    ['openai-chat', { response_format: { type: 'json_schema', json_schema: { schema } } }],
    ['openai-responses', { text: { format: { type: 'json_schema', schema } } }],
    ['anthropic', { output_config: { format: { type: 'json_schema', schema } } }],
    ['anthropic', { output_format: { type: 'json_schema', schema } }],
    ['ollama', { format: schema }],
    ['gemini', { generationConfig: { responseSchema: schema } }],
    ['gemini', { generation_config: { response_json_schema: schema } }],
    ['cohere', { response_format: { type: 'json_object', json_schema: schema } }],
    ['cohere', { response_format: { type: 'json_object', schema } }],
    ['bedrock', { outputConfig: { textFormat: { type: 'json_schema' } } }],
  ] as const)('%s %j', (dialect, body) => {
    expect(needsOf(dialect, body as unknown as JsonObject).jsonSchema).toBe(true)
  })
  test.each([
    ['openai-chat', { response_format: { type: 'json_object' } }],
    ['openai-chat', { response_format: 'json_schema' }],
    ['openai-responses', { text: { format: { type: 'text' } } }],
    ['ollama', { format: 'json' }],
    ['gemini', { generationConfig: { responseMimeType: 'application/json' } }],
    ['cohere', { response_format: { type: 'json_object' } }],
    ['openai-completions', { response_format: { type: 'json_schema' } }],
  ] as const)('%s %j is none', (dialect, body) => {
    expect(needsOf(dialect, body as unknown as JsonObject).jsonSchema).toBe(false)
  })
})

describe('form', () => {
  test.each([
    ['openai-chat', 'chat', {}, 'chat'],
    ['openai-completions', 'completion', {}, 'completion'],
    ['ollama', 'completion', { prompt: 'a' }, 'chat'],
    ['ollama', 'completion', { prompt: 'a', raw: true }, 'completion'],
    ['openai-embeddings', 'embedding', {}, undefined],
    ['anthropic', 'token-count', {}, undefined],
  ] as const)('%s %s %j: %s', (dialect, operation, body, form) => {
    expect(needsOf(dialect, body, operation).form).toBe(form)
  })
})

describe('room', () => {
  const words = 'one two three four five six seven eight nine ten '.repeat(100)

  test('never more than bytes and the answer asked for, never fewer than words surely are', () => {
    const body = { messages: [{ role: 'user', content: words }], max_completion_tokens: 50 }
    const needs = needsOf('openai-chat', body)
    expect(needs.tokensMax).toBe(Buffer.byteLength(JSON.stringify(body)) + 50)
    expect(needs.tokensMin).toBeGreaterThan(750 * 0.9)
    expect(needs.tokensMin).toBeLessThan(1_050)
    expect(needs.inputTokens).toBeGreaterThanOrEqual(1_000)
    expect(needs.outputTokens).toBe(50)
  })

  test('pictures and seals are not counted as words, results of tools and their schemas are', () => {
    const data = 'A'.repeat(100_000)
    const media = needsOf('anthropic', {
      messages: [
        { role: 'user', content: [{ type: 'image', source: { type: 'base64', data } }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: '', signature: data }] },
      ],
    })
    expect(media.tokensMin).toBeLessThan(100)
    const thoughts = needsOf('gemini', {
      contents: [
        {
          parts: [
            { text: words, thought: true },
            { text: 'a', thought_signature: data },
          ],
        },
        { parts: [{ text: 'b', thoughtSignature: data }] },
      ],
    })
    expect(thoughts.tokensMin).toBeLessThan(100)
    const file = said({ type: 'document_url', document_url: `data:application/pdf;base64,${data}` })
    expect(needsOf('openai-chat', file).tokensMin).toBeLessThan(100)
    const result = said({ type: 'tool_result', content: [{ type: 'text', text: words }] })
    expect(needsOf('anthropic', result).tokensMin).toBeGreaterThan(700)
    const tools = [{ type: 'function', function: { name: 'f', description: words } }]
    expect(needsOf('openai-chat', { messages: [], tools }).tokensMin).toBeGreaterThan(700)
  })

  test.each([
    ['openai-chat', { max_tokens: 7 }],
    ['openai-responses', { max_output_tokens: 7 }],
    ['anthropic', { max_tokens: 7 }],
    ['ollama', { options: { num_predict: 7 } }],
    ['gemini', { generationConfig: { maxOutputTokens: 7 } }],
    ['gemini', { generation_config: { max_output_tokens: 7 } }],
    ['cohere', { max_tokens: 7 }],
    ['bedrock', { inferenceConfig: { maxTokens: 7 } }],
  ] as const)('the answer asked for: %s %j', (dialect, body) => {
    expect(needsOf(dialect, body).outputTokens).toBe(7)
  })

  test.each([{}, { max_tokens: -1 }, { max_tokens: 0 }, { max_tokens: '9' }, { max_tokens: null }])(
    'no limit is no wish: %j',
    (body) => {
      const needs = needsOf('openai-chat', body as JsonObject)
      expect(needs.outputTokens).toBe(LIMITS.routeAnswerTokensMax)
      expect(needs.tokensMin).toBe(0)
    },
  )

  test('what is embedded takes no answer and no window', () => {
    const needs = needsOf('openai-embeddings', { input: words, max_tokens: 9 }, 'embedding')
    expect([needs.tokensMax, needs.tokensMin, needs.outputTokens]).toEqual([0, 0, 0])
    expect(needs.inputTokens).toBeGreaterThan(1_000)
  })
})

test('a body is asked for once, and only when something is read from it', () => {
  let asked = 0
  const needs = new RequestNeeds({
    dialect: 'openai-chat',
    operation: 'chat',
    bytes: 2,
    body: () => {
      asked += 1
      return {}
    },
  })
  expect(needs.form).toBe('chat')
  expect(asked).toBe(0)
  expect([needs.vision, needs.tools, needs.jsonSchema, needs.tokensMin]).toEqual([
    false,
    false,
    false,
    0,
  ])
  expect(asked).toBe(1)
})

test.each([
  ['openai-chat', { user: 'u' }, 'u'],
  ['openai-responses', { safety_identifier: 's' }, 's'],
  ['openai-chat', { user: 'u', safety_identifier: 's' }, 'u'],
  ['anthropic', { metadata: { user_id: 'u' } }, 'u'],
  ['anthropic', { user: 'u' }, undefined],
  ['openai-chat', { user: '' }, undefined],
  ['openai-chat', { user: 7 }, undefined],
  ['openai-chat', {}, undefined],
] as const)('the user of %s %j is %s', (dialect, body, user) => {
  expect(userOf(dialect, body)).toBe(user)
})
