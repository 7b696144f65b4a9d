// Guardrails and feature flags through the management API of a whole program: made, changed, ordered and deleted by those who may; a tenant adds
// to what is demanded of it and takes nothing away; no secret comes out; what is made holds at once, on every replica.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { App } from './app.ts'
import * as fc from 'fast-check'
import { CHECK_DESCRIPTIONS } from './core/guardrail-options.ts'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import type { JsonObject } from './core/json.ts'
import { LIMITS } from './core/limits.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { ownMsOf } from './testing/own-time.ts'
import { checkParameters } from './testing/seed.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const VIEWER = 'the-key-of-a-viewer-long-enough-000000001'
const THEIRS = 'the-key-of-another-tenant-long-enough-01'
const ROOT = 'the-key-of-the-platform-long-enough-00001'
const CANARY = 'a-secret-canary-0123456789'

const FILE_RULE = {
  id: 'of-the-file',
  check: 'webhook',
  url: 'https://guard.example.com/x',
  secret: `${CANARY}-file`,
  enabled: false,
}

// Hundreds of requests one after the other, on a machine that does other things as well.
setDefaultTimeout(60_000)

let folder: string
let whole: WholeApp
/** Another program on the same database. */
let replica: WholeApp
let app: App

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weir-guardrails-'))
  const keys = [
    { name: 'admin', key: ADMIN, roles: ['admin'] },
    { name: 'member', key: MEMBER },
    { name: 'viewer', key: VIEWER, roles: ['viewer'] },
    { name: 'theirs', key: THEIRS, roles: ['admin'], tenant: 'other' },
    { name: 'root', key: ROOT, roles: ['owner'] },
  ]
  const declared = {
    storage: { url: `sqlite://${folder}/weir.db` },
    secrets: { master_key: 'one secret that is long enough for a key' },
    guardrails: [FILE_RULE],
    flags: { hedging: false, rules: [{ tenant: 'other', continuation: false }] },
    models: [{ id: 'shared', targets: [{ provider: 'mock', model: 'echo' }] }],
    // With others about, what tenants declare leads to no inner place.
    network: { allow_private: false },
  }
  whole = await startWholeApp(keys, declared)
  app = whole.app
  replica = await startWholeApp(keys, declared)
  await app.store.assignments.create(
    {
      id: Bun.randomUUIDv7(),
      tenantId: PLATFORM_TENANT_ID,
      roleId: 'owner',
      assignee: { kind: 'key', id: 'file:root' },
      scope: '/',
      effect: 'allow',
      createdMs: 1,
    },
    TEST_ACTOR,
  )
  await app.store.models.change('other', 'theirs-alone', TEST_ACTOR, () => ({
    id: 'theirs-alone',
    tenantId: 'other',
    origin: 'store',
    targets: [{ providerId: 'mock', model: 'echo', order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
  }))
})
afterAll(async () => {
  await Promise.all([whole.stop(), replica.stop()])
  rmSync(folder, { recursive: true, force: true })
})

interface Told {
  readonly status: number
  readonly body: JsonObject
  readonly etag: string | undefined
}

async function call(
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers: Record<string, string> = {},
  url = app.server.url,
): Promise<Told> {
  const answer = await fetch(`${url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    status: answer.status,
    body: (await answer.json()) as JsonObject,
    etag: answer.headers.get('etag') ?? undefined,
  }
}

const rowsOf = ({ body }: Told) => body['data'] as JsonObject[]
const idsOf = async (key: string, query = '') =>
  rowsOf(await call('GET', `/guardrails${query}`, key)).map(({ id }) => id)

async function clear(): Promise<void> {
  for (const tenantId of ['default', 'other', PLATFORM_TENANT_ID]) {
    for (const { rule } of await app.store.guardrailRules.list(tenantId)) {
      await app.store.guardrailRules.remove(tenantId, rule.id, TEST_ACTOR)
    }
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > limitMs) throw new Error('was not so within 15 s')
    await Bun.sleep(5)
  }
}

const WEBHOOK = {
  id: 'hook',
  check: 'webhook',
  options: {
    url: 'https://guard.example.com/check',
    secret: CANARY,
    headers: { 'x-token': CANARY },
  },
}

describe('who may', () => {
  test('whoever may not gets 403 for every change, and sees what they may', async () => {
    for (const [method, path, body] of [
      ['POST', '/guardrails', { check: 'pii' }],
      ['POST', '/guardrails/order', { ids: [] }],
      ['POST', '/guardrails/try', { texts: ['x'] }],
      ['PUT', '/guardrails/x', { check: 'pii' }],
      ['DELETE', '/guardrails/x', undefined],
      ['PUT', '/flags/continuation', { value: false }],
      ['DELETE', '/flags/continuation', undefined],
    ] as const) {
      for (const key of [MEMBER, VIEWER]) {
        expect((await call(method, path, key, body)).status, `${method} ${path}`).toBe(403)
      }
    }
    for (const path of ['/guardrails', '/guardrail-checks', '/flags', '/guardrails/of-the-file']) {
      expect((await call('GET', path, VIEWER)).status).toBe(200)
      expect((await call('GET', path, MEMBER)).status).toBe(403)
    }
  })

  test('a tenant sees what it is under, and nothing of another', async () => {
    await clear()
    await call('POST', '/guardrails', ADMIN, { id: 'mine', check: 'pii' })
    await call('POST', '/guardrails', THEIRS, { id: 'mine', check: 'secrets' })
    await call('POST', '/guardrails', THEIRS, { id: 'theirs', check: 'pii' })
    await call('POST', '/guardrails?tenant=*', ROOT, { id: 'everybodys', check: 'pii' })
    expect(await idsOf(ADMIN)).toEqual(['of-the-file', 'everybodys', 'mine'])
    expect(await idsOf(THEIRS)).toEqual(['of-the-file', 'everybodys', 'mine', 'theirs'])
    expect(await idsOf(ROOT, '?tenant=*')).toEqual(['of-the-file', 'everybodys'])
    for (const key of [ADMIN, VIEWER, THEIRS]) {
      const told = await call('GET', '/guardrails', key)
      const hidden = rowsOf(told).map(({ options }) => options === null)
      expect(hidden.slice(0, 3)).toEqual([true, true, false])
      expect(JSON.stringify(told)).not.toContain('guard.example.com')
    }
    const shown = await call('GET', '/guardrails/of-the-file', ROOT)
    expect(JSON.stringify(shown)).toContain('guard.example.com')
    expect((await call('GET', '/guardrails/theirs', ADMIN)).status).toBe(404)
    expect((await call('DELETE', '/guardrails/theirs', ADMIN)).status).toBe(404)
    expect((await call('GET', '/guardrails?tenant=other', ADMIN)).status).toBe(404)
    expect((await call('GET', '/guardrails?tenant=*', ADMIN)).status).toBe(404)
    expect((await call('POST', '/guardrails?tenant=*', ADMIN, { check: 'pii' })).status).toBe(404)
  })

  test('a tenant’s administrator weakens nothing that stands above them', async () => {
    await clear()
    await call('POST', '/guardrails?tenant=*', ROOT, { id: 'everybodys', check: 'pii' })
    for (const id of ['of-the-file', 'everybodys']) {
      const code = id === 'everybodys' ? 'of_every_tenant' : 'declared_in_file'
      const change = await call('PUT', `/guardrails/${id}`, ADMIN, { check: 'pii', enabled: false })
      expect([change.status, change.body['code']]).toEqual([409, code])
      const removal = await call('DELETE', `/guardrails/${id}`, ADMIN)
      expect([removal.status, removal.body['code']]).toEqual([409, code])
      const twin = await call('POST', '/guardrails', ADMIN, { id, check: 'pii', enabled: false })
      expect([twin.status, twin.body['code']]).toEqual([409, 'already_exists'])
      const shown = await call('GET', `/guardrails/${id}`, ADMIN)
      expect(typeof shown.body['read_only']).toBe('string')
    }
    const order = await call('POST', '/guardrails/order', ADMIN, { ids: ['everybodys'] })
    expect([order.status, order.body['code']]).toEqual([409, 'not_all'])
    // Those who run the installation change theirs, and what the file says nobody.
    expect((await call('DELETE', '/guardrails/of-the-file?tenant=*', ROOT)).status).toBe(409)
    const path = '/guardrails/everybodys?tenant=*'
    expect((await call('PUT', path, ROOT, { check: 'pii', mode: 'flag' })).status).toBe(200)
    expect((await call('DELETE', path, ROOT)).status).toBe(200)
  })

  test('a tenant cannot have a check ask inner places or models it does not see', async () => {
    const asked = (options: object, check = 'webhook') =>
      call('POST', '/guardrails', ADMIN, { id: 'in', check, options })
    for (const url of [
      'http://169.254.169.254/latest',
      'http://127.0.0.1:9347/admin/keys',
      'http://localhost/x',
      'http://[::1]/x',
      'https://10.0.0.8/x',
      'http://0x7f.1/x',
    ]) {
      const { body, status } = await asked({ url })
      expect([url, status]).toEqual([url, 400])
      expect(JSON.stringify(body)).not.toContain(url)
    }
    for (const model of ['theirs-alone', 'no-such-model', 'nowhere/x']) {
      const { body, status } = await asked({ model, topics: [] }, 'topic')
      expect([model, status, body['param']]).toEqual([model, 400, 'options.model'])
    }
  })
})

describe('what is taken and given', () => {
  test('comes back with what was not said filled in, in the order it was made', async () => {
    await clear()
    const made = await call('POST', '/guardrails', ADMIN, { id: 'plain', check: 'pii' })
    expect(made.status).toBe(201)
    expect(made.body).toEqual({
      id: 'plain',
      tenant: 'default',
      origin: 'store',
      read_only: null,
      enabled: true,
      check: 'pii',
      mode: 'block',
      stages: ['input', 'tool_result'],
      models: null,
      for: null,
      except: null,
      timeout_ms: LIMITS.guardTimeoutMs,
      on_failure: 'closed',
      window_chars: LIMITS.guardWindowChars,
      options: {},
      problem: null,
    })
    const whole_ = {
      check: 'pii',
      mode: 'mask',
      stages: ['output', 'input'],
      models: ['fast'],
      for: ['group:eng'],
      except: ['key:ci'],
      timeout_ms: 50,
      on_failure: 'open',
      window_chars: 99,
      enabled: false,
      options: { detect: ['card'] },
    }
    const second = await call('POST', '/guardrails', ADMIN, { id: 'whole', ...whole_ })
    expect(second.body).toMatchObject({ ...whole_, stages: ['input', 'output'] })
    expect((await call('GET', '/guardrails/whole', ADMIN)).body).toEqual(second.body)
    expect(await idsOf(ADMIN)).toEqual(['of-the-file', 'plain', 'whole'])
    const ids = ['whole', 'plain']
    expect((await call('POST', '/guardrails/order', ADMIN, { ids })).status).toBe(200)
    expect(await idsOf(ADMIN)).toEqual(['of-the-file', 'whole', 'plain'])
    expect(await idsOf(ADMIN, '?sort=id')).toEqual(['of-the-file', 'plain', 'whole'])
    expect(await idsOf(ADMIN, '?q=MASK')).toEqual(['whole'])
  })

  test('what cannot be so is a 400 that names the member and repeats no value', async () => {
    const cases: readonly [object, string][] = [
      [{}, 'check'],
      [{ check: 'no-such-check' }, 'check'],
      [{ check: 'pii', mode: CANARY }, 'mode'],
      [{ check: 'length', mode: 'mask' }, 'mode'],
      [{ check: 'pii', stages: [] }, 'stages'],
      [{ check: 'pii', stages: ['inputs'] }, 'stages[0]'],
      [{ check: 'pii', for: [CANARY] }, 'for[0]'],
      [{ check: 'pii', timeout_ms: 0 }, 'timeout_ms'],
      [{ check: 'pii', window_chars: 1e9 }, 'window_chars'],
      [{ check: 'pii', tenant: 'other' }, 'tenant'],
      [{ check: 'pii', origin: 'file' }, 'origin'],
      [{ check: 'pii', options: { detect: [CANARY] } }, 'options.detect'],
      [{ check: 'pii', options: { detects: ['card'] } }, 'options.detects'],
      [
        { check: 'regex', options: { patterns: [{ name: 'a', pattern: '(' }] } },
        'options.patterns.0.pattern',
      ],
      [
        { check: 'regex', options: { patterns: [{ name: 'a', pattern: '(a)\\1' }] } },
        'options.patterns.0.pattern',
      ],
      [
        { check: 'regex', options: { patterns: [{ name: 'a', pattern: '(?=a)b' }] } },
        'options.patterns.0.pattern',
      ],
      [{ check: 'regex', options: {} }, 'options.patterns'],
      [{ check: 'webhook', options: { url: 'nowhere' } }, 'options.url'],
      [
        { check: 'webhook', options: { url: 'https://a.example', ca_file: '/etc/passwd' } },
        'options.ca_file',
      ],
    ]
    for (const [body, param] of cases) {
      const told = await call('POST', '/guardrails', ADMIN, body)
      expect([body, told.status, told.body['param']]).toEqual([body, 400, param])
      expect(JSON.stringify(told.body)).not.toContain(CANARY)
    }
  })

  test('a pattern that would take for ever elsewhere takes no time; a megabyte is refused', async () => {
    const evil = { name: 'evil', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' }
    const making = async () => {
      const made = await call('POST', '/guardrails', ADMIN, {
        id: 'evil',
        check: 'regex',
        options: { patterns: [evil] },
      })
      expect(made.status).toBe(201)
    }
    expect(await ownMsOf(making)).toBeLessThan(2_000)
    const words = Array.from({ length: 200 }, () => 'x'.repeat(6_000))
    const large = await call('POST', '/guardrails', ADMIN, { check: 'words', options: { words } })
    expect([400, 413]).toContain(large.status)
    const deep = JSON.parse(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`)
    const nested = await call('POST', '/guardrails', ADMIN, {
      check: 'json_schema',
      options: { schema: deep },
    })
    expect(nested.status).toBe(400)
  })

  test('a creation that is sent again is made once; a change meets what was read', async () => {
    await clear()
    const headers = { 'idempotency-key': 'once-1' }
    const one = await call('POST', '/guardrails', ADMIN, { check: 'pii' }, headers)
    const again = await call('POST', '/guardrails', ADMIN, { check: 'pii' }, headers)
    expect(again.body).toEqual(one.body)
    expect(await idsOf(ADMIN)).toHaveLength(2)
    const path = `/guardrails/${String(one.body['id'])}`
    const { etag = '' } = await call('GET', path, ADMIN)
    const change = { check: 'pii', mode: 'flag' }
    expect((await call('PUT', path, ADMIN, change, { 'if-match': etag })).status).toBe(200)
    expect((await call('PUT', path, ADMIN, change, { 'if-match': etag })).status).toBe(412)
    expect((await call('DELETE', path, ADMIN, undefined, { 'if-match': etag })).status).toBe(412)
    const now = await call('GET', path, ADMIN)
    const ok = { 'if-match': now.etag ?? '' }
    expect((await call('DELETE', path, ADMIN, undefined, ok)).status).toBe(200)
    expect((await call('DELETE', path, ADMIN)).status).toBe(404)
  })

  test('kinds of checks are told with what they take', async () => {
    const kinds = rowsOf(await call('GET', '/guardrail-checks', VIEWER))
    expect(kinds.map(({ kind }) => kind)).toContain('webhook')
    const hook = kinds.find(({ kind }) => kind === 'webhook')
    expect(hook?.['options']).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'secret', secret: true })]),
    )
  })
})

describe('secrets', () => {
  test('come out nowhere: lists, changes, export, audit, settings', async () => {
    await clear()
    const made = await call('POST', '/guardrails', ADMIN, WEBHOOK)
    expect(made.status).toBe(201)
    const told = [
      made,
      await call('GET', '/guardrails', ADMIN),
      await call('GET', '/guardrails/hook', ADMIN),
      await call('GET', '/guardrails/of-the-file', ADMIN),
      await call('PUT', '/guardrails/hook', ADMIN, {
        check: 'webhook',
        options: made.body['options'],
      }),
      await call('GET', '/audit', ADMIN),
      await call('GET', '/config/export?format=json', ROOT),
      await call('GET', '/settings', ROOT),
    ]
    expect(JSON.stringify(told)).not.toContain('canary')
    expect(made.body['options']).toMatchObject({ secret: '****6789' })
  })

  test('that are sent back as they were shown stay; others take their place; another check has none of them', async () => {
    await clear()
    const made = await call('POST', '/guardrails', ADMIN, WEBHOOK)
    const kept = async () => (await app.store.guardrailRules.list('default'))[0]?.rule.options
    const put = (options: unknown, check = 'webhook') =>
      call('PUT', '/guardrails/hook', ADMIN, { check, mode: 'flag', options })
    expect((await put(made.body['options'])).status).toBe(200)
    expect(await kept()).toEqual(WEBHOOK.options)
    const next = { ...(made.body['options'] as JsonObject), secret: 'another-secret-0123' }
    await put(next)
    expect(await kept()).toEqual({ ...WEBHOOK.options, secret: 'another-secret-0123' })
    await put({ url: WEBHOOK.options.url })
    expect(await kept()).toEqual({ url: WEBHOOK.options.url })
  })

  test('do not go where they were not given for', async () => {
    await clear()
    const made = await call('POST', '/guardrails', ADMIN, WEBHOOK)
    const shown = made.body['options'] as JsonObject
    const put = (over: JsonObject) =>
      call('PUT', '/guardrails/hook', ADMIN, { check: 'webhook', options: { ...shown, ...over } })
    for (const over of [
      { url: 'https://elsewhere.example/hook' },
      { proxy: 'http://elsewhere.example:3128' },
      { verify: false },
    ]) {
      const refused = await put(over)
      expect(refused.status).toBe(400)
      expect(JSON.stringify(refused.body)).toContain('options.secret')
      const { url: _url, ...anew } = WEBHOOK.options
      expect((await put({ ...anew, ...over })).status).toBe(200)
      const { id: _id, ...again } = WEBHOOK
      expect((await call('PUT', '/guardrails/hook', ADMIN, again)).status).toBe(200)
    }
  })

  test('an export is taken in again as it was, its order included', async () => {
    await clear()
    await call('POST', '/guardrails', ADMIN, WEBHOOK)
    await call('POST', '/guardrails', ADMIN, {
      id: 'a-first',
      check: 'pii',
      stages: ['output'],
      options: { detect: ['iban'] },
    })
    const before = await app.store.guardrailRules.list('default')
    const headers = { authorization: `Bearer ${ADMIN}` }
    const text = await (await fetch(`${app.server.url}/admin/config/export`, { headers })).text()
    const names = [...text.matchAll(/\$\{(WEIR_\w+)\}/g)].map(([, name = '']) => name)
    expect(names.length).toBeGreaterThanOrEqual(2)
    const secrets = Object.fromEntries(names.map((name) => [name, CANARY]))
    const again = (body: object) =>
      call('POST', '/config/import', ADMIN, { yaml: text, secrets, ...body })
    const plan = (await again({ dry_run: true })).body['plan'] as JsonObject[]
    expect(plan.filter(({ kind }) => kind === 'guardrails').map(({ action }) => action)).toEqual([
      'unchanged',
      'unchanged',
    ])
    await clear()
    const done = await again({})
    expect(done.body['problems']).toEqual([])
    expect(done.body['applied']).toBe(true)
    expect(await app.store.guardrailRules.list('default')).toEqual(before)
  })

  test('what the file declares is a conflict of an import, and what is wrong with a rule is told by its place', async () => {
    const yaml = (rules: readonly object[]) => JSON.stringify({ guardrails: rules })
    const asked = (rules: readonly object[]) =>
      call('POST', '/config/import', ADMIN, { yaml: yaml(rules) })
    const conflict = await asked([{ id: 'of-the-file', check: 'pii' }])
    expect(conflict.body).toMatchObject({
      applied: false,
      plan: [{ kind: 'guardrails', action: 'conflict' }],
    })
    await call('POST', '/guardrails?tenant=*', ROOT, { id: 'of-all', check: 'pii' })
    const shadow = await asked([{ id: 'of-all', check: 'pii', mode: 'observe' }])
    expect(shadow.body).toMatchObject({
      applied: false,
      plan: [{ kind: 'guardrails', action: 'conflict' }],
    })
    const own = (await app.store.guardrailRules.list('default')).map(({ rule }) => rule.id)
    expect(own).not.toContain('of-all')
    await call('DELETE', '/guardrails/of-all?tenant=*', ROOT)
    for (const [rule, path] of [
      [{ id: 'x', check: 'regex', patterns: [{ name: 'a', pattern: '(' }] }, 'guardrails[0]'],
      [{ id: 'x', check: 'webhook', url: 'http://127.0.0.1/' }, 'guardrails[0]'],
      [{ id: 'x', check: 'pii', detct: ['card'] }, 'guardrails[0].detct'],
    ] as const) {
      const told = await asked([rule])
      expect(told.body['applied']).toBe(false)
      const problems = told.body['problems'] as JsonObject[]
      expect(String(problems[0]?.['path'])).toStartWith(path)
    }
  })
})

describe('flags', () => {
  const flag = async (name: string, key = ADMIN, query = '') =>
    (await call('GET', `/flags/${name}${query}`, key)).body

  test('are listed with default, type, owner and the rules that concern the tenant', async () => {
    const flags = rowsOf(await call('GET', '/flags', VIEWER))
    expect(flags.map((one) => one['flag'])).toContain('cache_similarity')
    expect(await flag('hedging')).toMatchObject({
      type: 'boolean',
      default: true,
      owner: 'routing',
      rules: [{ tenant: null, value: false, percent: 100, origin: 'file' }],
    })
    expect(await flag('continuation')).toMatchObject({ rules: [] })
    expect(await flag('continuation', THEIRS)).toMatchObject({ rules: [{ tenant: 'other' }] })
    expect((await call('GET', '/flags/no-such', ADMIN)).status).toBe(404)
  })

  test('are whoever runs the installation’s to change, for a tenant or for all', async () => {
    const value = { value: false, percent: 10 }
    for (const key of [ADMIN, THEIRS]) {
      expect((await call('PUT', '/flags/continuation', key, value)).status).toBe(403)
      expect((await call('PUT', '/flags/continuation?tenant=other', key, value)).status).toBe(403)
    }
    expect((await call('PUT', '/flags/continuation', ROOT, value)).status).toBe(200)
    const own = await call('PUT', '/flags/continuation?tenant=default', ROOT, { value: true })
    expect(own.body).toMatchObject({
      rules: [
        { tenant: 'other', value: false, origin: 'file' },
        { tenant: 'default', value: true, percent: 100 },
        { tenant: null, value: false, percent: 10 },
      ],
    })
    expect(await flag('continuation')).toMatchObject({
      rules: [{ tenant: 'default' }, { tenant: null }],
    })
    expect((await call('PUT', '/flags/continuation?tenant=nobody', ROOT, value)).status).toBe(404)
    for (const body of [{ value: 'yes' }, { value: 1 }, {}, { value: true, percent: 101 }]) {
      expect((await call('PUT', '/flags/continuation', ROOT, body)).status).toBe(400)
    }
    expect((await call('DELETE', '/flags/continuation?tenant=default', ROOT)).status).toBe(200)
    expect((await call('DELETE', '/flags/continuation?tenant=default', ROOT)).status).toBe(404)
    expect((await call('DELETE', '/flags/continuation', ROOT)).status).toBe(200)
    const recorded = await app.store.audit.list({
      tenantId: PLATFORM_TENANT_ID,
      targetKind: 'flag',
      limit: 9,
    })
    expect(recorded.toReversed().map(({ action }) => action)).toEqual(['flag.save', 'flag.delete'])
  })
})

describe('trying', () => {
  const tried = (body: object, key = ADMIN) => call('POST', '/guardrails/try', key, body)
  const CARD = 'My card is 4111 1111 1111 1111.'

  test('one that is not saved: what it finds, what a provider would get, and nothing is kept', async () => {
    await clear()
    const told = await tried({ texts: [CARD, 'Hello.'], rule: { check: 'pii', mode: 'mask' } })
    expect(told.body).toMatchObject({
      refused_by: null,
      texts: ['My card is [CARD_1].', 'Hello.'],
      verdicts: [
        {
          rule: 'unsaved',
          verdict: 'masked',
          spans: [{ text: 0, start: 11, end: 30, label: 'card' }],
        },
      ],
      not_asked: [],
    })
    expect(await idsOf(ADMIN)).toEqual(['of-the-file'])
    expect((await tried({ texts: [CARD], rule: { check: 'pii', options: { x: 1 } } })).status).toBe(
      400,
    )
    expect((await tried({ texts: [], rule: { check: 'pii' } })).status).toBe(400)
  })

  test('all that hold, in their order, each after what those before it have masked', async () => {
    await clear()
    const make = (body: object) => call('POST', '/guardrails', ADMIN, body)
    await make({ id: 'mask-cards', check: 'pii', mode: 'mask', options: { detect: ['card'] } })
    await make({ id: 'no-pii', check: 'pii' })
    await make({ id: 'of-answers', check: 'pii', stages: ['output'] })
    await make({ id: 'off', check: 'pii', enabled: false })
    const one = await tried({ texts: [CARD] })
    expect(one.body).toMatchObject({
      refused_by: null,
      verdicts: [
        { rule: 'mask-cards', verdict: 'masked' },
        { rule: 'no-pii', verdict: 'pass' },
      ],
      not_asked: ['of-answers'],
    })
    const two = await tried({ texts: [`${CARD} me@example.com`] })
    expect(two.body).toMatchObject({ refused_by: 'no-pii' })
    const off = await tried({ texts: [CARD], rules: ['off'] })
    expect(off.body).toMatchObject({ refused_by: 'off' })
    expect((await tried({ texts: ['x'], rules: ['theirs'] })).status).toBe(404)
    expect((await tried({ texts: ['x'], rules: ['off'] }, THEIRS)).status).toBe(404)
  })

  test('all that hold are asked, however many they are', async () => {
    await clear()
    for (let index = 0; index < LIMITS.guardTrialRulesMax + 1; index++) {
      await app.store.guardrailRules.save(
        'default',
        {
          id: `r${index}`,
          origin: 'store',
          enabled: true,
          stages: ['input'],
          mode: 'block',
          check: 'words',
          options: { words: [index === LIMITS.guardTrialRulesMax ? 'borealis' : `x${index}`] },
          timeoutMs: 1_000,
          onFailure: 'closed',
          windowChars: 100,
        },
        TEST_ACTOR,
      )
    }
    const told = await tried({ texts: ['project borealis'] })
    expect(told.body['refused_by']).toBe(`r${LIMITS.guardTrialRulesMax}`)
    await clear()
  })

  test('a service that is not there: the rule’s own word for that, and no address in it', async () => {
    await clear()
    const rule = { check: 'webhook', options: { url: 'https://nowhere.invalid/hook' } }
    const closed = await tried({ texts: ['x'], rule: { ...rule, timeout_ms: 2_000 } })
    expect(closed.body).toMatchObject({
      refused_by: 'unsaved',
      verdicts: [{ verdict: 'failed-closed' }],
    })
    const open = await tried({ texts: ['x'], rule: { ...rule, on_failure: 'open' } })
    expect(open.body).toMatchObject({ refused_by: null, verdicts: [{ verdict: 'failed-open' }] })
    expect(JSON.stringify([closed.body, open.body])).not.toContain('nowhere')
  })

  test('a check that asks a model is a request of whoever tries it', async () => {
    await clear()
    const topics = [{ name: 'x', examples: ['Weather tomorrow.'] }]
    const rule = { check: 'topic', options: { model: 'mock/embed', topics } }
    const told = await tried({ texts: ['Hello.'], rule })
    expect(told.status).toBe(200)
    await until(async () => {
      const rows = rowsOf(await call('GET', '/requests?operation=embedding', ADMIN))
      return rows.some(({ endpoint }) => endpoint === 'guardrail:unsaved')
    })
  })
})

test('whatever options a rule is given, the answer is a judgement or a 400 without them', async () => {
  await clear()
  const nasty = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      '(',
      '(?<x>a)',
      '[',
      '\\',
      'https://',
      'https://a.example:99999',
      '-----BEGIN',
      '{{',
      {},
      [],
      [{}],
      -1,
      1e308,
    ),
  )
  const named = (options: readonly { readonly name: string }[]) =>
    fc.dictionary(fc.constantFrom('no_such', ...options.map(({ name }) => name)), nasty, {
      maxKeys: 4,
    })
  const body = fc.constantFrom(...CHECK_DESCRIPTIONS).chain(({ kind, options }) =>
    fc.record({
      texts: fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 3 }),
      stage: fc.constantFrom('input', 'tool_result', 'output'),
      rule: fc.record({
        check: fc.constant(kind),
        mode: fc.constantFrom('block', 'mask', 'flag', 'observe'),
        stages: fc.constant(['input', 'tool_result', 'output']),
        timeout_ms: fc.constant(200),
        options: named(options),
      }),
    }),
  )
  let judged = 0
  await fc.assert(
    fc.asyncProperty(body, async (asked) => {
      const told = await call('POST', '/guardrails/try', ADMIN, asked)
      expect([200, 400]).toContain(told.status)
      if (told.status === 200) judged += 1
      else expect(typeof told.body['code']).toBe('string')
    }),
    checkParameters(300),
  )
  expect(judged).toBeGreaterThan(5)
})

test('a rule that cannot be asked any more is told, and refuses what it concerns', async () => {
  await clear()
  await app.store.guardrailRules.save(
    'default',
    {
      id: 'old',
      origin: 'store',
      tenantId: 'default',
      enabled: true,
      stages: ['input'],
      mode: 'observe',
      check: 'pii',
      options: { an_option_of_before: true },
      timeoutMs: 100,
      onFailure: 'open',
      windowChars: 100,
    },
    TEST_ACTOR,
  )
  const ask = async (key: string) => {
    const answer = await fetch(`${app.server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'Hi' }] }),
    })
    return { status: answer.status, text: await answer.text() }
  }
  const refused = await ask(MEMBER)
  expect(refused.status).toBe(503)
  expect(refused.text).toContain('guardrail_unavailable')
  expect((await ask(THEIRS)).status).toBe(200)
  const { body } = await call('GET', '/health', ADMIN)
  expect(body['guardrails']).toMatchObject([{ id: 'old', tenant: 'default' }])
  const listed = rowsOf(await call('GET', '/guardrails', ADMIN)).find(({ id }) => id === 'old')
  expect(typeof listed?.['problem']).toBe('string')
  expect((await call('GET', '/health', THEIRS)).body['guardrails']).toEqual([])
  await call('DELETE', '/guardrails/old', ADMIN)
  expect((await ask(MEMBER)).status).toBe(200)
})

test('a rule holds on another replica within a second, and no longer than that', async () => {
  await clear()
  const listed = async () => {
    const told = await call('GET', '/guardrails', ADMIN, undefined, {}, replica.app.server.url)
    return rowsOf(told).map(({ id }) => id)
  }
  await call('POST', '/guardrails', ADMIN, { id: 'soon', check: 'pii' })
  const status = async () => {
    const answer = await fetch(`${replica.app.server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': MEMBER, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'mock/echo',
        max_tokens: 20,
        messages: [{ role: 'user', content: 'Card 4111 1111 1111 1111' }],
      }),
    })
    await answer.arrayBuffer()
    return answer.status
  }
  const begins = async () => {
    await until(async () => (await listed()).includes('soon'))
    await until(async () => (await status()) === 400)
  }
  expect(await ownMsOf(begins)).toBeLessThan(1_000)
  await call('DELETE', '/guardrails/soon', ADMIN)
  const ends = () => until(async () => (await status()) === 200)
  expect(await ownMsOf(ends)).toBeLessThan(1_000)
})

test('a flag holds on another replica within a second', async () => {
  const rulesThere = async () => {
    const { url } = replica.app.server
    const told = await call('GET', '/flags/trace_sampling', ADMIN, undefined, {}, url)
    return told.body['rules'] as JsonObject[]
  }
  await call('PUT', '/flags/trace_sampling', ROOT, { value: 'none', percent: 5 })
  const isThere = () => until(async () => (await rulesThere()).length === 1)
  expect(await ownMsOf(isThere)).toBeLessThan(1_000)
})
