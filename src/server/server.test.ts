import { describe, expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { rawRequest } from '../testing/http.ts'
import { HeldStream } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })
const ASK = JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'Hi' }] })
const JSON_TYPE = { 'content-type': 'application/json' }

function post(url: string, path: string, headers: Record<string, string> = {}, body = ASK) {
  return fetch(`${url}${path}`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body })
}

describe('credentials', () => {
  test.each([
    ['Bearer', { authorization: `Bearer ${KEY}` }],
    ['x-api-key', { 'x-api-key': KEY }],
    ['api-key', { 'api-key': KEY }],
    ['x-goog-api-key', { 'x-goog-api-key': KEY }],
    ['the same twice', { authorization: `Bearer ${KEY}`, 'x-api-key': KEY }],
  ])('%s lets in', async (_name, headers) => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
    expect(
      (await post(server.url, '/v1/chat/completions', headers as Record<string, string>)).status,
    ).toBe(200)
    expect(await gateway.outcome()).toMatchObject({ apiKeyId: 'key-cdef', status: 200 })
  })

  test('a key in the path lets in, and is in no row', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
    expect((await post(server.url, `/k/${KEY}/v1/chat/completions`)).status).toBe(200)
    expect((await fetch(`${server.url}/k/${KEY}/api/tags`)).status).toBe(200)
    expect((await gateway.outcome()).endpoint).toBe('/v1/chat/completions')
    expect(JSON.stringify(gateway.outcomes)).not.toContain(KEY)
  })

  test('a client that must send some key may say "anonymous" beside the one in its path', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
    const path = `/k/${KEY}/v1/chat/completions`
    expect((await post(server.url, path, { authorization: 'Bearer anonymous' })).status).toBe(200)
    expect((await post(server.url, path, { authorization: 'Bearer other' })).status).toBe(400)
  })

  test.each([
    ['no key', {}],
    ['an unknown key', { authorization: 'Bearer weir_wrong' }],
    ['a revoked key', { authorization: 'Bearer revoked-key-0123456789012345678901' }],
    ['an expired key', { authorization: 'Bearer expired-key-0123456789012345678901' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwdw==' }],
    ['an empty Bearer', { authorization: 'Bearer ' }],
    ['quotes and controls', { authorization: `Bearer ' OR 1=1 --%00` }],
    ['a very long key', { authorization: `Bearer ${'k'.repeat(5_000)}` }],
    ['the stored hash', { authorization: `Bearer ${testKey(KEY).hash}` }],
    ['the placeholder', { authorization: 'Bearer anonymous' }],
  ])('%s is 401 in one wording, and logged', async (_name, headers) => {
    const gateway = createTestGateway({ providers: [mock] })
    const keys = [
      testKey(KEY),
      testKey('revoked-key-0123456789012345678901', { revokedMs: 1 }),
      testKey('expired-key-0123456789012345678901', { expiresMs: 1 }),
    ]
    await using server = startTestServer(gateway, { keys, anonymous: 'never' })
    const answer = await post(server.url, '/v1/chat/completions', headers as Record<string, string>)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(await answer.json()).toEqual({
      error: {
        message: 'Incorrect or missing API key.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      },
    })
    expect(gateway.outcomes).toHaveLength(1)
    expect(gateway.outcomes[0]).toMatchObject({ status: 401, errorKind: 'authentication' })
  })

  test('two different credentials are refused', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { keys: [testKey(KEY)] })
    const headers = { authorization: `Bearer ${KEY}`, 'x-api-key': 'other' }
    expect((await post(server.url, '/v1/chat/completions', headers)).status).toBe(400)
  })

  test('the local user needs no key, but a wrong one is still wrong', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    expect((await post(server.url, '/v1/chat/completions')).status).toBe(200)
    expect(
      (await post(server.url, '/v1/chat/completions', { authorization: 'Bearer anonymous' }))
        .status,
    ).toBe(200)
    expect(
      (await post(server.url, '/v1/chat/completions', { authorization: 'Bearer sk-1' })).status,
    ).toBe(401)
  })

  test('behind a proxy nobody is local', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'x-forwarded-host']) {
      expect((await post(server.url, '/v1/chat/completions', { [name]: '1.2.3.4' })).status).toBe(
        401,
      )
    }
  })
})

test.each(['mock%2Fecho', 'mock/echo'])(
  'an Azure deployment may be provider and model: %s',
  async (name) => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] })
    const path = `/openai/deployments/${name}/chat/completions?api-version=2024-10-21`
    expect((await post(server.url, path, {}, body)).status).toBe(200)
    expect(await gateway.outcome()).toMatchObject({
      modelRequested: 'mock/echo',
      modelResolved: 'echo',
    })
  },
)

test('a name in a path is unescaped once', async () => {
  const gateway = createTestGateway({ providers: [mock] })
  await using server = startTestServer(gateway)
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] })
  const path = '/openai/deployments/mock%252Fecho/chat/completions'
  expect((await post(server.url, path, {}, body)).status).toBe(404)
  expect(gateway.outcomes[0]).toMatchObject({ modelRequested: 'mock%2Fecho' })
})

describe('the shape of an error follows the path', () => {
  test.each([
    ['/v1/chat/completions', ['error']],
    ['/v1/messages', ['type', 'error', 'request_id']],
    ['/api/chat', ['error']],
  ])('%s', async (path, members) => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const answer = await post(server.url, path, {}, '{"model":')
    expect(answer.status).toBe(400)
    const body = (await answer.json()) as Record<string, unknown>
    expect(Object.keys(body).toSorted()).toEqual(members.toSorted())
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/)
  })

  test('OPTIONS of no page is a method like any other', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }))
    const options = (path: string) => fetch(`${server.url}${path}`, { method: 'OPTIONS' })
    const known = await options('/v1/chat/completions')
    expect(`${known.status} ${known.headers.get('allow')}`).toBe('405 POST')
    expect((await options('/v1/nothing')).status).toBe(404)
  })

  test('an empty body is told to be one', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }))
    const headers = { 'content-type': 'application/json' }
    const path = `${server.url}/v1/chat/completions`
    const response = await fetch(path, { method: 'POST', headers, body: '' })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { code: 'invalid_json', message: 'The body is empty; a JSON object is expected.' },
    })
  })

  test('unknown paths are 404, known ones under another method 405 with Allow', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    expect((await fetch(`${server.url}/v1/nothing`)).status).toBe(404)
    const wrong = await fetch(`${server.url}/v1/chat/completions`)
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toBe('POST')
    for (const path of [
      '/openai/v1/models/a/b',
      '/anthropic/v1/models',
      '/api/tags',
      '/health',
      `/k/${KEY}/v1/models`,
    ]) {
      const answer = await fetch(`${server.url}${path}`, { method: 'POST' })
      expect(`${path} ${answer.status} ${answer.headers.get('allow')}`).toBe(`${path} 405 GET`)
    }
    const secret = await (await fetch(`${server.url}/k/${KEY}/nothing`)).text()
    expect(secret).not.toContain(KEY)
  })
})

describe('bodies', () => {
  test.each([
    'text/plain',
    'application/xml',
    'application/json; charset=utf-16',
    'multipart/form-data; boundary=x',
  ])('%s is 415', async (type) => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const answer = await post(server.url, '/v1/chat/completions', { 'content-type': type })
    expect(answer.status).toBe(415)
    expect(gateway.outcomes[0]).toMatchObject({ status: 415 })
  })

  test('curl’s default type is JSON for Ollama, but not from a page', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = JSON.stringify({ ...JSON.parse(ASK), stream: false })
    expect((await post(server.url, '/api/chat', form, body)).status).toBe(200)
    const page = { ...form, origin: 'http://localhost:3000' }
    expect((await post(server.url, '/api/chat', page, body)).status).toBe(415)
  })

  test('too large is 413, declared or not, and the connection closes', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { settings: { maxBodyBytes: 1_000 } })
    const large = 'x'.repeat(1_500)
    const declared = await post(server.url, '/v1/chat/completions', {}, large)
    expect(declared.status).toBe(413)
    const chunked = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(large))
          controller.close()
        },
      }),
    })
    expect(chunked.status).toBe(413)
    expect((await chunked.json()) as unknown).toMatchObject({
      error: { type: 'request_too_large' },
    })
    expect(gateway.outcomes.map((outcome) => outcome.status)).toEqual([413, 413])
  })

  test('a body that drips is 408 at its deadline, and the connection closes', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, { settings: { bodyTimeoutMs: 200 } })
    const answer = await rawRequest(
      server.port,
      `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"model"`,
    )
    expect(answer.status).toBe(408)
    expect(answer.headers['connection']).toBe('close')
    expect(gateway.outcomes[0]).toMatchObject({ status: 408, errorKind: 'request_timeout' })
  })

  test('too many header fields are 431', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const headers: Record<string, string> = {}
    for (let at = 0; at < 150; at += 1) headers[`x-field-${at}`] = 'v'
    expect((await post(server.url, '/v1/chat/completions', headers)).status).toBe(431)
  })
})

describe('Host and Origin over the wire', () => {
  test.each(['x', 'ab', 'abc', 'x:99999', '[', 'a/?', 'x/..'])(
    'Host %p reaches nothing',
    async (host) => {
      const gateway = createTestGateway({ providers: [mock] })
      await using server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
      for (const path of ['/v1/models', '/v1/v1/models', '//v1/models', '/x/health']) {
        const answer = await rawRequest(
          server.port,
          `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        )
        expect([400, 403, 404]).toContain(answer.status)
        expect(answer.body).not.toContain('"data"')
      }
    },
  )

  test('an allowed page gets its own origin back, a foreign one nothing', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const allowed = await fetch(`${server.url}/v1/models`, {
      headers: { origin: 'http://localhost:3000' },
    })
    expect(allowed.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    expect(allowed.headers.get('vary')).toBe('Origin')
    const foreign = await fetch(`${server.url}/v1/models`, {
      headers: { origin: 'https://evil.example' },
    })
    expect(foreign.status).toBe(403)
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
    const preflight = (origin: string) =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    expect((await preflight('http://localhost:3000')).status).toBe(204)
    expect((await preflight('https://evil.example')).status).toBe(403)
  })
})

describe('request ids', () => {
  test('a harmless one is kept, another is replaced', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const id = async (given: string) =>
      (await post(server.url, '/v1/chat/completions', { 'x-request-id': given })).headers.get(
        'x-request-id',
      )
    expect(await id('my-id_1')).toBe('my-id_1')
    expect(await id('a b')).toMatch(/^req_/)
    expect(await id('x'.repeat(65))).toMatch(/^req_/)
  })
})

test('a throw anywhere is a 500 without its text', async () => {
  const gateway = createTestGateway({ providers: [mock] })
  const fail = () => {
    throw new Error('canary-stack')
  }
  await using server = startTestServer(gateway, { deps: { readiness: fail, asset: fail } })
  for (const path of ['/readyz', '/ui', '/ui/app.js']) {
    const answer = await fetch(`${server.url}${path}`)
    expect(answer.status).toBe(500)
    const body = await answer.text()
    expect(body).not.toContain('canary')
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'internal_error' } })
  }
  await using inner = startTestServer({ ...gateway, deps: { ...gateway.deps, snapshot: fail } }, {})
  const answer = await post(inner.url, '/v1/chat/completions')
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('canary')
})

test('a client that leaves mid-stream closes the provider’s connection', async () => {
  const held = new HeldStream()
  await using upstream = startUpstream(held.answer)
  const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
  const gateway = createTestGateway({ providers: [provider] })
  await using server = startTestServer(gateway)
  const leaving = new AbortController()
  const asking = fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({
      model: 'p/gpt-x',
      stream: true,
      messages: [{ role: 'user', content: 'x' }],
    }),
    signal: leaving.signal,
  })
  await held.write('data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
  const answer = await asking
  await answer.body!.getReader().read()
  leaving.abort()
  await (
    await upstream.request(0)
  ).disconnected
  expect(await gateway.outcome()).toMatchObject({ status: 499 })
})

test('stopping lets a stream finish, and refuses new connections', async () => {
  const held = new HeldStream()
  await using upstream = startUpstream(held.answer)
  const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
  const gateway = createTestGateway({ providers: [provider] })
  const server = startTestServer(gateway)
  const asking = post(
    server.url,
    '/v1/chat/completions',
    {},
    JSON.stringify({ model: 'p/gpt-x', stream: true, messages: [{ role: 'user', content: 'x' }] }),
  )
  await held.write('data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
  const answer = await asking
  const stopping = server.stop(10_000)
  await held.write(
    'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  )
  await held.end()
  expect(await answer.text()).toContain('[DONE]')
  await stopping
  await expect(fetch(`${server.url}/health`)).rejects.toThrow()
})
