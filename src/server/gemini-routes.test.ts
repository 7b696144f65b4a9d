// The paths of Gemini's clients: methods behind colons, names with slashes and colons, keys in the query, streams in both forms.

import { describe, expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { geminiRoute } from './routes.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })
const ASK = { contents: [{ role: 'user', parts: [{ text: 'Hi you two' }] }] }

describe('which model and which method', () => {
  test.each([
    ['/v1beta', 'models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash', 'chat'],
    ['/v1beta', 'models/ollama/llama3.2:3b:streamGenerateContent', 'ollama/llama3.2:3b', 'chat'],
    ['/v1beta', 'openai/gpt-5-mini:countTokens', 'openai/gpt-5-mini', 'token-count'],
    ['/v1/models', 'embed-v4.0:batchEmbedContents', 'embed-v4.0', 'embedding'],
  ])('%s/%s', (prefix, rest, model, operation) => {
    expect(geminiRoute(prefix, rest)).toMatchObject({ model, route: { operation } })
  })

  test.each([
    ['/v1beta', 'models/gemini-2.5-flash'],
    ['/v1beta', 'models/gemini-2.5-flash:'],
    ['/v1beta', 'models/gemini-2.5-flash:tune'],
    ['/v1beta', 'models/gemini-2.5-flash:toString'],
    ['/v1beta', 'models/:generateContent'],
    ['/v1beta', ':generateContent'],
  ])('%s/%s is none', (prefix, rest) => {
    expect(geminiRoute(prefix, rest)).toBeUndefined()
  })
})

function ask(url: string, path: string, body: object = ASK): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

describe('over HTTP', () => {
  test.each([
    '/v1beta/models/mock/echo:generateContent',
    '/v1beta/models/mock%2Fecho:generateContent',
    '/v1beta/mock/echo:generateContent',
    '/v1alpha/models/mock/echo:generateContent',
    '/v1/models/mock/echo:generateContent',
  ])('%s answers whole', async (path) => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const response = await ask(server.url, path)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      candidates: [{ content: { role: 'model', parts: [{ text: 'Hi you two' }] } }],
    })
    expect(gateway.outcomes[0]).toMatchObject({ clientFormat: 'gemini', status: 200 })
  })

  test.each(['/v1beta/models/mock/echo:generateContent', '/v1alpha/models/mock/echo:countTokens'])(
    'GET %s asks for no model of that name',
    async (path) => {
      const gateway = createTestGateway({ providers: [mock] })
      await using server = startTestServer(gateway)
      const response = await fetch(`${server.url}${path}`)
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('POST')
      expect(await response.json()).toMatchObject({ error: { status: 'UNIMPLEMENTED' } })
    },
  )

  test('a stream is SSE where that is asked for, and an array of the same where not', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const path = '/v1beta/models/mock/echo:streamGenerateContent'
    const sse = await ask(server.url, `${path}?alt=sse`)
    expect(sse.headers.get('content-type')).toStartWith('text/event-stream')
    const events = (await sse.text())
      .split(/\r?\n\r?\n/)
      .filter((event) => event !== '')
      .map((event) => textOf(JSON.parse(event.replace(/^data: /, ''))))
    const array = await ask(server.url, path)
    expect(array.headers.get('content-type')).toStartWith('application/json')
    const elements = ((await array.json()) as unknown[]).map(textOf)
    expect(elements).toEqual(events)
    expect(elements.join('')).toBe('Hi you two')
  })

  test('a key in the query lets in, is in no row, and is for this protocol alone', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
    const path = '/v1beta/models/mock/echo:generateContent'
    expect((await ask(server.url, `${path}?key=${KEY}`)).status).toBe(200)
    expect((await ask(server.url, `${path}?key=wrong`)).status).toBe(401)
    expect((await fetch(`${server.url}/v1beta/models?key=${KEY}`)).status).toBe(200)
    expect((await fetch(`${server.url}/v1/models?key=${KEY}`)).status).toBe(401)
    expect(JSON.stringify(gateway.outcomes)).not.toContain(KEY)
  })

  test('what is unknown is told in the form of this protocol', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    for (const [path, status] of [
      ['/v1beta/models/mock/echo:tune', 404],
      ['/v1beta/models/nobody/knows:generateContent', 404],
      ['/v1beta/models/mock/echo:generateContent', 400],
    ] as const) {
      const response = await ask(server.url, path, {})
      expect(response.status).toBe(status)
      const { error } = (await response.json()) as { error: { code: number; status: string } }
      expect(error.code).toBe(status)
      expect(error.status).toBe(status === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT')
    }
  })

  test('models are listed and described in the form of this protocol', async () => {
    const gateway = createTestGateway({ providers: [mock], models: [] })
    await using server = startTestServer(gateway)
    const shown = await fetch(`${server.url}/v1beta/models/mock/echo`)
    expect(await shown.json()).toMatchObject({
      name: 'models/mock/echo',
      supportedGenerationMethods: ['generateContent', 'countTokens'],
    })
  })
})

function textOf(answer: unknown): string {
  const { candidates } = answer as { candidates: { content: { parts: { text: string }[] } }[] }
  return candidates[0]?.content.parts.map(({ text }) => text).join('') ?? ''
}
