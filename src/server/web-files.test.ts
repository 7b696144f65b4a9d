import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import type { WebAsset } from './context.ts'

const PAGE = '<!doctype html><title>page</title>'
const SCRIPT = 'console.log("a script that is long enough to be worth packing")'.repeat(4)

const assets: Readonly<Record<string, WebAsset>> = {
  'index.html': asset(PAGE, 'text/html; charset=utf-8', '"page"', false),
  'app-0a1b2c3d.js': {
    ...asset(SCRIPT, 'text/javascript; charset=utf-8', '"script"', true),
    gzip: gzipSync(SCRIPT),
  },
  'docs/guide/index.html': asset('the guide', 'text/html; charset=utf-8', '"guide"', false),
  'docs/guide/decisions/relay.html': asset('relay', 'text/html; charset=utf-8', '"relay"', false),
  'docs/guide/404.html': asset('no such page', 'text/html; charset=utf-8', '"missing"', false),
}

let server: TestServer

beforeAll(() => {
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'mock', type: 'mock', baseUrl: 'mock:' })],
  })
  server = startTestServer(gateway, {
    deps: {
      asset: (name) => Promise.resolve(Object.hasOwn(assets, name) ? assets[name] : undefined),
    },
  })
})

afterAll(async () => {
  await server.stop(0)
})

function asset(text: string, contentType: string, etag: string, isImmutable: boolean): WebAsset {
  return { body: new TextEncoder().encode(text), contentType, etag, isImmutable }
}

/** As it came, packed or not. */
function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}${path}`, { headers, decompress: false })
}

describe('a file', () => {
  test('comes under a policy that lets nothing in from elsewhere', async () => {
    const { headers } = await get('/ui')
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|\*|https?:/)
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
  })

  test('is kept for ever where its name changes with it, and asked for anew where not', async () => {
    expect((await get('/ui')).headers.get('cache-control')).toBe('no-cache')
    const script = await get('/ui/app-0a1b2c3d.js')
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  })

  test.each(['"page"', 'W/"page"', '"other", "page"'])(
    '%s is known: 304 without a body',
    async (tag) => {
      const answer = await get('/ui', { 'if-none-match': tag })
      expect([answer.status, await answer.text()]).toEqual([304, ''])
      expect(answer.headers.get('etag')).toBe('"page"')
    },
  )

  test('another tag is not it', async () => {
    expect((await get('/ui', { 'if-none-match': '"pag"' })).status).toBe(200)
  })

  test.each([
    ['gzip', true],
    ['br, gzip;q=0.5', true],
    ['GZIP', true],
    ['identity', false],
    ['br', false],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['xgzip', false],
  ])('accept-encoding %s: packed is %p', async (accepted, isPacked) => {
    const answer = await get('/ui/app-0a1b2c3d.js', { 'accept-encoding': accepted })
    expect(answer.headers.get('content-encoding')).toBe(isPacked ? 'gzip' : null)
    expect(answer.headers.get('vary')).toBe('Accept-Encoding')
    const bytes = new Uint8Array(await answer.arrayBuffer())
    expect(new TextDecoder().decode(isPacked ? gunzipSync(bytes) : bytes)).toBe(SCRIPT)
  })
})

describe('a path', () => {
  test.each([
    ['/ui', '*/*'],
    ['/ui/', '*/*'],
    ['/ui/requests/abc', '*/*'],
    ['/ui/people/groups', 'text/html'],
    ['/ui/models/gpt-4.1', 'text/html,application/xhtml+xml'],
    ['/ui/models/openai%2Fgpt-4.1', 'text/html'],
  ])('%s is a page, for %s', async (path, accept) => {
    const answer = await get(path, { accept })
    expect([answer.status, await answer.text()]).toEqual([200, PAGE])
  })

  test.each([
    ['/ui/missing-0a1b2c3d.js', '*/*'],
    ['/ui/missing-0a1b2c3d.js', 'text/html'],
    ['/ui/deep/missing.css', '*/*'],
    ['/ui/models/gpt-4.1', '*/*'],
    ['/ui//etc/passwd', '*/*'],
    ['/ui/..%2fpackage.json', '*/*'],
    ['/ui/__proto__.js', '*/*'],
  ])('%s is nothing, for %s', async (path, accept) => {
    const answer = await get(path, { accept })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ error: { code: 'unknown_url' } })
  })
})

describe('the guide', () => {
  test.each([
    ['/docs/guide', 'the guide'],
    ['/docs/guide/', 'the guide'],
    ['/docs/guide?x=1', 'the guide'],
    ['/docs/guide/decisions/relay', 'relay'],
  ])('%s is a page', async (path, text) => {
    const answer = await get(path)
    expect([answer.status, await answer.text()]).toEqual([200, text])
  })

  test('what is no page is answered as such by a page, also to whoever has that already', async () => {
    for (const path of [
      '/docs/guide/nothing',
      '/docs/guide/relay.html',
      '/docs/guide/../guide/x',
    ]) {
      const answer = await get(path, { 'if-none-match': '"missing"' })
      expect([path, answer.status, await answer.text()]).toEqual([path, 404, 'no such page'])
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    }
    const file = await get('/docs/guide/nothing-0a1b2c3d.js')
    expect(file.status).toBe(404)
    expect(await file.text()).not.toContain('no such page')
  })
})
