// The contract of the repositories of users and of who is in which team and group. Called from `contract.ts`; imported by tests alone.

import { expect, test } from 'bun:test'
import { PLATFORM_TENANT_ID, type Membership } from '../core/identity.ts'
import {
  auditOf,
  BY,
  failureOf,
  GONE,
  group,
  REFUSED,
  TAKEN,
  team,
  twoTenants,
  user,
  type OpenPeople,
} from './contract-people.ts'

const HASH = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo'

export function usersContract(open: OpenPeople): void {
  test('another tenant neither sees, changes nor deletes one', async () => {
    const people = await twoTenants(open)
    const { users } = people
    const alice = await users.create(user('acme', 'alice', { passwordHash: HASH }), BY)
    const bob = await users.create(user('globex', 'bob'), BY)
    const before = (await auditOf(people)).length
    for (const tenantId of ['globex', 'default', PLATFORM_TENANT_ID, '']) {
      expect(await users.find(tenantId, alice.id)).toBeUndefined()
      expect(await users.update(tenantId, alice.id, { status: 'disabled' }, BY)).toBeUndefined()
      expect(await users.passwordHash(tenantId, alice.id)).toBeUndefined()
      expect(await users.setPasswordHash(tenantId, alice.id, 'stolen', BY)).toBe(false)
      expect(await users.remove(tenantId, alice.id, BY)).toBe(false)
      await users.loggedIn(tenantId, alice.id, {
        claimed: { roles: ['owner@/'], groups: [] },
        atMs: 9e12,
      })
    }
    expect(await users.list('acme')).toEqual([alice])
    expect(await users.list('globex')).toEqual([bob])
    expect(await users.passwordHash('acme', alice.id)).toBe(HASH)
    expect((await auditOf(people)).length).toBe(before)
  })

  test('issuer and subject are one person in all tenants; the same subject elsewhere is another', async () => {
    const { users } = await twoTenants(open)
    const alice = await users.create(user('acme'), BY)
    for (const tenantId of ['acme', 'globex']) {
      expect(await failureOf(users.create(user(tenantId), BY))).toMatchObject(TAKEN)
    }
    const other = await users.create(user('globex', 'alice', { issuer: 'keycloak' }), BY)
    expect(await users.bySubject('local', 'alice')).toEqual(alice)
    expect(await users.bySubject('keycloak', 'alice')).toEqual(other)
    expect(await users.bySubject('keycloak', 'Alice')).toBeUndefined()
    expect(await users.bySubject('entra', 'alice')).toBeUndefined()
    for (const tenantId of ['nobody', PLATFORM_TENANT_ID]) {
      expect(await failureOf(users.create(user(tenantId, 'x'), BY))).toMatchObject(GONE)
    }
    for (const subject of ['', ' ', 'a\nb', 'x'.repeat(301)]) {
      expect(await failureOf(users.create(user('acme', subject), BY))).toMatchObject(REFUSED)
    }
  })

  test('a password is of local users alone, and its hash is in no list, answer or audit', async () => {
    const people = await twoTenants(open)
    const { users } = people
    const foreign = { issuer: 'keycloak', passwordHash: HASH }
    expect(await failureOf(users.create(user('acme', 'x', foreign), BY))).toMatchObject(REFUSED)
    const alice = await users.create(user('acme', 'alice', { passwordHash: HASH }), BY)
    const bob = await users.create(user('acme', 'bob', { issuer: 'keycloak' }), BY)
    expect(await users.setPasswordHash('acme', alice.id, `${HASH}2`, BY)).toBe(true)
    expect(await users.setPasswordHash('acme', bob.id, HASH, BY)).toBe(false)
    expect(await users.setPasswordHash('acme', 'nobody', HASH, BY)).toBe(false)
    expect(await users.passwordHash('acme', alice.id)).toBe(`${HASH}2`)
    expect(await users.passwordHash('acme', bob.id)).toBeUndefined()
    await users.remove('acme', bob.id, BY)
    const shown = [
      alice,
      await users.list('acme'),
      await users.find('acme', alice.id),
      await people.directory.all(),
      await people.audit.list({ limit: 1_000, afterSequence: 0 }),
    ]
    expect(JSON.stringify(shown)).not.toContain('argon2')
    expect(await auditOf(people, 'acme')).toContain(`user.update ${alice.id}`)
  })

  test('tokens of who is removed are called back with them: else the next one would make them anew', async () => {
    const people = await twoTenants(open)
    const { logins, services, users } = people
    const [local, foreign] = [
      await users.create(user('acme', 'alice'), BY),
      await users.create(user('acme', 'bob', { issuer: 'keycloak' }), BY),
    ]
    const client = { issuer: 'keycloak', clientId: 'ci' }
    for (const [id, named] of [
      ['robot', {}],
      ['ci', client],
    ] as const) {
      await services.create({ tenantId: 'acme', id, name: id, createdMs: 1, ...named }, BY)
    }
    expect(await users.remove('globex', foreign.id, BY)).toBe(false)
    expect(await logins.calledBack(0)).toEqual([])
    for (const { id } of [local, foreign]) await users.remove('acme', id, BY)
    for (const id of ['robot', 'ci']) await services.remove('acme', id, BY)
    const names = (await logins.calledBack(0)).map(({ name }) => name)
    expect(names.toSorted()).toEqual(['keycloak\nsub\nbob', 'keycloak\nsub\nci'])
  })

  test('names as issuers have them never keep anybody out; what a person types must be right', async () => {
    const { users } = await twoTenants(open)
    const odd = { name: `a\u0000\n${'x'.repeat(500)}`, email: 'not mail' }
    const alice = await users.create(user('acme', 'alice', odd), BY)
    expect(alice.name).toHaveLength(200)
    expect(alice.name).not.toMatch(/\p{Cc}/u)
    expect(alice).not.toHaveProperty('email')
    expect(
      await failureOf(users.update('acme', alice.id, { email: 'not mail' }, BY)),
    ).toMatchObject(REFUSED)
    const named = await users.update('acme', alice.id, { name: 'A', email: 'a@example.com' }, BY)
    expect(named).toMatchObject({ name: 'A', email: 'a@example.com', status: 'active' })
    const bare = await users.update('acme', alice.id, { name: '', email: '' }, BY)
    expect(bare).not.toHaveProperty('name')
    expect(bare).not.toHaveProperty('email')
    expect(await users.update('acme', 'nobody', { name: 'A' }, BY)).toBeUndefined()
  })

  test('of two logins the later counts, whichever is written last; neither is audited by itself', async () => {
    const people = await twoTenants(open)
    const { users } = people
    const { id } = await users.create(user('acme', 'alice', { name: 'Alice' }), BY)
    const before = (await auditOf(people)).length
    const late = { roles: [], groups: ['eng'] }
    await users.loggedIn('acme', id, { claimed: late, atMs: 2_000, email: 'a@example.com' })
    await users.loggedIn('acme', id, { claimed: { roles: ['owner'], groups: [] }, atMs: 1_000 })
    const found = await users.find('acme', id)
    expect(found).toMatchObject({ name: 'Alice', email: 'a@example.com', lastLoginMs: 2_000 })
    expect(found?.claimed).toEqual(late)
    // A change by hand leaves what the login brought.
    await users.update('acme', id, { status: 'disabled' }, BY)
    expect((await users.find('acme', id))?.claimed).toEqual(late)
    expect((await auditOf(people)).length).toBe(before + 1)
    await users.loggedIn('acme', 'nobody', { claimed: late, atMs: 1 })
  })
}

export function membershipsContract(open: OpenPeople): void {
  test('only people of a tenant are in its teams and groups', async () => {
    const people = await twoTenants(open)
    const { memberships } = people
    const alice = await people.users.create(user('acme'), BY)
    const eve = await people.users.create(user('globex', 'eve'), BY)
    for (const tenantId of ['acme', 'globex']) {
      await people.teams.create(team(tenantId), BY)
      await people.groups.create(group(tenantId), BY)
    }
    const cases: Membership[] = [
      { tenantId: 'acme', kind: 'team', id: 'research', userId: eve.id },
      { tenantId: 'acme', kind: 'group', id: 'engineers', userId: eve.id },
      { tenantId: 'globex', kind: 'team', id: 'research', userId: alice.id },
      { tenantId: 'acme', kind: 'team', id: 'engineers', userId: alice.id },
      { tenantId: 'acme', kind: 'group', id: 'research', userId: alice.id },
      { tenantId: 'acme', kind: 'team', id: 'research', userId: 'nobody' },
      { tenantId: 'nobody', kind: 'team', id: 'research', userId: alice.id },
      { tenantId: 'acme', kind: 'team', id: 'lab', userId: alice.id },
    ]
    await people.teams.create(team('globex', 'lab'), BY)
    const before = (await auditOf(people)).length
    for (const membership of cases) {
      expect(await memberships.add(membership, BY)).toBe(false)
      expect(await memberships.remove(membership, BY)).toBe(false)
    }
    expect((await auditOf(people)).length).toBe(before)
    expect((await people.directory.all()).memberships).toEqual([])
  })

  test('one is in a team or not, and another tenant’s of the same name stays as it is', async () => {
    const people = await twoTenants(open)
    const { memberships } = people
    const alice = await people.users.create(user('acme'), BY)
    // Even of the same id.
    const eve = await people.users.create(user('globex', 'eve', { id: alice.id }), BY)
    for (const tenantId of ['acme', 'globex']) await people.teams.create(team(tenantId), BY)
    const mine = { tenantId: 'acme', kind: 'team', id: 'research', userId: alice.id } as const
    const theirs = { tenantId: 'globex', kind: 'team', id: 'research', userId: eve.id } as const
    expect(await memberships.add(mine, BY)).toBe(true)
    expect(await memberships.add(mine, BY)).toBe(false)
    expect(await memberships.add(theirs, BY)).toBe(true)
    expect(await memberships.list('acme', 'team', 'research')).toEqual([mine])
    expect(await memberships.list('acme', 'group', 'research')).toEqual([])
    expect(await memberships.list('default', 'team', 'research')).toEqual([])
    expect(await memberships.ofUser('acme', alice.id)).toEqual([mine])
    expect(await memberships.ofUser('globex', alice.id)).toEqual([theirs])
    expect(await memberships.ofUser('default', alice.id)).toEqual([])
    expect(await memberships.remove(mine, BY)).toBe(true)
    expect(await memberships.remove(mine, BY)).toBe(false)
    expect(await memberships.list('globex', 'team', 'research')).toEqual([theirs])
    await people.teams.remove('globex', 'research', BY)
    expect(await memberships.list('globex', 'team', 'research')).toEqual([])
    const wanted = ['membership.add', 'membership.remove']
    const words = (await auditOf(people, 'acme')).map((each) => each.split(' ')[0]!)
    expect(words.filter((word) => word.startsWith('membership'))).toEqual(wanted)
  })
}
