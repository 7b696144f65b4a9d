// Asking a provider with an application's token: what happens when the token is refused, once and for good, and that bodies, lists and
// other targets fare as they do with keys.

import { describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import { AzureCloud } from '../testing/azure-cloud.ts'
import { createTestGateway, jsonOf, testProvider } from '../testing/gateway.ts'
import { azure } from '../providers/azure.ts'
import { AttemptFailure, send } from './upstream.ts'

interface Asked {
  readonly path: string
  readonly authorization: string | null
  readonly apiKey: string | null
  readonly body: string
}

/** An account that answers as `answer` says, and what it was asked. */
function accountWith(answer: (asked: Asked, all: readonly Asked[]) => Response) {
  const all: Asked[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const asked = {
        path: new URL(request.url).pathname,
        authorization: request.headers.get('authorization'),
        apiKey: request.headers.get('api-key'),
        body: await request.text(),
      }
      all.push(asked)
      return answer(asked, all)
    },
  })
  return {
    all,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

const REFUSED = () =>
  Response.json(
    { error: { code: 'PermissionDenied', message: 'The principal lacks the data action.' } },
    { status: 401 },
  )

const ANSWER = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
}

function cloudAndProvider(baseUrl: string, id = 'azure') {
  const cloud = new AzureCloud({
    application: { tenant: 't', clientId: 'c', secret: 'a-secret-1' },
    subscriptions: [],
  })
  const { authority, management } = cloud
  const entra = {
    tenant: 't',
    clientId: 'c',
    clientSecret: 'a-secret-1',
    cloud: 'public',
    authority,
    management,
  } as const
  return { cloud, provider: testProvider({ id, type: 'azure', baseUrl, keys: [], entra }) }
}

const MODEL: Model = {
  id: 'm',
  origin: 'file',
  targets: [
    { providerId: 'azure', model: 'gpt-4o', order: 0, weight: 1 },
    { providerId: 'other', model: 'gpt-4o', order: 1, weight: 1 },
  ],
  defaults: {},
  losses: 'report',
}

const BODY = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

describe('a token that is refused for good', () => {
  test('is replaced once, not for each request, and the next target answers', async () => {
    await using account = accountWith(REFUSED)
    await using other = accountWith(() => Response.json(ANSWER))
    const { cloud, provider } = cloudAndProvider(account.url)
    await using _ = cloud
    const second = testProvider({ id: 'other', type: 'openai', baseUrl: `${other.url}/v1` })
    const circuit = { enabled: false, failures: 5, errorRate: 1, windowMs: 1_000, openMs: 1_000 }
    const gateway = createTestGateway({
      providers: [{ ...provider, circuit }, second],
      models: [MODEL],
    })
    for (let request = 0; request < 5; request += 1) {
      const reply = await gateway.ask({ body: BODY })
      expect(reply.status).toBe(200)
      expect(await jsonOf(reply)).toMatchObject({ choices: [{ message: { content: 'hello' } }] })
    }
    expect(account.all).toHaveLength(6)
    expect(cloud.tokenQuestions).toHaveLength(2)
    expect(new Set(account.all.map(({ authorization }) => authorization)).size).toBe(2)
    const attempts = (await gateway.outcome()).attempts
    expect(attempts.map(({ providerId, status }) => [providerId, status])).toEqual([
      ['azure', 401],
      ['other', 200],
    ])
  })

  test('without another target the client learns nothing of it but that it is ours', async () => {
    await using account = accountWith(REFUSED)
    const { cloud, provider } = cloudAndProvider(account.url)
    await using _ = cloud
    const gateway = createTestGateway({ providers: [provider] })
    const reply = await gateway.ask({ body: { ...BODY, model: 'azure/gpt-4o' } })
    expect(reply.status).toBe(502)
    expect((await gateway.outcome()).errorKind).toBe('upstream_auth')
  })
})

test('a token service that refuses or is away leaves the request to the next target', async () => {
  await using account = accountWith(() => Response.json(ANSWER))
  await using other = accountWith(() => Response.json(ANSWER))
  for (const fault of [
    { status: 401, body: { error: 'invalid_client', error_description: 'AADSTS7000215: no' } },
    { status: 500, body: {} },
  ]) {
    const { cloud, provider } = cloudAndProvider(account.url)
    await using _ = cloud
    cloud.tokenFault = fault
    const second = testProvider({ id: 'other', type: 'openai', baseUrl: `${other.url}/v1` })
    const gateway = createTestGateway({ providers: [provider, second], models: [MODEL] })
    expect((await gateway.ask({ body: BODY })).status).toBe(200)
  }
  expect(account.all).toEqual([])
  expect(other.all).toHaveLength(2)
})

describe('a request with a token', () => {
  test('whose body is read while it is sent is sent whole again', async () => {
    await using account = accountWith((_asked, all) =>
      all.length === 1 ? REFUSED() : Response.json({}),
    )
    const { cloud, provider } = cloudAndProvider(account.url)
    await using _ = cloud
    const { deps } = createTestGateway({ providers: [provider] })
    const text = 'x'.repeat(100_000)
    const response = await send(
      { provider, kind: azure, dialect: 'openai-chat' },
      {
        url: `${account.url}/openai/v1/files`,
        method: 'POST',
        headers: {},
        body: { bytes: text.length, open: () => new Blob([text]).stream() },
        signal: new AbortController().signal,
      },
      undefined,
      deps,
    )
    expect(response.status).toBe(200)
    response.cancel()
    expect(account.all.map(({ body }) => body.length)).toEqual([100_000, 100_000])
    expect(account.all.every(({ apiKey }) => apiKey === null)).toBe(true)
  })

  test('that fails for another reason is sent once', async () => {
    await using account = accountWith(() =>
      Response.json({ error: { message: 'no' } }, { status: 403 }),
    )
    const { cloud, provider } = cloudAndProvider(account.url)
    await using _ = cloud
    const { deps } = createTestGateway({ providers: [provider] })
    const asking = send(
      { provider, kind: azure, dialect: 'openai-chat' },
      { url: account.url, method: 'GET', headers: {}, signal: new AbortController().signal },
      undefined,
      deps,
    )
    expect(await asking.catch((error: unknown) => error)).toBeInstanceOf(AttemptFailure)
    expect(account.all).toHaveLength(1)
  })
})

test('a list of models is asked for with the token where nobody else knows them', async () => {
  await using account = accountWith(({ authorization, path }) =>
    path === '/openai/v1/models' && authorization?.startsWith('Bearer eyJ') === true
      ? Response.json({ data: [{ id: 'gpt-4o', capabilities: { chat_completion: true } }] })
      : new Response(null, { status: 404 }),
  )
  const { cloud, provider } = cloudAndProvider(account.url)
  await using _ = cloud
  const { deps } = createTestGateway({ providers: [provider] })
  await deps.directory.refresh(provider)
  expect(deps.directory.listed(provider)?.map(({ id }) => id)).toEqual(['gpt-4o'])
})

test('a key is presented as one, a token given as a key as a token, and nothing as nothing', () => {
  const keyed: Provider = testProvider({ id: 'k', type: 'azure', baseUrl: 'https://x.example' })
  expect(azure.authorize(keyed, 'a.b.c', 'openai-chat')).toEqual({ 'api-key': 'a.b.c' })
  expect(azure.authorize(keyed, 'eyJa.b.c', 'openai-chat')).toEqual({
    authorization: 'Bearer eyJa.b.c',
  })
  const { provider } = cloudAndProvider('https://x.example')
  expect(azure.authorize(provider, 'opaque', 'openai-chat')).toEqual({
    authorization: 'Bearer opaque',
  })
  expect(azure.authorize(provider, undefined, 'openai-chat')).toEqual({})
})
