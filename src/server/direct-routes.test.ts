// The routes that are answered without the router: exactly those whose whole path is fixed and the probes, answered as the router answers
// them, and without a question that nothing asked for.

import { describe, expect, test } from 'bun:test'
import type { Asked } from '../gateway/admit.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { testKey, testServerDeps } from '../testing/server.ts'
import { admit, type ServerDeps } from './context.ts'
import { directRoutes } from './direct-routes.ts'
import { MODEL_ROUTES } from './routes.ts'
import { createApp } from './router.ts'

const SECRET = 'weir_test-key-of-more-than-thirty-two-characters'
const FIXED = MODEL_ROUTES.map(({ path }) => path).filter((path) => !/[:*]/.test(path))

interface Sent {
  readonly path: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

function depsOf(over: Partial<ServerDeps['gateway']> = {}): ServerDeps {
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1' })],
  })
  const deps = testServerDeps(gateway, { keys: [testKey(SECRET)], anonymous: 'never' })
  return { ...deps, gateway: { ...deps.gateway, ...over } }
}

/** A request as the server has let it in, and how often it asked whose connection it came by. */
function admitted(deps: ServerDeps, { body, headers, method = 'POST', path }: Sent) {
  const url = `http://127.0.0.1${path}`
  const request = new Request(url, {
    method,
    headers: {
      host: '127.0.0.1',
      authorization: `Bearer ${SECRET}`,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body ?? '')),
      'x-request-id': 'req-1',
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  let asked = 0
  const peer = () => {
    asked += 1
    return '192.0.2.7'
  }
  admit(request, peer, deps)
  return { request, peers: () => asked }
}

async function said(response: Response) {
  const text = await response.text()
  return {
    status: response.status,
    headers: [...response.headers].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    // Ids and moments are each answer's own.
    body: text
      .replaceAll(
        /"(id|created|created_at|total_duration|[a-z_]*duration)":("[^"]*"|\d+)/g,
        '"$1":0',
      )
      .replaceAll(/(chatcmpl|resp|msg|cmpl)[-_][\w-]+/g, '$1'),
  }
}

const CHAT = JSON.stringify({
  model: 'mock/echo',
  messages: [{ role: 'user', content: 'Hello' }],
  input: 'Hello',
  prompt: 'Hello',
  max_tokens: 9,
  stream: false,
})

describe('direct routes', () => {
  test('are those with a whole path, asked by POST, whatever the query', () => {
    const deps = depsOf()
    const direct = directRoutes(deps)
    expect(FIXED.length).toBeGreaterThan(8)
    const isDirect = (sent: Sent) => direct(admitted(deps, sent).request) !== undefined
    for (const path of FIXED) {
      expect(isDirect({ path, body: CHAT })).toBe(true)
      expect(isDirect({ path: `${path}?api-version=1`, body: CHAT })).toBe(true)
      expect(isDirect({ path, method: 'GET' })).toBe(false)
      expect(isDirect({ path, method: 'DELETE' })).toBe(false)
      expect(isDirect({ path: `${path}/`, body: CHAT })).toBe(false)
      expect(isDirect({ path: `${path}x`, body: CHAT })).toBe(false)
      expect(isDirect({ path: `/k/${SECRET}${path}`, body: CHAT })).toBe(false)
    }
    expect(isDirect({ path: '/openai/deployments/m/chat/completions', body: CHAT })).toBe(false)
    expect(isDirect({ path: '/v1/files', body: CHAT })).toBe(false)
    expect(isDirect({ path: '/admin/keys', body: '{}' })).toBe(false)
  })

  test('answer as the router does: good requests, and every way of being refused', async () => {
    const deps = depsOf()
    const direct = directRoutes(deps)
    const app = createApp(deps)
    const cases: readonly Omit<Sent, 'path'>[] = [
      { body: CHAT },
      { body: '{' },
      { body: '[]' },
      { body: CHAT.replace('mock/echo', 'nobody/has-this') },
      { body: CHAT, headers: { 'content-type': 'text/plain' } },
      {
        body: CHAT,
        headers: { authorization: 'Bearer wrong-key-of-more-than-thirty-two-characters' },
      },
      { body: CHAT, headers: { authorization: '', 'x-api-key': SECRET } },
      { body: CHAT, headers: { authorization: '' } },
      { body: CHAT, headers: { origin: 'http://localhost:3000' } },
      { body: CHAT, headers: { 'content-length': '99999999' } },
    ]
    const statuses = new Set<number>()
    for (const path of FIXED) {
      for (const each of cases) {
        const sent = { ...each, path }
        const answered = direct(admitted(deps, sent).request)
        if (answered === undefined) throw new Error(`${path} is not direct`)
        const [own, routed] = await Promise.all([
          Promise.resolve(answered).then(said),
          Promise.resolve(app.handle(admitted(deps, sent).request)).then(said),
        ])
        expect(own).toEqual(routed)
        statuses.add(own.status)
      }
    }
    expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 400, 401, 404, 413, 415])
  })

  test('tell machines whether it lives and is ready as the router does, and only them', async () => {
    for (const isReady of [true, false]) {
      const deps = depsOf()
      const readiness = () => ({ ready: isReady, checks: { store: isReady, accepting: true } })
      const direct = directRoutes({ ...deps, readiness })
      const app = createApp({ ...deps, readiness })
      for (const path of ['/health', '/readyz', '/readyz?full=1']) {
        for (const headers of [{}, { authorization: '' }, { origin: 'http://localhost:3000' }]) {
          const sent: Sent = { path, method: 'GET', headers }
          const answered = direct(admitted(deps, sent).request)
          if (answered === undefined) throw new Error(`${path} is not direct`)
          const own = await said(await answered)
          expect(own).toEqual(await said(await app.handle(admitted(deps, sent).request)))
          expect(own.status).toBe(isReady || path === '/health' ? 200 : 503)
        }
        for (const method of ['POST', 'HEAD', 'DELETE', 'OPTIONS']) {
          expect(direct(admitted(deps, { path, method }).request)).toBeUndefined()
        }
      }
      for (const path of ['/health/', '/healthz', '/readyz/', '/']) {
        expect(direct(admitted(deps, { path, method: 'GET' }).request)).toBeUndefined()
      }
    }
  })

  test('ask nobody where they come from, unless a limit, a refusal or a key wants to know', async () => {
    const seen: (string | undefined)[] = []
    const deps = depsOf()
    const path = '/v1/chat/completions'
    const quiet = admitted(deps, { path, body: CHAT })
    expect((await directRoutes(deps)(quiet.request))?.status).toBe(200)
    expect(quiet.peers()).toBe(0)

    const toll = { take: ({ inbound }: Asked) => void seen.push(inbound.from, inbound.from) }
    const limited = depsOf({ tolls: [toll] })
    const counted = admitted(limited, { path, body: CHAT })
    expect((await directRoutes(limited)(counted.request))?.status).toBe(200)
    expect(seen).toEqual(['192.0.2.7', '192.0.2.7'])
    expect(counted.peers()).toBe(1)

    const bad = { authorization: 'Bearer wrong-key-of-more-than-thirty-two-characters' }
    const refused = admitted(deps, { path, body: CHAT, headers: bad })
    expect((await directRoutes(deps)(refused.request))?.status).toBe(401)
    expect(refused.peers()).toBe(1)
  })
})
