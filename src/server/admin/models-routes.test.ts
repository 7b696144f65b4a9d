// The admin routes of models: who may not, what is refused, and that states and answers are told as they are.

import { describe, expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { startTestServer, testKey } from '../../testing/server.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'

const USER = 'weir_user5678901234567890123456789012345678900000'
const ADMIN = 'weir_admin678901234567890123456789012345678900001'

function rig(...script: Answer[]) {
  const upstream = startUpstream(...script)
  const gateway = createTestGateway({
    providers: [
      testProvider({ id: 'one', type: 'openai', baseUrl: `${upstream.url}/v1` }),
      testProvider({ id: 'keyless', type: 'openai', baseUrl: `${upstream.url}/v1`, keys: [] }),
    ],
  })
  const server = startTestServer(gateway, {
    anonymous: 'never',
    keys: [testKey(USER), testKey(ADMIN, { roles: ['admin'] })],
  })
  const status = async (query = '', key = ADMIN) => {
    const response = await fetch(`${server.url}/admin/models/status${query}`, {
      headers: { authorization: `Bearer ${key}` },
    })
    return { status: response.status, body: (await response.json()) as { data: unknown[] } }
  }
  const refresh = async (
    body: string | undefined,
    key = ADMIN,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => {
    const response = await fetch(`${server.url}/admin/models/refresh`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return { status: response.status, body: (await response.json()) as { data: unknown[] } }
  }
  const close = async () => {
    await server[Symbol.asyncDispose]()
    await upstream.close()
  }
  return { close, refresh, status, upstream }
}

const list =
  (...ids: readonly string[]): Answer =>
  () =>
    Response.json({ data: ids.map((id) => ({ id, max_model_len: 8 })) })

describe('is refused', () => {
  test('to whoever is no administrator, and nobody is asked', async () => {
    const { close, refresh, status, upstream } = rig(list('a'))
    expect((await status('', 'weir_nobody')).status).toBe(401)
    expect((await status('', USER)).status).toBe(403)
    expect((await refresh('{}', 'weir_nobody')).status).toBe(401)
    expect((await refresh('{}', USER)).status).toBe(403)
    expect(upstream.requests).toEqual([])
    await close()
  })

  test('where it is no JSON, from a page, or names what is not there', async () => {
    const { close, refresh, status, upstream } = rig(list('a'))
    expect((await refresh('{}', ADMIN, { 'content-type': 'text/plain' })).status).toBe(415)
    const origin = { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' }
    expect((await refresh(undefined, ADMIN, origin)).status).toBeGreaterThanOrEqual(400)
    for (const body of ['[]', 'no', '{"provider":5}', '{"other":1}', '{"provider":"nobody"}']) {
      expect((await refresh(body)).status, body).toBe(400)
    }
    expect((await status('?provider=nobody')).status).toBe(400)
    expect((await status('?state=lost')).status).toBe(400)
    expect(upstream.requests).toEqual([])
    await close()
  })
})

test('before anybody was asked, after an answer, and after what vanished', async () => {
  const { close, refresh, status, upstream } = rig(list('a', 'b'))
  const NEVER = { answered: false, whole: false, models: 0, answered_at: null }
  expect<object>((await status('?provider=one')).body).toEqual({
    data: [],
    next_cursor: null,
    total: 0,
    providers: [{ provider: 'one', tenant: null, ...NEVER, problem: null }],
  })
  const asked = await refresh(undefined, ADMIN, {})
  expect<object>(asked).toEqual({
    status: 200,
    body: {
      data: [
        {
          provider: 'one',
          tenant: null,
          answered: true,
          whole: true,
          models: 2,
          answered_at: expect.stringMatching(/Z$/),
          problem: null,
        },
        { provider: 'keyless', tenant: null, ...NEVER, problem: 'it has no key' },
      ],
    },
  })
  upstream.play(list('a'), () => new Response('no', { status: 500 }))
  await refresh('{"provider":"one"}')
  const gone = await status('?state=gone')
  expect(gone.body.data).toEqual([
    {
      id: 'one/b',
      provider: 'one',
      tenant: null,
      model: 'b',
      state: 'gone',
      context_window: 8,
      capabilities: null,
      base_model: null,
      version: null,
      status: null,
      retires: null,
      first_seen: expect.stringMatching(/Z$/),
      last_seen: expect.stringMatching(/Z$/),
      gone_since: expect.stringMatching(/Z$/),
    },
  ])
  expect((await status()).body.data).toHaveLength(2)
  // One that does not answer is told, and what was known stays.
  const failed = await refresh('{"provider":"one"}')
  expect(failed.body.data).toEqual([
    {
      provider: 'one',
      tenant: null,
      answered: false,
      whole: true,
      models: 1,
      answered_at: expect.any(String),
      problem: 'status 500',
    },
  ])
  expect((await status('?state=available')).body.data).toHaveLength(1)
  expect(JSON.stringify(failed)).not.toContain('sk-one')
  await close()
})
