// Asking a model from the web UI: the bytes a provider streams come out as they are, who leaves ends the provider's work, errors are problems,
// and a browser's session is believed with its proof alone.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { TestBrowser } from '../../testing/browser.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { startLoginWorld, type LoginWorld } from '../../testing/login.ts'
import { startTestServer, testKey, testTenant } from '../../testing/server.ts'
import { everyBytes, HeldStream, json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream } from '../../testing/upstream.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const PATH = '/admin/playground/chat/completions'
const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })
const JSON_TYPE = { 'content-type': 'application/json' }

function ask(url: string, body: object, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}${PATH}`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...(init.headers as Record<string, string> | undefined) },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], ...body }),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  })
}

function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`
}

describe('a streamed answer', () => {
  test('comes out byte by byte as it is, characters that were cut included', async () => {
    const sent = `${chunk({ role: 'assistant', content: 'grüße 🌊' })}${chunk({ content: ' — ende' })}${chunk({}, 'stop')}data: [DONE]\n\n`
    await using upstream = startUpstream(stream(everyBytes(sent, 1)))
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
    const gateway = createTestGateway({ providers: [provider] })
    await using server = startTestServer(gateway)
    const answer = await ask(server.url, { model: 'p/m', stream: true })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(answer.headers.get('x-weir-provider')).toBe('p')
    expect(await answer.text()).toBe(sent)
    expect(await gateway.outcome()).toMatchObject({
      endpoint: PATH,
      operation: 'chat',
      stream: true,
      status: 200,
    })
  })

  test('comes as it is written: nothing waits for the end', async () => {
    const held = new HeldStream()
    await using upstream = startUpstream(held.answer)
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
    await using server = startTestServer(createTestGateway({ providers: [provider] }))
    const asking = ask(server.url, { model: 'p/m', stream: true })
    const first = chunk({ content: 'first' })
    held.write(first)
    const reader = (await asking).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(first)
    const second = chunk({ content: 'second' }, 'stop')
    held.write(`${second}data: [DONE]\n\n`)
    held.end()
    let rest = ''
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      rest += new TextDecoder().decode(next.value)
    }
    expect(rest).toBe(`${second}data: [DONE]\n\n`)
  })

  test('that nobody reads any more ends the work of the provider, and is recorded', async () => {
    const held = new HeldStream()
    await using upstream = startUpstream(held.answer)
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
    const gateway = createTestGateway({ providers: [provider] })
    await using server = startTestServer(gateway)
    const leaving = new AbortController()
    const asking = ask(server.url, { model: 'p/m', stream: true }, { signal: leaving.signal })
    held.write(chunk({ content: 'a' }))
    await (await asking).body!.getReader().read()
    leaving.abort()
    await (
      await upstream.request(0)
    ).disconnected
    expect(await gateway.outcome()).toMatchObject({ status: 499, endpoint: PATH })
  })

  test('that breaks says so in the stream, and never as a good end', async () => {
    const held = new HeldStream()
    await using upstream = startUpstream(held.answer)
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
    await using server = startTestServer(createTestGateway({ providers: [provider] }))
    const asking = ask(server.url, { model: 'p/m', stream: true })
    held.write(chunk({ content: 'a' }))
    const answer = await asking
    held.fail()
    const text = await answer.text()
    expect(text).toContain('"error"')
    expect(text).not.toContain('[DONE]')
  })
})

describe('what is refused', () => {
  test('is a problem: no such model, not JSON, nothing asked, another type', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway)
    const problem = async (answer: Response) => {
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      const body = (await answer.json()) as Record<string, unknown>
      expect(body['request_id']).toBe(answer.headers.get('x-request-id'))
      return [answer.status, body['status'], body['code'], body['param']]
    }
    expect(await problem(await ask(server.url, { model: 'nowhere/none' }))).toEqual([
      404,
      404,
      'model_not_found',
      'model',
    ])
    const send = (body: string, type = 'application/json') =>
      fetch(`${server.url}${PATH}`, { method: 'POST', headers: { 'content-type': type }, body })
    expect((await problem(await send('{"model":')))[0]).toBe(400)
    expect((await problem(await send('{"model":"mock/echo"}')))[0]).toBe(400)
    expect((await problem(await send('{}', 'text/plain')))[0]).toBe(415)
    // Each of them is in the log, as on every other path to a model.
    expect(gateway.outcomes.map(({ endpoint, status }) => [endpoint, status])).toEqual(
      [404, 400, 400, 415].map((status) => [PATH, status]),
    )
  })

  test('by a provider keeps its words and its status', async () => {
    await using upstream = startUpstream(
      json(
        {
          error: {
            message: 'max_tokens is too large',
            type: 'invalid_request_error',
            param: 'max_tokens',
            code: null,
          },
        },
        { status: 400 },
      ),
    )
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })
    await using server = startTestServer(createTestGateway({ providers: [provider] }))
    const answer = await ask(server.url, { model: 'p/m', max_tokens: 1e9 })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      status: 400,
      detail: 'max_tokens is too large',
      param: 'max_tokens',
    })
  })

  test('who has no right to ask models, and whoever would ask in the name of another tenant', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    const keys = [testKey(KEY, { tenantId: 'a', roles: ['auditor'] })]
    const people = { tenants: [testTenant('a'), testTenant('b')] }
    await using server = startTestServer(gateway, { keys, people })
    const headers = { authorization: `Bearer ${KEY}` }
    expect((await ask(server.url, { model: 'mock/echo' }, { headers })).status).toBe(403)
    // At the machine itself one may everything, and asks as oneself all the same.
    const other = await fetch(`${server.url}${PATH}?tenant=a`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{}',
    })
    expect([other.status, ((await other.json()) as { param: string }).param]).toEqual([
      400,
      'tenant',
    ])
  })
})

describe('the models one may ask', () => {
  test('are those of /v1/models, with what is known of each', async () => {
    const alias = {
      id: 'fast',
      origin: 'file',
      targets: [{ providerId: 'mock', model: 'echo', order: 0, weight: 1 }],
      defaults: {},
      losses: 'report',
      contextWindow: 1_000,
      price: { input: 1_000, output: 2_000 },
    } as const
    const gateway = createTestGateway({ providers: [mock], models: [alias] })
    await using server = startTestServer(gateway)
    await (await fetch(`${server.url}/v1/models`)).text()
    const answer = await fetch(`${server.url}/admin/playground/models`)
    const { data, total } = (await answer.json()) as { data: { id: string }[]; total: number }
    const listed = (await (await fetch(`${server.url}/v1/models`)).json()) as {
      data: { id: string }[]
    }
    expect(data.map(({ id }) => id)).toEqual(listed.data.map(({ id }) => id))
    expect(total).toBe(data.length)
    expect(data.find(({ id }) => id === 'fast')).toMatchObject({
      kind: 'alias',
      provider: 'mock',
      context_window: 1_000,
      price: { input: 1, output: 2 },
    })
  })

  test('of a key are no more than it may use', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    const keys = [testKey(KEY, { models: ['none/*'] })]
    await using server = startTestServer(gateway, { keys, anonymous: 'never' })
    const answer = await fetch(`${server.url}/admin/playground/models`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    expect(await answer.json()).toEqual({ data: [], next_cursor: null, total: 0 })
  })
})

describe('a browser that is logged in', () => {
  let world: LoginWorld
  const browser = new TestBrowser()

  beforeAll(async () => {
    world = await startLoginWorld()
    const token = new URL((await world.login.firstLink())!).hash.slice(1)
    const made = await browser.script(`${world.url}/auth/setup`, 'POST', {
      token,
      name: 'root',
      password: 'correct horse battery',
    })
    expect(made.status).toBe(201)
  })

  afterAll(() => world[Symbol.asyncDispose]())

  const body = { model: 'mock/echo', messages: [{ role: 'user', content: 'Hi' }] }

  async function proof(): Promise<string> {
    const answer = await browser.script(`${world.url}/auth/session`, 'GET')
    return ((await answer.json()) as { csrf: string }).csrf
  }

  test('asks with its proof, and with its cookie alone it does not', async () => {
    const csrf = await proof()
    const good = await browser.script(`${world.url}${PATH}`, 'POST', body, csrf)
    expect(good.status).toBe(200)
    expect(JSON.stringify(await good.json())).toContain('Hi')
    const bare = await browser.script(`${world.url}${PATH}`, 'POST', body)
    expect([bare.status, ((await bare.json()) as { code: string }).code]).toEqual([403, 'csrf'])
  })

  test('is nobody on the clients’ own path', async () => {
    const url = `${world.url}/v1/chat/completions`
    const answer = await browser.script(url, 'POST', body, await proof())
    expect(answer.status).toBe(401)
  })
})
