import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp, type App } from './app.ts'
import { DEFAULT_BASE_URLS } from './config/base-urls.ts'
import { loadConfig } from './config/load.ts'
import { PROVIDER_TYPES } from './core/catalog.ts'
import { providerKind } from './providers/registry.ts'
import { SILENT_LOGGER } from './telemetry/log.ts'
import { testProvider } from './testing/gateway.ts'
import { rawRequest } from './testing/http.ts'
import { json } from './testing/upstream-answers.ts'
import { startUpstream } from './testing/upstream.ts'
import { TEST_ACTOR, until } from './storage/test-store.ts'

// A program for each test; the first page is made from its sources.
setDefaultTimeout(60_000)

const folders: string[] = []
const apps: App[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-app-'))
  folders.push(folder)
  return folder
}

function load(folder: string, file: object, environment: Record<string, string> = {}) {
  const config = join(folder, 'weir.json')
  writeFileSync(config, JSON.stringify({ discovery: { local: false }, ...file }))
  return loadConfig({
    flags: { config, data: join(folder, 'data'), port: '0' },
    surroundings: {
      platform: process.platform,
      environment,
      home: folder,
      workingFolder: folder,
    },
  }).config
}

async function start(folder: string, file: object, environment: Record<string, string> = {}) {
  const app = await startApp(load(folder, file, environment), SILENT_LOGGER)
  apps.push(app)
  return app
}

function ask(app: App, model: string, headers: Record<string, string> = {}) {
  return fetch(`${app.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  })
}

const KEY = 'a-key-of-the-file-that-is-long-enough-0001'

describe('the first start', () => {
  test('makes a private folder with a private key and both databases, and answers', async () => {
    const folder = newFolder()
    const app = await start(folder, {})
    const mode = (name: string) => statSync(join(folder, 'data', name)).mode & 0o777
    if (process.platform !== 'win32') {
      expect(mode('.')).toBe(0o700)
      for (const name of ['master.key', 'weir.db', 'weir-log.db']) expect(mode(name)).toBe(0o600)
    }
    const answer = await ask(app, 'mock/echo')
    expect(answer.status).toBe(200)
    expect((await fetch(`${app.server.url}/readyz`)).status).toBe(200)
    await answer.text()
    const rows = () => app.store.requests.list({ tenantId: 'default', limit: 10 })
    // A row is written behind its answer.
    await until('it is in the log', async () => (await rows()).length > 0)
    const [row, ...more] = await rows()
    expect(more).toEqual([])
    expect(row!.outcome).toMatchObject({ status: 200, modelRequested: 'mock/echo' })
  })

  test('refuses to listen on a network while nobody could be told apart', async () => {
    const server = { host: '0.0.0.0' }
    await expect(startApp(load(newFolder(), { server }), SILENT_LOGGER)).rejects.toThrow(
      'no API key exists',
    )
    const keys = [{ name: 'one', key: KEY }]
    const open = await start(newFolder(), { server, keys })
    expect(open.server.port).toBeGreaterThan(0)
    const strict = await start(newFolder(), { server, auth: { anonymous: 'never' } })
    expect(strict.server.port).toBeGreaterThan(0)
  })

  test('a start that fails leaves nothing open', async () => {
    const folder = newFolder()
    const config = load(folder, { server: { host: '0.0.0.0' } })
    await expect(startApp(config, SILENT_LOGGER)).rejects.toThrow()
    const app = await start(folder, {})
    expect((await ask(app, 'mock/echo')).status).toBe(200)
  })
})

describe('changes while it runs', () => {
  test('a key made in the store is in force at once, and so is its revocation', async () => {
    const app = await start(newFolder(), { auth: { anonymous: 'never' } })
    const secret = 'a-key-of-the-store-that-is-long-enough-001'
    const hash = new Bun.CryptoHasher('sha256').update(secret).digest('hex')
    expect((await ask(app, 'mock/echo', { authorization: `Bearer ${secret}` })).status).toBe(401)
    await app.store.keys.create(
      {
        id: Bun.randomUUIDv7(),
        tenantId: 'default',
        name: 'made',
        hash,
        prefix: 'a-ke',
        lastFour: '-001',
        createdMs: Date.now(),
      },
      TEST_ACTOR,
    )
    const [key] = await app.store.keys.list('default')
    expect((await ask(app, 'mock/echo', { authorization: `Bearer ${secret}` })).status).toBe(200)
    await app.store.keys.revoke('default', key!.id, Date.now(), TEST_ACTOR)
    expect((await ask(app, 'mock/echo', { authorization: `Bearer ${secret}` })).status).toBe(401)
  })

  test('an address that is only edited does not lift the guard of the one that is listened on', async () => {
    const folder = newFolder()
    const auth = { auth: { anonymous: 'loopback' }, keys: [{ name: 'one', key: KEY }] }
    const app = await start(folder, { server: { host: '0.0.0.0' }, ...auth })
    const inside = { id: 'inside', type: 'openai', baseUrl: 'http://10.0.0.1/v1' } as const
    await app.store.providers.save(
      'default',
      testProvider({ ...inside, network: {}, origin: 'store' }),
      TEST_ACTOR,
    )
    await app.reload(load(folder, { server: { host: '127.0.0.1' }, ...auth }))
    const { providers } = app.snapshot().of('default')
    expect(providers.get('inside')?.network.allowPrivate).toBe(false)
  })

  test('a reloaded configuration replaces providers, models and keys', async () => {
    await using upstream = startUpstream(
      json({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [] }),
    )
    const folder = newFolder()
    const app = await start(folder, {})
    expect((await ask(app, 'fast')).status).toBe(404)
    const providers = [
      {
        id: 'own',
        type: 'custom',
        compatible: 'openai',
        base_url: `${upstream.url}/v1`,
        keys: ['k-0123456789'],
      },
    ]
    const models = [
      { id: 'fast', targets: [{ provider: 'own', model: 'm' }], defaults: { temperature: 0.5 } },
    ]
    await app.reload(load(folder, { providers, models }))
    expect((await ask(app, 'fast')).status).toBe(200)
    // It may have been asked for its model list as well.
    const asked = upstream.requests.find(({ method }) => method === 'POST')
    expect(asked?.json()).toMatchObject({ model: 'm', temperature: 0.5 })
  })
})

describe('the web page', () => {
  test('comes whole from here, under a strict policy', async () => {
    const app = await start(newFolder(), {})
    const page = await fetch(`${app.server.url}/ui`)
    expect(page.status).toBe(200)
    const policy = page.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const html = await page.text()
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!)
    expect(links.length).toBeGreaterThan(2)
    for (const link of links) {
      expect(link).toStartWith('/ui/')
      const asset = await fetch(`${app.server.url}${link}`)
      expect(asset.status).toBe(200)
      const again = await fetch(`${app.server.url}${link}`, {
        headers: { 'if-none-match': asset.headers.get('etag')! },
      })
      expect(again.status).toBe(304)
    }
  })

  test.each([
    '../package.json',
    '%2e%2e/package.json',
    '..%2fpackage.json',
    '..%5cpackage.json',
    'app.js%00',
    '/etc/passwd',
    'nothing.js',
  ])('/ui/%s is not there', async (path) => {
    const app = await start(newFolder(), {})
    const answer = await rawRequest(
      app.server.port,
      `GET /ui/${path} HTTP/1.1\r\nHost: 127.0.0.1:${app.server.port}\r\nConnection: close\r\n\r\n`,
    )
    expect(answer.status).toBe(404)
    expect(answer.body).not.toContain('dependencies')
  })
})

test('providers of the environment are there, with their keys', async () => {
  await using upstream = startUpstream(
    json({ object: 'list', data: [{ id: 'gpt-x', object: 'model' }] }),
  )
  const app = await start(
    newFolder(),
    {},
    {
      OPENAI_API_KEY: 'sk-environment-0123',
      OPENAI_BASE_URL: `${upstream.url}/v1`,
    },
  )
  expect([...app.snapshot().allProviders.keys()].toSorted()).toEqual(['mock', 'openai'])
  await upstream.request(0)
  expect(upstream.requests[0]!.headers['authorization']).toBe('Bearer sk-environment-0123')
})

test('the configuration and the providers agree on default addresses', () => {
  for (const type of PROVIDER_TYPES) {
    expect(`${type} ${DEFAULT_BASE_URLS[type]}`).toBe(
      `${type} ${providerKind(type)!.defaultBaseUrl}`,
    )
  }
})
