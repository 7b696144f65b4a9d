// API keys through the management API of a whole program: made, used, narrowed, rotated and revoked by those who may, and by nobody
// else; the secret is told once and nothing tells more of a key than those who may know it.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { App } from './app.ts'
import type { JsonObject } from './core/json.ts'
import { sha256Hex } from './auth/authenticate.ts'
import { LIMITS } from './core/limits.ts'
import { sampleKey, TEST_ACTOR, until } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

// A program for each test, and as many changes as there may be keys.
setDefaultTimeout(60_000)

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const OTHERS_ADMIN = 'the-key-of-another-tenant-long-enough-01'

let whole: WholeApp
let app: App

beforeEach(async () => {
  const keys = [
    { name: 'owner', key: OWNER, roles: ['owner'] },
    { name: 'admin', key: ADMIN, roles: ['admin'] },
    { name: 'member', key: MEMBER },
    { name: 'theirs', key: OTHERS_ADMIN, roles: ['admin'], tenant: 'other' },
  ]
  whole = await startWholeApp(keys)
  app = whole.app
})
afterEach(() => whole.stop())

const call = (method: string, path: string, key: string, body?: unknown): Promise<Told> =>
  callServer(method, `${app.server.url}${path}`, { key, body })

async function invoke(key: string, model = 'mock/echo'): Promise<number> {
  const body = { model, messages: [{ role: 'user', content: 'hi' }] }
  return (await call('POST', '/v1/chat/completions', key, body)).status
}

/** A user of the default tenant with a role, and a key of theirs. */
async function person(name: string, role: string): Promise<{ id: string; key: string }> {
  const id = Bun.randomUUIDv7()
  await app.store.users.create(
    { tenantId: 'default', id, issuer: 'local', subject: name, name, createdMs: 1 },
    TEST_ACTOR,
  )
  await app.store.assignments.create(
    {
      id: Bun.randomUUIDv7(),
      tenantId: 'default',
      roleId: role,
      assignee: { kind: 'user', id },
      scope: '/tenants/default',
      effect: 'allow',
      createdMs: 1,
    },
    TEST_ACTOR,
  )
  const made = await call('POST', '/admin/keys', OWNER, { name, owner: { kind: 'user', id } })
  expect(made.status).toBe(201)
  return { id, key: String(made.body['key']) }
}

const idOf = ({ body }: Told) => String(body['id'])

describe('whoever may not', () => {
  test('manage keys gets 403, and nothing is stored', async () => {
    for (const [method, path, body] of [
      ['GET', '/admin/keys', undefined],
      ['POST', '/admin/keys', { name: 'x' }],
      ['GET', '/admin/keys/file:owner', undefined],
      ['DELETE', '/admin/keys/file:owner', {}],
      ['POST', '/admin/keys/file:owner/rotate', {}],
    ] as const) {
      expect((await call(method, path, MEMBER, body)).status).toBe(403)
    }
    expect(await app.store.keys.all()).toEqual([])
  })

  test('a key that belongs to no user has none of its own', async () => {
    const { status, body } = await call('GET', '/admin/me/keys', MEMBER)
    expect(status).toBe(403)
    expect(JSON.stringify(body)).toContain('belongs to no user')
  })

  test('give more than they have is refused: roles, owners, models, tenants', async () => {
    const boss = await person('boss', 'owner')
    for (const [wanted, status] of [
      [{ name: 'x', roles: ['owner'] }, 403],
      [{ name: 'x', owner: { kind: 'user', id: boss.id } }, 403],
      [{ name: 'x', owner: { kind: 'user', id: 'nobody' } }, 403],
      [{ name: 'x', tenant: 'other' }, 400],
      [{ name: 'x', hash: 'abc' }, 400],
      [{ name: 'x', spend: 0 }, 400],
    ] as const) {
      expect((await call('POST', '/admin/keys', ADMIN, wanted)).status).toBe(status)
    }
    expect((await call('POST', '/admin/keys?tenant=other', ADMIN, { name: 'x' })).status).toBe(404)
    expect((await call('POST', '/admin/keys?tenant=nowhere', ADMIN, { name: 'x' })).status).toBe(
      404,
    )
    expect(
      (await call('POST', `/admin/keys/${(await app.store.keys.all())[0]!.id}/rotate`, ADMIN, {}))
        .status,
    ).toBe(403)
    expect(await app.store.keys.all()).toHaveLength(1)
  })

  test('another tenant’s administrator finds what is not there', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, { name: 'ours' })
    const absent = await call('GET', '/admin/keys/nothing', OTHERS_ADMIN)
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const told = await call(
        method,
        `/admin/keys/${idOf(made)}`,
        OTHERS_ADMIN,
        method === 'GET' ? undefined : {},
      )
      expect(told.status).toBe(404)
      const problem = ({ request_id: _id, ...rest }: JsonObject) => rest
      expect(problem(told.body)).toEqual(problem(absent.body))
    }
    const { body } = await call('GET', '/admin/keys', OTHERS_ADMIN)
    expect(JSON.stringify(body)).not.toContain('ours')
    expect(JSON.stringify(body)).toContain('theirs')
  })
})

describe('a key', () => {
  test('is told whole once, works at once, and is never told again', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, {
      name: 'ci',
      models: ['mock/e*'],
      limits: { requests_per_minute: 5 },
      budget: { usd: 1.5, window: 'day', action: 'alert' },
      expires: '2999-01-31',
    })
    expect(made.status).toBe(201)
    const secret = String(made.body['key'])
    expect(secret).toMatch(/^weir_[0-9A-Za-z]{46}$/)
    expect(await invoke(secret)).toBe(200)
    expect(await invoke(secret, 'mock/slow')).toBe(404)
    const shown = await call('GET', `/admin/keys/${idOf(made)}`, ADMIN)
    expect(shown.body).toMatchObject({
      name: 'ci',
      state: 'active',
      models: ['mock/e*'],
      limits: { requests_per_minute: 5 },
      budget: { usd: 1.5, window: 'day', action: 'alert' },
      expires: '2999-02-01T00:00:00.000Z',
    })
    const everything = JSON.stringify([shown.body, (await call('GET', '/admin/keys', OWNER)).body])
    expect(everything).not.toContain(secret)
    expect(everything).not.toContain(OWNER)
    expect(everything).not.toMatch(/[0-9a-f]{64}/)
    const records = await app.store.audit.list({ limit: 10, action: 'key.create' })
    expect(records[0]).toMatchObject({
      actor: { kind: 'key', id: 'file:admin' },
      target: { id: idOf(made) },
    })
  })

  test('is narrowed, turned off and on, and revoked, each at once', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, { name: 'one' })
    const secret = String(made.body['key'])
    const path = `/admin/keys/${idOf(made)}`
    expect(await invoke(secret)).toBe(200)
    expect((await call('PATCH', path, ADMIN, { models: ['none'] })).status).toBe(200)
    expect(await invoke(secret)).toBe(404)
    expect((await call('PATCH', path, ADMIN, { models: null, disabled: true })).body['state']).toBe(
      'disabled',
    )
    expect(await invoke(secret)).toBe(401)
    expect((await call('PATCH', path, ADMIN, { disabled: false })).status).toBe(200)
    expect(await invoke(secret)).toBe(200)
    expect((await call('DELETE', path, ADMIN)).body['state']).toBe('revoked')
    expect(await invoke(secret)).toBe(401)
    expect((await call('PATCH', path, ADMIN, { name: 'again' })).status).toBe(409)
    expect((await call('POST', `${path}/rotate`, ADMIN, {})).status).toBe(409)
    expect((await call('DELETE', path, ADMIN)).body['state']).toBe('revoked')
  })

  test('is made once for one Idempotency-Key, and changed by who has seen it as it is', async () => {
    const send = async (method: string, path: string, body: object, headers: object) => {
      const answer = await fetch(`${app.server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN}`,
          'content-type': 'application/json',
          ...headers,
        },
        ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      const told = text === '' ? {} : (JSON.parse(text) as JsonObject)
      return { status: answer.status, body: told, etag: answer.headers.get('etag') ?? '' }
    }
    const once = { 'idempotency-key': 'one' }
    const first = await send('POST', '/admin/keys', { name: 'one' }, once)
    expect(await send('POST', '/admin/keys', { name: 'one' }, once)).toEqual(first)
    expect((await send('POST', '/admin/keys', { name: 'two' }, once)).status).toBe(409)
    expect(await app.store.keys.all()).toHaveLength(1)
    const path = `/admin/keys/${String(first.body['id'])}`
    // Being used is no other version.
    expect(await invoke(String(first.body['key']))).toBe(200)
    const seen = { 'if-none-match': first.etag }
    expect((await send('GET', path, {}, seen)).status).toBe(304)
    const match = { 'if-match': first.etag }
    const both = await Promise.all(
      [['a'], ['b']].map((models) => send('PATCH', path, { models }, match)),
    )
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412])
    expect((await send('DELETE', path, {}, match)).status).toBe(412)
    expect((await send('GET', path, {}, seen)).body['state']).toBe('active')
    const turn = { 'idempotency-key': 'turn' }
    const next = await send('POST', `${path}/rotate`, {}, turn)
    expect(await send('POST', `${path}/rotate`, {}, turn)).toEqual(next)
    expect(await app.store.keys.all()).toHaveLength(2)
  })

  test('is rotated: both go for the overlap, without one the old ends at once, and there is one successor', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, { name: 'one', models: ['mock/echo'] })
    const path = `/admin/keys/${idOf(made)}`
    const first = String(made.body['key'])
    const rotated = await Promise.all(
      Array.from({ length: 5 }, () =>
        call('POST', `${path}/rotate`, ADMIN, { overlap_seconds: 60 }),
      ),
    )
    const good = rotated.filter(({ status }) => status === 201)
    expect(good).toHaveLength(1)
    expect(rotated.filter(({ status }) => status === 409)).toHaveLength(4)
    const second = String(good[0]!.body['key'])
    expect(good[0]!.body).toMatchObject({ name: 'one', models: ['mock/echo'] })
    expect([await invoke(first), await invoke(second)]).toEqual([200, 200])
    const third = await call('POST', `/admin/keys/${idOf(good[0]!)}/rotate`, ADMIN, {})
    expect(await invoke(second)).toBe(401)
    expect(await invoke(String(third.body['key']))).toBe(200)
    expect((await call('POST', `${path}/rotate`, ADMIN, { overlap_seconds: -1 })).status).toBe(400)
  })

  test('keeps of limits and budget what a change does not name', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, {
      name: 'one',
      limits: { requests_per_minute: 5 },
      budget: { usd: 1 },
    })
    const change = async (body: unknown) => {
      const { body: told, status } = await call('PATCH', `/admin/keys/${idOf(made)}`, ADMIN, body)
      expect(status).toBe(200)
      return { limits: told['limits'] ?? null, budget: told['budget'] ?? null }
    }
    const budget = { usd: 1, window: 'month', action: 'block' }
    const limits = { requests_per_minute: 7 }
    expect(await change({ limits })).toEqual({ limits, budget })
    expect(await change({ budget: { usd: 2 } })).toEqual({ limits, budget: { ...budget, usd: 2 } })
    expect(await change({ budget: null })).toEqual({ limits, budget: null })
    expect(await change({ budget: { usd: 0 }, limits: null })).toEqual({
      limits: null,
      budget: { ...budget, usd: 0 },
    })
    expect(await change({ budget: null })).toEqual({ limits: null, budget: null })
  })

  test('hands what was assigned to it to its successor, and only to who may have that', async () => {
    const made = await call('POST', '/admin/keys', ADMIN, { name: 'one' })
    const assign = async (roleId: string, scope: string, effect: 'allow' | 'deny') =>
      await app.store.assignments.create(
        {
          id: Bun.randomUUIDv7(),
          tenantId: 'default',
          roleId,
          assignee: { kind: 'key', id: idOf(made) },
          scope,
          effect,
          createdMs: 1,
        },
        TEST_ACTOR,
      )
    await assign('member', '/tenants/default/models/mock/slow', 'deny')
    const next = await call('POST', `/admin/keys/${idOf(made)}/rotate`, ADMIN, {})
    const secret = String(next.body['key'])
    expect([await invoke(secret), await invoke(secret, 'mock/slow')]).toEqual([200, 404])
    await app.store.assignments.create(
      {
        id: Bun.randomUUIDv7(),
        tenantId: 'default',
        roleId: 'owner',
        assignee: { kind: 'key', id: idOf(next) },
        scope: '/tenants/default',
        effect: 'allow',
        createdMs: 1,
      },
      TEST_ACTOR,
    )
    expect((await call('POST', `/admin/keys/${idOf(next)}/rotate`, ADMIN, {})).status).toBe(403)
    const last = await call('POST', `/admin/keys/${idOf(next)}/rotate`, OWNER, {})
    expect(last.status).toBe(201)
    expect(await invoke(String(last.body['key']), 'mock/slow')).toBe(404)
    expect((await app.store.audit.verify()).broken).toBeUndefined()
  })

  test('that ends makes none that goes on longer, nor does it prolong itself', async () => {
    const boss = await person('boss', 'admin')
    const expires = '2999-01-31T00:00:00.000Z'
    const made = await call('POST', '/admin/me/keys', boss.key, { name: 'short', expires })
    const short = String(made.body['key'])
    const path = `/admin/me/keys/${idOf(made)}`
    for (const [method, at, body] of [
      ['POST', '/admin/keys', { name: 'x' }],
      ['POST', '/admin/me/keys', { name: 'x' }],
      ['POST', '/admin/me/keys', { name: 'x', expires: '2999-02-01' }],
      ['PATCH', path, { expires: null }],
      ['PATCH', path, { expires: '2999-02-01' }],
    ] as const) {
      expect((await call(method, at, short, body)).status).toBe(403)
    }
    expect((await call('POST', '/admin/me/keys', short, { name: 'x', expires })).status).toBe(201)
    expect((await call('PATCH', path, short, { expires: '2998-01-01' })).status).toBe(200)
  })

  test('that would have been too much is in the audit as a refusal, as is another tenant', async () => {
    await call('POST', '/admin/keys', ADMIN, { name: 'x', roles: ['owner'] })
    await call('GET', '/admin/keys?tenant=other', ADMIN)
    const refusals = async () => await app.store.audit.list({ limit: 9, action: 'access.denied' })
    await until('both are recorded', async () => (await refusals()).length === 2)
    expect((await refusals()).map(({ actor, target }) => [actor.id, target.id])).toEqual([
      ['file:admin', 'key.read'],
      ['file:admin', 'key.write'],
    ])
  })

  test('of the file is shown and not changed', async () => {
    expect((await call('GET', '/admin/keys/file:owner', ADMIN)).body).toMatchObject({
      origin: 'file',
      masked: 'the-…0001',
    })
    for (const method of ['PATCH', 'DELETE'] as const) {
      const told = await call(method, '/admin/keys/file:member', ADMIN, { name: 'x' })
      expect(told.status).toBe(409)
    }
  })
})

describe('one’s own keys', () => {
  test('are made, listed, rotated and revoked by their user, who sees no others', async () => {
    const [ann, bob] = [await person('ann', 'member'), await person('bob', 'member')]
    const made = await call('POST', '/admin/me/keys', ann.key, { name: 'laptop' })
    expect(made.status).toBe(201)
    expect(made.body['owner']).toEqual({ kind: 'user', id: ann.id, name: 'ann' })
    expect(await invoke(String(made.body['key']))).toBe(200)
    const list = await call('GET', '/admin/me/keys', ann.key)
    expect((list.body['data'] as JsonObject[]).map(({ name }) => name)).toEqual(['ann', 'laptop'])
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'mine' }],
      ['DELETE', {}],
    ] as const) {
      expect((await call(method, `/admin/me/keys/${idOf(made)}`, bob.key, body)).status).toBe(404)
    }
    for (const extra of [{ owner: { kind: 'user', id: bob.id } }, { roles: ['member'] }]) {
      expect((await call('POST', '/admin/me/keys', ann.key, { name: 'x', ...extra })).status).toBe(
        400,
      )
    }
    const rotated = await call('POST', `/admin/me/keys/${idOf(made)}/rotate`, ann.key, {})
    expect(await invoke(String(rotated.body['key']))).toBe(200)
    expect((await call('DELETE', `/admin/me/keys/${idOf(rotated)}`, ann.key)).status).toBe(200)
    expect(await invoke(String(rotated.body['key']))).toBe(401)
  })

  test('are so many and no more, also by rotation; what is revoked makes room', async () => {
    const ann = await person('ann', 'member')
    const row = sampleKey({ owner: { kind: 'user', id: ann.id } })
    for (let at = 0; at < LIMITS.ownKeysMax - 2; at += 1) {
      const secret = Bun.randomUUIDv7()
      await app.store.keys.create({ ...row, id: secret, hash: sha256Hex(secret) }, TEST_ACTOR)
    }
    const make = () => call('POST', '/admin/me/keys', ann.key, { name: 'x' })
    const last = await make()
    expect(last.status).toBe(201)
    expect(await make()).toMatchObject({ status: 409, body: { code: 'too_many_keys' } })
    const rotate = (id: string) =>
      call('POST', `/admin/me/keys/${id}/rotate`, ann.key, { overlap_seconds: 60 })
    const next = await rotate(idOf(last))
    expect(next.status).toBe(201)
    expect((await rotate(idOf(next))).status).toBe(409)
    for (const { id } of (await app.store.keys.list('default')).slice(0, 3)) {
      if (id !== idOf(next)) await app.store.keys.revoke('default', id, 1, TEST_ACTOR)
    }
    const again = await call('POST', '/admin/me/keys', String(next.body['key']), { name: 'x' })
    expect(again.status).toBe(201)
  })

  test('open nothing once their user is disabled', async () => {
    const ann = await person('ann', 'member')
    expect(await invoke(ann.key)).toBe(200)
    await app.store.users.update('default', ann.id, { status: 'disabled' }, TEST_ACTOR)
    expect(await invoke(ann.key)).toBe(401)
    await app.store.users.update('default', ann.id, { status: 'active' }, TEST_ACTOR)
    expect(await invoke(ann.key)).toBe(200)
  })
})

test.each([
  [{}, 'name'],
  [{ name: '' }, 'name'],
  [{ name: 'weir_x' }, 'name'],
  [{ name: 5 }, 'name'],
  [{ name: 'a\nb' }, 'name'],
  [{ name: 'x', models: 'fast' }, 'models'],
  [{ name: 'x', models: [5] }, 'models[0]'],
  [{ name: 'x', expires: 'tomorrow' }, 'expires'],
  [{ name: 'x', expires: '2001-01-01' }, 'expires'],
  [{ name: 'x', allowed_from: ['10.0.0.0/99'] }, 'allowed_from[0]'],
  [{ name: 'x', roles: ['emperor'] }, 'roles[0]'],
  [{ name: 'x', owner: 'ann' }, 'owner'],
  [{ name: 'x', owner: { kind: 'planet', id: 'x' } }, 'owner.kind'],
  [{ name: 'x', limits: { requests_per_minute: -1 } }, 'limits.requests_per_minute'],
  [{ name: 'x', limits: { requests_per_minute: 1.5 } }, 'limits.requests_per_minute'],
  [{ name: 'x', limits: { __proto__x: 1 } }, 'limits.__proto__x'],
  [{ name: 'x', actions: ['usage.raed'] }, 'actions[0]'],
  [{ name: 'x', actions: ['usage.*', 'x.*'] }, 'actions[1]'],
  [{ name: 'x', budget: { usd: 1e10 } }, 'budget.usd'],
  [{ name: 'x', budget: { usd: -1 } }, 'budget.usd'],
  [{ name: 'x', budget: { usd: 1, window: 'year' } }, 'budget.window'],
  [{ name: 'x', canary_member: 'canary-value' }, 'canary_member'],
])('%p is refused by name, and its value is not repeated', async (body, param) => {
  const told = await call('POST', '/admin/keys', ADMIN, body)
  expect(told.status).toBe(400)
  expect(told.body).toMatchObject({ param })
  expect(JSON.stringify(told.body)).not.toContain('canary-value')
  expect(await app.store.keys.all()).toEqual([])
})
