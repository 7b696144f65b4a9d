// Attacks on people and rights through the management API of the whole program: those below strip those above, narrowed keys and puppets
// climb, clumsy owners shut themselves out, and requests outlive the rights they began with.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { connect } from 'node:net'
import type { App } from './app.ts'
import { PLATFORM_TENANT_ID, type RoleAssignment } from './core/identity.ts'
import type { JsonObject } from './core/json.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { callServer } from './testing/calls.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

// Passwords are hashed, which takes long where little of the processor is to be had.
setDefaultTimeout(60_000)

const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const OTHERS = 'the-key-of-another-tenant-long-enough-01'
const PASSWORD = 'a long enough pass phrase'

let whole: WholeApp
let app: App

beforeAll(async () => {
  whole = await startWholeApp(
    [
      { name: 'owner', key: OWNER, roles: ['owner'] },
      { name: 'admin', key: ADMIN, roles: ['admin'] },
      { name: 'theirs', key: OTHERS, roles: ['viewer'], tenant: 'other' },
    ],
    {
      auth: {
        anonymous: 'never',
        oidc: [
          {
            id: 'kc',
            issuer: 'https://kc.invalid',
            client_id: 'weir',
            client_secret: 'a secret of the tests',
          },
        ],
      },
    },
  )
  app = whole.app
}, 60_000)

afterAll(() => whole.stop())

async function call(
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const told = await callServer(method, `${app.server.url}/admin${path}`, { key, body, headers })
  return { said: `${told.status} ${String(told.body['code'] ?? '')}`.trim(), body: told.body }
}

async function makeTenant(id: string): Promise<string> {
  await app.store.tenants.create({ id, name: id, createdMs: 1 }, TEST_ACTOR)
  return id
}

async function makeUser(
  subject: string,
  {
    issuer = 'local',
    tenantId = 'default',
    roles = [] as readonly string[],
    groups = [] as readonly string[],
  } = {},
): Promise<string> {
  const id = Bun.randomUUIDv7()
  await app.store.users.create({ tenantId, id, issuer, subject, createdMs: 1 }, TEST_ACTOR)
  if (roles.length + groups.length > 0) {
    const claimed = { roles, groups }
    await app.store.users.loggedIn(tenantId, id, { claimed, atMs: Date.now() })
  }
  return id
}

async function assign(
  kind: RoleAssignment['assignee']['kind'],
  id: string,
  roleId: string,
  {
    tenantId = 'default',
    scope = `/tenants/${tenantId}`,
    effect = 'allow',
  }: { tenantId?: string; scope?: string; effect?: 'allow' | 'deny' } = {},
): Promise<string> {
  const made = { id: Bun.randomUUIDv7(), tenantId, roleId, assignee: { kind, id }, scope, effect }
  await app.store.assignments.create({ ...made, createdMs: 1 }, TEST_ACTOR)
  return made.id
}

/** A key that somebody with every right made. */
async function keyOf(
  owner: { readonly kind: 'user' | 'service' | 'team'; readonly id: string },
  fields: object = {},
): Promise<string> {
  const key = `weir-test-${Bun.randomUUIDv7()}-of-somebody`
  await app.store.keys.create(
    {
      id: Bun.randomUUIDv7(),
      tenantId: 'default',
      name: 'own',
      hash: new Bun.CryptoHasher('sha256').update(key).digest('hex'),
      prefix: key.slice(0, 9),
      lastFour: key.slice(-4),
      createdMs: 1,
      owner,
      ...fields,
    },
    TEST_ACTOR,
  )
  return key
}

/** Somebody with a role of these actions, and a key of theirs. */
async function somebodyWith(name: string, actions: readonly string[], tenantId = 'default') {
  const role = { tenantId, id: `${name}-role`, name, description: '' }
  await app.store.roles.save({ ...role, actions: [...actions], notActions: [] }, TEST_ACTOR)
  const id = await makeUser(name, { tenantId })
  await assign('user', id, role.id, { tenantId })
  return { id, roleId: role.id, key: await keyOf({ kind: 'user', id }, { tenantId }) }
}

const DENIED = '403 permission_denied'

describe('whoever keeps groups, teams, services or assignments strips nobody above them', () => {
  test('of the role a group or a team gives, by deleting it or taking them out', async () => {
    const keeper = await somebodyWith('stripper', ['group.*', 'team.*', 'user.read'])
    const boss = await makeUser('stripped')
    for (const kind of ['group', 'team'] as const) {
      const id = `chiefs-${kind}`
      await call('POST', `/${kind}s`, ADMIN, { id })
      await call('PUT', `/${kind}s/${id}/members/${boss}`, ADMIN)
      await assign(kind, id, 'admin')
      expect((await call('DELETE', `/${kind}s/${id}/members/${boss}`, keeper.key)).said).toBe(
        DENIED,
      )
      expect((await call('DELETE', `/${kind}s/${id}`, keeper.key)).said).toBe(DENIED)
      expect((await call('DELETE', `/${kind}s/${id}/members/${boss}`, ADMIN)).said).toBe('200')
      expect((await call('DELETE', `/${kind}s/${id}`, ADMIN)).said).toBe('200')
    }
  })

  test('of the keys a team or a service owns', async () => {
    const keeper = await somebodyWith('unkeyer', ['team.*', 'service.*'])
    await call('POST', '/teams', ADMIN, { id: 'robots' })
    await call('POST', '/services', ADMIN, { id: 'robot' })
    await keyOf({ kind: 'team', id: 'robots' }, { roles: ['admin'] })
    await keyOf({ kind: 'service', id: 'robot' }, { roles: ['admin'] })
    for (const [method, path, body] of [
      ['DELETE', '/teams/robots', undefined],
      ['DELETE', '/services/robot', undefined],
      ['PATCH', '/services/robot', { status: 'disabled' }],
    ] as const) {
      expect((await call(method, path, keeper.key, body)).said, path).toBe(DENIED)
    }
    expect((await call('PATCH', '/services/robot', ADMIN, { status: 'disabled' })).said).toBe('200')
    // Its keys would let in again whoever has them.
    const on = await call('PATCH', '/services/robot', keeper.key, { status: 'active' })
    expect(on.said).toBe(DENIED)
  })

  test('of what they may, by denying it to them or to what they are in', async () => {
    const giver = await somebodyWith('denier', ['assignment.*'])
    const boss = await makeUser('denied-boss')
    await assign('user', boss, 'admin')
    await call('POST', '/groups', ADMIN, { id: 'denied-bosses' })
    await call('PUT', `/groups/denied-bosses/members/${boss}`, ADMIN)
    const deny = (kind: string, id: string) => ({
      role: giver.roleId,
      assignee: { kind, id },
      effect: 'deny',
    })
    for (const [kind, id] of [
      ['user', boss],
      ['group', 'denied-bosses'],
      ['key', 'file:admin'],
    ] as const) {
      expect((await call('POST', '/assignments', giver.key, deny(kind, id))).said, kind).toBe(
        DENIED,
      )
    }
    const low = await makeUser('denied-nobody')
    expect((await call('POST', '/assignments', giver.key, deny('user', low))).said).toBe('201')
  })
})

describe('nobody is left shut out', () => {
  test('by a group made under the name that tokens give rights to', async () => {
    const tenantId = await makeTenant('token-led')
    const id = await makeUser('led', { issuer: 'kc', tenantId, groups: ['bosses'] })
    await assign('group', 'bosses', 'owner', { tenantId })
    const key = await keyOf({ kind: 'user', id }, { tenantId })
    expect((await call('POST', '/groups', key, { id: 'bosses' })).said).toBe(
      '409 last_administrator',
    )
    // Called as tokens call it, it is the same group.
    const named = { id: 'bosses', external: 'bosses' }
    expect((await call('POST', '/groups', key, named)).said).toBe('201')
    expect((await call('GET', '/users', key)).said).toBe('200')
  })

  test('by deleting a role that only tokens give', async () => {
    const tenantId = await makeTenant('role-led')
    const role = { tenantId, id: 'everything', name: 'E', description: '', actions: ['*'] }
    await app.store.roles.save({ ...role, notActions: [] }, TEST_ACTOR)
    const id = await makeUser('ruler', { issuer: 'kc', tenantId, roles: ['everything'] })
    const key = await keyOf({ kind: 'user', id }, { tenantId })
    expect((await call('DELETE', '/roles/everything', key)).said).toBe('409 last_administrator')
    expect((await call('GET', '/users', key)).said).toBe('200')
  })

  test('of a tenant, by somebody who never had its powers themselves', async () => {
    const tenantId = await makeTenant('stripped-bare')
    const keeper = await somebodyWith(
      'barer',
      ['group.*', 'user.read', 'assignment.read'],
      tenantId,
    )
    await app.store.groups.create({ tenantId, id: 'ops', name: 'o', createdMs: 1 }, TEST_ACTOR)
    const boss = await makeUser('bare-boss', { tenantId })
    await app.store.memberships.add(
      { tenantId, kind: 'group', id: 'ops', userId: boss },
      TEST_ACTOR,
    )
    await assign('group', 'ops', 'owner', { tenantId })
    expect((await call('DELETE', '/groups/ops', keeper.key)).said).not.toBe('200')
  })
})

describe('nobody climbs', () => {
  test('in a puppet of theirs: a new local user may no more than who makes them', async () => {
    const tenantId = await makeTenant('puppets')
    await assign('everyone', '*', 'member', { tenantId })
    const maker = await somebodyWith('puppeteer', ['user.*'], tenantId)
    await assign('user', maker.id, 'member', { tenantId, effect: 'deny' })
    const puppet = { subject: 'puppet', password: PASSWORD }
    expect((await call('POST', '/users', maker.key, puppet)).said).toBe(DENIED)
    expect((await call('POST', '/users', maker.key, { subject: 'puppet' })).said).toBe(DENIED)
    expect(await app.store.users.bySubject('local', 'puppet')).toBeUndefined()
  })

  test('out of a key that is narrowed: no password and no user comes of one', async () => {
    const id = await makeUser('narrowed')
    await assign('user', id, 'admin')
    const owner = { kind: 'user', id } as const
    const soon = Date.now() + 60_000
    for (const [narrowing, fields] of Object.entries({
      models: { models: ['cheap'] },
      actions: { actions: ['user.*'] },
      time: { expiresMs: soon },
      address: { allowedFrom: ['127.0.0.1'] },
      money: { own: { limits: { requestsPerMinute: 1_000 } } },
    })) {
      const key = await keyOf(owner, fields)
      for (const body of [{ password: PASSWORD }, {}]) {
        const told = await call('POST', `/users/${id}/password`, key, body)
        expect(told.said, narrowing).toBe(DENIED)
      }
    }
    const key = await keyOf(owner)
    const told = await call('POST', `/users/${id}/password`, key, { password: PASSWORD })
    expect(told.said).toBe('200')
  })

  test('by coming back: who is deleted and let in by an issuer again is still denied what they were', async () => {
    const denied = { scope: '/tenants/default/models/dear', effect: 'deny' } as const
    const one = await makeUser('friend-one', { issuer: 'kc', roles: ['admin'] })
    const other = await makeUser('friend-other', { issuer: 'kc', roles: ['admin'] })
    for (const id of [one, other]) await assign('user', id, 'member', denied)
    const key = await keyOf({ kind: 'user', id: one })
    expect((await call('DELETE', `/users/${other}`, key)).said).toBe(DENIED)
    expect((await call('DELETE', `/users/${other}`, ADMIN)).said).toBe('200')
  })

  test('by a request that is slow enough to outlive its sender’s rights', async () => {
    const late = await somebodyWith('latecomer', ['*'])
    const body = JSON.stringify({ role: 'member', assignee: { kind: 'user', id: late.id } })
    const { hostname, port } = new URL(app.server.url)
    const socket = connect(Number(port), hostname)
    const answered = new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.includes('\r\n\r\n')) resolve(text)
      })
    })
    socket.write(
      `POST /admin/assignments HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${late.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    )
    // The program has seen its head by then, and who sends it.
    for (let round = 0; round < 5; round += 1) await call('GET', '/users?limit=1', late.key)
    const given = (await app.store.assignments.list('default')).find(
      ({ roleId }) => roleId === late.roleId,
    )
    await app.store.assignments.remove('default', given!.id, TEST_ACTOR)
    socket.write(body.slice(5))
    expect((await answered).split('\r\n')[0]).toContain('403')
    socket.destroy()
  })
})

describe('nothing is told of others', () => {
  test('by the number of those who have a role over the whole installation', async () => {
    const before = await call('GET', '/roles/owner', OTHERS)
    const id = await makeUser('counted')
    await assign('user', id, 'owner', { tenantId: PLATFORM_TENANT_ID, scope: '/tenants/default' })
    const after = await call('GET', '/roles/owner', OTHERS)
    expect(after.body['assigned']).toBe(before.body['assigned'])
    const list = await call('GET', '/roles', OTHERS)
    const owner = (list.body['data'] as JsonObject[]).find((role) => role['id'] === 'owner')
    expect(owner?.['assigned']).toBe(before.body['assigned'])
  })
})

test('the same creation for the whole installation is another one', async () => {
  const rootId = await makeUser('root')
  await assign('user', rootId, 'owner', { tenantId: PLATFORM_TENANT_ID, scope: '/' })
  const key = await keyOf({ kind: 'user', id: rootId })
  const role = { id: 'twin', actions: ['usage.read'] }
  const once = { 'idempotency-key': 'twin' }
  expect((await call('POST', '/roles', key, role, once)).body['tenant']).toBe('default')
  const platform = await call('POST', '/roles?platform=true', key, role, once)
  expect(platform.said).toBe('409 idempotency_key_reused')
})

test('a password link loses against whatever an administrator does at the same moment', async () => {
  const made = await call('POST', '/users', ADMIN, { subject: 'contested' })
  const id = String(made.body['id'])
  const token = (made.body['password_link'] as { url: string }).url.split('#')[1]
  const attempts = ['first of the racers', 'second of the racers'].map((password) =>
    fetch(`${app.server.url}/auth/password`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, password }),
    }),
  )
  const off = call('PATCH', `/users/${id}`, ADMIN, { status: 'disabled' })
  const statuses = (await Promise.all(attempts)).map(({ status }) => status)
  expect((await off).said).toBe('200')
  expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1)
  expect(await app.store.sessions.list('default', id)).toEqual([])
})
