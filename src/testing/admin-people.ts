// People and rights through the management API of a whole program, on either engine: nobody comes by more than they have, by whatever way;
// nobody shuts everybody out; and what is changed holds at once.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { App } from '../app.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { JsonObject } from '../core/json.ts'
import { TEST_ACTOR } from '../storage/test-store.ts'
import type { WholeApp } from './whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const OTHERS_ADMIN = 'the-key-of-another-tenant-long-enough-01'

let whole: WholeApp
let app: App
/** A person with every right over the whole installation, and their key. */
let root: { readonly id: string; readonly key: string }

type Start = (keys: readonly object[], declared: object) => Promise<WholeApp>

function issuer(id: string) {
  return {
    id,
    issuer: `https://${id}.invalid`,
    client_id: 'weir',
    client_secret: 'a secret of the tests',
  }
}

async function begin(start: Start): Promise<void> {
  whole = await start(
    [
      { name: 'owner', key: OWNER, roles: ['owner'] },
      { name: 'admin', key: ADMIN, roles: ['admin'] },
      { name: 'member', key: MEMBER },
      { name: 'theirs', key: OTHERS_ADMIN, roles: ['admin'], tenant: 'other' },
    ],
    {
      auth: {
        anonymous: 'never',
        oidc: [issuer('kc'), { ...issuer('elsewhere'), tenant: 'other' }],
      },
    },
  )
  app = whole.app
  const id = await makeUser('root')
  await assign({ kind: 'user', id }, 'owner', '/', 'allow', PLATFORM_TENANT_ID)
  root = { id, key: await keyOf(id) }
}

interface Told {
  readonly status: number
  readonly body: JsonObject
  readonly etag: string | null
}

async function call(
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Told> {
  const answer = await fetch(`${app.server.url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const etag = answer.headers.get('etag')
  return { status: answer.status, body: (await answer.json()) as JsonObject, etag }
}

async function makeUser(subject: string, tenantId = 'default'): Promise<string> {
  const id = Bun.randomUUIDv7()
  await app.store.users.create({ tenantId, id, issuer: 'local', subject, createdMs: 1 }, TEST_ACTOR)
  return id
}

async function assign(
  assignee: { readonly kind: 'user' | 'group' | 'team' | 'everyone'; readonly id: string },
  roleId: string,
  scope = '/tenants/default',
  effect: 'allow' | 'deny' = 'allow',
  tenantId = 'default',
): Promise<string> {
  const id = Bun.randomUUIDv7()
  await app.store.assignments.create(
    { id, tenantId, roleId, assignee, scope, effect, createdMs: 1 },
    TEST_ACTOR,
  )
  return id
}

/** A key of a user, made by somebody who has every right. */
async function keyOf(userId: string): Promise<string> {
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
      owner: { kind: 'user', id: userId },
    },
    TEST_ACTOR,
  )
  return key
}

/** Somebody with a role of these actions, and a key of theirs. */
async function somebodyWith(name: string, actions: readonly string[]) {
  const roleId = `${name}-role`
  const role = { tenantId: 'default', id: roleId, name, description: '' }
  await app.store.roles.save({ ...role, actions: [...actions], notActions: [] }, TEST_ACTOR)
  const id = await makeUser(name)
  await assign({ kind: 'user', id }, roleId)
  return { id, roleId, key: await keyOf(id) }
}

const text = (told: Told) => `${told.status} ${String(told.body['code'] ?? '')}`.trim()

/** The tests, on whatever program `start` starts with keys that its file declares. */
export function peopleTests(start: Start): void {
  beforeAll(() => begin(start), 60_000)
  afterAll(() => whole.stop())

  describe('nobody comes by more than they have', () => {
    test('by an assignment: an administrator gives no owner, nor anything over the whole installation or in another tenant', async () => {
      const id = await makeUser('climber')
      const assignee = { kind: 'user', id }
      for (const [body, said] of [
        [{ role: 'owner', assignee }, '403 permission_denied'],
        [{ role: 'member', assignee, scope: '/' }, '403 permission_denied'],
        [{ role: 'member', assignee, scope: '/tenants/other' }, '403 permission_denied'],
        [{ role: 'nothing-known', assignee }, '400 invalid_value'],
        [{ role: 'member', assignee, scope: 'everywhere' }, '400 invalid_value'],
        [{ role: 'member', assignee: { kind: 'user', id: 'nobody' } }, '400 invalid_value'],
        [{ role: 'member', assignee: { kind: 'user' } }, '400 invalid_value'],
        [{ role: 'member', assignee, tenant: 'other' }, '400 unknown_parameter'],
      ] as const) {
        expect(text(await call('POST', '/assignments', ADMIN, body)), JSON.stringify(body)).toBe(
          said,
        )
      }
      expect((await call('GET', `/users/${id}`, ADMIN)).body['grants']).toEqual([])
      const given = await call('POST', '/assignments', ADMIN, { role: 'member', assignee })
      expect(given.status).toBe(201)
      expect(given.body).toMatchObject({ scope: '/tenants/default', assignee: { name: 'climber' } })
      const again = await call('POST', '/assignments', ADMIN, { role: 'member', assignee })
      expect(text(again)).toBe('409 already_exists')
    })

    test('by a group or a team: who may put people in does not get them what the group has', async () => {
      const keeper = await somebodyWith('keeper', ['group.*', 'team.*', 'user.read'])
      for (const kind of ['group', 'team'] as const) {
        const id = `bosses-${kind}`
        expect((await call('POST', `/${kind}s`, keeper.key, { id })).status).toBe(201)
        const into = `/${kind}s/${id}/members/${keeper.id}`
        expect((await call('PUT', into, keeper.key)).body).toMatchObject({ changed: true })
        expect((await call('PUT', into, keeper.key)).body).toMatchObject({ changed: false })
        expect((await call('DELETE', into, keeper.key)).body).toMatchObject({ is_member: false })
        await assign({ kind, id }, 'admin')
        expect(text(await call('PUT', into, keeper.key))).toBe('403 permission_denied')
        expect((await call('PUT', into, ADMIN)).status).toBe(200)
        expect((await call('DELETE', into, keeper.key)).status).toBe(200)
      }
      // What tokens call it says who is in it.
      const external = { external: '/everybody' }
      expect(text(await call('PATCH', '/groups/bosses-group', keeper.key, external))).toBe(
        '403 permission_denied',
      )
      expect((await call('PATCH', '/groups/bosses-group', keeper.key, { name: 'B' })).status).toBe(
        200,
      )
      // A group that the issuer knows by this name has rights already.
      await assign({ kind: 'group', id: 'token-admins' }, 'admin')
      expect(text(await call('POST', '/groups', keeper.key, { id: 'token-admins' }))).toBe(
        '403 permission_denied',
      )
    })

    test('by losing a denial: with a group, a team, a membership or the assignment itself', async () => {
      const keeper = await somebodyWith('unbound', ['group.*', 'team.*', 'user.*', 'assignment.*'])
      for (const kind of ['group', 'team'] as const) {
        const id = `bound-${kind}`
        await call('POST', `/${kind}s`, ADMIN, { id })
        await call('PUT', `/${kind}s/${id}/members/${keeper.id}`, ADMIN)
        const denial = await assign({ kind, id }, 'auditor', '/tenants/default', 'deny')
        expect(text(await call('DELETE', `/${kind}s/${id}`, keeper.key))).toBe(
          '403 permission_denied',
        )
        const out = `/${kind}s/${id}/members/${keeper.id}`
        expect(text(await call('DELETE', out, keeper.key))).toBe('403 permission_denied')
        // What is denied to them they do not even see.
        expect((await call('DELETE', `/assignments/${denial}`, keeper.key)).status).toBeOneOf([
          403, 404,
        ])
        expect((await call('DELETE', `/assignments/${denial}`, ADMIN)).status).toBe(200)
      }
    })

    test('by lifting what is denied to everyone; but it keeps nobody from giving what all share', async () => {
      const denial = await assign(
        { kind: 'everyone', id: '*' },
        'member',
        '/tenants/default/models/dear',
        'deny',
      )
      const lift = `/assignments/${denial}`
      // It holds for the administrator too, and for whoever they give the role to.
      const assignee = { kind: 'user', id: await makeUser('newcomer') }
      expect((await call('POST', '/assignments', ADMIN, { role: 'member', assignee })).status).toBe(
        201,
      )
      expect(text(await call('DELETE', lift, ADMIN))).toBe('403 permission_denied')
      expect(text(await call('DELETE', lift, MEMBER))).toBe('403 permission_denied')
      expect((await call('DELETE', lift, OWNER)).status).toBe(200)
      // Denied to oneself alone it is another matter.
      const own = await somebodyWith('watched', ['*'])
      const aimed = await assign(
        { kind: 'user', id: own.id },
        'auditor',
        '/tenants/default',
        'deny',
      )
      expect((await call('DELETE', `/assignments/${aimed}`, own.key)).status).toBeOneOf([403, 404])
    })

    test('by a role: written, changed where others have it, or taken from those above', async () => {
      const writer = await somebodyWith('writer', ['role.*', 'key.read', 'assignment.*'])
      const wide = { id: 'wide', actions: ['*'] }
      expect(text(await call('POST', '/roles', writer.key, wide))).toBe('403 permission_denied')
      const narrow = {
        id: 'narrow',
        actions: ['key.*'],
        not_actions: ['key.write', 'key.self', 'key.delete'],
      }
      const made = await call('POST', '/roles', writer.key, narrow)
      expect(made.status).toBe(201)
      expect(made.body).toMatchObject({ gives: ['key.read'], origin: 'store', read_only: null })
      expect(text(await call('POST', '/roles', writer.key, narrow))).toBe('409 already_exists')
      const wider = { not_actions: [] }
      expect(text(await call('PATCH', '/roles/narrow', writer.key, wider))).toBe(
        '403 permission_denied',
      )
      // Their own role: what they have through it is all they could write into it.
      const own = `/roles/${writer.roleId}`
      expect(text(await call('PATCH', own, writer.key, { actions: ['*'] }))).toBe(
        '403 permission_denied',
      )
      expect(text(await call('PATCH', '/roles/owner', OWNER, wider))).toBe('409 built_in')
      expect(text(await call('POST', '/roles', OWNER, { id: 'admin', actions: ['*'] }))).toBe(
        '409 built_in',
      )
      expect(text(await call('POST', '/roles', OWNER, { id: 'slip', actions: ['kye.*'] }))).toBe(
        '400 invalid_value',
      )
      expect(text(await call('POST', '/roles?platform=true', OWNER, narrow))).toBe(
        '403 permission_denied',
      )
      expect((await call('POST', '/roles?platform=true', root.key, narrow)).body['tenant']).toBe(
        '/',
      )
      // Above their reach: assigned where they have nothing.
      const above = await assign(
        { kind: 'user', id: root.id },
        'narrow',
        '/',
        'allow',
        PLATFORM_TENANT_ID,
      )
      expect((await call('DELETE', `/assignments/${above}`, writer.key)).status).toBe(404)
      expect((await call('DELETE', '/roles/narrow', writer.key)).status).toBe(200)
    })

    test('by a password, or by turning somebody on; nor does anybody turn off who is above them', async () => {
      const helper = await somebodyWith('helper', ['user.*', 'model.*'])
      const boss = await makeUser('boss-of-all')
      await assign({ kind: 'user', id: boss }, 'admin')
      const password = 'a long enough pass phrase'
      for (const [method, path, body] of [
        ['POST', '/password', { password }],
        ['POST', '/password', {}],
        ['PATCH', '', { status: 'disabled' }],
        ['DELETE', '', undefined],
      ] as const) {
        const told = await call(method, `/users/${boss}${path}`, helper.key, body)
        expect(text(told), `${method} ${path}`).toBe('403 permission_denied')
      }
      await app.store.users.update('default', boss, { status: 'disabled' }, TEST_ACTOR)
      const on = await call('PATCH', `/users/${boss}`, helper.key, { status: 'active' })
      expect(text(on)).toBe('403 permission_denied')
      expect((await call('PATCH', `/users/${boss}`, ADMIN, { status: 'active' })).status).toBe(200)
      const peer = await makeUser('peer')
      expect((await call('POST', `/users/${peer}/password`, helper.key, { password })).status).toBe(
        200,
      )
      expect(
        (await call('PATCH', `/users/${peer}`, helper.key, { status: 'disabled' })).status,
      ).toBe(200)
    })

    test('in a tenant: only with rights over the whole installation', async () => {
      expect(text(await call('POST', '/tenants', OWNER, { id: 'mine' }))).toBe(
        '403 permission_denied',
      )
      expect((await call('PATCH', '/tenants/default', OWNER, { name: 'x' })).status).toBe(403)
      expect((await call('GET', '/tenants', OWNER)).body['total']).toBe(1)
      expect((await call('GET', '/tenants/other', OWNER)).status).toBe(404)
      const made = await call('POST', '/tenants', root.key, { id: 'mine' })
      expect(made.body).toMatchObject({ id: 'mine', name: 'mine', holds: { users: 0 } })
      expect((await call('GET', '/tenants', root.key)).body['total']).toBe(3)
      expect(text(await call('PATCH', '/tenants/default', root.key, { name: 'x' }))).toBe(
        '409 built_in',
      )
      await call('POST', '/groups?tenant=mine', root.key, { id: 'g' })
      expect(text(await call('DELETE', '/tenants/mine', root.key))).toBe('409 not_empty')
      await call('DELETE', '/groups/g?tenant=mine', root.key)
      expect((await call('DELETE', '/tenants/mine', root.key)).status).toBe(200)
      expect(text(await call('POST', '/tenants', root.key, { id: 'mine' }))).toBe(
        '409 already_used',
      )
    })
  })

  describe('nobody shuts everybody out', () => {
    test('the last one with every right keeps it, whatever way it would go', async () => {
      const [only] = (await app.store.assignments.list(PLATFORM_TENANT_ID)).filter(
        ({ roleId }) => roleId === 'owner',
      )
      const id = only!.id
      const deny = {
        role: 'owner',
        assignee: { kind: 'user', id: root.id },
        scope: '/',
        effect: 'deny',
      }
      for (const told of [
        await call('DELETE', `/assignments/${id}`, root.key),
        await call('POST', '/assignments', root.key, deny),
      ]) {
        expect(text(told)).toBe('409 last_administrator')
      }
      expect(text(await call('DELETE', `/users/${root.id}`, root.key))).toBe('409 own_account')
      const off = { status: 'disabled' }
      expect(text(await call('PATCH', `/users/${root.id}`, root.key, off))).toBe('409 own_account')
      // With another one beside them they may go.
      const second = await makeUser('second')
      await assign({ kind: 'user', id: second }, 'owner', '/', 'allow', PLATFORM_TENANT_ID)
      expect((await call('DELETE', `/assignments/${id}`, root.key)).status).toBe(200)
      expect((await call('GET', '/tenants/other', root.key)).status).toBe(403)
      await assign({ kind: 'user', id: root.id }, 'owner', '/', 'allow', PLATFORM_TENANT_ID)
      // The second is one of two now, and may be deleted; the first is the last again.
      expect((await call('DELETE', `/users/${second}`, root.key)).status).toBe(200)
      expect((await call('GET', '/tenants/other', root.key)).status).toBe(200)
    })

    test('two who take it from each other at the same moment: one of them keeps it', async () => {
      const one = await makeUser('one-of-two')
      const mine = await assign(
        { kind: 'user', id: one },
        'owner',
        '/',
        'allow',
        PLATFORM_TENANT_ID,
      )
      const key = await keyOf(one)
      const all = await app.store.assignments.list(PLATFORM_TENANT_ID)
      const roots = all.find(
        ({ assignee, roleId }) => assignee.id === root.id && roleId === 'owner',
      )!
      const told = await Promise.all([
        call('DELETE', `/assignments/${roots.id}`, key),
        call('DELETE', `/assignments/${mine}`, root.key),
      ])
      const statuses = told.map(({ status }) => status).toSorted()
      expect(statuses[0]).toBe(200)
      // Refused for being the last, or for having no right any more.
      expect(statuses[1]).toBeOneOf([403, 409])
      if (told[0].status === 200) {
        await assign({ kind: 'user', id: root.id }, 'owner', '/', 'allow', PLATFORM_TENANT_ID)
      }
      await app.store.users.remove('default', one, TEST_ACTOR)
    })
  })

  test('an issuer’s people and programs are taken into no tenant but their own', async () => {
    for (const [path, body] of [
      ['/users', { issuer: 'kc', subject: 's-2' }],
      ['/services', { id: 'prog', issuer: 'kc', client_id: 'c-2' }],
    ] as const) {
      expect(text(await call('POST', path, OTHERS_ADMIN, body)), path).toBe('403 permission_denied')
      expect((await call('POST', `${path}?tenant=other`, root.key, body)).status, path).toBe(201)
      expect(text(await call('POST', path, ADMIN, body)), path).toBe('409 already_exists')
      const fixed = { ...body, issuer: 'elsewhere' }
      expect((await call('POST', path, ADMIN, fixed)).body['param'], path).toBe('issuer')
    }
  })

  describe('users', () => {
    test('local ones are made with a link or a password, and are shown without either', async () => {
      const linked = await call('POST', '/users', ADMIN, {
        subject: 'alice',
        email: 'a@example.com',
      })
      expect(linked.status).toBe(201)
      const { expires, url } = linked.body['password_link'] as { url: string; expires: string }
      expect(url).toMatch(/\/auth\/password#[\w-]{43}$/)
      expect(Date.parse(expires)).toBeGreaterThan(Date.now())
      const token = url.split('#')[1]!
      const shown = await call('GET', `/users/${String(linked.body['id'])}`, ADMIN)
      expect(JSON.stringify(shown.body)).not.toContain(token)
      const choose = (password: string) =>
        fetch(`${app.server.url}/auth/password`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ token, password }),
        })
      expect((await choose('short')).status).toBe(400)
      expect((await choose('i am alice, the one')).status).toBe(400)
      // A link of this kind makes no administrator.
      const other = await call('POST', `/users/${String(linked.body['id'])}/password`, ADMIN, {})
      const { url: otherUrl } = other.body['password_link'] as { url: string }
      const setUp = await fetch(`${app.server.url}/auth/setup`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          token: otherUrl.split('#')[1],
          name: 'alice',
          password: 'correct horse battery',
        }),
      })
      expect(setUp.status).toBe(403)
      expect(
        (await call('GET', `/users/${String(linked.body['id'])}`, ADMIN)).body['grants'],
      ).toEqual([])
      expect((await choose('correct horse battery')).status).toBe(200)
      expect((await choose('another good phrase')).status).toBe(403)
      const sessions = await call('GET', `/sessions?user=${String(linked.body['id'])}`, ADMIN)
      expect(sessions.body).toMatchObject({ total: 1, next_cursor: null })
      const out = await call('DELETE', `/users/${String(linked.body['id'])}/sessions`, ADMIN)
      expect(out.body).toMatchObject({ ended: 1 })
    })

    test('a link is worth nothing once they have a password by another way, are turned off or are gone', async () => {
      const made = await call('POST', '/users', ADMIN, { subject: 'bob' })
      const id = String(made.body['id'])
      const tokens = [made]
      for (const [method, path, body] of [
        ['POST', '/password', { password: 'a long enough pass phrase' }],
        ['PATCH', '', { status: 'disabled' }],
        ['DELETE', '', undefined],
      ] as const) {
        expect((await call(method, `/users/${id}${path}`, ADMIN, body)).status).toBe(200)
        const { url } = tokens.at(-1)!.body['password_link'] as { url: string }
        const answer = await fetch(`${app.server.url}/auth/password`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ token: url.split('#')[1], password: 'correct horse battery' }),
        })
        expect(answer.status).toBe(403)
        if (method !== 'DELETE') tokens.push(await call('POST', `/users/${id}/password`, ADMIN, {}))
      }
    })

    test('what cannot be is refused at its member, and nothing is made', async () => {
      const before = (await app.store.users.list('default')).length
      for (const [body, said] of [
        [{ subject: '!!!' }, '400 invalid_value subject'],
        [{ subject: 'carol', password: 'short' }, '400 invalid_value password'],
        [{ subject: 'carol', email: 'no mail' }, '400 invalid_value email'],
        [{ subject: 'carol', issuer: 'nowhere' }, '400 invalid_value issuer'],
        [{ name: 'Carol' }, '400 missing_required_parameter subject'],
        [{ subject: 'carol', role: 'owner' }, '400 unknown_parameter role'],
        [{ subject: 'alice' }, '409 already_exists null'],
      ] as const) {
        const told = await call('POST', '/users', ADMIN, body)
        expect(`${text(told)} ${String(told.body['param'])}`, JSON.stringify(body)).toBe(said)
      }
      expect((await app.store.users.list('default')).length).toBe(before)
    })

    test('of an issuer keep the name and mail it says', async () => {
      const id = Bun.randomUUIDv7()
      const user = {
        tenantId: 'default',
        id,
        issuer: 'kc',
        subject: 's-1',
        createdMs: 1,
        name: 'Dora',
      }
      await app.store.users.create(user, TEST_ACTOR)
      expect((await call('GET', `/users/${id}`, ADMIN)).body['profile_read_only']).toContain('kc')
      expect(text(await call('PATCH', `/users/${id}`, ADMIN, { name: 'D' }))).toBe(
        '409 from_issuer',
      )
      expect(text(await call('POST', `/users/${id}/password`, ADMIN, {}))).toBe('409 from_issuer')
      expect((await call('PATCH', `/users/${id}`, ADMIN, { status: 'disabled' })).status).toBe(200)
    })

    test('deleting says what goes along, and it goes at once', async () => {
      const id = await makeUser('leaver')
      await assign({ kind: 'user', id }, 'member')
      await call('POST', '/teams', ADMIN, { id: 'leavers' })
      await call('PUT', `/teams/leavers/members/${id}`, ADMIN)
      const key = await keyOf(id)
      expect((await call('GET', '/users', key)).status).toBe(403)
      const impact = { keys: 1, sessions: 0, assignments: 1, members: 1 }
      const shown = await call('GET', `/users/${id}`, ADMIN)
      expect(shown.body['impact']).toEqual(impact)
      expect(shown.body['teams']).toEqual([{ id: 'leavers', name: 'leavers', from_issuer: false }])
      const gone = await call('DELETE', `/users/${id}`, ADMIN)
      expect(gone.body).toEqual({ id, deleted: true, impact })
      expect((await call('GET', '/users', key)).status).toBe(401)
      expect((await call('GET', '/teams/leavers', ADMIN)).body['members']).toBe(0)
    })

    test('two who change the same one: the second is told, and a repeated creation makes one', async () => {
      const id = await makeUser('shared')
      const { etag } = await call('GET', `/users/${id}`, ADMIN)
      const match = { 'if-match': etag! }
      const first = await call('PATCH', `/users/${id}`, ADMIN, { name: 'One' }, match)
      expect(first.status).toBe(200)
      const second = await call('PATCH', `/users/${id}`, OWNER, { name: 'Two' }, match)
      expect(text(second)).toBe('412 changed_meanwhile')
      const next = { 'if-match': first.etag! }
      expect(
        (await call('PATCH', `/users/${id}`, OWNER, { name: null }, next)).body['name'],
      ).toBeNull()
      const once = { 'idempotency-key': 'make-erin' }
      const made = await call('POST', '/users', ADMIN, { subject: 'erin' }, once)
      const again = await call('POST', '/users', ADMIN, { subject: 'erin' }, once)
      expect(again.body).toEqual(made.body)
    })

    test('are listed in pages, searched and sorted', async () => {
      const one = await call('GET', '/users?limit=2&sort=subject', ADMIN)
      const cursor = String(one.body['next_cursor'])
      const two = await call('GET', `/users?limit=2&sort=subject&cursor=${cursor}`, ADMIN)
      const ids = [one, two].flatMap(({ body }) =>
        (body['data'] as JsonObject[]).map((user) => user['subject']),
      )
      expect(new Set(ids).size).toBe(4)
      expect(ids).toEqual(ids.toSorted())
      const found = await call('GET', '/users?q=ALICE', ADMIN)
      expect(found.body).toMatchObject({ total: 1, data: [{ subject: 'alice' }] })
      expect((await call('GET', '/users?colour=red', ADMIN)).body['param']).toBe('colour')
    })
  })

  describe('can they', () => {
    const ask = (body: object, key = ADMIN) => call('POST', '/can', key, body)

    test('is answered with what decides it', async () => {
      const id = await makeUser('asked')
      await call('POST', '/groups', ADMIN, { id: 'askers' })
      await call('PUT', `/groups/askers/members/${id}`, ADMIN)
      await assign({ kind: 'group', id: 'askers' }, 'member', '/tenants/default/models/mock/*')
      const who = { kind: 'user', id }
      const yes = await ask({ who, action: 'model.invoke', scope: 'model:mock/echo' })
      expect(yes.body).toMatchObject({
        allowed: true,
        grant: { role: 'member', because: 'group askers', scope: '/tenants/default/models/mock/*' },
        who: { name: 'asked' },
      })
      expect((await ask({ who, action: 'model.invoke' })).body).toMatchObject({
        allowed: false,
        grant: null,
      })
      await assign(
        { kind: 'everyone', id: '*' },
        'member',
        '/tenants/default/models/mock/echo',
        'deny',
      )
      const no = await ask({ who, action: 'model.invoke', scope: 'model:mock/echo' })
      expect(no.body).toMatchObject({
        allowed: false,
        grant: { effect: 'deny', because: 'everyone' },
      })
      const group = { kind: 'group', id: 'askers' }
      expect(
        (await ask({ who: group, action: 'model.invoke', scope: 'model:mock/x' })).body['allowed'],
      ).toBe(true)
      const key = { kind: 'key', id: 'file:admin' }
      expect((await ask({ who: key, action: 'user.write' })).body).toMatchObject({
        allowed: true,
        who: { name: 'admin' },
      })
    })

    test('about nobody is 404, of nothing known 400, by a member 403', async () => {
      const who = { kind: 'user', id: 'nobody' }
      expect(text(await ask({ who, action: 'user.read' }))).toBe('404 user_not_found')
      expect(text(await ask({ who, action: 'user.fly' }))).toBe('400 invalid_value')
      expect(text(await ask({ who: { kind: 'key' }, action: 'user.read' }))).toBe(
        '400 invalid_value',
      )
      expect((await ask({ who, action: 'user.read' }, MEMBER)).status).toBe(403)
      const actions = await call('GET', '/actions?q=provider_key', ADMIN)
      expect(actions.body).toMatchObject({ total: 2, data: [{ action: 'provider_key.read' }, {}] })
    })
  })

  describe('another tenant', () => {
    test('finds nobody of this one, in no list and under no id', async () => {
      const id = await makeUser('hidden')
      await call('POST', '/groups', ADMIN, { id: 'hidden-group' })
      const assignment = await assign({ kind: 'user', id }, 'member')
      for (const path of ['/users', '/groups', '/teams', '/services', '/assignments', '/tenants']) {
        const { body, status } = await call('GET', path, OTHERS_ADMIN)
        expect(status, path).toBe(200)
        expect(JSON.stringify(body)).not.toMatch(/hidden|default/)
      }
      for (const [method, path] of [
        ['GET', `/users/${id}`],
        ['PATCH', `/users/${id}`],
        ['DELETE', `/users/${id}`],
        ['POST', `/users/${id}/password`],
        ['DELETE', `/users/${id}/sessions`],
        ['GET', '/groups/hidden-group'],
        ['PUT', `/groups/hidden-group/members/${id}`],
        ['DELETE', `/assignments/${assignment}`],
        ['GET', `/users?tenant=default`],
      ] as const) {
        const body = method === 'PATCH' ? { name: 'x' } : method === 'POST' ? {} : undefined
        expect((await call(method, path, OTHERS_ADMIN, body)).status, `${method} ${path}`).toBe(404)
      }
      const who = { kind: 'user', id }
      expect((await call('POST', '/can', OTHERS_ADMIN, { who, action: 'user.read' })).status).toBe(
        404,
      )
      const given = { role: 'member', assignee: who }
      expect((await call('POST', '/assignments', OTHERS_ADMIN, given)).status).toBe(400)
    })
  })

  describe('services and what is written down', () => {
    test('a service is made, turned off with its keys, and deleted with them', async () => {
      const made = await call('POST', '/services', ADMIN, { id: 'crawler', name: 'Crawler' })
      expect(made.body).toMatchObject({ status: 'active', issuer: null })
      const owner = { kind: 'service', id: 'crawler' }
      const key = await call('POST', '/keys', ADMIN, { name: 'crawl', owner })
      const secret = String(key.body['key'])
      const models = () =>
        fetch(`${app.server.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })
      expect((await models()).status).toBe(200)
      await call('PATCH', '/services/crawler', ADMIN, { status: 'disabled' })
      expect((await models()).status).toBe(401)
      await call('PATCH', '/services/crawler', ADMIN, { status: 'active' })
      expect((await models()).status).toBe(200)
      const half = { id: 'half', issuer: 'kc' }
      expect((await call('POST', '/services', ADMIN, half)).body['param']).toBe('client_id')
      const gone = await call('DELETE', '/services/crawler', ADMIN)
      expect(gone.body['impact']).toMatchObject({ keys: 1 })
      expect((await models()).status).toBe(401)
    })

    test('every change is in the audit with who made it, and no link or password', async () => {
      const records = await app.store.audit.list({ limit: 1_000 })
      const byKeys = new Set(
        records.filter(({ actor }) => actor.kind === 'key').map(({ action }) => action),
      )
      for (const action of [
        'user.create',
        'user.update',
        'user.delete',
        'group.create',
        'group.delete',
        'team.create',
        'service.create',
        'service.delete',
        'membership.add',
        'membership.remove',
        'role.create',
        'role.delete',
        'assignment.create',
        'assignment.delete',
        'tenant.create',
        'tenant.delete',
        'setup.link',
        'access.denied',
        'session.revoke',
      ] as const) {
        expect(byKeys.has(action), action).toBe(true)
      }
      const all = JSON.stringify(records)
      expect(all).not.toMatch(/argon2|pass phrase|auth\/password#/)
      expect((await app.store.audit.verify()).broken).toBeUndefined()
    })
  })
}
