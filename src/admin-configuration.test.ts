// Settings, secrets, export and import through the management API of a whole program: what the file says stays, what may not be is refused
// by name, no secret leaves, and what was exported and taken in elsewhere is exported the same.

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startApp, type App } from './app.ts'
import { loadConfig } from './config/load.ts'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import type { JsonObject } from './core/json.ts'
import { LIMITS } from './core/limits.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { SILENT_LOGGER } from './telemetry/log.ts'
import { callServer, type Call, type Told } from './testing/calls.ts'
import { ownMsOf } from './testing/own-time.ts'
import { makeCertificate, type RsaCertificate } from './testing/rsa-certificate.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const OPERATOR = 'the-key-of-an-operator-long-enough-000001'
const AUDITOR = 'the-key-of-an-auditor-long-enough-0000001'
const ADMIN = 'the-key-of-an-admin-long-enough-000000001'
const ROOT = 'the-key-of-root-who-may-everything-00001'
const SECRET = 'sk-a-secret-that-must-never-leave-000001'

const SETTER = 'the-key-without-keys-long-enough-00000001'

const KEYS = [
  { name: 'setter', key: SETTER, roles: ['admin'], actions: ['provider.*', 'settings.read'] },
  { name: 'owner', key: OWNER, roles: ['owner'] },
  { name: 'operator', key: OPERATOR, roles: ['operator'] },
  { name: 'auditor', key: AUDITOR, roles: ['auditor'] },
  { name: 'admin', key: ADMIN, roles: ['admin'] },
  { name: 'root', key: ROOT, roles: ['owner'] },
]

// A program for each test, and documents that take seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

let whole: WholeApp
let app: App
let encrypted: RsaCertificate
let certificates: string

beforeAll(() => {
  certificates = mkdtempSync(join(tmpdir(), 'weir-import-'))
  encrypted = makeCertificate(certificates, { name: 'client' })
})
afterAll(() => rmSync(certificates, { recursive: true, force: true }))

beforeEach(async () => {
  whole = await startWholeApp(KEYS)
  app = whole.app
  await mayEverything(app)
})
afterEach(() => whole.stop())

/** What all tenants share takes rights over the whole installation, which no key of a file has. */
async function mayEverything({ store }: App): Promise<void> {
  const by = { kind: 'system', id: 'test' } as const
  await store.assignments.create(
    {
      tenantId: PLATFORM_TENANT_ID,
      id: 'a-root',
      roleId: 'owner',
      assignee: { kind: 'key', id: 'file:root' },
      scope: '/',
      effect: 'allow',
      createdMs: 1,
    },
    by,
  )
}

const ask = (
  method: string,
  path: string,
  { key = ROOT, on = app, ...more }: Partial<Call> & { readonly on?: App } = {},
): Promise<Told> => callServer(method, `${on.server.url}${path}`, { key, ...more })

async function setting(path: string): Promise<JsonObject | undefined> {
  return (await ask('GET', '/admin/settings')).body.data.find((one) => one['path'] === path)
}

describe('settings', () => {
  test('are shown with where they come from, secrets masked', async () => {
    expect(await setting('log.requests')).toMatchObject({
      value: 'metadata',
      default: 'metadata',
      origin: 'default',
      read_only: null,
      restart: false,
      choices: ['none', 'metadata', 'content-on-error', 'content'],
    })
    expect(await setting('auth.anonymous')).toMatchObject({ value: 'never', origin: 'file' })
    expect((await setting('auth.anonymous'))?.['read_only']).toContain('file')
    expect(await setting('server.port')).toMatchObject({ origin: 'flag', restart: true })
    const { text } = await ask('GET', '/admin/settings')
    for (const secret of [OWNER, ROOT]) expect(text).not.toContain(secret)
  })

  test('that can be changed are in force at once, in the audit, and can be taken back', async () => {
    const invoke = () =>
      ask('POST', '/v1/chat/completions', {
        key: OWNER,
        body: { model: 'mock/echo', messages: [{ role: 'user', content: 'kept' }] },
      })
    const changed = await ask('PATCH', '/admin/settings', {
      body: { 'log.requests': 'content', 'log.retention': '30d' },
    })
    expect(changed.status).toBe(200)
    expect(await setting('log.requests')).toMatchObject({ value: 'content', origin: 'store' })
    expect(await setting('log.retention')).toMatchObject({ value: '30d', origin: 'store' })
    expect((await invoke()).status).toBe(200)
    await app.store.log.flush()
    const audit = await ask('GET', '/admin/audit?action=settings.update&tenant=*')
    expect(audit.body.data.map(({ target }) => (target as JsonObject)['id'])).toEqual([
      'log.retention',
      'log.requests',
    ])
    await ask('PATCH', '/admin/settings', { body: { 'log.retention': null } })
    expect(await setting('log.retention')).toMatchObject({ value: null, origin: 'default' })
  })

  test('are in force on another replica within a second', async () => {
    const folder = dirname(app.store.files!.control)
    const { config } = loadConfig({
      flags: { data: folder, port: '0' },
      surroundings: {
        platform: process.platform,
        environment: { WEIR_NO_ENV_PROVIDERS: '1' },
        home: folder,
        workingFolder: folder,
      },
    })
    const other = await startApp(config, SILENT_LOGGER)
    try {
      // Nobody without a key may this, and everybody on this machine may until then.
      const status = async () => (await fetch(`${other.server.url}/v1/models`)).status
      expect(await status()).toBe(200)
      const holds = async () => {
        await app.store.storedSettings.change({ 'auth.anonymous': 'never' }, TEST_ACTOR)
        while ((await status()) !== 401) await Bun.sleep(5)
      }
      expect(await ownMsOf(holds)).toBeLessThan(1_000)
    } finally {
      await other.stop()
    }
  })

  test('two who change at once: the second one is told', async () => {
    const { headers } = await ask('GET', '/admin/settings')
    const match = { 'if-match': headers.get('etag') ?? '' }
    const body = { 'log.requests': 'none' }
    expect((await ask('PATCH', '/admin/settings', { body, headers: match })).status).toBe(200)
    const second = await ask('PATCH', '/admin/settings', {
      body: { 'server.queue': 5 },
      headers: match,
    })
    expect([second.status, second.body['code']]).toEqual([412, 'changed_meanwhile'])
    expect(await setting('server.queue')).toMatchObject({ origin: 'default' })
  })

  test.each([
    [{ 'log.requests': 'everything' }, 400, 'log.requests'],
    [{ 'log.retention': 30 }, 400, 'log.retention'],
    [{ 'log.retention': '${HOME}' }, 400, 'log.retention'],
    [{ 'log.nothing': 'x' }, 400, 'log.nothing'],
    [{ __proto__x: 'x' }, 400, '__proto__x'],
    [{ 'server.port': 1 }, 409, 'server.port'],
    [{ 'auth.anonymous': 'loopback' }, 409, 'auth.anonymous'],
    [{ providers: 'x' }, 409, 'providers'],
  ])('%j is refused by name, and nothing of it is kept', async (body, status, param) => {
    const answer = await ask('PATCH', '/admin/settings', {
      body: { 'server.queue': 7, ...body },
    })
    expect([answer.status, answer.body['param']]).toEqual([status, param])
    expect(await setting('server.queue')).toMatchObject({ origin: 'default' })
    expect(answer.text).not.toContain('everything')
  })

  test('are changed by nobody without the right to it', async () => {
    for (const key of [OPERATOR, AUDITOR, ADMIN]) {
      const answer = await ask('PATCH', '/admin/settings', { key, body: { 'server.queue': 1 } })
      expect(answer.status).toBe(403)
    }
  })
})

test('secrets are encrypted anew, and it is told how far that is', async () => {
  await ask('POST', '/admin/config/import', {
    body: { yaml: `providers:\n  - { id: one, type: openai, keys: ["${SECRET}"] }\n` },
  })
  const before = await ask('GET', '/admin/secrets')
  const begun = await ask('POST', '/admin/secrets/rotate')
  expect(begun.status).toBe(202)
  let after = await ask('GET', '/admin/secrets')
  while ((after.body['rotation'] as JsonObject)['running'] === true) {
    after = await ask('GET', '/admin/secrets')
  }
  expect(after.body['rotation']).toMatchObject({ running: false, done: 1, problem: null })
  const active = (answer: Told) =>
    (answer.body['keys'] as JsonObject[]).filter(
      (key) => key['purpose'] === 'seal' && key['retired'] === null,
    )
  expect(active(after)[0]?.['id']).not.toBe(active(before)[0]?.['id'])
  expect(active(after)[0]?.['values']).toBe(1)
  expect((await ask('POST', '/admin/secrets/rotate', { key: ADMIN })).status).toBe(403)
  expect((await app.store.providers.find('default', 'one'))?.keys[0]?.secret).toBe(SECRET)
})

test('what runs here', async () => {
  const { body } = await ask('GET', '/admin/about')
  expect(body).toMatchObject({ engine: 'sqlite', config_file: true, problems: [] })
  expect(body['uptime_seconds']).toBeGreaterThanOrEqual(0)
})

const YAML = `
providers:
  - id: one
    type: openai
    keys: ["\${ONE_KEY}"]
    timeouts: { first_byte: 90s }
    headers: { x-team: "\${TEAM}" }
  - id: here
    type: ollama
    base_url: http://127.0.0.1:11434
models:
  - id: fast
    targets:
      - { provider: one, model: gpt-5-mini, weight: 80, tags: [cheap] }
      - { provider: here, model: "llama3:8b", order: 1, abilities: { vision: false } }
    defaults: { temperature: 0.2, note: "costs $\${5}" }
    price: { input: 0.25, output: 2.125, cache_read: 0.025 }
    access: ["group:engineers"]
    routing: { strategy: cost, fallbacks: { any: [slow] }, hedge_after: 2s }
  - id: slow
    targets: [{ provider: here, model: "qwen3:32b" }]
    losses: reject
limits:
  - { per: key, requests_per_minute: 60 }
  - { per: key, requests_per_minute: 600 }
  - { per: model, only: fast, tokens_per_day: 1000000, when_unavailable: closed }
budgets:
  - { per: user, usd: 12.5, window: week, action: alert, alert_at: [0.5] }
  - { per: tenant, usd: 0, only: default, webhook: "https://hooks.example.com/\${HOOK}" }
log: { requests: none, retention: 30d }
server: { queue: 12 }
`
const SECRETS = { ONE_KEY: SECRET, TEAM: 'red-secret', HOOK: 'hook-secret' }

function importing(yaml: string, more: object = {}, over: Parameters<typeof ask>[2] = {}) {
  return ask('POST', '/admin/config/import', { body: { yaml, ...more }, ...over })
}

const plan = ({ body }: Told) =>
  (body['plan'] as JsonObject[]).map(({ action, kind, name }) => `${action} ${kind} ${name}`)

describe('import', () => {
  test('the plan comes first and changes nothing; then all of it is there', async () => {
    const dry = await importing(YAML, { dry_run: true, secrets: SECRETS })
    expect(dry.body).toMatchObject({ applied: false, problems: [], skipped: [] })
    expect(plan(dry)).toEqual([
      'create settings log.requests',
      'create settings log.retention',
      'create settings server.queue',
      'create providers one',
      'create providers here',
      'create models fast',
      'create models slow',
      'create limits key',
      'create limits key',
      'create limits model fast',
      'create budgets user by week',
      'create budgets tenant default by month',
    ])
    expect(await app.store.providers.ofTenant('default')).toEqual([])
    const done = await importing(YAML, { secrets: SECRETS })
    expect(done.body['problems']).toEqual([])
    expect(done.body['applied']).toBe(true)
    for (const secret of Object.values(SECRETS)) expect(done.text).not.toContain(secret)
    const again = await importing(YAML, { secrets: SECRETS })
    expect(new Set(plan(again).map((line) => line.split(' ')[0]))).toEqual(new Set(['unchanged']))
    const stored = await app.store.providers.find('default', 'one')
    expect(stored?.keys.map(({ secret }) => secret)).toEqual([SECRET])
    expect(app.snapshot().of('default').models.get('fast')?.defaults).toEqual({
      temperature: 0.2,
      note: 'costs ${5}',
    })
  })

  test('what is exported and taken in by an empty store is exported the same', async () => {
    await importing(YAML, { secrets: SECRETS })
    const first = await ask('GET', '/admin/config/export')
    expect(first.headers.get('content-type')).toBe('application/yaml')
    for (const secret of [...Object.values(SECRETS), OWNER])
      expect(first.text).not.toContain(secret)
    const names = [...first.text.matchAll(/^# {3}(WEIR_\w+)$/gm)].map(([, name]) => name)
    expect(names).toEqual([
      'WEIR_PROVIDER_ONE_KEYS_1',
      'WEIR_PROVIDER_ONE_HEADERS_X_TEAM',
      'WEIR_BUDGET_1_WEBHOOK',
    ])
    const other = await startWholeApp(KEYS)
    try {
      await mayEverything(other.app)
      const secrets = Object.fromEntries(
        names.map((name) => [
          name,
          name?.includes('WEBHOOK') ? 'https://hooks.example.com/other' : 'another-secret-value',
        ]),
      )
      const taken = await importing(first.text, { secrets }, { on: other.app })
      expect(taken.body['problems']).toEqual([])
      expect(taken.body['applied']).toBe(true)
      const second = await ask('GET', '/admin/config/export', { on: other.app })
      expect(second.text).toBe(first.text)
      const json = await ask('GET', '/admin/config/export?format=json', { on: other.app })
      expect(Bun.YAML.parse(second.text)).toEqual(json.body)
    } finally {
      await other.stop()
    }
  })

  test('nothing of this machine is read for it', async () => {
    const yaml = (member: string) => `providers:\n  - { id: x, type: openai, ${member} }\n`
    const cases: [string, string, string][] = [
      [yaml('keys: ["${PATH}"]'), 'providers[0].keys[0]', 'given along'],
      [yaml('keys: ["${HOME:-x}${USER}"]'), 'providers[0].keys[0]', 'given along'],
      [yaml('keys: ["${file:/etc/passwd}"]'), 'providers[0].keys[0]', 'names a file'],
      [yaml('network: { ca_file: /etc/passwd }'), 'providers[0].network.ca_file', 'names a file'],
      [
        yaml('entra: { tenant: t, client_id: c, cert_file: /etc/x }'),
        'providers[0].entra.cert_file',
        'names a file',
      ],
    ]
    for (const [text, path, words] of cases) {
      const { body } = await importing(text)
      const problems = body['problems'] as JsonObject[]
      expect(problems.map((one) => one['path'])).toContain(path)
      expect(problems.find((one) => one['path'] === path)?.['message']).toContain(words)
      expect(problems[0]?.['line']).toBe(2)
      expect(body['applied']).toBe(false)
    }
    expect(await app.store.providers.ofTenant('default')).toEqual([])
  })

  test('a document that aliases make huge is refused soon', async () => {
    const laughs = Array.from({ length: 40 }, (_, at) => `  l${at + 1}: { a: *l${at}, b: *l${at} }`)
      .map((line, at) => line.replace(/^ {2}l(\d+): /, `  l${at + 1}: &l${at + 1} `))
      .join('\n')
    // As many as a parser puts up with, and a fault in the last of many lines: it is looked for, and each look takes long.
    const few = laughs.split('\n').slice(0, 20).join('\n')
    const lines = Array.from({ length: 3_000 }, (_, at) => `k${at}: 1\n`).join('')
    for (const yaml of [
      `server:\n  l0: &l0 { a: 1 }\n${laughs}\n`,
      `providers:\n  l0: &l0 { a: 1 }\n${laughs}\n`,
      `x:\n  l0: &l0 { a: 1 }\n${few}\n${lines}z: [\n`,
    ]) {
      const taken = async () => {
        const { body } = await importing(yaml)
        expect((body['problems'] as JsonObject[]).length).toBeGreaterThan(0)
      }
      expect(await ownMsOf(taken)).toBeLessThan(4_000)
    }
  })

  test('what a passed over setting refers to is not asked for', async () => {
    const { body } = await importing(
      'storage: { url: "${WEIR_STORAGE_URL}" }\nserver: { queue: 5 }\n',
    )
    expect(body).toMatchObject({ applied: true, problems: [] })
    expect((body['skipped'] as JsonObject[]).map(({ path }) => path)).toEqual(['storage.url'])
  })

  test('problems say the line, and never the value', async () => {
    const { body, text } = await importing(
      'providers:\n  - id: one\n    type: openai\n    keys: [5]\n    adress: secret-value\nkeys: []\nmodels:\n  - { id: m, targets: [{ provider: nowhere, model: x }] }\n',
    )
    const problems = (body['problems'] as JsonObject[]).map(({ line, path }) => [line, path])
    expect(problems).toEqual([
      [4, 'providers[0].keys[0]'],
      [5, 'providers[0].adress'],
      [6, 'keys'],
      [8, 'models[0].targets[0].provider'],
    ])
    expect(text).not.toContain('secret-value')
    const broken = await importing('providers: [\n')
    expect((broken.body['problems'] as JsonObject[])[0]?.['message']).toContain('not valid YAML')
  })

  test('what only a file can say is passed over, and what a file says stays', async () => {
    const { body } = await importing(
      'server: { port: 1, queue: 9 }\nstorage: { url: "sqlite:x.db" }\nauth: { anonymous: loopback }\n',
    )
    expect((body['skipped'] as JsonObject[]).map(({ path }) => path)).toEqual([
      'server.port',
      'storage.url',
    ])
    expect(body['applied']).toBe(false)
    expect((body['plan'] as JsonObject[]).map(({ action }) => action)).toEqual([
      'create',
      'conflict',
    ])
    expect(await setting('server.queue')).toMatchObject({ origin: 'default' })
  })

  test('replace takes away what the lists of the file do not have', async () => {
    await importing(YAML, { secrets: SECRETS })
    const less = 'models:\n  - { id: slow, targets: [{ provider: here, model: "qwen3:32b" }] }\n'
    const merged = await importing(less)
    expect(plan(merged)).toEqual(['update models slow'])
    const replaced = await importing(less, { mode: 'replace' })
    expect(plan(replaced)).toEqual(['unchanged models slow', 'delete models fast'])
    expect((await app.store.models.list('default')).map(({ id }) => id)).toEqual(['slow'])
    expect(await app.store.providers.ofTenant('default')).toHaveLength(2)
  })

  test('all of it or none: where one is refused, those before it are taken back', async () => {
    await importing('models:\n  - { id: kept, targets: [{ provider: mock, model: echo }] }\n')
    // Two models that fall back to each other: neither can be first.
    const yaml = `${YAML}
  - per: user
    usd: 1
`.replace(
      'targets: [{ provider: here, model: "qwen3:32b" }]',
      'targets: [{ provider: here, model: "qwen3:32b" }]\n    routing: { fallbacks: { any: [fast] } }',
    )
    const text = yaml.replace('\n  - per: user\n    usd: 1\n', '\n')
    const before = await ask('GET', '/admin/config/export')
    const answer = await importing(text, { secrets: SECRETS })
    expect(answer.status).toBe(400)
    expect((await ask('GET', '/admin/config/export')).text).toBe(before.text)
    expect(await app.store.providers.ofTenant('default')).toEqual([])
    expect(await setting('log.requests')).toMatchObject({ origin: 'default' })
  })

  test('addresses where this server may not connect are refused before anything is made', async () => {
    for (const url of ['http://169.254.169.254/latest', 'http://[fd00:ec2::254]/']) {
      const { body } = await importing(
        `providers:\n  - { id: x, type: custom, compatible: openai, base_url: "${url}" }\n`,
        { dry_run: true },
      )
      expect((body['problems'] as JsonObject[])[0]).toMatchObject({
        path: 'providers[0].base_url',
        line: 2,
      })
    }
    const hook = await importing(
      'budgets:\n  - { per: user, usd: 1, webhook: "http://169.254.169.254/" }\n',
      { dry_run: true },
    )
    expect((hook.body['problems'] as JsonObject[])[0]?.['path']).toBe('budgets[0].webhook')
  })

  test('nobody changes more by it than they may', async () => {
    const yaml =
      'models:\n  - { id: m, targets: [{ provider: mock, model: echo }] }\nserver: { queue: 3 }\n'
    const byAuditor = await importing(yaml, {}, { key: AUDITOR })
    expect(plan(byAuditor)).toEqual(['forbidden settings server.queue', 'forbidden models m'])
    expect(byAuditor.body['applied']).toBe(false)
    const byAdmin = await importing(yaml, {}, { key: ADMIN })
    expect(plan(byAdmin)).toEqual(['forbidden settings server.queue', 'create models m'])
    expect(byAdmin.body['applied']).toBe(false)
    expect((await importing(yaml, {}, { key: OPERATOR })).status).toBe(403)
    expect(await app.store.models.list('default')).toEqual([])
  })

  test('keys are taken away by nobody who may not give them', async () => {
    await importing(YAML, { secrets: SECRETS })
    const yaml =
      'providers:\n  - { id: one, type: openai, base_url: "https://api.openai.com/v1" }\n'
    const { body } = await importing(yaml, {}, { key: SETTER })
    expect(body).toMatchObject({ applied: false, problems: [{ path: 'providers[0]' }] })
    expect((await app.store.providers.find('default', 'one'))?.keys).toHaveLength(1)
  })

  test('what the file has no word for stays: certificates as text, names of keys', async () => {
    const [cert, key] = [encrypted.pem, readFileSync(encrypted.encryptedKeyFile, 'utf8')]
    const network = { ca: cert, cert, key, key_passphrase: encrypted.passphrase }
    const secret = { id: 'named', secret: SECRET }
    const body = { id: 'one', type: 'openai', network }
    expect((await ask('POST', '/admin/providers', { body })).status).toBe(201)
    await ask('POST', '/admin/providers/one/keys', { body: secret })
    const before = await app.store.providers.find('default', 'one')
    const { text } = await ask('GET', '/admin/config/export')
    const secrets = { WEIR_PROVIDER_ONE_KEYS_1: SECRET }
    const same = await importing(text, { secrets })
    expect(same.body['problems']).toEqual([])
    expect(plan(same)).toEqual(['unchanged settings auth.anonymous', 'unchanged providers one'])
    const changed = text.replace('type: openai\n', 'type: openai\n    retries: { max: 0 }\n')
    const done = await importing(changed, { secrets })
    expect([done.body['applied'], plan(done).at(-1)]).toEqual([true, 'update providers one'])
    expect(await app.store.providers.find('default', 'one')).toEqual({
      ...before!,
      keyStrategy: 'round_robin',
      retries: { ...before!.retries, max: 0 },
    })
  })

  test('a webhook that is told by its query is taken in again', async () => {
    const webhook = 'https://logic.example.com/hook/?api-version=1&sig=canary'
    const body = { per: 'tenant', usd: 1, webhook }
    expect((await ask('POST', '/admin/budgets', { body })).status).toBe(201)
    const { text } = await ask('GET', '/admin/config/export')
    expect(text).not.toContain('canary')
    const secrets = { WEIR_BUDGET_1_WEBHOOK: webhook }
    const again = await importing(text, { secrets })
    expect(again.body['problems']).toEqual([])
    expect(plan(again).at(-1)).toBe('unchanged budgets tenant by month')
  })

  test('what many models make is taken in again', async () => {
    const models = Array.from({ length: 100 }, (_, at) => ({
      id: `a-model-${at}`,
      targets: [{ provider: 'mock', model: 'echo' }],
      defaults: { stop: ['x'.repeat(1_000)] },
    }))
    const yaml = JSON.stringify({ models })
    expect(yaml.length).toBeGreaterThan(LIMITS.adminBodyBytesMax)
    const read = await importing(yaml, { dry_run: true })
    expect([read.body['problems'], plan(read).length]).toEqual([[], 100])
  })

  test('what one may not see is not exported', async () => {
    await importing(YAML, { secrets: SECRETS })
    const { text } = await ask('GET', '/admin/config/export', { key: ADMIN })
    expect(text).toContain('id: fast')
    // Of the whole installation, which has another tenant.
    expect(text).not.toContain('queue')
    expect((await ask('GET', '/admin/config/export?tenant=other', { key: ADMIN })).status).toBe(404)
    const other = await ask('GET', '/admin/config/export?tenant=other')
    expect(other.status).toBe(200)
    expect(other.text).not.toContain('fast')
  })
})
