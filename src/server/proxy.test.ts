import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Provider } from '../core/catalog.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { rawRequest, requestText } from '../testing/http.ts'
import { haveRecordings, recording, recordingIds } from '../testing/recordings.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { HeldStream, json, recorded, redirect, text } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const HELD = 'weir_held45678901234567890123456789012345678999held'
const WIDE = 'weir_wide45678901234567890123456789012345678999wide'
const AUTH = { authorization: `Bearer ${KEY}` }
const JSON_TYPE = { 'content-type': 'application/json' }

function start(answers: Answer[], over: Partial<Provider> = {}, more: Provider[] = []) {
  const up = startUpstream(...answers)
  const provider = testProvider({ id: 'up', type: 'openai', baseUrl: `${up.url}/base/v1`, ...over })
  const gateway = createTestGateway({ providers: [provider, ...more] })
  const keys = [
    testKey(KEY),
    testKey(HELD, { models: ['up/small-*', 'fast'] }),
    testKey(WIDE, { models: ['up/*'] }),
  ]
  const server = startTestServer(gateway, { keys, anonymous: 'never' })
  return {
    up,
    gateway,
    server,
    ask: (path: string, init: RequestInit = {}) =>
      fetch(`${server.url}/proxy/up${path}`, { ...init, headers: { ...AUTH, ...init.headers } }),
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await up.close()
    },
  }
}

describe('a client cannot choose the address', () => {
  let here: ReturnType<typeof start>
  let other: Upstream
  beforeAll(() => {
    other = startUpstream(json({ stolen: true }))
    here = start([json({ ok: true })])
  })
  afterAll(async () => {
    await here[Symbol.asyncDispose]()
    await other.close()
  })

  const targets = (evil: string, port: number): readonly string[] => [
    `/proxy/up//${evil}/x`,
    `/proxy/up/\\\\${evil}/x`,
    `/proxy/up/..%2f..%2fx`,
    `/proxy/up/%2e%2e/%2e%2e/x`,
    `/proxy/up/a/..%5c..%5cx`,
    `/proxy/up/%252e%252e/x`,
    `/proxy/up/..;/x`,
    `/proxy/up/%0d%0aHost:%20${evil}`,
    `/proxy/up/%00`,
    `/proxy/up/./../../x`,
    `/proxy/up@${evil}/x`,
    `/proxy/@${evil}/x`,
    `/proxy//${evil}/x`,
    `/proxy/http:%2f%2f${evil}/x`,
    `/proxy/${evil}/x`,
    `/proxy/up%2f..%2f..%2fx/y`,
    `/proxy/up%00/x`,
    `/proxy/UP/x`,
    `/proxy/up/..`,
    `/proxy/up/%C0%AE%C0%AE/%zz`,
    `http://up@127.0.0.1:${port}/proxy/up/../../../x`,
    `http://up@127.0.0.1:${port}/proxy/up/%2e%2e/x`,
    `//${evil}/proxy/up/x`,
  ]

  test.each(Array.from(targets('evil', 1).keys()))('trick %d', async (index) => {
    const target = targets(other.url.slice('http://'.length), here.server.port)[index]!
    const before = here.up.requests.length
    const answer = await rawRequest(
      here.server.port,
      requestText('GET', target, [
        ['host', `127.0.0.1:${here.server.port}`],
        ['authorization', `Bearer ${KEY}`],
        ['connection', 'close'],
      ]),
    )
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    expect(other.requests).toHaveLength(0)
    for (const request of here.up.requests.slice(before)) {
      throw new Error(`the provider was asked for ${request.target}`)
    }
  })

  test.each([{ base_url: 'http://evil' }, { api_base: 'http://evil' }])(
    '%p in the body is the provider’s business and changes nothing here',
    async (extra) => {
      const before = here.up.requests.length
      const answer = await here.ask('/chat/completions?base_url=http://evil', {
        method: 'POST',
        headers: { ...JSON_TYPE, host: `127.0.0.1:${here.server.port}`, 'x-api-base': other.url },
        body: JSON.stringify({ model: 'm', ...extra }),
      })
      expect(answer.status).toBe(200)
      expect(here.up.requests[before]!.target).toBe(
        '/base/v1/chat/completions?base_url=http://evil',
      )
      expect(other.requests).toHaveLength(0)
    },
  )

  test('nor by naming another host in the request line', async () => {
    const before = here.up.requests.length
    const answer = await rawRequest(
      here.server.port,
      requestText('GET', `${other.url}/proxy/up/x`, [
        ['host', `127.0.0.1:${here.server.port}`],
        ['authorization', `Bearer ${KEY}`],
        ['connection', 'close'],
      ]),
    )
    // That name is not looked at; the request is one like any other.
    expect(answer.status).toBe(200)
    expect(here.up.requests[before]!.target).toBe('/base/v1/x')
    expect(other.requests).toHaveLength(0)
  })

  test('a redirect is not followed and not handed on', async () => {
    await using moved = start([redirect(307, `${other.url}/stolen`)])
    const answer = await moved.ask('/models', { redirect: 'manual' })
    expect(answer.status).toBe(502)
    expect(answer.headers.has('location')).toBe(false)
    expect(other.requests).toHaveLength(0)
  })
})

describe('who may', () => {
  const ask = async (key: string, path: string, init: RequestInit = {}) => {
    await using here = start([json({ ok: true })])
    const answer = await fetch(`${here.server.url}/proxy/up${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, ...init.headers },
    })
    return { status: answer.status, asked: here.up.requests.length }
  }
  const post = (body: unknown, headers: Record<string, string> = JSON_TYPE): RequestInit => ({
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

  test.each([
    ['a model that its pattern covers', '/chat/completions', post({ model: 'small-1' }), 200],
    ['another model', '/chat/completions', post({ model: 'large' }), 404],
    ['no model', '/chat/completions', post({}), 404],
    [
      'a covered model on a path that asks none',
      '/fine_tuning/jobs',
      post({ model: 'small-1' }),
      404,
    ],
    [
      'a covered model with another as fallback',
      '/chat/completions',
      post({ model: 'small-1', models: ['large'] }),
      404,
    ],
    ['the model twice', '/chat/completions', post('{"model":"large","model":"small-1"}'), 400],
    [
      'the fallbacks twice',
      '/chat/completions',
      post('{"model":"small-1","models":["large"],"models":["small-1"]}'),
      400,
    ],
    ['a body that is no JSON', '/chat/completions', post('{"model":"small-1"'), 400],
    [
      'JSON under another type',
      '/chat/completions',
      post({ model: 'small-1' }, { 'content-type': 'text/plain' }),
      404,
    ],
    ['a list', '/models', {}, 404],
    ['a deletion', '/models/small-1', { method: 'DELETE' }, 404],
  ] as const)('a key held to some models: %s', async (_name, path, init, status) => {
    const result = await ask(HELD, path, init)
    expect(result).toEqual({ status, asked: status === 200 ? 1 : 0 })
  })

  test('a form is judged by its model too', async () => {
    for (const [model, status] of [
      ['small-1', 200],
      ['large', 404],
    ] as const) {
      const body = new FormData()
      body.set('file', new File(['x'], 'a.wav'))
      body.set('model', model)
      expect((await ask(HELD, '/audio/transcriptions', { method: 'POST', body })).status).toBe(
        status,
      )
    }
  })

  test('a key that has the whole provider, and one without bounds', async () => {
    for (const key of [WIDE, KEY]) {
      expect((await ask(key, '/models')).status).toBe(200)
      expect((await ask(key, '/chat/completions', post({ model: 'large' }))).status).toBe(200)
    }
  })

  test('a wrong key, and no key', async () => {
    expect((await ask('weir_wrong', '/models')).status).toBe(401)
    await using here = start([json({})])
    expect((await fetch(`${here.server.url}/proxy/up/models`)).status).toBe(401)
    expect((await fetch(`${here.server.url}/proxy/up/models?key=${KEY}`)).status).toBe(401)
    expect((await fetch(`${here.server.url}/k/${KEY}/proxy/up/models`)).status).toBe(200)
    // Two refusals and the answer, whose row comes with its end.
    const answered = await here.gateway.outcome(2)
    expect(JSON.stringify(here.gateway.outcomes)).not.toContain(KEY)
    expect(answered).toMatchObject({
      endpoint: '/proxy/up/models',
      operation: 'proxy',
    })
  })

  test('the local user may, without a key', async () => {
    await using up = startUpstream(json({}))
    const gateway = createTestGateway({
      providers: [testProvider({ id: 'up', type: 'openai', baseUrl: up.url })],
    })
    await using server = startTestServer(gateway)
    expect((await fetch(`${server.url}/proxy/up/models`)).status).toBe(200)
  })

  test('not allowed reads the same as not there', async () => {
    await using here = start([json({})])
    const texts = await Promise.all(
      ['up', 'nobody'].map(async (provider) => {
        const answer = await fetch(`${here.server.url}/proxy/${provider}/models`, {
          headers: { authorization: `Bearer ${HELD}` },
        })
        return `${answer.status} ${await answer.text()}`
      }),
    )
    expect(texts[0]).toBe(texts[1]!)
    expect(texts[0]).toContain('provider_not_found')
  })

  test.each([
    '/files',
    '/files/file-1',
    '/Files',
    '/%66iles',
    '/files;x=1',
    '/files/',
    '/batches/b/cancel',
  ])('what tenants own apart is not reached around: %s', async (path) => {
    expect(await ask(KEY, path)).toEqual({ status: 403, asked: 0 })
  })
})

describe('what crosses', () => {
  test('header fields of a list, the provider’s credential, and nothing else', async () => {
    await using here = start([json({})], { headers: { 'X-Team': 'ours' } })
    await here.ask('/chat/completions?key=canary&a=1', {
      method: 'POST',
      headers: {
        ...JSON_TYPE,
        'x-api-key': KEY,
        cookie: 'canary=1',
        'proxy-authorization': 'Basic canary',
        'x-forwarded-for': 'canary',
        'openai-organization': 'org-canary',
        'openai-project': 'proj-canary',
        'accept-language': 'de',
        'anthropic-beta': 'dropped-with-connection',
        connection: 'anthropic-beta',
        'openai-beta': 'assistants=v2',
        te: 'trailers',
        ...Object.fromEntries(
          Array.from({ length: 60 }, (_, index) => [`x-random-${index}`, 'canary']),
        ),
      },
      body: '{"model":"m"}',
    })
    const { headers, target } = here.up.requests[0]!
    expect(target).toBe('/base/v1/chat/completions?a=1')
    expect(JSON.stringify(headers)).not.toMatch(/canary|weir_|dropped/)
    expect(headers).toMatchObject({
      authorization: 'Bearer sk-up-secret-0123456789',
      'content-type': 'application/json',
      'accept-language': 'de',
      'openai-beta': 'assistants=v2',
      'x-team': 'ours',
      'user-agent': 'weir',
      host: here.up.url.slice('http://'.length),
    })
    expect(Object.keys(headers).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'accept-language',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'openai-beta',
      'user-agent',
      'x-team',
    ])
  })

  test('of an answer, nothing about the account', async () => {
    const headers = {
      'content-type': 'text/html',
      'content-disposition': 'attachment; filename="x"',
      'set-cookie': 'canary=1',
      'openai-organization': 'canary',
      'anthropic-organization-id': 'canary',
      'x-ratelimit-limit-requests': '1',
      'access-control-allow-origin': '*',
      'strict-transport-security': 'x',
      server: 'canary',
    }
    await using here = start([text('<script>alert(1)</script>', { headers })])
    const answer = await here.ask('/page')
    expect(await answer.text()).toBe('<script>alert(1)</script>')
    expect(JSON.stringify([...answer.headers])).not.toContain('canary')
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="x"')
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(answer.headers.get('x-weir-provider')).toBe('up')
  })

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s', async (method) => {
    await using here = start([
      () =>
        new Response(method === 'HEAD' ? null : 'yes', {
          headers: { 'content-type': 'text/plain', 'x-a': 'b' },
        }),
    ])
    const body =
      method === 'GET' || method === 'HEAD'
        ? {}
        : { body: 'some bytes', headers: { 'content-type': 'application/x-thing' } }
    const answer = await here.ask('/thing', { method, ...body })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe(method === 'HEAD' ? '' : 'yes')
    expect(here.up.requests[0]).toMatchObject({
      method,
      target: '/base/v1/thing',
      text: 'body' in body ? 'some bytes' : '',
    })
    expect(await here.gateway.outcome()).toMatchObject({
      status: 200,
      operation: 'proxy',
      providerId: 'up',
    })
  })

  test('a body is passed on byte for byte, valid or not', async () => {
    await using here = start([json({})])
    const body = '{ "model":"m",\t"x" : 1.0e2, "x": "\\u0041" , }'
    await here.ask('/chat/completions', { method: 'POST', headers: JSON_TYPE, body })
    expect(here.up.requests[0]!.text).toBe(body)
  })

  test('an upgrade is refused in words', async () => {
    await using here = start([json({})])
    const answer = await rawRequest(
      here.server.port,
      requestText('GET', '/proxy/up/realtime?model=m', [
        ['host', `127.0.0.1:${here.server.port}`],
        ['authorization', `Bearer ${KEY}`],
        ['connection', 'Upgrade'],
        ['upgrade', 'websocket'],
        ['sec-websocket-version', '13'],
        ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ]),
    )
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('WebSocket')
    expect(here.up.requests).toHaveLength(0)
  })

  test('Gemini’s clients may carry their key in the query, and it goes no further', async () => {
    await using up = startUpstream(json({ candidates: [] }))
    const gemini = testProvider({ id: 'g', type: 'gemini', baseUrl: up.url })
    await using here = start([], {}, [gemini])
    const answer = await fetch(
      `${here.server.url}/proxy/g/v1beta/models/m:generateContent?key=${KEY}`,
      {
        method: 'POST',
        headers: JSON_TYPE,
        body: '{"contents":[]}',
      },
    )
    expect(answer.status).toBe(200)
    expect(up.requests[0]!.target).toBe('/v1beta/models/m:generateContent')
    expect(up.requests[0]!.headers['x-goog-api-key']).toBe('sk-g-secret-0123456789')
    expect(await here.gateway.outcome()).toMatchObject({
      modelRequested: 'g/m',
      modelResolved: 'm',
    })
  })
})

describe('refusals of the provider', () => {
  test('keep their status and their words, less what is ours', async () => {
    const error = {
      error: {
        message: 'bad thing at 10.1.2.3 with sk-up-secret-0123456789',
        param: ['x', 1, null],
        code: 'bad',
      },
    }
    await using here = start([json(error, { status: 422, headers: { 'set-cookie': 'canary' } })])
    const answer = await here.ask('/thing', { method: 'POST', headers: JSON_TYPE, body: '{}' })
    expect(answer.status).toBe(422)
    expect(await answer.json()).toEqual({
      error: {
        message: 'bad thing at [redacted] with [redacted]',
        param: ['x', 1, null],
        code: 'bad',
      },
    })
    expect(here.gateway.outcomes[0]).toMatchObject({
      status: 422,
      errorKind: 'upstream_invalid_request',
    })
    expect(JSON.stringify(here.gateway.outcomes)).not.toContain('secret')
  })

  test.each([401, 402, 403])('%d is about our credential and not the client’s', async (status) => {
    await using here = start([json({ error: { message: 'no' } }, { status })])
    const answer = await here.ask('/models')
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('upstream_auth_error')
  })

  test('those within a stream of events or lines too', async () => {
    const secret = 'sk-p-secret-0123456789'
    const error = { message: `Refused ${secret} at 10.1.2.3`, type: 'server_error' }
    for (const [type, event] of [
      ['text/event-stream', `data: ${JSON.stringify({ error })}\n\n`],
      ['application/x-ndjson', `${JSON.stringify({ error: error.message })}\n`],
    ] as const) {
      await using up = startUpstream(text(event, { headers: { 'content-type': type } }))
      const provider = testProvider({ id: 'p', type: 'custom', baseUrl: `${up.url}/v1` })
      await using server = startTestServer(createTestGateway({ providers: [provider] }))
      const response = await fetch(`${server.url}/proxy/p/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"model":"m","stream":true,"messages":[]}',
      })
      const told = await response.text()
      expect(told).toBe(event.replace(secret, '[redacted]').replace('10.1.2.3', '[redacted]'))
      expect(told).not.toContain(secret)
    }
  })

  test('what the key may not do is no reason to keep it from others', async () => {
    await using here = start([
      json({ error: { message: 'forbidden' } }, { status: 403 }),
      json({ data: [] }),
      json({ error: { message: 'Missing scopes: api.files.read' } }, { status: 401 }),
      json({ data: [] }),
    ])
    const statuses: number[] = []
    for (const path of ['/thing', '/models', '/thing', '/models']) {
      statuses.push((await here.ask(path)).status)
    }
    expect(statuses).toEqual([502, 200, 502, 200])
  })

  test('a limit is told with its wait, after every key was tried', async () => {
    const keys = [1, 2].map((index) => ({
      id: `k${index}`,
      secret: `sk-up-secret-000000000${index}`,
    }))
    const limited = json(
      { error: { message: 'slow down' } },
      { status: 429, headers: { 'retry-after': '7' } },
    )
    await using here = start([limited], { keys })
    const answer = await here.ask('/models')
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('7')
    expect(here.up.requests).toHaveLength(2)
  })

  test('nothing is tried twice otherwise', async () => {
    await using here = start([text('oops', { status: 500 })])
    const answer = await here.ask('/thing', { method: 'POST', headers: JSON_TYPE, body: '{}' })
    expect([answer.status, await answer.text()]).toEqual([500, 'oops'])
    expect(here.up.requests).toHaveLength(1)
  })
})

describe('the official clients over it', () => {
  test('OpenAI: a chat as a stream, with its usage in the row', async () => {
    const chunks = [
      { choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }] },
      { choices: [], usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 } },
    ]
    const events = chunks.map(
      (chunk) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm-1', ...chunk })}\n\n`,
    )
    await using here = start([
      text(`${events.join('')}data: [DONE]\n\n`, {
        headers: { 'content-type': 'text/event-stream' },
      }),
    ])
    const client = new OpenAI({
      baseURL: `${here.server.url}/proxy/up`,
      apiKey: KEY,
      maxRetries: 0,
    })
    const seen: unknown[] = []
    for await (const chunk of await client.chat.completions.create({
      model: 'm',
      messages: [],
      stream: true,
    }))
      seen.push(chunk)
    expect(seen).toHaveLength(2)
    expect(await here.gateway.outcome()).toMatchObject({
      stream: true,
      status: 200,
      finish: 'stop',
      modelRequested: 'up/m',
      modelResolved: 'm-1',
      usage: { inputTokens: 5, outputTokens: 1 },
    })
  })

  test('Anthropic: a message', async () => {
    const message = {
      id: 'msg',
      type: 'message',
      role: 'assistant',
      model: 'c',
      content: [],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 4 },
    }
    await using up = startUpstream(json(message))
    await using here = start([], {}, [
      testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url }),
    ])
    const client = new Anthropic({
      baseURL: `${here.server.url}/proxy/a`,
      apiKey: KEY,
      maxRetries: 0,
    })
    const said = await client.messages.create({
      model: 'c',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
    })
    expect(said.id).toBe('msg')
    expect(up.requests[0]!.headers).toMatchObject({
      'x-api-key': 'sk-a-secret-0123456789',
      'anthropic-version': '2023-06-01',
    })
    expect(await here.gateway.outcome()).toMatchObject({
      clientFormat: 'anthropic',
      usage: { inputTokens: 3, outputTokens: 4 },
    })
  })

  test('a client that leaves takes its request along', async () => {
    const held = new HeldStream()
    await using here = start([held.answer])
    held.write('data: {}\n\n')
    const leaving = new AbortController()
    await here.ask('/responses', {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{}',
      signal: leaving.signal,
    })
    leaving.abort()
    await held.cancelled
    expect(await here.gateway.outcome()).toMatchObject({ status: 499 })
  })
})

describe.skipIf(!haveRecordings('raw requests'))(
  'recorded streams are passed on as they are',
  () => {
    const ids = haveRecordings('raw requests')
      ? recordingIds({
          endpoints: ['chat.completions'],
          kinds: ['stream'],
          providers: ['openai', 'mistral'],
        }).slice(0, 6)
      : []
    test.each(ids)('%s', async (id) => {
      const each = recording(id)
      await using here = start([recorded(each)])
      const answer = await here.ask('/chat/completions', {
        method: 'POST',
        headers: JSON_TYPE,
        body: '{"model":"m"}',
      })
      expect(await answer.text()).toBe(each.response.raw!)
      expect((await here.gateway.outcome()).status).toBe(200)
    })
  },
)
