import type { JsonObject } from '../core/json.ts'
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROVIDER_TYPES, type Provider, type ProviderType } from '../core/catalog.ts'
import type { JsonValue } from '../core/json.ts'
import type { DialectName, Operation } from '../dialects/dialect.ts'
import type { EndpointRequest, ProviderKind } from './provider.ts'
import { providerKind, unsupportedProviderText } from './registry.ts'

const OPERATIONS: Operation[] = ['chat', 'completion', 'embedding']

function provider(type: ProviderType, more: Partial<Provider> = {}): Provider {
  return {
    id: type,
    type,
    origin: 'file',
    baseUrl: providerKind(type)?.defaultBaseUrl ?? 'https://team.openai.azure.com',
    keys: [],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    retries: { max: 0, baseMs: 0, capMs: 0 },
    network: { verify: true },
    headers: {},
    ...more,
  }
}

function kindOf(type: ProviderType): ProviderKind {
  const kind = providerKind(type)
  if (kind === undefined) throw new Error(`no kind for ${type}`)
  return kind
}

function url(
  type: ProviderType,
  dialect: DialectName,
  operation: Operation,
  more: Partial<Provider> = {},
  rest: Partial<EndpointRequest> = {},
): string {
  return kindOf(type).endpoint({
    provider: provider(type, more),
    dialect,
    operation,
    model: 'm',
    stream: false,
    ...rest,
  })
}

const read = (type: ProviderType, body: JsonValue) => kindOf(type).models?.read(body)

describe('registry', () => {
  test('a type of a later version is told by name', () => {
    for (const type of ['constructor', 'later'] as string[] as ProviderType[]) {
      expect(providerKind(type)).toBeUndefined()
      expect(unsupportedProviderText(type)).toContain(`'${type}'`)
    }
    for (const type of PROVIDER_TYPES) {
      expect(kindOf(type).type).toBe(type)
      expect(unsupportedProviderText(type)).toBeUndefined()
    }
  })

  test('every dialect a kind names has an absolute URL, and an empty secret is no header', () => {
    for (const type of PROVIDER_TYPES) {
      for (const operation of OPERATIONS) {
        for (const dialect of kindOf(type).dialects(provider(type), operation)) {
          expect(() => new URL(url(type, dialect, operation))).not.toThrow()
          const headers = kindOf(type).authorize(provider(type), '', dialect)
          expect(
            Object.values(headers).filter((value) => value.trim() === '' || value === 'Bearer '),
          ).toEqual([])
        }
      }
    }
  })
})

describe('endpoints', () => {
  test.each<[string, string, string]>([
    [
      'openai chat',
      url('openai', 'openai-chat', 'chat'),
      'https://api.openai.com/v1/chat/completions',
    ],
    [
      'openai completion as a chat',
      url('openai', 'openai-chat', 'completion'),
      'https://api.openai.com/v1/chat/completions',
    ],
    [
      'openai completion',
      url('openai', 'openai-completions', 'completion'),
      'https://api.openai.com/v1/completions',
    ],
    [
      'openai embedding',
      url('openai', 'openai-embeddings', 'embedding'),
      'https://api.openai.com/v1/embeddings',
    ],
    [
      'openai origin alone',
      url('openai', 'openai-chat', 'chat', { baseUrl: 'https://eu.api.openai.com/' }),
      'https://eu.api.openai.com/v1/chat/completions',
    ],
    [
      'azure newer',
      url('azure', 'openai-chat', 'chat'),
      'https://team.openai.azure.com/openai/v1/chat/completions',
    ],
    [
      'azure preview',
      url('azure', 'openai-chat', 'chat', { apiVersion: 'preview' }),
      'https://team.openai.azure.com/openai/v1/chat/completions?api-version=preview',
    ],
    [
      'azure deployment',
      url('azure', 'openai-chat', 'chat', { apiVersion: '2024-10-21' }, { model: 'gpt 5/x' }),
      'https://team.openai.azure.com/openai/deployments/gpt%205%2Fx/chat/completions?api-version=2024-10-21',
    ],
    [
      'azure with /openai/',
      url('azure', 'openai-embeddings', 'embedding', {
        baseUrl: 'https://t.openai.azure.com/openai/',
        apiVersion: '2024-10-21',
      }),
      'https://t.openai.azure.com/openai/deployments/m/embeddings?api-version=2024-10-21',
    ],
    [
      'azure with /openai/v1',
      url('azure', 'openai-chat', 'chat', { baseUrl: 'https://t.openai.azure.com/openai/v1' }),
      'https://t.openai.azure.com/openai/v1/chat/completions',
    ],
    [
      'openai responses',
      url('openai', 'openai-responses', 'chat'),
      'https://api.openai.com/v1/responses',
    ],
    [
      'openai counting',
      url('openai', 'openai-responses', 'token-count'),
      'https://api.openai.com/v1/responses/input_tokens',
    ],
    [
      'azure responses newer',
      url('azure', 'openai-responses', 'chat'),
      'https://team.openai.azure.com/openai/v1/responses',
    ],
    [
      'azure responses dated',
      url('azure', 'openai-responses', 'chat', { apiVersion: '2025-04-01-preview' }),
      'https://team.openai.azure.com/openai/responses?api-version=2025-04-01-preview',
    ],
    ['anthropic', url('anthropic', 'anthropic', 'chat'), 'https://api.anthropic.com/v1/messages'],
    [
      'anthropic with /v1',
      url('anthropic', 'anthropic', 'completion', { baseUrl: 'https://api.anthropic.com/v1/' }),
      'https://api.anthropic.com/v1/messages',
    ],
    ['ollama chat', url('ollama', 'ollama', 'chat'), 'http://127.0.0.1:11434/api/chat'],
    [
      'ollama generate',
      url('ollama', 'ollama', 'completion'),
      'http://127.0.0.1:11434/api/generate',
    ],
    ['ollama embed', url('ollama', 'ollama', 'embedding'), 'http://127.0.0.1:11434/api/embed'],
    [
      'ollama older embeddings',
      url('ollama', 'ollama', 'embedding', {}, { legacy: true }),
      'http://127.0.0.1:11434/api/embeddings',
    ],
    [
      'ollama relayed',
      url('ollama', 'openai-chat', 'chat', { baseUrl: 'http://gpu:11434/v1/' }),
      'http://gpu:11434/v1/chat/completions',
    ],
    [
      'mistral',
      url('mistral', 'openai-chat', 'completion'),
      'https://api.mistral.ai/v1/chat/completions',
    ],
    [
      'openrouter',
      url('openrouter', 'openai-completions', 'completion'),
      'https://openrouter.ai/api/v1/completions',
    ],
    [
      'lmstudio origin alone',
      url('lmstudio', 'openai-chat', 'chat', { baseUrl: 'http://localhost:1234' }),
      'http://localhost:1234/v1/chat/completions',
    ],
    [
      'custom as written',
      url('custom', 'openai-chat', 'chat', { baseUrl: 'https://api.deepseek.com' }),
      'https://api.deepseek.com/chat/completions',
    ],
    [
      'custom anthropic',
      url('custom', 'anthropic', 'chat', {
        baseUrl: 'https://api.deepseek.com/anthropic',
        compatible: 'anthropic',
      }),
      'https://api.deepseek.com/anthropic/v1/messages',
    ],
  ])('%s', (_name, actual, expected) => expect(actual).toBe(expected))

  test('no name can leave its place in the path', () => {
    const escaped = url(
      'azure',
      'openai-chat',
      'chat',
      { apiVersion: '2024-10-21&x=1#' },
      { model: '../../admin?x#y' },
    )
    const { pathname, searchParams, hash } = new URL(escaped)
    expect(pathname).toBe('/openai/deployments/..%2F..%2Fadmin%3Fx%23y/chat/completions')
    expect([...searchParams.keys()]).toEqual(['api-version'])
    expect(hash).toBe('')
  })
})

describe('dialects', () => {
  const dialects = (
    type: ProviderType,
    operation: Operation,
    model?: string,
    more: Partial<Provider> = {},
  ) => [...kindOf(type).dialects(provider(type, more), operation, model)]

  test('OpenAI completions go to the models that know nothing else', () => {
    expect(dialects('openai', 'completion')).toEqual(['openai-chat'])
    expect(dialects('openai', 'completion', 'gpt-5-mini')).toEqual(['openai-chat'])
    for (const model of [
      'gpt-3.5-turbo-instruct',
      'gpt-3.5-turbo-instruct-0914',
      'davinci-002',
      'ft:babbage-002:org::1',
    ]) {
      expect(dialects('openai', 'completion', model)).toEqual(['openai-completions'])
      expect(dialects('openai', 'chat', model)).toEqual(['openai-completions'])
    }
    expect(dialects('openai', 'chat', 'my-davinci-002')[0]).toBe('openai-chat')
    expect(dialects('azure', 'completion', 'gpt-35-turbo-instruct')).toEqual(['openai-completions'])
  })

  test('OpenAI models go where they answer', () => {
    const both: DialectName[] = ['openai-chat', 'openai-responses']
    for (const model of ['gpt-5-mini', 'gpt-4o', 'o3', 'o4-mini', 'gpt-5.6', 'my-own-name']) {
      expect(dialects('openai', 'chat', model)).toEqual(both)
    }
    for (const model of [
      'o1-pro',
      'o3-pro-2025-06-10',
      'o3-deep-research',
      'o4-mini-deep-research-2025-06-26',
      'gpt-5-pro',
      'gpt-5.5-pro-2026-04-23',
      'gpt-5-codex',
      'gpt-5.1-codex-max',
      'codex-mini-latest',
      'computer-use-preview',
      'gpt-6-rosalind',
    ]) {
      expect(dialects('openai', 'chat', model)).toEqual(['openai-responses'])
      expect(dialects('openai', 'completion', model)).toEqual(['openai-responses'])
    }
    for (const model of ['gpt-4o-search-preview', 'gpt-audio-mini', 'gpt-4o-audio-preview']) {
      expect(dialects('openai', 'chat', model)).toEqual(['openai-chat'])
    }
    expect(dialects('openai', 'token-count', 'gpt-5-mini')).toEqual(['openai-responses'])
  })

  test('Azure has a Responses API in its newer versions, for OpenAI models', () => {
    const both: DialectName[] = ['openai-chat', 'openai-responses']
    expect(dialects('azure', 'chat', 'gpt-5-mini')).toEqual(both)
    expect(dialects('azure', 'chat', 'm', { apiVersion: '2025-03-01-preview' })).toEqual(both)
    expect(dialects('azure', 'chat', 'm', { apiVersion: '2024-10-21' })).toEqual(['openai-chat'])
    expect(dialects('azure', 'chat', 'DeepSeek-V3')).toEqual(['openai-chat'])
    expect(dialects('azure', 'chat', 'gpt-5-codex')).toEqual(['openai-responses'])
    const old = { apiVersion: '2024-10-21' }
    expect(dialects('azure', 'chat', 'gpt-5-codex', old)).toEqual(['openai-chat'])
    expect(dialects('azure', 'token-count', 'gpt-5-mini')).toEqual([])
    const dated = provider('azure', { apiVersion: '2025-04-01-preview' })
    expect(kindOf('azure').quirks(dated, 'm', 'openai-responses').modelInPath).toBeUndefined()
    expect(kindOf('azure').quirks(dated, 'm', 'openai-chat').modelInPath).toBe(true)
  })

  test('others', () => {
    expect(dialects('openrouter', 'chat')).toEqual(['openai-chat', 'openai-responses'])
    expect(dialects('lmstudio', 'chat')).toEqual(['openai-chat', 'openai-responses'])
    expect(dialects('ollama', 'chat')).toEqual(['ollama'])
    const context = { guard: false, maxTokens: 4_096, reserveTokens: 512 }
    expect(dialects('ollama', 'chat', 'm', { context })).toEqual(['ollama', 'openai-chat'])
    expect(dialects('mistral', 'completion')).toEqual(['openai-chat'])
    expect(dialects('anthropic', 'embedding')).toEqual([])
    expect(dialects('custom', 'completion')).toEqual(['openai-completions', 'openai-chat'])
    expect(dialects('custom', 'completion', 'm', { compatible: 'anthropic' })).toEqual([
      'anthropic',
    ])
  })
})

describe('credentials and quirks', () => {
  const headers = (type: ProviderType, secret?: string, more: Partial<Provider> = {}) =>
    kindOf(type).authorize(provider(type, more), secret, 'openai-chat')

  test('each provider gets its key where it looks for it', () => {
    expect(headers('openai', 's')).toEqual({ authorization: 'Bearer s' })
    expect(headers('azure', 's')).toEqual({ 'api-key': 's' })
    expect(headers('azure', 'eyJh.eyJz.c2ln')).toEqual({ authorization: 'Bearer eyJh.eyJz.c2ln' })
    expect(headers('anthropic', 's')).toEqual({
      'x-api-key': 's',
      'anthropic-version': '2023-06-01',
    })
    expect(headers('custom', 's', { compatible: 'anthropic' })).toEqual({
      'x-api-key': 's',
      'anthropic-version': '2023-06-01',
    })
    expect(headers('custom', 's')).toEqual({ authorization: 'Bearer s' })
    expect(headers('ollama')).toEqual({})
    expect(headers('openrouter', 's')).toMatchObject({
      authorization: 'Bearer s',
      'x-title': 'Weir',
    })
    expect(headers('mock', 's')).toEqual({})
  })

  test('what is not relayed, since the answer would be none that the client can use', () => {
    const mistral = (model: string, body: JsonObject) =>
      kindOf('mistral').quirks(provider('mistral'), model).refuses?.(body) ?? false
    expect(mistral('mistral-small-latest', {})).toBe(false)
    expect(mistral('mistral-small-latest', { reasoning_effort: 'none' })).toBe(false)
    expect(mistral('mistral-small-latest', { reasoning_effort: 'high' })).toBe(true)
    expect(mistral('magistral-medium-latest', {})).toBe(true)
    const openrouter = (body: JsonObject) =>
      kindOf('openrouter')
        .quirks(provider('openrouter'), 'm', 'openai-responses')
        .refuses?.(body) ?? false
    expect(openrouter({ store: false })).toBe(false)
    expect(openrouter({})).toBe(true)
    expect(openrouter({ store: false, previous_response_id: 'resp_1' })).toBe(true)
  })

  test('Azure by version', () => {
    const quirks = (apiVersion: string | undefined, model: string) =>
      kindOf('azure').quirks(
        provider('azure', apiVersion === undefined ? {} : { apiVersion }),
        model,
      )
    expect(quirks('2024-02-01', 'prod')).toMatchObject({
      modelInPath: true,
      noStreamOptions: true,
      maxTokensField: 'max_tokens',
    })
    const refused = { refusedMessageFields: expect.arrayContaining(['reasoning_content']) }
    expect(quirks('2024-10-21', 'prod')).toEqual({
      modelInPath: true,
      maxTokensField: 'max_completion_tokens',
      ...refused,
    })
    expect(quirks(undefined, 'prod')).toEqual({
      maxTokensField: 'max_completion_tokens',
      ...refused,
    })
    expect(quirks(undefined, 'Mistral-Large-3')).toEqual({ maxTokensField: 'max_tokens' })
  })

  test('Mistral refuses what its schema lacks', () => {
    const quirks = (model: string) => kindOf('mistral').quirks(provider('mistral'), model)
    expect(quirks('mistral-large-latest').refusedFields).toContain('stream_options')
    expect(quirks('open-mistral-7b').refusedFields).toContain('reasoning_effort')
    expect(quirks('mistral-small-latest').refusedFields).not.toContain('reasoning_effort')
    expect(quirks('x').toolCallIdPattern?.test('aB3dE6gH9')).toBe(true)
    expect(quirks('x').toolCallIdPattern?.test('call_abc123')).toBe(false)
  })
})

describe('model lists', () => {
  test('what is no list gives no models', () => {
    for (const type of PROVIDER_TYPES) {
      for (const body of [
        null,
        1,
        'x',
        [],
        {},
        { data: 7, models: {} },
        { data: [null, 1, {}, { id: '' }, { id: 5 }] },
      ] as JsonValue[]) {
        expect(read(type, body)).toEqual([])
      }
    }
  })

  test('a list is bounded', () => {
    const data = Array.from({ length: 6_000 }, (_, index) => ({ id: `m${index}` }))
    expect(read('openai', { data })).toHaveLength(5_000)
  })

  test('each in its own shape', () => {
    expect(
      read('openai', {
        data: [
          { id: 'gpt', created: 1_700_000_000 },
          { id: 'old', created: 0 },
        ],
      }),
    ).toEqual([{ id: 'gpt', createdMs: 1_700_000_000_000 }, { id: 'old' }])
    expect(
      read('azure', {
        data: [
          {
            id: 'gpt-4o',
            created_at: 1_700_000_000,
            capabilities: { chat_completion: true, embeddings: false },
          },
        ],
      }),
    ).toEqual([{ id: 'gpt-4o', createdMs: 1_700_000_000_000, capabilities: ['completion'] }])
    expect(
      read('ollama', {
        models: [
          { name: 'llama3:latest', model: 'llama3:latest', modified_at: '2026-01-01T00:00:00.5Z' },
        ],
      }),
    ).toEqual([{ id: 'llama3:latest', createdMs: Date.UTC(2026, 0, 1) + 500 }])
    expect(
      read('openrouter', {
        data: [
          {
            id: 'a/b',
            created: 1,
            context_length: 1000,
            architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
            supported_parameters: ['tools'],
          },
        ],
      }),
    ).toEqual([
      {
        id: 'a/b',
        createdMs: 1000,
        contextWindow: 1000,
        capabilities: ['completion', 'tools', 'vision'],
      },
    ])
    expect(
      read('lmstudio', {
        data: [
          { id: 'q', object: 'model' },
          { id: 'v', type: 'vlm', max_context_length: 32768, capabilities: ['tool_use'] },
        ],
      }),
    ).toEqual([
      { id: 'q' },
      { id: 'v', contextWindow: 32768, capabilities: ['completion', 'tools', 'vision'] },
    ])
    const newer = {
      type: 'model',
      id: 'claude',
      created_at: '2026-01-01T00:00:00Z',
      max_input_tokens: 200000,
      capabilities: { image_input: { supported: true }, thinking: { supported: false } },
    }
    const expected = [
      {
        id: 'claude',
        createdMs: Date.UTC(2026, 0, 1),
        contextWindow: 200000,
        capabilities: ['completion', 'tools', 'vision'],
      },
    ]
    expect(read('anthropic', { data: [newer] })).toEqual(expected)
    expect(read('custom', { data: [newer] })).toEqual(expected)
    expect(
      read('custom', { data: [{ id: 'vllm', object: 'model', max_model_len: 4096 }] }),
    ).toEqual([{ id: 'vllm', contextWindow: 4096 }])
  })
})

const recordings = process.env.WEIR_RECORDINGS
if (recordings === undefined) {
  process.stderr.write('skipped: recorded model lists, as WEIR_RECORDINGS is not set\n')
}
describe.skipIf(recordings === undefined)('recorded model lists (WEIR_RECORDINGS)', () => {
  test.each<[ProviderType, string]>([
    ['openai', 'openai/openai-models-e946e3e8'],
    ['anthropic', 'anthropic/anthropic-models-a3c2dc61'],
    ['mistral', 'mistral/mistral-models-106a12eb'],
    ['custom', 'cerebras/cerebras-models-324588c1'],
    ['custom', 'anthropic/anthropic-models-a3c2dc61'],
  ])('%s reads %s whole', (type, file) => {
    const path = join(recordings ?? '', `${file}.json`)
    expect(existsSync(path)).toBe(true)
    const { body } = JSON.parse(readFileSync(path, 'utf8')).response
    const models = read(type, body) ?? []
    expect(models.length).toBe(body.data.length)
    expect(models.map((model) => model.id)).toEqual(
      body.data.map((entry: { id: string }) => entry.id),
    )
    if (type === 'mistral') {
      const medium = models.find((model) => model.id === 'mistral-medium-2505')
      expect(medium).toMatchObject({
        contextWindow: 131072,
        capabilities: ['completion', 'tools', 'vision'],
      })
    }
  })
})
