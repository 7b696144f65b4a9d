// What clumsy and hostile clients try with the management API of a whole program, whatever the route: bodies nobody can store, names no
// address has, many at once, and gaining by a detour what is closed to them.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { App } from './app.ts'
import { LIMITS } from './core/limits.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

// A program for each test, and more than a hundred requests at once.
setDefaultTimeout(60_000)

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const TENANT = '/tenants/default'

let whole: WholeApp
let app: App

beforeEach(async () => {
  whole = await startWholeApp([{ name: 'owner', key: OWNER, roles: ['owner'] }], {
    models: [
      {
        id: 'exclusive',
        targets: [{ provider: 'mock', model: 'echo' }],
        access: ['user:the-boss', 'key:vault'],
      },
    ],
  })
  app = whole.app
})
afterEach(() => whole.stop())

const call = (
  method: string,
  path: string,
  body?: unknown,
  { key = OWNER, ...headers }: Record<string, string> = {},
): Promise<Told> => callServer(method, `${app.server.url}${path}`, { key, body, headers })

/** A user who has just these actions at a scope, and a key of theirs. */
async function person(
  id: string,
  rights: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly id: string; readonly key: string }> {
  const { store } = app
  await store.users.create(
    { tenantId: 'default', id, issuer: 'local', subject: id, name: id, createdMs: 1 },
    TEST_ACTOR,
  )
  for (const [at, [scope, actions]] of Object.entries(rights).entries()) {
    const roleId = `${id}-${at}`
    await store.roles.save(
      { tenantId: 'default', id: roleId, name: roleId, description: '', actions, notActions: [] },
      TEST_ACTOR,
    )
    await store.assignments.create(
      {
        id: Bun.randomUUIDv7(),
        tenantId: 'default',
        roleId,
        assignee: { kind: 'user', id },
        scope,
        effect: 'allow',
        createdMs: 1,
      },
      TEST_ACTOR,
    )
  }
  const made = await call('POST', '/admin/keys', { name: id, owner: { kind: 'user', id } })
  expect(made.status).toBe(201)
  return { id, key: String(made.body['key']) }
}

async function invoke(key: string, model: string): Promise<number> {
  const body = { model, messages: [{ role: 'user', content: 'hi' }] }
  return (await call('POST', '/v1/chat/completions', body, { key })).status
}

describe('a body', () => {
  const model = (member: string) => `{"targets":[{"provider":"mock","model":"echo"}],${member}}`
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

  test.each([
    ['nested deeper than anybody writes', model(`"defaults":{"stop":${nested(65)}}`)],
    ['nested as deep as its bytes allow', model(`"defaults":{"stop":${nested(32_000)}}`)],
    ['with half of a pair', model('"defaults":{"user":"\\ud800"}')],
    ['with half of a pair in a name', model('"defaults":{"\\udc00":1}')],
  ])('%s is refused, and nothing is stored', async (_name, body) => {
    expect(await call('PUT', '/admin/models/m', body)).toMatchObject({ status: 400 })
    expect(await app.store.models.list('default')).toEqual([])
  })

  test('with whole pairs, and as deep as requests are, is taken', async () => {
    const body = model(`"defaults":{"user":"\\ud83d\\ude00","stop":${nested(20)}}`)
    expect((await call('PUT', '/admin/models/m', body)).status).toBe(201)
  })
})

test.each(['127.0.0.999', '127.999.1.1', '1.2.3.4.5', '0x100000000', '[::::]'])(
  'a Host that is no address (%s) is the client’s mistake',
  async (host) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const socket = connect(app.server.port, '127.0.0.1', () =>
      socket.write(
        `GET /admin/keys?tenant=x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${OWNER}\r\nConnection: close\r\n\r\n`,
      ),
    )
    let told = ''
    socket.on('data', (bytes) => (told += String(bytes)))
    socket.on('close', () => resolve(told))
    expect(await promise).toMatch(/^HTTP\/1\.1 40[03] /)
  },
)

describe('many at once', () => {
  test('make no more keys of one’s own than anybody may have', async () => {
    const ann = await person('ann', { [TENANT]: ['key.self'] })
    const made = await Promise.all(
      Array.from({ length: LIMITS.ownKeysMax + 10 }, () =>
        call('POST', '/admin/me/keys', { name: 'x' }, { key: ann.key }),
      ),
    )
    expect(made.filter(({ status }) => status === 201)).toHaveLength(LIMITS.ownKeysMax - 1)
    expect(await app.store.keys.list('default')).toHaveLength(LIMITS.ownKeysMax)
  })

  test('change different members of a key, and none is lost', async () => {
    const { body } = await call('POST', '/admin/keys', { name: 'x' })
    const path = `/admin/keys/${String(body['id'])}`
    await Promise.all([
      call('PATCH', path, { limits: { requests_per_minute: 7 } }),
      call('PATCH', path, { budget: { usd: 3 } }),
    ])
    const { body: after } = await call('GET', path)
    expect(after).toMatchObject({ limits: { requests_per_minute: 7 }, budget: { usd: 3 } })
  })
})

test('a webhook is not put back by a change that does not name it', async () => {
  const old = 'https://hooks.example.com/old'
  await call('POST', '/admin/budgets', { id: 'b', per: 'key', usd: 1, webhook: old })
  const { store } = app
  const all = store.budgetRules.list.bind(store.budgetRules)
  const seen = await all('default')
  // What the change read first, before somebody else's.
  const isStale = { now: true }
  store.budgetRules.list = async (tenantId) => {
    if (!isStale.now) return await all(tenantId)
    isStale.now = false
    return seen
  }
  await store.budgetRules.save(
    { ...seen[0]!, tenantId: 'default', webhookUrl: 'https://hooks.example.com/new' },
    TEST_ACTOR,
  )
  const told = await call('PUT', '/admin/budgets/b', { per: 'key', usd: 2 })
  expect(told).toMatchObject({ status: 412, body: { code: 'changed_meanwhile' } })
  expect((await all('default'))[0]?.webhookUrl).toEndWith('/new')
})

test('a tenant has so many limits and no more', async () => {
  const limit = (id: string) => ({ id, per: 'key', requests_per_day: 1 })
  expect((await call('POST', '/admin/limits', limit('first'))).status).toBe(201)
  const database = new Database(join(whole.folder, 'data', 'weir.db'))
  database.run(
    `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIMITS.tenantRulesMax})
     INSERT INTO limit_rules (tenant_id, id, rule, created_ms, updated_ms)
     SELECT tenant_id, 'l' || i, rule, created_ms, updated_ms FROM n, limit_rules WHERE id = 'first'`,
  )
  database.close()
  const more = await call('POST', '/admin/limits', limit('more'))
  expect(more).toMatchObject({ status: 409, body: { code: 'too_many_rules' } })
  const { id: _id, ...other } = limit('first')
  expect((await call('PUT', '/admin/limits/first', other)).status).toBe(200)
  expect((await call('DELETE', '/admin/limits/first')).status).toBe(200)
  expect((await call('POST', '/admin/limits', limit('more'))).status).toBe(201)
})

describe('what is closed to whoever asks stays closed', () => {
  test('by a key that is on a model’s list where they are not', async () => {
    const clerk = await person('clerk', { [TENANT]: ['key.write', 'model.invoke', 'key.self'] })
    const boss = await person('the-boss', { [TENANT]: ['model.invoke'] })
    expect(await invoke(boss.key, 'exclusive')).toBe(200)
    expect(await invoke(clerk.key, 'exclusive')).toBe(404)
    for (const wanted of [
      { name: 'x', owner: { kind: 'user', id: boss.id } },
      { name: 'vault', roles: ['member'], actions: ['model.invoke'] },
    ]) {
      expect((await call('POST', '/admin/keys', wanted, clerk)).status).toBe(403)
    }
    const other = { name: 'other', actions: ['model.invoke'] }
    const made = await call('POST', '/admin/keys', other, clerk)
    expect(made.status).toBe(201)
    const path = `/admin/keys/${String(made.body['id'])}`
    expect((await call('PATCH', path, { name: 'vault' }, clerk)).status).toBe(403)
    expect((await call('PATCH', path, { name: 'else' }, clerk)).status).toBe(200)
    // Whoever decides over lists may.
    const vault = await call('POST', '/admin/keys', { name: 'vault' })
    expect(vault.status).toBe(201)
    const rotate = `/admin/keys/${String(vault.body['id'])}/rotate`
    expect((await call('POST', rotate, {}, clerk)).status).toBe(403)
  })

  test('by the target of a model that is theirs to change', async () => {
    const actions = ['model.read', 'model.write', 'model.invoke']
    const ann = await person('ann', { [`${TENANT}/models/mine`]: actions })
    const mine = { targets: [{ provider: 'mock', model: 'echo' }] }
    expect((await call('PUT', '/admin/models/mine', mine, ann)).status).toBe(403)
    const bob = await person('bob', {
      [`${TENANT}/models/mine`]: actions,
      [`${TENANT}/providers/mock`]: ['model.invoke'],
    })
    expect((await call('PUT', '/admin/models/mine', mine, bob)).status).toBe(201)
    expect(await invoke(ann.key, 'mine')).toBe(200)
  })
})

test('a key rotated with part of a millisecond between', async () => {
  const { body } = await call('POST', '/admin/keys', { name: 'x' })
  const path = `/admin/keys/${String(body['id'])}/rotate`
  expect((await call('POST', path, { overlap_seconds: 1.000_51 })).status).toBe(201)
  const [old] = await app.store.keys.list('default')
  expect(Number.isInteger(old?.expiresMs)).toBe(true)
})
