// The contract of the repositories of roles and their assignments, and of what goes with somebody who is removed. Called from
// `contract.ts`; imported by tests alone.

import { expect, test } from 'bun:test'
import { PLATFORM_TENANT_ID, type RoleAssignment, type RoleDefinition } from '../core/identity.ts'
import { scopes } from '../core/permission.ts'
import {
  auditOf,
  BY,
  failureOf,
  GONE,
  group,
  REFUSED,
  service,
  TAKEN,
  team,
  twoTenants,
  user,
  type OpenPeople,
} from './contract-people.ts'
import { sampleKey } from './test-store.ts'

type NewAssignment = Omit<RoleAssignment, 'origin'>

const role = (tenantId: string, fields: Partial<RoleDefinition> = {}) => ({
  id: 'keeper',
  name: 'Keeper',
  description: 'Keeps keys.',
  actions: ['key.*'],
  notActions: ['key.delete'],
  ...fields,
  tenantId,
})

const assignment = (tenantId: string, fields: Partial<NewAssignment> = {}): NewAssignment => ({
  id: Bun.randomUUIDv7(),
  tenantId,
  roleId: 'member',
  assignee: { kind: 'everyone', id: '*' },
  scope: tenantId === PLATFORM_TENANT_ID ? '/' : scopes.tenant(tenantId),
  effect: 'allow',
  createdMs: 5,
  ...fields,
})

export function rolesContract(open: OpenPeople): void {
  test('built-in names, unknown actions and tenants there are not are refused', async () => {
    const { roles } = await twoTenants(open)
    for (const id of ['owner', 'member', 'administrator']) {
      expect(await failureOf(roles.save(role('acme', { id }), BY))).toMatchObject({ status: 409 })
    }
    const wrong: Partial<RoleDefinition>[] = [
      { id: 'A' },
      { id: 'ops@/' },
      { name: '' },
      { actions: ['key.reed'] },
      { notActions: ['nothing.*'] },
      { description: 'x'.repeat(1_001) },
      { actions: Array.from({ length: 1_000 }, () => '*') },
    ]
    for (const fields of wrong) {
      expect(await failureOf(roles.save(role('acme', fields), BY))).toMatchObject(REFUSED)
    }
    for (const tenantId of ['nobody', '']) {
      expect(await failureOf(roles.save(role(tenantId), BY))).toMatchObject(GONE)
    }
    expect(await roles.list('acme')).toEqual([])
  })

  test('another tenant neither sees, changes nor deletes one; the operator’s own are apart', async () => {
    const people = await twoTenants(open)
    const { roles } = people
    await roles.save(role('acme'), BY)
    await roles.save(role('globex', { actions: [], notActions: [] }), BY)
    await roles.save(role(PLATFORM_TENANT_ID, { actions: ['*'] }), BY)
    expect(await roles.remove('default', 'keeper', BY)).toBe(false)
    await roles.save(role('acme', { name: 'Other' }), BY)
    expect(await roles.list('acme')).toEqual([role('acme', { name: 'Other' })])
    expect(await roles.list('globex')).toEqual([role('globex', { actions: [], notActions: [] })])
    expect(await roles.remove('acme', 'keeper', BY)).toBe(true)
    expect(await roles.remove('acme', 'keeper', BY)).toBe(false)
    expect((await people.directory.all()).roles.map(({ tenantId }) => tenantId).toSorted()).toEqual(
      [PLATFORM_TENANT_ID, 'globex'],
    )
    expect(await auditOf(people, 'acme')).toEqual([
      'tenant.create acme',
      'role.create keeper',
      'role.update keeper',
      'role.delete keeper',
    ])
  })

  test('one that is assigned is not deleted, though another tenant’s of its name is', async () => {
    const { assignments, roles } = await twoTenants(open)
    for (const tenantId of ['acme', 'globex']) await roles.save(role(tenantId), BY)
    const given = await assignments.create(assignment('acme', { roleId: 'keeper' }), BY)
    expect(await failureOf(roles.remove('acme', 'keeper', BY))).toMatchObject({
      status: 409,
      code: 'in_use',
    })
    expect(await roles.remove('globex', 'keeper', BY)).toBe(true)
    expect(await assignments.remove('acme', given.id, BY)).toBe(true)
    expect(await roles.remove('acme', 'keeper', BY)).toBe(true)
  })
}

export function assignmentsContract(open: OpenPeople): void {
  test('scopes of another tenant, or that are none, are refused', async () => {
    const people = await twoTenants(open)
    const { assignments } = people
    await people.teams.create(team('globex'), BY)
    const wrong = [
      '/',
      scopes.tenant('globex'),
      scopes.team('globex', 'research'),
      scopes.model('globex', '*'),
      '/tenants/acme-2',
      '/tenants/acme/',
      '/tenants/acme*',
      '/tenants/*',
      '/tenants/acme/teams/*',
      '/tenants/acme/teams/research',
      '/tenants/acme/users/x',
      'tenants/acme',
      '',
      `/tenants/acme/models/${'x'.repeat(500)}`,
    ]
    for (const scope of wrong) {
      expect(await failureOf(assignments.create(assignment('acme', { scope }), BY))).toMatchObject({
        ...REFUSED,
        param: 'scope',
      })
    }
    for (const tenantId of ['nobody', '']) {
      const made = assignments.create(assignment(tenantId, { scope: scopes.tenant('nobody') }), BY)
      expect((await failureOf(made)) as object).toHaveProperty('status')
    }
    const nowhere = assignment(PLATFORM_TENANT_ID, { scope: scopes.tenant('nobody') })
    expect(await failureOf(assignments.create(nowhere, BY))).toMatchObject(GONE)
    expect((await people.directory.all()).assignments).toEqual([])
  })

  test('roles and people of another tenant, or that there are not, are refused', async () => {
    const people = await twoTenants(open)
    const { assignments } = people
    const eve = await people.users.create(user('globex', 'eve'), BY)
    const key = await people.keys.create(sampleKey({ tenantId: 'globex' }), BY)
    await people.teams.create(team('globex'), BY)
    await people.services.create(service('globex'), BY)
    await people.roles.save(role('globex'), BY)
    const wrong: Partial<NewAssignment>[] = [
      { roleId: 'keeper' },
      { roleId: 'nothing' },
      { assignee: { kind: 'user', id: eve.id } },
      { assignee: { kind: 'user', id: 'eve' } },
      { assignee: { kind: 'team', id: 'research' } },
      { assignee: { kind: 'service', id: 'robot' } },
      { assignee: { kind: 'key', id: key.id } },
      { assignee: { kind: 'group', id: '' } },
      { assignee: { kind: 'everyone', id: 'acme' } },
    ]
    for (const fields of wrong) {
      const made = assignments.create(assignment('acme', fields), BY)
      expect(await failureOf(made)).toMatchObject(REFUSED)
    }
    expect(await assignments.list('acme')).toEqual([])
    const allowed = assignment('globex', {
      assignee: { kind: 'user', id: eve.id },
      roleId: 'keeper',
    })
    expect(await assignments.create(allowed, BY)).toEqual({ ...allowed, origin: 'store' })
  })

  test('over the whole installation, names that tenants choose are told with their tenant', async () => {
    const people = await twoTenants(open)
    const { assignments } = people
    const alice = await people.users.create(user('acme'), BY)
    const platform = (kind: RoleAssignment['assignee']['kind'], id: string) =>
      assignments.create(assignment(PLATFORM_TENANT_ID, { assignee: { kind, id } }), BY)
    for (const id of ['admins', '/admins', '_platform/admins', 'nobody/admins', 'acme/']) {
      expect(await failureOf(platform('group', id))).toHaveProperty('status')
    }
    expect(await failureOf(platform('team', 'acme/research'))).toMatchObject(REFUSED)
    expect(await failureOf(platform('user', 'nobody'))).toMatchObject(REFUSED)
    expect(await failureOf(platform('key', 'nobody'))).toMatchObject(REFUSED)
    await platform('group', 'acme/admins')
    await platform('user', alice.id)
    await platform('everyone', 'acme/*')
    await platform('key', 'file:ci')
    await platform('everyone', '*')
    expect(await assignments.list(PLATFORM_TENANT_ID)).toHaveLength(5)
    expect(await assignments.list('acme')).toEqual([])
    // What reaches into a tenant, or names somebody of it, goes with it.
    await people.users.remove('acme', alice.id, BY)
    expect(await people.tenants.remove('acme', BY)).toBe(true)
    const rest = await assignments.list(PLATFORM_TENANT_ID)
    expect(rest.map(({ assignee }) => assignee.id)).toEqual(['file:ci', '*'])
  })

  test('the same is given once, a synonym included; a denial beside it is another', async () => {
    const people = await twoTenants(open)
    const { assignments } = people
    const first = await assignments.create(assignment('acme', { roleId: 'admin' }), BY)
    for (const roleId of ['admin', 'administrator']) {
      expect(await failureOf(assignments.create(assignment('acme', { roleId }), BY))).toMatchObject(
        TAKEN,
      )
    }
    await assignments.create(assignment('globex', { roleId: 'admin' }), BY)
    await assignments.create(assignment('acme', { roleId: 'admin', effect: 'deny' }), BY)
    expect(await assignments.list('acme')).toHaveLength(2)
    expect(await assignments.remove('globex', first.id, BY)).toBe(false)
    expect(await assignments.remove(PLATFORM_TENANT_ID, first.id, BY)).toBe(false)
    expect(await assignments.remove('acme', first.id, BY)).toBe(true)
    expect(await assignments.remove('acme', first.id, BY)).toBe(false)
  })

  test('a user’s key is given nothing by itself, but may be denied', async () => {
    const people = await twoTenants(open)
    const alice = await people.users.create(user('acme'), BY)
    const owner = { kind: 'user', id: alice.id } as const
    const { id } = await people.keys.create(sampleKey({ tenantId: 'acme', owner }), BY)
    const given = assignment('acme', { assignee: { kind: 'key', id } })
    expect(await failureOf(people.assignments.create(given, BY))).toMatchObject(REFUSED)
    await people.assignments.create({ ...given, effect: 'deny' }, BY)
  })
}

export function removalsContract(open: OpenPeople): void {
  test('of a key that is replaced the assignments are its successor’s too, here and everywhere', async () => {
    const people = await twoTenants(open)
    const { assignments, keys } = people
    const [key, other] = [sampleKey({ tenantId: 'acme' }), sampleKey({ tenantId: 'acme' })]
    for (const each of [key, other]) await keys.create(each, BY)
    const assignee = { kind: 'key', id: key.id } as const
    await assignments.create(assignment('acme', { assignee, effect: 'deny' }), BY)
    await assignments.create(assignment(PLATFORM_TENANT_ID, { assignee, roleId: 'auditor' }), BY)
    const next = sampleKey({ tenantId: 'acme', createdMs: 9 })
    expect(await keys.rotate('acme', key.id, next, 99, BY)).toBeDefined()
    const { assignments: given } = await people.directory.all()
    const of = (id: string) =>
      given
        .filter((each) => each.assignee.id === id)
        .map(({ effect, roleId, scope, tenantId }) => [tenantId, effect, roleId, scope])
        .toSorted()
    expect(of(next.id)).toEqual([
      [PLATFORM_TENANT_ID, 'allow', 'auditor', '/'],
      ['acme', 'deny', 'member', scopes.tenant('acme')],
    ])
    expect(of(key.id)).toEqual(of(next.id))
    expect(given).toHaveLength(4)
    expect((await auditOf(people)).slice(-4, -2)).toEqual([
      `key.rotate ${key.id}`,
      `key.create ${next.id}`,
    ])
    expect(
      await keys.rotate('acme', key.id, sampleKey({ tenantId: 'acme' }), 99, BY),
    ).toBeUndefined()
    expect((await people.directory.all()).assignments).toHaveLength(4)
  })

  test('with a user go memberships, assignments, sessions and keys, and nobody else’s', async () => {
    const people = await twoTenants(open)
    const { assignments, keys, memberships, users } = people
    const [alice, bob] = [
      await users.create(user('acme'), BY),
      await users.create(user('acme', 'bob'), BY),
    ]
    await people.teams.create(team('acme'), BY)
    for (const { id } of [alice, bob]) {
      await memberships.add({ tenantId: 'acme', kind: 'team', id: 'research', userId: id }, BY)
      const assignee = { kind: 'user', id } as const
      await assignments.create(assignment('acme', { assignee }), BY)
      await assignments.create(assignment(PLATFORM_TENANT_ID, { assignee }), BY)
      await keys.create(sampleKey({ tenantId: 'acme', name: id, owner: { kind: 'user', id } }), BY)
      await people.sessions.create(
        {
          idHash: `hash of ${id}`,
          tenantId: 'acme',
          userId: id,
          issuer: 'local',
          claimed: { roles: [], groups: [] },
          createdMs: 1,
          lastSeenMs: 1,
          expiresMs: 9e15,
        },
        {},
      )
    }
    expect(await users.remove('acme', alice.id, BY)).toBe(true)
    expect(await users.remove('acme', alice.id, BY)).toBe(false)
    const { assignments: given, memberships: members } = await people.directory.all()
    expect(members.map(({ userId }) => userId)).toEqual([bob.id])
    expect(given.map(({ assignee }) => assignee.id)).toEqual([bob.id, bob.id])
    const left = (await keys.list('acme')).filter(({ revokedMs }) => revokedMs === undefined)
    expect(left.map(({ name }) => name)).toEqual([bob.id])
    expect((await people.sessions.list('acme')).map(({ userId }) => userId)).toEqual([bob.id])
    const records = await people.audit.list({ limit: 4 })
    const actions = records.map(({ action }): string => action)
    expect(actions.toSorted()).toEqual([
      'assignment.delete',
      'assignment.delete',
      'key.revoke',
      'user.delete',
    ])
    expect(records[0]?.before).toMatchObject({ memberships: ['team:research'] })
    expect((await people.audit.verify()).broken).toBeUndefined()
  })

  test('who comes by the id of a team, group or service later finds no rights under it', async () => {
    const people = await twoTenants(open)
    const { assignments, keys } = people
    for (const tenantId of ['acme', 'globex']) {
      await people.teams.create(team(tenantId), BY)
      await people.groups.create(group(tenantId), BY)
      await people.services.create(service(tenantId), BY)
      for (const [kind, id] of [
        ['team', 'research'],
        ['group', 'engineers'],
        ['service', 'robot'],
      ] as const) {
        // The same id in each tenant: a row is known by both.
        await assignments.create(assignment(tenantId, { id: kind, assignee: { kind, id } }), BY)
        const everywhere = { kind, id: `${tenantId}/${id}` }
        await assignments.create(assignment(PLATFORM_TENANT_ID, { assignee: everywhere }), BY)
      }
      const scope = scopes.team(tenantId, 'research')
      await assignments.create(assignment(tenantId, { scope }), BY)
      for (const owner of [
        { kind: 'team', id: 'research' },
        { kind: 'service', id: 'robot' },
      ] as const) {
        await keys.create(sampleKey({ tenantId, owner }), BY)
      }
      const member = await people.users.create(user(tenantId, `of ${tenantId}`), BY)
      for (const [kind, id] of [
        ['team', 'research'],
        ['group', 'engineers'],
      ] as const) {
        await people.memberships.add({ tenantId, kind, id, userId: member.id }, BY)
      }
    }
    // A group that an issuer calls as acme's would be called over the whole installation.
    const odd = { kind: 'group', id: 'acme/engineers' } as const
    await assignments.create(assignment('globex', { assignee: odd }), BY)
    const theirs = await auditOf(people, 'globex')
    await people.teams.remove('acme', 'research', BY)
    await people.groups.remove('acme', 'engineers', BY)
    await people.services.remove('acme', 'robot', BY)
    expect(await assignments.list('acme')).toEqual([])
    expect(await assignments.list('globex')).toHaveLength(5)
    expect(await auditOf(people, 'globex')).toEqual(theirs)
    const { memberships } = await people.directory.all()
    expect(memberships.map(({ tenantId }) => tenantId)).toEqual(['globex', 'globex'])
    const everywhere = await assignments.list(PLATFORM_TENANT_ID)
    expect(everywhere.map(({ assignee }) => assignee.id).toSorted()).toEqual([
      'globex/engineers',
      'globex/research',
      'globex/robot',
    ])
    const open_ = async (tenantId: string) =>
      (await keys.list(tenantId)).filter(({ revokedMs }) => revokedMs === undefined).length
    expect([await open_('acme'), await open_('globex')]).toEqual([0, 2])
  })

  test('whoever is turned off, or has a new password, has no session any more', async () => {
    const people = await twoTenants(open)
    const { sessions, users } = people
    const login = async (tenantId: string, userId: string) =>
      await sessions.create(
        {
          idHash: Bun.randomUUIDv7(),
          tenantId,
          userId,
          issuer: 'local',
          claimed: { roles: [], groups: [] },
          createdMs: 1,
          lastSeenMs: 1,
          expiresMs: 9e15,
        },
        {},
      )
    const { id } = await users.create(user('acme'), BY)
    const other = await users.create(user('acme', 'bob'), BY)
    await login('acme', other.id)
    await login('globex', id)
    await login('acme', id)
    await users.update('acme', id, { name: 'A' }, BY)
    expect(await sessions.list('acme', id)).toHaveLength(1)
    await users.update('acme', id, { status: 'disabled' }, BY)
    expect(await sessions.list('acme', id)).toEqual([])
    await users.update('acme', id, { status: 'active' }, BY)
    await login('acme', id)
    await users.setPasswordHash('acme', id, '$argon2id$', BY)
    expect(await sessions.list('acme', id)).toEqual([])
    expect(await sessions.list('acme')).toHaveLength(1)
    await people.tenants.update('acme', { status: 'disabled' }, BY)
    expect(await sessions.list('acme')).toEqual([])
    expect(await sessions.list('globex')).toHaveLength(1)
  })
}
