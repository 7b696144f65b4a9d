import { describe, expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey } from '../testing/server.ts'

const SECRET = 'weir_0123456789012345678901234567890123456789abcdef'
const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })

const TEXT = '# TYPE weir_requests_total counter\n'
const deps = { metrics: () => ({ contentType: 'text/plain; version=0.0.4', text: TEXT }) }

describe('/metrics', () => {
  test('without a key it is told only where local callers need none', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using closed = startTestServer(gateway, { deps, anonymous: 'never' })
    const refused = await fetch(`${closed.url}/metrics`)
    expect(refused.status).toBe(401)
    expect(await refused.text()).not.toContain('weir_requests')
    await using open = startTestServer(gateway, { deps })
    // A proxy in front: the caller is somewhere else.
    const forwarded = await fetch(`${open.url}/metrics`, {
      headers: { 'x-forwarded-for': '203.0.113.9' },
    })
    expect(forwarded.status).toBe(401)
  })

  test('a wrong key is refused, whoever sends it', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), { deps })
    const headers = { authorization: 'Bearer not-a-key' }
    expect((await fetch(`${server.url}/metrics`, { headers })).status).toBe(401)
  })

  test('a key, or a caller of this machine, reads the text', async () => {
    const gateway = createTestGateway({ providers: [mock] })
    await using closed = startTestServer(gateway, {
      deps,
      anonymous: 'never',
      keys: [testKey(SECRET)],
    })
    await using open = startTestServer(gateway, { deps })
    const withKey = fetch(`${closed.url}/metrics`, {
      headers: { authorization: `Bearer ${SECRET}` },
    })
    for (const response of [await withKey, await fetch(`${open.url}/metrics`)]) {
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4')
      expect(await response.text()).toBe(TEXT)
    }
  })

  test('other methods are told which one it takes', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), { deps })
    const response = await fetch(`${server.url}/metrics`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET')
  })

  test('the format that is asked for is what is made, packed where the caller takes that and it is worth it', async () => {
    const accepted: (string | undefined)[] = []
    const long = '# a long text\n'.repeat(1_000)
    const gateway = createTestGateway({ providers: [mock] })
    await using server = startTestServer(gateway, {
      deps: {
        metrics: (accept) => {
          accepted.push(accept)
          return Promise.resolve({
            contentType: 'text/plain',
            text: accept === 'short' ? TEXT : long,
          })
        },
      },
    })
    const ask = (accept: string, encoding: string, method = 'GET') =>
      fetch(`${server.url}/metrics`, {
        method,
        headers: { accept, 'accept-encoding': encoding },
        decompress: false,
      })
    const packed = await ask('long', 'deflate, gzip;q=0.5')
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    expect(packed.headers.get('vary')).toContain('Accept-Encoding')
    const bytes = new Uint8Array(await packed.arrayBuffer())
    expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe(long)
    for (const [accept, encoding] of [
      ['long', 'identity'],
      ['long', 'gzip;q=0'],
      ['short', 'gzip'],
    ] as const) {
      const plain = await ask(accept, encoding)
      expect(plain.headers.get('content-encoding')).toBeNull()
      expect(await plain.text()).toBe(accept === 'short' ? TEXT : long)
    }
    const head = await ask('short', 'gzip', 'HEAD')
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(accepted).toEqual(['long', 'long', 'long', 'short', 'short'])
  })
})
