// Providers through the management API of a whole program: secrets never leave and never go where they were not given for, addresses are
// those that this server may connect to, nobody does more than they may, and what is saved is what answers.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { App } from './app.ts'
import { PROVIDER } from './config/schema-provider.ts'
import type { Node, SectionNode } from './config/node.ts'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import type { JsonObject } from './core/json.ts'
import { SETTINGS, WholeProviderSchema } from './server/admin/provider-schemas.ts'
import { TEST_ACTOR, until } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { makeCertificate } from './testing/rsa-certificate.ts'
import { startUpstream, type Answer, type Upstream } from './testing/upstream.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const PLATFORM = 'the-key-of-the-platform-long-enough-00001'
const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const SETTER = 'the-key-without-keys-long-enough-00000001'
const AUDITOR = 'the-key-of-an-auditor-long-enough-0000001'
const OTHERS_ADMIN = 'the-key-of-another-tenant-long-enough-01'
const CANARY = 'sk-canary-of-the-provider-0123456789abWXYZ'

const KEYS = [
  { name: 'platform', key: PLATFORM, roles: ['owner'] },
  { name: 'admin', key: ADMIN, roles: ['admin'] },
  { name: 'setter', key: SETTER, roles: ['admin'], actions: ['provider.*'] },
  { name: 'auditor', key: AUDITOR, roles: ['auditor'] },
  { name: 'theirs', key: OTHERS_ADMIN, roles: ['admin'], tenant: 'other' },
]

let common: WholeApp
let whole: WholeApp
let app: App
let upstream: Upstream
let evil: Upstream

const list =
  (...ids: readonly string[]): Answer =>
  ({ headers }) =>
    headers['authorization'] === undefined
      ? Response.json({ error: { message: 'no key' } }, { status: 401 })
      : Response.json({ object: 'list', data: ids.map((id) => ({ id })) })

beforeAll(async () => {
  common = await startWholeApp(KEYS, {
    providers: [{ id: 'declared', type: 'openai', keys: ['sk-canary-of-the-file-0123456789'] }],
  })
  await makePlatform(common)
})
afterAll(() => common.stop())

beforeEach(() => {
  upstream = startUpstream(list('a', 'b'))
  evil = startUpstream(list('evil'))
  whole = common
  app = whole.app
})
afterEach(async () => {
  if (whole !== common) await whole.stop()
  for (const { id, tenantId = 'default' } of await common.app.store.providers.all()) {
    await common.app.store.providers.remove(tenantId, id, TEST_ACTOR)
  }
  await Promise.all([upstream.close(), evil.close()])
})

/** Rights over the whole installation. */
async function makePlatform({ app: { store } }: WholeApp): Promise<void> {
  const assignee = { kind: 'key', id: 'file:platform' } as const
  const role = { roleId: 'owner', assignee, effect: 'allow', createdMs: 1 } as const
  const id = Bun.randomUUIDv7()
  await store.assignments.create(
    { ...role, id, tenantId: PLATFORM_TENANT_ID, scope: '/' },
    TEST_ACTOR,
  )
}

/** Another program, in place of the one that all tests share. */
async function restart(declared: object): Promise<void> {
  whole = await startWholeApp(KEYS, declared)
  app = whole.app
  await makePlatform(whole)
}

const call = (
  method: string,
  path: string,
  body?: unknown,
  { key = ADMIN, ...more }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Told> => callServer(method, `${app.server.url}/admin${path}`, { key, body, ...more })

const base = () => `${upstream.url}/v1`
const make = (over: object = {}) =>
  call('POST', '/providers', { id: 'p', type: 'openai', base_url: base(), keys: [CANARY], ...over })
const stored = (id = 'p') => app.store.providers.find('default', id)

async function made(over: object = {}): Promise<Told> {
  const told = await make(over)
  expect([told.status, told.body['code']]).toEqual([201, undefined])
  return told
}

describe('secrets that are there', () => {
  const elsewhere = (): readonly (readonly [string, JsonObject])[] => [
    ['base_url', { base_url: `${evil.url}/v1` }],
    ['the same host with another port', { base_url: 'http://127.0.0.1:1/v1' }],
    ['the path of another customer', { base_url: `${upstream.url}/v1/evil/v1` }],
    ['the scheme', { base_url: base().replace('http:', 'https:') }],
    ['a proxy', { network: { proxy: evil.url } }],
    ['no verification', { network: { verify: false } }],
  ]

  test('go nowhere else without being given anew: not by PATCH, PUT or a try', async () => {
    await made()
    const asked = evil.requests.length
    for (const [what, change] of elsewhere()) {
      const whole_ = { base_url: base(), ...change }
      for (const [method, path, body] of [
        ['PATCH', '/providers/p', change],
        ['PUT', '/providers/p', whole_],
        ['POST', '/providers/p/test', change],
      ] as const) {
        const told = await call(method, path, body)
        expect([what, method, told.status, told.body['code'], told.body['param']]).toEqual([
          what,
          method,
          400,
          'secrets_needed',
          'keys',
        ])
        expect(told.text).not.toContain('canary')
      }
    }
    // What PUT leaves out is the type's own: another origin too.
    expect((await call('PUT', '/providers/p', {})).body['code']).toBe('secrets_needed')
    expect(evil.requests.length).toBe(asked)
    expect((await stored())?.baseUrl).toBe(base())
  })

  test('stay where the way is the same, or safer', async () => {
    await made({ network: { verify: false } })
    for (const change of [
      { base_url: `${upstream.url}/v2` },
      { network: { verify: null } },
      { timeouts: { connect_ms: 1_000 } },
    ]) {
      expect((await call('PATCH', '/providers/p', change)).status).toBe(200)
    }
    const after = await stored()
    expect(after?.keys.map(({ secret }) => secret)).toEqual([CANARY])
    expect(after?.timeouts.connectMs).toBe(1_000)
    expect(after?.network).toEqual({})
  })

  test('are replaced by those that come along: the old ones are gone', async () => {
    await made()
    const change = { base_url: `${evil.url}/v1`, keys: ['sk-new-0123456789abcdef'] }
    expect((await call('PATCH', '/providers/p', change)).status).toBe(200)
    await call('POST', '/providers/p/test', {})
    await call('POST', '/providers/p/discover', {})
    const sent = evil.requests.map(({ headers }) => JSON.stringify(headers)).join()
    expect(sent).toContain('sk-new')
    expect(sent).not.toContain('canary')
    expect((await stored())?.keys).toHaveLength(1)
  })

  test('in header fields and of an application count as well', async () => {
    await made({ headers: { 'x-team': 'canary-of-the-header' } })
    const away = { base_url: `${evil.url}/v1`, keys: [] }
    const told = await call('PATCH', '/providers/p', away)
    expect([told.body['code'], told.body['param']]).toEqual(['secrets_needed', 'headers.x-team'])
    const anew = { ...away, headers: { 'x-team': 'other' } }
    expect((await call('PATCH', '/providers/p', anew)).status).toBe(200)

    const entra = { tenant: 't', client_id: 'c', client_secret: 'canary-of-the-app' }
    const azure = {
      id: 'az',
      type: 'azure',
      keys: [],
      base_url: 'https://a.openai.azure.com',
      entra,
    }
    await made(azure)
    for (const change of [
      { base_url: 'https://b.example' },
      { entra: { authority: 'https://sts.example' } },
      { entra: { management: 'https://arm.example' } },
      { entra: { cloud: 'china' } },
    ]) {
      const refused = await call('PATCH', '/providers/az', change)
      expect([refused.body['code'], refused.body['param']]).toEqual([
        'secrets_needed',
        'entra.client_secret',
      ])
    }
    expect((await call('PATCH', '/providers/az', { entra: { client_id: 'd' } })).status).toBe(200)
    expect((await stored('az'))?.entra).toMatchObject({ clientSecret: 'canary-of-the-app' })
  })

  test('of a proxy stay with that proxy', async () => {
    const proxy = 'http://user:canary@proxy.example:3128'
    const shown = (await made({ network: { proxy } })).body['network'] as JsonObject
    expect(shown['proxy']).toBe('http://user:***@proxy.example:3128')
    const same = { network: { proxy: shown['proxy'], no_proxy: ['.corp'] } }
    expect((await call('PATCH', '/providers/p', same)).status).toBe(200)
    expect((await stored())?.network.proxy).toBe(proxy)
    const other = { network: { proxy: 'http://user:***@evil.example:3128' } }
    const told = await call('PATCH', '/providers/p', other)
    expect([told.status, told.body['param']]).toEqual([400, 'network.proxy'])
  })

  test('never come out, whichever route is read', async () => {
    const { certFile, keyFile } = makeCertificate(whole.folder, { name: 'client' })
    const cert = await Bun.file(certFile).text()
    const key = await Bun.file(keyFile).text()
    await made({
      headers: { 'x-a': 'canary-header' },
      network: { proxy: 'http://u:canary-proxy@127.0.0.1:1', cert, key, ca: cert },
    })
    await call('POST', '/providers/p/keys', { secret: `${CANARY}2`, id: 'two' })
    for (const path of [
      '/providers',
      '/providers/p',
      '/providers/p/keys',
      '/providers/declared',
      '/health',
      '/audit',
      '/models/status',
    ]) {
      const { status, text } = await call('GET', path)
      expect([path, status]).toEqual([path, 200])
      expect(text).not.toContain('canary')
      expect(text).not.toContain(key.split('\n')[1]!)
    }
    const { text } = await call('POST', '/providers/p/test', {})
    expect(text).not.toContain('canary')
    expect((await stored())?.network.key).toBe(key)
    const { body } = await call('GET', '/providers/p')
    expect(body['network']).toMatchObject({ ca: cert, cert, key: '***' })
    const keys = body['keys'] as JsonObject[]
    expect(keys.map((each) => each['last_four'])).toEqual(['WXYZ', 'XYZ2'])
  })

  test('that are sent back masked must be there', async () => {
    for (const body of [
      { keys: ['***'] },
      { headers: { 'x-a': '***' } },
      { network: { proxy: 'http://u:***@proxy.example' } },
      { network: { key: '***', cert: 'x' } },
    ]) {
      expect((await make(body)).status).toBe(400)
    }
    expect(await stored()).toBeUndefined()
  })

  test('are those of the address, whoever of two is faster', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { etag } = await made({ id: `r${round}` })
      const meant = { headers: { 'if-match': etag! } }
      const away = { base_url: `${evil.url}/v1`, keys: ['sk-evil-0123456789abcdef'] }
      const path = `/providers/r${round}`
      const answers = await Promise.all([
        call('PATCH', path, { timeouts: { connect_ms: 500 } }),
        call('PATCH', path, away),
        call('PATCH', path, { retries: { max: 1 } }),
        call('POST', `${path}/keys`, { secret: `${CANARY}-late`, id: 'late' }, meant),
      ])
      expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([])
      const after = await stored(`r${round}`)
      const secrets = after?.keys.map(({ secret }) => secret).join() ?? ''
      if (after?.baseUrl === base()) expect(secrets).not.toContain('evil')
      else expect(secrets).not.toContain('canary')
    }
  })
})

describe('addresses', () => {
  test('that nobody may ask are refused when they are written, however they are spelt', async () => {
    for (const url of [
      'http://169.254.169.254/latest',
      'http://[fd00:ec2::254]/',
      'http://2852039166/',
      'http://0xa9fea9fe/',
      'http://0251.0376.0251.0376/',
      'http://metadata.google.internal./',
      'http://0.0.0.0:1/',
      'http://[::ffff:169.254.169.254]/',
      'http://100.100.100.200/',
      'http://user:pw@host.example/',
      'http://host.example@169.254.169.254/',
      'http://host.example/#@x',
      'http://host.example/?x=1',
      'ftp://host.example/',
      'file:///etc/passwd',
      'http://host.example\\@evil.example/',
      ' http://host.example/',
      'host.example',
    ]) {
      for (const body of [{ base_url: url }, { network: { proxy: url } }]) {
        if ('network' in body && url.includes('user:pw')) continue
        const told = await make(body)
        expect([url, told.status]).toEqual([url, 400])
        expect(told.text).not.toContain(url.trim())
        const tried = { type: 'openai', base_url: base(), ...body }
        expect((await call('POST', '/providers/test', tried)).status).toBe(400)
      }
    }
    expect(await stored()).toBeUndefined()
  })

  test('inside are fine on a laptop, and refused where the operator allows public ones alone', async () => {
    await made()
    await restart({ network: { allow_private: false } })
    for (const url of [base(), 'http://10.1.2.3/v1', 'http://[::1]:1/', 'http://localhost:1/v1']) {
      const told = await make({ base_url: url })
      expect([url, told.status, told.body['code'], told.body['param']]).toEqual([
        url,
        400,
        'address_refused',
        'base_url',
      ])
    }
    const proxied = await make({
      base_url: 'https://api.example/v1',
      network: { proxy: 'http://127.0.0.1:1' },
    })
    expect([proxied.status, proxied.body['param']]).toEqual([400, 'network.proxy'])
    const mine = await make({ network: { allow_private: true } })
    expect([mine.status, mine.body['param']]).toEqual([403, 'network.allow_private'])
    const body = { id: 'p', type: 'openai', base_url: base(), network: { allow_private: true } }
    expect((await call('POST', '/providers', body, { key: PLATFORM })).status).toBe(201)
    // Who may not allow it may still change the rest.
    expect((await call('PATCH', '/providers/p', { retries: { max: 0 } })).status).toBe(200)
    expect((await call('PATCH', '/providers/p', { base_url: `${upstream.url}/v2` })).status).toBe(
      200,
    )
  })

  test('inside that somebody was allowed are no others', async () => {
    await restart({ network: { allow_private: false } })
    const body = { id: 'p', type: 'openai', base_url: base(), network: { allow_private: true } }
    expect((await call('POST', '/providers', body, { key: PLATFORM })).status).toBe(201)
    const moves = [
      { base_url: evil.url, keys: [] },
      { base_url: 'http://10.1.2.3/', keys: [] },
      { network: { proxy: evil.url }, keys: [] },
    ]
    for (const move of moves) {
      for (const [method, path] of [
        ['PATCH', '/providers/p'],
        ['POST', '/providers/p/test'],
      ] as const) {
        const told = await call(method, path, move)
        expect([told.status, told.body['param']]).toEqual([403, 'network.allow_private'])
      }
    }
    const moved = { id: 'p', type: 'openai', base_url: evil.url, network: { allow_private: true } }
    const yaml = JSON.stringify({ providers: [moved] })
    const read = await call('POST', '/config/import', { yaml })
    expect(read.body).toMatchObject({
      applied: false,
      problems: [{ path: 'providers[0].network.allow_private' }],
    })
    expect(evil.requests).toEqual([])
    const mine = { base_url: 'https://api.example/v1', network: { allow_private: null }, keys: [] }
    expect((await call('PATCH', '/providers/p', mine)).status).toBe(200)
  })

  test('a proxy that could be another than the one that was judged is refused', async () => {
    await restart({ network: { allow_private: false } })
    const told = await make({
      base_url: 'https://api.example/v1',
      network: { proxy: 'https://proxy.example:3128' },
    })
    expect([told.status, told.body['param'], told.body['code']]).toEqual([
      400,
      'network.proxy',
      'address_refused',
    ])
  })

  test('a proxy of one’s own inside is not connected to either, where that is refused', async () => {
    await restart({ network: { allow_private: false } })
    // As if it had been written when that was allowed.
    await app.store.providers.save(
      'default',
      {
        id: 'p',
        type: 'openai',
        baseUrl: 'http://api.example/v1',
        keys: [{ id: 'k', secret: CANARY }],
        timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000, totalMs: 1_000 },
        retries: { max: 0, baseMs: 1, capMs: 1 },
        network: { proxy: evil.url },
        headers: {},
      },
      TEST_ACTOR,
    )
    const told = await call('POST', '/providers/p/test', {})
    expect(told.body).toMatchObject({ ok: false, reachable: false })
    expect(evil.requests).toEqual([])
  })

  test('that answer with a redirect are not followed', async () => {
    upstream.play(() => Response.redirect(`${evil.url}/v1/models`, 307))
    await made()
    const told = await call('POST', '/providers/p/test', {})
    expect(told.body['ok']).toBe(false)
    expect(evil.requests).toEqual([])
  })
})

describe('what cannot be said', () => {
  const WRONG: readonly (readonly [object, string])[] = [
    [{ network: { ca_file: '/etc/passwd' } }, 'network.ca_file'],
    [{ network: { cert_file: '/etc/passwd' } }, 'network.cert_file'],
    [{ entra: { tenant: 't', client_id: 'c', cert_file: '/x' } }, 'entra.cert_file'],
    [{ network: { ca: '/etc/passwd' } }, 'network.ca'],
    [{ network: { cert: 'x' } }, 'network.key'],
    [{ origin: 'file' }, 'origin'],
    [{ tenantId: 'other' }, 'tenantId'],
    [{ id: '../p' }, 'id'],
    [{ type: 'moon' }, 'type'],
    [{ keys: ['a\nb'] }, 'keys[0]'],
    [{ keys: [CANARY, CANARY] }, 'keys[1]'],
    [{ headers: { host: 'x' } }, 'headers.host'],
    [{ headers: { 'x-a': 'a\r\nb: c' } }, 'headers.x-a'],
    [{ headers: { 'a b': 'x' } }, 'headers'],
    [{ compatible: 'openai' }, 'compatible'],
    [{ type: 'custom' }, 'compatible'],
    [{ api_version: '2024-10-21' }, 'api_version'],
    [{ timeouts: { connect_ms: 1 } }, 'timeouts.connect_ms'],
    [{ timeouts: { connect_ms: '5s' } }, 'timeouts.connect_ms'],
    [{ retries: { base_ms: 9_000, cap_ms: 1_000 } }, 'retries.base_ms'],
    [{ circuit: { error_rate: 0 } }, 'circuit.error_rate'],
    [{ concurrency: { queue: 1 } }, 'concurrency.max'],
    [{ context: { guard: false } }, 'context'],
    [{ entra: { tenant: 't', client_id: 'c', client_secret: 's' } }, 'entra'],
  ]
  test.each(WRONG)('%j', async (over, param) => {
    const told = await make(over)
    expect([told.status, told.body['param']]).toEqual([400, param])
    expect(told.text).not.toContain('canary')
    expect(await stored()).toBeUndefined()
  })

  test('names of variables and files are text like any other', async () => {
    const secret = '${HOME}${file:/etc/passwd}'
    await made({ keys: [secret] })
    expect((await stored())?.keys[0]?.secret).toBe(secret)
  })
})

describe('whoever may not', () => {
  test('change, try or see keys of providers gets 403, and nothing is stored', async () => {
    await made()
    const cases: readonly (readonly [string, string, unknown])[] = [
      ['POST', '/providers', { id: 'q', type: 'mock' }],
      ['POST', '/providers/test', { type: 'mock' }],
      ['PATCH', '/providers/p', { retries: { max: 0 } }],
      ['PUT', '/providers/p', { base_url: base() }],
      ['DELETE', '/providers/p', undefined],
      ['POST', '/providers/p/test', {}],
      ['POST', '/providers/p/reset', {}],
      ['POST', '/providers/p/keys', { secret: 'sk-0123456789abcdef' }],
      ['DELETE', '/providers/p/keys/x', undefined],
    ]
    for (const [method, path, body] of cases) {
      const told = await call(method, path, body, { key: AUDITOR })
      expect([method, path, told.status]).toEqual([method, path, 403])
      const theirs = await call(method, path, body, { key: OTHERS_ADMIN })
      const isNew = path === '/providers' || path === '/providers/test'
      expect([method, path, theirs.status]).toEqual([method, path, isNew ? theirs.status : 404])
    }
    expect((await stored())?.keys).toHaveLength(1)
    expect((await call('GET', '/providers/p', undefined, { key: OTHERS_ADMIN })).status).toBe(404)
  })

  test('use a provider’s application has nothing looked up with it', async () => {
    const entra = { tenant: 't', client_id: 'c', client_secret: 'canary-of-the-app' }
    await made({ id: 'az', type: 'azure', keys: [], base_url: 'https://a.example', entra })
    const id = Bun.randomUUIDv7()
    const denial = {
      id,
      tenantId: 'default',
      roleId: 'admin',
      assignee: { kind: 'key', id: 'file:admin' },
      scope: '/tenants/default/providers/az',
      effect: 'deny',
      createdMs: 1,
    } as const
    await app.store.assignments.create(denial, TEST_ACTOR)
    const told = await call('POST', '/discovery/azure', { provider: 'az' })
    expect([told.status, told.body['param']]).toEqual([400, 'provider'])
    await app.store.assignments.remove('default', id, TEST_ACTOR)
  })

  test('give keys may change settings, sees none and gives none', async () => {
    await made()
    const as = { key: SETTER }
    expect((await call('PATCH', '/providers/p', { retries: { max: 0 } }, as)).status).toBe(200)
    expect((await call('GET', '/providers/p', undefined, as)).body['keys']).toBeNull()
    const away = { base_url: `${evil.url}/v1`, keys: ['sk-0123456789abcdef'] }
    expect((await call('PATCH', '/providers/p', away, as)).status).toBe(403)
    expect((await call('PATCH', '/providers/p', { keys: [] }, as)).status).toBe(403)
    const draft = { id: 'q', type: 'openai', base_url: base(), keys: ['sk-0123456789abcdef'] }
    expect((await call('POST', '/providers', draft, as)).status).toBe(403)
    expect((await call('POST', '/providers/test', draft, as)).status).toBe(403)
    expect((await call('POST', '/providers', { ...draft, keys: undefined }, as)).status).toBe(201)
  })

  test('own what all tenants share sees that it is there, and nothing of it', async () => {
    const shown = await call('GET', '/providers/declared', undefined, { key: OTHERS_ADMIN })
    expect(shown.body).toMatchObject({
      origin: 'file',
      base_url: null,
      keys: null,
      network: null,
      headers: null,
    })
    for (const act of ['test', 'reset']) {
      const told = await call('POST', `/providers/declared/${act}`, {}, { key: OTHERS_ADMIN })
      expect(told.status).toBe(403)
    }
  })
})

describe('what is declared elsewhere', () => {
  test('is shown with the reason, and left alone', async () => {
    const shown = await call('GET', '/providers/declared')
    expect(shown.body).toMatchObject({ origin: 'file', read_only: expect.stringContaining('file') })
    const cases: readonly (readonly [string, string, unknown])[] = [
      ['POST', '/providers', { id: 'declared', type: 'mock' }],
      ['PATCH', '/providers/declared', { retries: { max: 0 } }],
      ['PUT', '/providers/declared', {}],
      ['DELETE', '/providers/declared', undefined],
      ['POST', '/providers/declared/keys', { secret: 'sk-0123456789abcdef' }],
      ['POST', '/providers/declared/test', { retries: { max: 0 } }],
    ]
    for (const [method, path, body] of cases) {
      const told = await call(method, path, body, { key: PLATFORM })
      expect([method, path, told.status, told.body['code']]).toEqual([
        method,
        path,
        409,
        'declared_in_file',
      ])
    }
  })
})

describe('versions', () => {
  test('a change of what somebody else has changed is refused, and a creation is made once', async () => {
    const first = await made()
    const { etag } = await call('GET', '/providers/p')
    expect(etag).toBe(first.etag)
    const ifMatch = { headers: { 'if-match': etag! } }
    const change = { retries: { max: 0 } }
    const changed = await call('PATCH', '/providers/p', change, ifMatch)
    expect(changed.status).toBe(200)
    const late = await call('PATCH', '/providers/p', { retries: { max: 1 } }, ifMatch)
    expect([late.status, late.body['code']]).toEqual([412, 'changed_meanwhile'])
    expect((await call('DELETE', '/providers/p', undefined, ifMatch)).status).toBe(412)
    expect((await call('PUT', '/providers/p', { base_url: base() }, ifMatch)).status).toBe(412)
    expect((await stored())?.retries.max).toBe(0)
    const fresh = { headers: { 'if-match': changed.etag! } }
    expect((await call('DELETE', '/providers/p', undefined, fresh)).status).toBe(200)

    const once = { headers: { 'idempotency-key': 'k1' } }
    const body = { id: 'q', type: 'mock' }
    expect((await call('POST', '/providers', body, once)).status).toBe(201)
    expect((await call('POST', '/providers', body, once)).status).toBe(201)
    expect((await call('POST', '/providers', body)).body['code']).toBe('already_exists')
  })

  test('what is read can be written back as it is', async () => {
    await made({
      headers: { 'x-a': 'secret' },
      concurrency: { max: 3 },
      check: {},
      network: { proxy: 'http://u:pw@127.0.0.1:1', no_proxy: ['*'] },
      key_strategy: 'remaining',
    })
    const before = await stored()
    const { body, etag } = await call('GET', '/providers/p')
    const settings = Object.fromEntries(
      Object.keys(SETTINGS).map((name) => [name, body[name] ?? null]),
    )
    const after = await call('PUT', '/providers/p', settings)
    expect([after.status, after.etag]).toEqual([200, etag])
    expect(await stored()).toEqual(before)
  })
})

describe('keys', () => {
  const keysOf = async () =>
    ((await call('GET', '/providers/p/keys')).body['data'] as JsonObject[]).map(
      ({ draining, id }) => [id, draining],
    )

  test('are added, replaced in one change, set aside and retired, the last one only on demand', async () => {
    const [key] = (await made()).body['keys'] as JsonObject[]
    const old = String(key?.['id'])
    const again = await call('POST', '/providers/p/keys', { secret: CANARY })
    expect([again.status, again.body['code']]).toEqual([409, 'key_exists'])
    const rotate = { secret: 'sk-second-0123456789', id: 'second', replaces: old }
    expect((await call('POST', '/providers/p/keys', rotate)).status).toBe(201)
    expect(await keysOf()).toEqual([
      [old, true],
      ['second', false],
    ])
    const audit = (await call('GET', '/audit?limit=2')).text
    expect(audit).toContain('provider_key.create')
    expect(audit).toContain('provider_key.update')
    const none = { secret: 'sk-third-0123456789', replaces: 'nothing' }
    expect((await call('POST', '/providers/p/keys', none)).body['param']).toBe('replaces')
    const last = await call('DELETE', '/providers/p/keys/second')
    expect([last.status, last.body['code']]).toEqual([409, 'last_key'])
    expect((await call('PATCH', `/providers/p/keys/${old}`, { draining: false })).status).toBe(200)
    expect((await call('DELETE', '/providers/p/keys/second')).status).toBe(200)
    expect((await call('DELETE', `/providers/p/keys/${old}?even_the_last=true`)).status).toBe(200)
    expect(await keysOf()).toEqual([])
    expect((await call('PATCH', '/providers/p/keys/second', { draining: true })).status).toBe(404)
    expect((await call('GET', '/providers/p')).body['health']).toMatchObject({ state: 'no_key' })
  })
})

describe('a provider that was made', () => {
  test('answers at once, shows its models and how it fares, and says what breaks without it', async () => {
    upstream.play(({ target }) =>
      target.endsWith('/models')
        ? Response.json({ data: [{ id: 'a' }] })
        : Response.json({
            id: 'x',
            object: 'chat.completion',
            created: 1,
            model: 'a',
            choices: [
              { index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' },
            ],
            usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
          }),
    )
    await made()
    const target = { provider: 'p', model: 'a' }
    expect((await call('POST', '/models', { id: 'only', targets: [target] })).status).toBe(201)
    const two = { id: 'two', targets: [target, { provider: 'mock', model: 'echo' }] }
    expect((await call('POST', '/models', two)).status).toBe(201)
    const found = await call('POST', '/providers/p/discover', {})
    expect(found.body).toMatchObject({
      answered: true,
      models: [{ id: 'p/a', model: 'a', aliases: expect.arrayContaining(['only', 'two']) }],
    })
    const answer = await fetch(`${app.server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'only', messages: [{ role: 'user', content: 'hi' }] }),
    })
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('hi')])
    const { body } = await call('GET', '/providers/p')
    expect(body).toMatchObject({
      health: { state: 'healthy', models: 1 },
      used_by: expect.arrayContaining([
        { model: 'only', targets: 1, is_only: true },
        { model: 'two', targets: 1, is_only: false },
      ]),
    })
    const gone = await call('DELETE', '/providers/p')
    expect(gone.body['used_by']).toHaveLength(2)
    expect((await call('GET', '/providers/p')).status).toBe(404)
  })

  test('is tried before it is saved: well, refused and out of reach, in words', async () => {
    const draft = { type: 'openai', base_url: base(), keys: [CANARY] }
    const well = await call('POST', '/providers/test', draft)
    expect(well.body).toMatchObject({
      ok: true,
      reachable: true,
      key_accepted: true,
      models: 2,
      sample: ['a', 'b'],
    })
    upstream.play(() => Response.json({ error: { message: `bad key ${CANARY}` } }, { status: 401 }))
    const refused = await call('POST', '/providers/test', draft)
    expect(refused.body).toMatchObject({ ok: false, reachable: true, key_accepted: false })
    expect(refused.text).not.toContain('canary')
    expect(refused.body['reason']).toBeString()
    const nobody = await call('POST', '/providers/test', {
      ...draft,
      base_url: 'http://127.0.0.1:1',
    })
    expect(nobody.body).toMatchObject({ ok: false, reachable: false, key_accepted: null })
    expect(nobody.body['todo']).toBeString()
    const keyless = await call('POST', '/providers/test', { type: 'openai' })
    expect(keyless.body).toMatchObject({ ok: false, reachable: null })
    expect(await stored()).toBeUndefined()
    expect(await app.store.providers.all()).toEqual([])
  })

  test('says why it does not do: refused, out of reach, without a key', async () => {
    const states = async () => {
      await call('POST', '/providers/p/discover', {})
      return ((await call('GET', '/providers/p')).body['health'] as JsonObject)['state']
    }
    await made()
    expect(await states()).toBe('healthy')
    upstream.play(() => new Response('no', { status: 401 }))
    expect(await states()).toBe('refused')
    upstream.play(() => new Response('no', { status: 500 }))
    expect(await states()).toBe('unreachable')
    await call('PATCH', '/providers/p', { keys: [] })
    expect(await states()).toBe('no_key')
  })

  test('that was left alone is asked again after a reset', async () => {
    upstream.play(() => new Response('down', { status: 503 }))
    await made({ circuit: { failures: 1, open_ms: 600_000 }, retries: { max: 0 } })
    const ask = async () =>
      await fetch(`${app.server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'p/a', messages: [{ role: 'user', content: 'hi' }] }),
      }).then(async (answer) => (await answer.text(), answer.status))
    expect(await ask()).toBeGreaterThanOrEqual(500)
    const isOpen = async () => {
      const { body } = await call('GET', '/providers/p')
      return (body['health'] as JsonObject)['circuits_open'] === 1
    }
    await until('the circuit is open', isOpen)
    // It may be asked for its list of models beside that.
    const chats = () => upstream.requests.filter(({ method }) => method === 'POST').length
    const asked = chats()
    await ask()
    expect(chats()).toBe(asked)
    const reset = await call('POST', '/providers/p/reset', {})
    expect<unknown>(reset.body).toEqual({ id: 'p', circuits: 1, keys: 0, told: true })
    await ask()
    expect(chats()).toBe(asked + 1)
  })
})

describe('lists', () => {
  test('are paged, filtered and sorted, and types say what a form has to ask', async () => {
    await made()
    await made({ id: 'q', type: 'mock', base_url: null, keys: [] })
    const all = (await call('GET', '/providers?sort=id&order=desc')).body
    expect(all['total']).toBe(4)
    expect((all['data'] as JsonObject[]).map(({ id }) => id)).toEqual([
      'q',
      'p',
      'mock',
      'declared',
    ])
    const page = (await call('GET', '/providers?limit=3')).body
    const rest = (await call('GET', `/providers?limit=3&cursor=${String(page['next_cursor'])}`))
      .body
    expect((rest['data'] as JsonObject[]).map(({ id }) => id)).toEqual(['q'])
    expect((await call('GET', '/providers?type=mock')).body['total']).toBe(2)
    expect((await call('GET', '/providers?q=declar')).body['total']).toBe(1)
    expect((await call('GET', '/providers?state=lost')).status).toBe(400)
    const types = (await call('GET', '/provider-types')).body['data'] as JsonObject[]
    expect(types).toHaveLength(13)
    const azure = types.find(({ type }) => type === 'azure')!
    expect(azure).toMatchObject({ default_base_url: null, needs_key: true })
    expect((azure['fields'] as JsonObject[]).map(({ name }) => name)).toEqual([
      'base_url',
      'api_version',
      'keys',
      'entra',
    ])
  })
})

describe('settings here and in the file', () => {
  const UNITS: Readonly<Record<string, string>> = { duration: '_ms' }
  /** Named in the file alone: files, and what other members are for. */
  const FILE_ONLY =
    /(?:^|\.)(?:id|type|keys|draining_keys|ca_file|cert_file|key_file)$|^entra\.key_passphrase$/

  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly anyOf?: readonly Schema[]
    readonly minimum?: number
    readonly maximum?: number
    readonly default?: unknown
    readonly enum?: readonly unknown[]
    readonly type?: string
  }

  const inner = (schema: Schema): Schema =>
    schema.anyOf?.find(({ type }) => type !== 'null') ?? schema

  function compare(section: SectionNode, schema: Schema, path: string, seen: string[]): void {
    for (const [name, node] of Object.entries(section.keys) as [string, Node][]) {
      const at = path === '' ? name : `${path}.${name}`
      if (FILE_ONLY.test(at)) continue
      const found = schema.properties?.[`${name}${UNITS[node.kind] ?? ''}`]
      expect([at, found !== undefined]).toEqual([at, true])
      const member = inner(found!)
      seen.push(at)
      if (node.kind === 'section') {
        compare(node, member, at, seen)
        continue
      }
      if ('min' in node) {
        expect([at, member.minimum, member.maximum]).toEqual([at, node.min, node.max])
      }
      if (node.kind === 'choice') expect([at, member.enum]).toEqual([at, node.values])
      if ('default' in node && node.default !== undefined) {
        expect([at, member.default]).toEqual([at, node.default])
      }
    }
  }

  test('are the same, with the same bounds', () => {
    const seen: string[] = []
    compare(PROVIDER, WholeProviderSchema as unknown as Schema, '', seen)
    expect(seen.length).toBeGreaterThan(40)
  })
})
