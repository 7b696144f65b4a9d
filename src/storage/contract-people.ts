// The contract of the repositories of tenants and people: what every engine must do alike. Called from `contract.ts`; imported by tests
// alone.

import { expect, test } from 'bun:test'
import type { Actor } from '../core/audit.ts'
import { PLATFORM_TENANT_ID, type Group, type Service, type Team } from '../core/identity.ts'
import type { ApiKeyRepository, OnceRepository, StoredSettingsRepository } from '../core/ports.ts'
import type {
  AssignmentRepository,
  AuditRepository,
  DirectoryRepository,
  GroupRepository,
  LoginRepository,
  MembershipRepository,
  NewUser,
  RoleRepository,
  ServiceRepository,
  SessionRepository,
  TeamRepository,
  TenantRepository,
  UserRepository,
} from '../core/ports-people.ts'
import { sampleKey } from './test-store.ts'

/** What the contract of people is about; a store as a whole is one. */
export interface PeopleRepositories {
  readonly tenants: TenantRepository
  readonly teams: TeamRepository
  readonly users: UserRepository
  readonly groups: GroupRepository
  readonly memberships: MembershipRepository
  readonly services: ServiceRepository
  readonly roles: RoleRepository
  readonly assignments: AssignmentRepository
  readonly directory: DirectoryRepository
  readonly sessions: SessionRepository
  readonly logins: LoginRepository
  readonly audit: AuditRepository
  readonly keys: ApiKeyRepository
  readonly once: OnceRepository
  readonly storedSettings: StoredSettingsRepository
}

export type OpenPeople = () => Promise<PeopleRepositories>

export const BY: Actor = { kind: 'system', id: 'contract' }
const AT_MS = 1_700_000_000_000

export const GONE = { status: 404, code: 'not_found' }
export const TAKEN = { status: 409, code: 'already_exists' }
export const REFUSED = { status: 400, code: 'invalid_value' }

/** What a promise is rejected with; fails when it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

export const team = (tenantId: string, id = 'research'): Team => ({
  tenantId,
  id,
  name: `Team ${id}`,
  createdMs: AT_MS,
})

export const group = (tenantId: string, id = 'engineers', external?: string): Group => ({
  tenantId,
  id,
  name: `Group ${id}`,
  createdMs: AT_MS,
  ...(external === undefined ? {} : { external }),
})

export const service = (tenantId: string, id = 'robot'): Omit<Service, 'status'> => ({
  tenantId,
  id,
  name: `Service ${id}`,
  createdMs: AT_MS,
})

export const user = (
  tenantId: string,
  subject = 'alice',
  fields: Partial<NewUser> = {},
): NewUser => ({
  tenantId,
  id: Bun.randomUUIDv7(),
  issuer: 'local',
  subject,
  createdMs: AT_MS,
  ...fields,
})

/** A store with the tenants `acme` and `globex`. */
export async function twoTenants(open: OpenPeople): Promise<PeopleRepositories> {
  const people = await open()
  for (const id of ['acme', 'globex']) {
    await people.tenants.create({ id, name: `Tenant ${id}`, createdMs: AT_MS }, BY)
  }
  return people
}

/** The words of the audit since a moment, oldest first: `team.create research`. */
export async function auditOf(people: PeopleRepositories, tenantId?: string): Promise<string[]> {
  const records = await people.audit.list({
    limit: 1_000,
    afterSequence: 0,
    ...(tenantId === undefined ? {} : { tenantId }),
  })
  return records.map(({ action, target }) => `${action} ${target.id}`)
}

export function tenantsContract(open: OpenPeople): void {
  test('ids that are no tenant’s, that are taken or were given once are refused', async () => {
    const { tenants } = await twoTenants(open)
    for (const id of [PLATFORM_TENANT_ID, '', 'A', 'a b', '-a', 'a/b', '*', 'x'.repeat(64), 'é']) {
      expect(await failureOf(tenants.create({ id, name: 'x', createdMs: 1 }, BY))).toMatchObject({
        ...REFUSED,
        param: 'id',
      })
    }
    for (const id of ['default', 'acme']) {
      expect(await failureOf(tenants.create({ id, name: 'x', createdMs: 1 }, BY))).toMatchObject(
        TAKEN,
      )
    }
    expect(await tenants.remove('acme', BY)).toBe(true)
    expect(await tenants.find('acme')).toBeUndefined()
    expect(
      await failureOf(tenants.create({ id: 'acme', name: 'x', createdMs: 1 }, BY)),
    ).toMatchObject({ status: 409, code: 'already_used' })
    expect((await tenants.list()).map(({ id }) => id)).toEqual(['default', 'globex'])
  })

  test('the tenant that is always there is shown, and stays as it is', async () => {
    const { tenants } = await open()
    const own = { id: 'default', name: 'Default', status: 'active' as const, createdMs: 0 }
    expect(await tenants.list()).toEqual([own])
    expect(await tenants.find('default')).toEqual(own)
    for (const change of [{ status: 'disabled' as const }, { name: 'Other' }]) {
      expect(await failureOf(tenants.update('default', change, BY))).toMatchObject({ status: 409 })
    }
    expect(await failureOf(tenants.remove('default', BY))).toMatchObject({ status: 409 })
    for (const id of ['nobody', PLATFORM_TENANT_ID, '']) {
      expect(await tenants.update(id, { name: 'x' }, BY)).toBeUndefined()
      expect(await tenants.remove(id, BY)).toBe(false)
      expect(await tenants.find(id)).toBeUndefined()
    }
  })

  test('a change is made of what is named, and recorded in the tenant’s own audit', async () => {
    const people = await twoTenants(open)
    const { tenants } = people
    const off = await tenants.update('acme', { status: 'disabled' }, BY)
    expect(off).toEqual({ id: 'acme', name: 'Tenant acme', status: 'disabled', createdMs: AT_MS })
    expect((await tenants.update('acme', { name: 'Acme' }, BY))?.status).toBe('disabled')
    expect((await tenants.find('globex'))?.status).toBe('active')
    expect(await auditOf(people, 'acme')).toEqual([
      'tenant.create acme',
      'tenant.update acme',
      'tenant.update acme',
    ])
    expect(await auditOf(people, 'globex')).toEqual(['tenant.create globex'])
  })

  test('one that owns rows is not deleted, whatever they are', async () => {
    const people = await twoTenants(open)
    const { tenants } = people
    const alice = await people.users.create(user('acme'), BY)
    const key = await people.keys.create(sampleKey({ tenantId: 'acme' }), BY)
    await people.teams.create(team('acme'), BY)
    await people.groups.create(group('acme'), BY)
    await people.services.create(service('acme'), BY)
    const role = { description: '', actions: ['key.*'], notActions: [] }
    await people.roles.save({ tenantId: 'acme', id: 'own', name: 'Own', ...role }, BY)
    const undo: (() => Promise<unknown>)[] = [
      () => people.users.remove('acme', alice.id, BY),
      () => people.keys.revoke('acme', key.id, 5, BY),
      () => people.teams.remove('acme', 'research', BY),
      () => people.groups.remove('acme', 'engineers', BY),
      () => people.services.remove('acme', 'robot', BY),
      () => people.roles.remove('acme', 'own', BY),
    ]
    const named = ['users', 'API keys', 'teams', 'groups', 'services', 'roles']
    for (const [at, step] of undo.entries()) {
      const error = (await failureOf(tenants.remove('acme', BY))) as Error
      expect(error).toMatchObject({ status: 409, code: 'not_empty' })
      for (const kind of named.slice(at)) expect(error.message).toContain(kind)
      await step()
    }
    expect(await tenants.remove('acme', BY)).toBe(true)
    expect(await people.keys.list('acme')).toEqual([])
    expect(await tenants.remove('globex', BY)).toBe(true)
  })

  test('what other tenants own neither keeps one from being deleted nor goes with it', async () => {
    const people = await twoTenants(open)
    const { assignments, keys, sessions, tenants } = people
    const eve = await people.users.create(user('globex'), BY)
    await people.teams.create(team('globex'), BY)
    await people.groups.create(group('globex'), BY)
    await people.services.create(service('globex'), BY)
    const role = { name: 'Own', description: '', actions: ['key.*'], notActions: [] }
    await people.roles.save({ tenantId: 'globex', id: 'own', ...role }, BY)
    await keys.create(sampleKey({ tenantId: 'globex' }), BY)
    const old = await keys.create(sampleKey({ tenantId: 'globex' }), BY)
    await keys.revoke('globex', old.id, 5, BY)
    const session = { idHash: 'h', tenantId: 'globex', userId: eve.id, issuer: 'local' }
    const times = { createdMs: 1, lastSeenMs: 1, expiresMs: 9e15 }
    await sessions.create({ ...session, ...times, claimed: { roles: [], groups: [] } }, {})
    const given = { id: 'same', roleId: 'member', effect: 'allow', createdMs: 1 } as const
    // An issuer may call a group of globex so; over the whole installation it would be acme's.
    const assignee = { kind: 'group', id: 'acme/x' } as const
    const inGlobex = { ...given, assignee, tenantId: 'globex', scope: '/tenants/globex' }
    await assignments.create(inGlobex, BY)
    await assignments.create({ ...inGlobex, tenantId: PLATFORM_TENANT_ID, scope: '/' }, BY)
    const before = await auditOf(people, 'globex')
    await tenants.update('acme', { status: 'disabled' }, BY)
    expect(await tenants.remove('acme', BY)).toBe(true)
    expect(await keys.list('globex')).toHaveLength(2)
    expect(await sessions.list('globex')).toHaveLength(1)
    expect(await assignments.list('globex')).toHaveLength(1)
    expect(await assignments.list(PLATFORM_TENANT_ID)).toEqual([])
    expect(await auditOf(people, 'globex')).toEqual(before)
    // Only its own id is used up.
    await tenants.create({ id: 'initech', name: 'Initech', createdMs: 1 }, BY)
  })
}

/** What teams, groups and services have in common. */
export function namedContract(open: OpenPeople): void {
  const kinds = [
    ['teams', (people: PeopleRepositories) => people.teams, team] as const,
    ['groups', (people: PeopleRepositories) => people.groups, group] as const,
    ['services', (people: PeopleRepositories) => people.services, service] as const,
  ]
  type Row = Team & Partial<Pick<Service, 'status'>>
  interface Named {
    create(row: Row, by: Actor): Promise<Row>
    list(tenantId: string): Promise<Row[]>
    remove(tenantId: string, id: string, by: Actor): Promise<boolean>
    change(tenantId: string, id: string, name: string): Promise<Row | undefined>
  }
  const named = (people: PeopleRepositories, of: (typeof kinds)[number][1]): Named => {
    const repository = of(people)
    return {
      create: (row, by) => repository.create(row, by),
      list: (tenantId) => repository.list(tenantId),
      remove: (tenantId, id, by) => repository.remove(tenantId, id, by),
      change: (tenantId, id, name) =>
        'rename' in repository
          ? repository.rename(tenantId, id, name, BY)
          : repository.update(tenantId, id, { name }, BY),
    }
  }

  test.each(kinds)(
    '%s: another tenant neither sees, changes nor deletes one',
    async (_kind, of, row) => {
      const people = await twoTenants(open)
      const repository = named(people, of)
      const mine = await repository.create(row('acme'), BY)
      const theirs = await repository.create(row('globex'), BY)
      expect(theirs.tenantId).toBe('globex')
      const before = (await auditOf(people)).length
      for (const tenantId of ['default', 'nobody', PLATFORM_TENANT_ID, '', '*']) {
        expect(await repository.list(tenantId)).toEqual([])
        expect(await repository.change(tenantId, mine.id, 'stolen')).toBeUndefined()
        expect(await repository.remove(tenantId, mine.id, BY)).toBe(false)
      }
      expect((await auditOf(people)).length).toBe(before)
      // The other tenant's of the same id is another one.
      expect((await repository.change('acme', mine.id, 'Mine'))?.name).toBe('Mine')
      expect(await repository.list('globex')).toEqual([theirs])
      expect(await repository.remove('acme', mine.id, BY)).toBe(true)
      expect(await repository.remove('acme', mine.id, BY)).toBe(false)
      expect(await repository.list('globex')).toEqual([theirs])
    },
  )

  test.each(kinds)(
    '%s: what is taken, malformed or in no tenant is refused',
    async (_kind, of, row) => {
      const people = await twoTenants(open)
      const repository = named(people, of)
      const first = await repository.create(row('acme'), BY)
      expect(
        await failureOf(repository.create({ ...row('acme'), name: 'again' }, BY)),
      ).toMatchObject(TAKEN)
      for (const id of ['', 'A', '_platform', 'a/b', 'a b', 'x'.repeat(64), '*', 'a\n']) {
        expect(await failureOf(repository.create(row('acme', id), BY))).toMatchObject(REFUSED)
      }
      for (const name of ['', ' ', 'a\u0000', 'x'.repeat(201)]) {
        expect(await failureOf(repository.create({ ...row('acme', 'b'), name }, BY))).toMatchObject(
          REFUSED,
        )
        expect(await failureOf(repository.change('acme', first.id, name))).toMatchObject(REFUSED)
      }
      for (const tenantId of ['nobody', PLATFORM_TENANT_ID, '']) {
        expect(await failureOf(repository.create(row(tenantId), BY))).toMatchObject(GONE)
      }
      expect(await repository.list('acme')).toEqual([first])
    },
  )

  test('of the same id made at the same time there is one', async () => {
    const people = await twoTenants(open)
    const tries = await Promise.allSettled(
      [1, 2, 3, 4].map(() => people.teams.create(team('acme'), BY)),
    )
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await people.teams.list('acme')).toHaveLength(1)
    expect(await auditOf(people, 'acme')).toEqual(['tenant.create acme', 'team.create research'])
  })

  test('a group keeps apart what the issuer calls it, nothing, and a change of neither', async () => {
    const { groups } = await twoTenants(open)
    const created = await groups.create(group('acme', 'engineers', 'Eng / Berlin'), BY)
    expect(created.external).toBe('Eng / Berlin')
    expect((await groups.update('acme', 'engineers', { name: 'E' }, BY))?.external).toBe(
      'Eng / Berlin',
    )
    const listed = await groups.update('acme', 'engineers', { external: null }, BY)
    expect(listed).toStrictEqual({ ...group('acme'), name: 'E' })
    for (const external of ['', ' ', 'x'.repeat(301)]) {
      expect(await failureOf(groups.update('acme', 'engineers', { external }, BY))).toMatchObject(
        REFUSED,
      )
      expect(await failureOf(groups.create(group('acme', 'b', external), BY))).toMatchObject(
        REFUSED,
      )
    }
  })

  test('a client of an issuer is one service, in whatever tenant', async () => {
    const { services } = await twoTenants(open)
    const client = { issuer: 'keycloak', clientId: 'ci' }
    const made = await services.create({ ...service('acme'), ...client }, BY)
    expect(made).toMatchObject({ ...client, status: 'active' })
    expect(await failureOf(services.create({ ...service('globex'), ...client }, BY))).toMatchObject(
      TAKEN,
    )
    // Those without one do not stand in each other's way.
    await services.create(service('acme', 'one'), BY)
    await services.create(service('acme', 'two'), BY)
    for (const half of [
      { issuer: 'keycloak' },
      { clientId: 'ci' },
      { issuer: 'k', clientId: ' ' },
    ]) {
      expect(
        await failureOf(services.create({ ...service('acme', 'half'), ...half }, BY)),
      ).toMatchObject(REFUSED)
    }
    expect((await services.update('acme', 'robot', { status: 'disabled' }, BY))?.status).toBe(
      'disabled',
    )
    expect((await services.update('acme', 'robot', { name: 'R' }, BY))?.status).toBe('disabled')
  })
}
