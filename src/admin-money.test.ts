// Limits and budgets through the management API of a whole program: made, changed, looked at, reset and deleted by those who may; what the
// file declares stays; what is made holds at once; nobody is told of others' money.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { App } from './app.ts'
import type { JsonObject } from './core/json.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { ownMsOf } from './testing/own-time.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const VIEWER = 'the-key-of-a-viewer-long-enough-000000001'
const OTHERS_ADMIN = 'the-key-of-another-tenant-long-enough-01'

let whole: WholeApp
let app: App

beforeAll(async () => {
  const keys = [
    { name: 'owner', key: OWNER, roles: ['owner'] },
    { name: 'admin', key: ADMIN, roles: ['admin'] },
    { name: 'member', key: MEMBER, budget: { usd: 900, window: 'total', action: 'alert' } },
    { name: 'viewer', key: VIEWER, roles: ['viewer'] },
    { name: 'theirs', key: OTHERS_ADMIN, roles: ['admin'], tenant: 'other' },
  ]
  const webhook = 'https://hooks.example.com/secret-canary'
  const price = { input: 10_000, output: 10_000 }
  whole = await startWholeApp(keys, {
    limits: [
      { per: 'key', requests_per_minute: 1_000 },
      { per: 'key', only: 'theirs', requests_per_day: 9 },
      { per: 'global', requests_per_day: 100_000 },
    ],
    budgets: [
      { per: 'tenant', usd: 1_000, window: 'month', action: 'alert', webhook },
      { per: 'tenant', only: 'other', usd: 77, window: 'day', action: 'alert' },
    ],
    models: [{ id: 'dear', targets: [{ provider: 'mock', model: 'echo' }], price }],
  })
  app = whole.app
})
afterAll(() => whole.stop())

const call = (
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Told> =>
  callServer(method, `${app.server.url}${path}`, { key, body, headers: headers ?? {} })

async function invoke(key: string, model = 'mock/echo'): Promise<number> {
  const body = { model, messages: [{ role: 'user', content: 'hi' }] }
  return (await call('POST', '/v1/chat/completions', key, body)).status
}

async function newKey(body: object = {}): Promise<{ readonly id: string; readonly key: string }> {
  const { body: made, status } = await call('POST', '/admin/keys', ADMIN, { name: 'x', ...body })
  expect(status).toBe(201)
  return { id: String(made['id']), key: String(made['key']) }
}

const rowsOf = ({ body }: Told) => body['data'] as JsonObject[]

/** Waits until what is written behind a request has come to where it is read. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > limitMs) throw new Error('was not so within 15 s')
    await Bun.sleep(5)
  }
}

describe('whoever may not', () => {
  test('gets 403 for every change, and what they may see', async () => {
    const limit = { per: 'key', requests_per_minute: 1 }
    const budget = { per: 'key', usd: 1 }
    for (const [method, path, body] of [
      ['POST', '/admin/limits', limit],
      ['PUT', '/admin/limits/x', limit],
      ['DELETE', '/admin/limits/x', undefined],
      ['POST', '/admin/budgets', budget],
      ['PUT', '/admin/budgets/x', budget],
      ['DELETE', '/admin/budgets/x', undefined],
      ['POST', '/admin/budgets/x/reset', { subject: 'x' }],
    ] as const) {
      for (const key of [MEMBER, VIEWER]) {
        expect((await call(method, path, key, body)).status, `${method} ${path}`).toBe(403)
      }
    }
    expect((await call('GET', '/admin/limits', VIEWER)).status).toBe(200)
    expect((await call('GET', '/admin/budgets', MEMBER)).status).toBe(403)
  })

  test('is told no secret of a webhook and nothing of other tenants', async () => {
    for (const [key, isOther] of [
      [VIEWER, false],
      [OTHERS_ADMIN, true],
    ] as const) {
      const all = [
        await call('GET', '/admin/budgets', key),
        await call('GET', '/admin/limits', key),
        await call('GET', '/admin/me/limits', key),
      ]
      const text = JSON.stringify(all)
      expect(text).not.toContain('canary')
      expect(text.includes('"usd":77')).toBe(isOther)
      expect(text.includes('file:0:key:theirs')).toBe(isOther)
    }
    const [budget] = rowsOf(await call('GET', '/admin/budgets', ADMIN))
    expect(budget).toMatchObject({ webhook: 'https://hooks.example.com/…', origin: 'file' })
  })

  test('is not told what all tenants do together', async () => {
    const path = '/admin/limits/file:0:global/state'
    for (const key of [ADMIN, VIEWER]) {
      expect((await call('GET', path, key)).body).toMatchObject({ data: [], is_hidden: true })
      const { body } = await call('GET', '/admin/me/limits', key)
      expect(JSON.stringify(body)).not.toContain('"per":"global"')
    }
    const everywhere = {
      id: Bun.randomUUIDv7(),
      tenantId: '_platform',
      roleId: 'viewer',
      assignee: { kind: 'key', id: 'file:viewer' },
      scope: '/',
      effect: 'allow',
      createdMs: 1,
    } as const
    await app.store.assignments.create(everywhere, TEST_ACTOR)
    await until(async () => rowsOf(await call('GET', path, VIEWER)).length === 1)
  })

  test('changes nothing of the file, and a tenant does not reset what the operator has set', async () => {
    const path = '/admin/budgets/file:0:tenant:month'
    const limit = '/admin/limits/file:0:key'
    for (const [method, at, body] of [
      ['PUT', path, { per: 'tenant', usd: 9_000 }],
      ['DELETE', path, undefined],
      ['PUT', limit, { per: 'key', requests_per_minute: 9_000 }],
      ['DELETE', limit, undefined],
    ] as const) {
      const told = await call(method, at, OWNER, body)
      expect(told).toMatchObject({ status: 409, body: { code: 'declared_in_file' } })
    }
    expect((await call('POST', `${path}/reset`, ADMIN, { subject: 'default' })).status).toBe(403)
    const ofKey = '/admin/budgets/key:total:file:member/reset'
    expect((await call('POST', ofKey, ADMIN, { subject: 'file:member' })).status).toBe(403)
  })
})

describe('a limit', () => {
  test('holds as soon as it is made, is looked at, changed and deleted', async () => {
    const { id, key } = await newKey({ name: 'limited' })
    const limit = { id: 'two', per: 'key', only: 'limited', requests_per_hour: 2 }
    const made = await call('POST', '/admin/limits', ADMIN, limit)
    expect(made).toMatchObject({ status: 201, body: { id: 'two', origin: 'store' } })
    expect([await invoke(key), await invoke(key), await invoke(key)]).toEqual([200, 200, 429])

    const state = await call('GET', '/admin/limits/two/state', ADMIN)
    expect(rowsOf(state)).toMatchObject([
      {
        subject: id,
        name: 'limited',
        counters: [{ counts: 'requests', window_seconds: 3600, max: 2, used: 2, remaining: 0 }],
      },
    ])
    const own = await call('GET', '/admin/me/limits', key)
    const mine = own.body['limits'] as JsonObject[]
    expect(mine).toContainEqual(expect.objectContaining({ per: 'key', subject: id }))
    expect(JSON.stringify(mine)).toContain('"max":2')

    const { id: _id, ...change } = { ...limit, requests_per_hour: 3 }
    expect((await call('PUT', '/admin/limits/two', ADMIN, change)).status).toBe(200)
    expect([await invoke(key), await invoke(key)]).toEqual([200, 429])
    const gone = await call('DELETE', '/admin/limits/two', ADMIN)
    expect(gone).toMatchObject({ status: 200, body: { deleted: true } })
    expect(await invoke(key)).toBe(200)
    expect((await call('DELETE', '/admin/limits/two', ADMIN)).status).toBe(404)
    expect((await call('PUT', '/admin/limits/two', ADMIN, change)).status).toBe(404)
  })

  test('of a key itself is among its own', async () => {
    const { id, key } = await newKey({ limits: { concurrent: 7 } })
    const own = await call('GET', '/admin/me/limits', key)
    expect(own.body['limits']).toContainEqual({
      per: 'key',
      subject: id,
      name: 'x',
      counters: [
        {
          counts: 'concurrent',
          window_seconds: null,
          max: 7,
          used: 0,
          remaining: 7,
          reset_seconds: 0,
        },
      ],
    })
  })

  test('is made once for one Idempotency-Key, and once for one id', async () => {
    const limit = { per: 'ip', only: '10.0.0.0/8', requests_per_day: 5 }
    const once = { 'idempotency-key': crypto.randomUUID() }
    const [first, second] = [
      await call('POST', '/admin/limits', ADMIN, limit, once),
      await call('POST', '/admin/limits', ADMIN, limit, once),
    ]
    expect([second.status, second.body, second.etag]).toEqual([
      first.status,
      first.body,
      first.etag,
    ])
    const id = String(first.body['id'])
    const again = await call('POST', '/admin/limits', ADMIN, { ...limit, id })
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists', param: 'id' } })
    const at = await call('GET', `/admin/limits/${id}/state?subject=10.9.8.7`, ADMIN)
    expect(rowsOf(at)).toMatchObject([{ subject: '10.9.8.7', counters: [{ remaining: 5 }] }])
    expect(rowsOf(await call('GET', `/admin/limits/${id}/state?subject=11.9.8.7`, ADMIN))).toEqual(
      [],
    )
    await call('DELETE', `/admin/limits/${id}`, ADMIN)
  })

  test('is not written over what another has written meanwhile', async () => {
    const made = await call('POST', '/admin/limits', ADMIN, { per: 'user', tokens_per_day: 5 })
    const path = `/admin/limits/${String(made.body['id'])}`
    const seen = await call('GET', path, ADMIN)
    expect(seen.etag).toBe(made.etag)
    const match = { 'if-match': String(seen.etag) }
    const change = (tokens: number) => ({ per: 'user', tokens_per_day: tokens })
    const both = await Promise.all(
      [6, 7].map((tokens) => call('PUT', path, ADMIN, change(tokens), match)),
    )
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412])
    expect((await call('DELETE', path, ADMIN, undefined, match)).status).toBe(412)
    const fresh = String((await call('GET', path, ADMIN)).etag)
    const gone = await call('DELETE', path, ADMIN, undefined, { 'if-match': fresh })
    expect(gone.status).toBe(200)
  })

  test.each([
    [{}, 'per'],
    [{ per: 'planet', requests_per_minute: 1 }, 'per'],
    [{ per: 'key' }, 'requests_per_minute'],
    [{ per: 'key', requests_per_minute: null }, 'requests_per_minute'],
    [{ per: 'key', requests_per_minute: -1 }, 'requests_per_minute'],
    [{ per: 'key', tokens_per_hour: 1.5 }, 'tokens_per_hour'],
    [{ per: 'key', requests_per_second: 1 }, 'requests_per_second'],
    [{ per: 'global', only: 'x', concurrent: 1 }, 'only'],
    [{ per: 'ip', only: 'canary-value', concurrent: 1 }, 'only'],
    [{ id: 'key:month', per: 'key', concurrent: 1 }, 'id'],
    [{ per: 'key', concurrent: 1, when_unavailable: 'maybe' }, 'when_unavailable'],
  ])('%p is refused by name', async (body, param) => {
    const told = await call('POST', '/admin/limits', ADMIN, body)
    expect(told).toMatchObject({ status: 400, body: { param } })
    expect(JSON.stringify(told)).not.toContain('canary-value')
  })
})

describe('a budget', () => {
  test('holds as soon as it is made, tells what is left, begins anew, and is deleted', async () => {
    const { id, key } = await newKey({ name: 'spender' })
    const wanted = { id: 'small', per: 'key', only: 'spender', usd: 0.000001, window: 'total' }
    expect((await call('POST', '/admin/budgets', ADMIN, wanted)).status).toBe(201)
    expect(await invoke(key, 'dear')).toBe(200)
    const path = '/admin/budgets/small'
    const spent = async () => {
      const told = await call('GET', path, ADMIN)
      return (told.body['accounts'] as JsonObject[])[0]
    }
    await until(async () => Number((await spent())?.['spent_usd'] ?? 0) > 0)
    expect(await spent()).toMatchObject({ subject: id, name: 'spender', left_usd: 0 })
    expect(await invoke(key, 'dear')).toBeGreaterThanOrEqual(400)
    const own = await call('GET', '/admin/me/limits', key)
    const mine = own.body['budgets'] as JsonObject[]
    expect(mine).toContainEqual(expect.objectContaining({ per: 'key', usd: 0.000001, left_usd: 0 }))
    // What all spend is theirs to know who may see budgets.
    expect(mine).toContainEqual(
      expect.objectContaining({ per: 'tenant', usd: null, spent_usd: null, left_usd: null }),
    )

    expect((await call('POST', `${path}/reset`, ADMIN, { subject: 'nobody' })).status).toBe(404)
    const reset = await call('POST', `${path}/reset`, ADMIN, { subject: id })
    expect(reset).toMatchObject({ status: 200, body: { reset: true } })
    await until(async () => ((await spent())?.['spent_usd'] ?? 0) === 0)
    const { id: _id, ...change } = { ...wanted, usd: 500 }
    expect((await call('PUT', path, ADMIN, change)).status).toBe(200)
    expect(await invoke(key, 'dear')).toBe(200)
    expect(await call('PUT', path, ADMIN, { ...change, per: 'user' })).toMatchObject({
      status: 409,
      body: { code: 'fixed_member', param: 'per' },
    })
    expect((await call('DELETE', path, ADMIN)).status).toBe(200)
    expect((await call('GET', path, ADMIN)).status).toBe(404)
  })

  test('of a key is shown with it and among budgets, and is changed with the key alone', async () => {
    const { id, key } = await newKey({ name: 'own', budget: { usd: 5, window: 'week' } })
    expect(await invoke(key, 'dear')).toBe(200)
    const shown = async () => (await call('GET', `/admin/keys/${id}`, ADMIN)).body['budget_account']
    // Settled with the request's row, a moment after its answer.
    await until(async () => Number(((await shown()) as JsonObject | null)?.['spent_usd'] ?? 0) > 0)
    expect(await shown()).toMatchObject({ subject: id, held_usd: 0 })
    const [listed] = rowsOf(await call('GET', '/admin/keys?q=own&state=active', ADMIN))
    expect(listed?.['budget_account']).toEqual(await shown())
    const path = `/admin/budgets/key:week:${id}`
    const budget = await call('GET', path, ADMIN)
    expect(budget.body).toMatchObject({ only: id, usd: 5, accounts: [{ subject: id }] })
    expect(String(budget.body['read_only'])).toContain('API key')
    expect(await call('DELETE', path, ADMIN)).toMatchObject({
      status: 409,
      body: { code: 'of_a_key' },
    })
    const others = await newKey({ name: 'another', budget: { usd: 5, window: 'week' } })
    const wrong = await call('POST', `/admin/budgets/key:week:${others.id}/reset`, ADMIN, {
      subject: id,
    })
    expect(wrong.status).toBe(404)
    expect((await call('POST', `${path}/reset`, ADMIN, { subject: id })).status).toBe(200)
  })

  test('of its own a key does not reset', async () => {
    const { id, key } = await newKey({ roles: ['admin'], budget: { usd: 5 } })
    const path = `/admin/budgets/key:month:${id}/reset`
    expect((await call('POST', path, key, { subject: id })).status).toBe(403)
  })

  test('keeps its webhook where a change does not name it, and shows it masked', async () => {
    const webhook = 'https://hooks.example.com/secret-canary?sig=canary'
    const body = { id: 'told', per: 'tenant', usd: 3, action: 'alert', webhook }
    const made = await call('POST', '/admin/budgets', ADMIN, body)
    expect(made.status).toBe(201)
    const stored = async () =>
      (await app.store.budgetRules.list('default')).find(({ id }) => id === 'told')?.webhookUrl
    const change = { per: 'tenant', usd: 4, action: 'alert' }
    const masked = 'https://hooks.example.com/…'
    for (const each of [change, { ...change, webhook: masked }]) {
      const told = await call('PUT', '/admin/budgets/told', ADMIN, each)
      expect(told).toMatchObject({ status: 200, body: { webhook: masked } })
      expect(await stored()).toBe(webhook)
    }
    const records = await app.store.audit.list({ limit: 9, action: 'budget.save' })
    expect(JSON.stringify([made.body, records])).not.toContain('canary')
    // Another address behind the same mask is another version.
    const seen = await call('GET', '/admin/budgets/told', ADMIN)
    const other = { ...change, webhook: 'https://hooks.example.com/other' }
    await call('PUT', '/admin/budgets/told', ADMIN, other)
    const late = await call('PUT', '/admin/budgets/told', ADMIN, change, {
      'if-match': String(seen.etag),
    })
    expect(late.status).toBe(412)
    await call('PUT', '/admin/budgets/told', ADMIN, { ...change, webhook: null })
    expect(await stored()).toBeUndefined()
    await call('DELETE', '/admin/budgets/told', ADMIN)
  })

  test.each([
    [{ per: 'key' }, 'usd'],
    [{ per: 'ip', usd: 1 }, 'per'],
    [{ per: 'key', usd: -1 }, 'usd'],
    [{ per: 'key', usd: 1e10 }, 'usd'],
    [{ per: 'key', usd: 1, window: 'year' }, 'window'],
    [{ per: 'key', usd: 1, alert_at: [2] }, 'alert_at[0]'],
    [{ per: 'key', usd: 1, webhook: 'ftp://x' }, 'webhook'],
    [{ per: 'key', usd: 1, webhook: 'canary-value' }, 'webhook'],
    [{ per: 'key', usd: 1, webhook: 'https://u:canary-value@example.com/' }, 'webhook'],
    [{ per: 'key', usd: 1, webhook: 'http://169.254.169.254/latest' }, 'webhook'],
    [{ per: 'key', usd: 1, webhook: 'http://metadata.google.internal/' }, 'webhook'],
    [{ per: 'key', usd: 1, webhook: 'http://0.0.0.0/' }, 'webhook'],
  ])('%p is refused by name', async (body, param) => {
    const told = await call('POST', '/admin/budgets', ADMIN, body)
    expect(told).toMatchObject({ status: 400, body: { param } })
    expect(JSON.stringify(told)).not.toContain('canary-value')
  })
})

test('lists are filtered, sorted and cut into pages', async () => {
  for (const name of ['page-c', 'page-a', 'page-b']) await newKey({ name })
  const names: string[] = []
  let path: string | undefined = '/admin/keys?q=page-&sort=name&order=desc&limit=2'
  while (path !== undefined) {
    const told: Told = await call('GET', path, ADMIN)
    expect(told.body['total']).toBe(3)
    names.push(...rowsOf(told).map(({ name }) => String(name)))
    const next = told.body['next_cursor']
    path =
      typeof next === 'string'
        ? `/admin/keys?q=page-&sort=name&order=desc&cursor=${next}`
        : undefined
  }
  expect(names).toEqual(['page-c', 'page-b', 'page-a'])
  const filtered = rowsOf(await call('GET', '/admin/keys?owner=user:nobody', ADMIN))
  expect(filtered).toEqual([])
  expect(await call('GET', '/admin/keys?state=odd', ADMIN)).toMatchObject({ status: 400 })
})

test('what is made is on every replica within a second', async () => {
  // As another process does it: past this one, into its store.
  const { key } = await newKey({ name: 'far' })
  expect(await invoke(key)).toBe(200)
  const rule = { id: 'far', tenantId: 'default', origin: 'store', per: 'key', only: 'far' } as const
  const amounts = { requestsPerDay: 0 }
  await app.store.limitRules.save({ ...rule, amounts, whenUnavailable: 'local' }, TEST_ACTOR)
  expect(await ownMsOf(() => until(async () => (await invoke(key)) === 429))).toBeLessThan(1_000)
  await app.store.limitRules.remove('default', 'far', TEST_ACTOR)
})
