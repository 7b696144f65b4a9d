// The Gemini kind: addresses however the base was written, the credential's header, and Google's own list of models.

import { describe, expect, test } from 'bun:test'
import type { Provider } from '../core/catalog.ts'
import { haveRecordings, recordings } from '../testing/recordings.ts'
import { gemini, readGeminiModels } from './gemini.ts'
import type { EndpointRequest } from './provider.ts'

function provider(baseUrl: string): Provider {
  return {
    id: 'g',
    type: 'gemini',
    origin: 'file',
    baseUrl,
    keys: [],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    retries: { max: 0, baseMs: 0, capMs: 0 },
    network: { verify: true },
    headers: {},
  }
}

const HOST = 'https://generativelanguage.googleapis.com'

function url(more: Partial<EndpointRequest> = {}, baseUrl: string = HOST): string {
  return gemini.endpoint({
    provider: provider(baseUrl),
    dialect: 'gemini',
    operation: 'chat',
    model: 'gemini-2.5-flash',
    stream: false,
    ...more,
  })
}

describe('addresses', () => {
  test('a base may be written in any of the ways people copy it', () => {
    for (const base of [
      HOST,
      `${HOST}/`,
      `${HOST}/v1beta`,
      `${HOST}/v1beta/`,
      `${HOST}/v1beta/openai/`,
      `${HOST}/v1beta/openai/chat/completions`,
      `${HOST}/v1beta/models`,
      `${HOST}/v1beta?key=x`,
      gemini.defaultBaseUrl!,
    ]) {
      expect(url({}, base)).toBe(`${HOST}/v1beta/models/gemini-2.5-flash:generateContent`)
    }
    expect(url({}, `${HOST}/v1`)).toBe(`${HOST}/v1/models/gemini-2.5-flash:generateContent`)
  })

  test('each operation has its method, and a stream asks for events', () => {
    const end = (more: Partial<EndpointRequest>) => url(more).split('/models/')[1]
    expect(end({ stream: true })).toBe('gemini-2.5-flash:streamGenerateContent?alt=sse')
    expect(end({ operation: 'completion' })).toBe('gemini-2.5-flash:generateContent')
    expect(end({ operation: 'token-count' })).toBe('gemini-2.5-flash:countTokens')
    expect(end({ operation: 'embedding' })).toBe('gemini-2.5-flash:batchEmbedContents')
    expect(end({ operation: 'embedding', batch: true })).toBe('gemini-2.5-flash:batchEmbedContents')
    expect(end({ operation: 'embedding', batch: false })).toBe('gemini-2.5-flash:embedContent')
  })

  test('a model keeps the collection in its name, and nothing in it leaves its place', () => {
    expect(url({ model: 'models/gemini-2.5-pro' })).toContain('/v1beta/models/gemini-2.5-pro:')
    expect(url({ model: 'tunedModels/mine' })).toContain('/v1beta/tunedModels/mine:')
    expect(url({ model: 'a?b#c' })).toContain('/v1beta/models/a%3Fb%23c:generateContent')
  })
})

test('the key goes in a header, and an empty one is none', () => {
  const to = provider(HOST)
  expect(gemini.authorize(to, 'AIza', 'gemini')).toEqual({ 'x-goog-api-key': 'AIza' })
  expect(gemini.authorize(to, '', 'gemini')).toEqual({})
  expect(gemini.authorize(to, undefined, 'gemini')).toEqual({})
})

describe('the list of models', () => {
  test('is asked for in one page', () => {
    expect(gemini.models?.url(provider(HOST))).toBe(`${HOST}/v1beta/models?pageSize=1000`)
  })

  test('what none of our operations reaches is left out, and a broken entry too', () => {
    const list = readGeminiModels({
      models: [
        null,
        { name: 7 },
        { name: 'models/veo', supportedGenerationMethods: ['predictLongRunning'] },
        { name: 'models/x', supportedGenerationMethods: ['embedContent'], inputTokenLimit: 2048 },
      ],
    })
    expect(list).toEqual([{ id: 'x', contextWindow: 2048, capabilities: ['embedding'] }])
    expect(readGeminiModels({})).toEqual([])
  })

  test.skipIf(!haveRecordings('the list of Gemini models'))('of a real account', () => {
    const lists = [...recordings({ endpoints: ['models'], providers: ['gemini'] })]
    expect(lists.length).toBeGreaterThan(0)
    const models = lists.flatMap(({ response }) => readGeminiModels(response.body ?? {}))
    const flash = models.find((model) => model.id === 'gemini-2.5-flash')
    expect(flash).toEqual({
      id: 'gemini-2.5-flash',
      contextWindow: 1_048_576,
      capabilities: ['completion', 'tools', 'vision', 'thinking'],
      facts: { version: '001' },
    })
    expect(models.some((model) => model.id.includes('veo'))).toBe(false)
    const drawing = models.find((model) => model.id.includes('image-generation'))
    expect(drawing?.capabilities).toEqual(['completion'])
  })
})
