// From identities to grants: what gives nothing, what is never more than it was, and who is not taken for another of the same name.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import type { ApiKey } from './catalog.ts'
import {
  EMPTY_DIRECTORY,
  PLATFORM_TENANT_ID,
  type Directory,
  type RoleAssignment,
  type Service,
  type User,
} from './identity.ts'
import { ACTIONS, can, canSomewhere, decide, scopes, type Action } from './permission.ts'
import type { Principal } from './principal.ts'
import { Rights } from './rights.ts'

const ACTION_NAMES = Object.keys(ACTIONS) as Action[]

const tenant = (id: string, status: 'active' | 'disabled' = 'active') => ({
  id,
  name: id,
  status,
  createdMs: 0,
})

const user = (fields: Partial<User> = {}): User => ({
  tenantId: 'acme',
  id: 'u1',
  issuer: 'keycloak',
  subject: 'alice',
  status: 'active',
  createdMs: 0,
  ...fields,
})

const service = (fields: Partial<Service> = {}): Service => ({
  tenantId: 'acme',
  id: 'robot',
  name: 'Robot',
  status: 'active',
  createdMs: 0,
  ...fields,
})

const key = (fields: Partial<ApiKey> = {}): ApiKey => ({
  id: 'k1',
  origin: 'store',
  tenantId: 'acme',
  name: 'ci',
  hash: 'h',
  prefix: 'weir_',
  lastFour: 'wxyz',
  createdMs: 0,
  ...fields,
})

const assignment = (fields: Partial<RoleAssignment> = {}): RoleAssignment => ({
  id: 'a1',
  tenantId: 'acme',
  roleId: 'admin',
  assignee: { kind: 'user', id: 'u1' },
  scope: scopes.tenant('acme'),
  effect: 'allow',
  createdMs: 0,
  origin: 'store',
  ...fields,
})

const rightsOf = (directory: Partial<Directory>): Rights =>
  new Rights({ ...EMPTY_DIRECTORY, tenants: [tenant('acme'), tenant('globex')], ...directory })

/** What somebody may do at a scope. */
const may = (principal: Principal | undefined, scope: string): Set<Action> =>
  new Set(ACTION_NAMES.filter((action) => can(principal, action, scope)))

const AT = [
  '/',
  scopes.tenant('acme'),
  scopes.tenant('globex'),
  scopes.model('acme', 'fast'),
  scopes.team('acme', 'research'),
]

describe('what is turned off or gone', () => {
  const assignments = [assignment()]
  test('a disabled user, or one whose tenant is disabled or unknown, is nobody', () => {
    const rights = rightsOf({ assignments, users: [user()] })
    expect(rights.ofUser(user())?.grants).toHaveLength(1)
    expect(rights.ofUser(user({ status: 'disabled' }))).toBeUndefined()
    expect(rights.ofUser(user({ tenantId: 'nobody' }))).toBeUndefined()
    expect(rights.ofUser(user({ tenantId: PLATFORM_TENANT_ID }))).toBeUndefined()
    const closed = rightsOf({ assignments, tenants: [tenant('acme', 'disabled')] })
    expect(closed.isOpen('acme')).toBe(false)
    expect(closed.ofUser(user())).toBeUndefined()
    expect(closed.ofService(service())).toBeUndefined()
    expect(closed.ofKey(key())).toBeUndefined()
    expect(rights.ofService(service({ status: 'disabled' }))).toBeUndefined()
  })

  test.each([
    ['user', 'gone'],
    ['user', 'disabled'],
    ['service', 'gone'],
    ['service', 'disabled'],
    ['team', 'gone'],
  ] as const)('a key whose %s is %s opens nothing', (kind, state) => {
    const owned = key({ owner: { kind, id: kind === 'user' ? 'u1' : 'robot' } })
    const status = state === 'gone' ? ('active' as const) : state
    const directory = {
      users: [user({ status })],
      services: [service({ status })],
      teams: [{ tenantId: 'acme', id: 'robot', name: 'T', createdMs: 0 }],
    }
    const working = rightsOf({ ...directory, users: [user()], services: [service()] })
    expect(working.ofKey(owned)).toBeDefined()
    expect(rightsOf(state === 'gone' ? {} : directory).ofKey(owned)).toBeUndefined()
    // Nor is somebody of another tenant its owner.
    expect(working.ofKey({ ...owned, tenantId: 'globex' })).toBeUndefined()
  })

  test('the tenant that is always there needs no row, and a row of it counts', () => {
    expect(new Rights(EMPTY_DIRECTORY).isOpen('default')).toBe(true)
    expect(new Rights(EMPTY_DIRECTORY).hasManyTenants).toBe(false)
    const closed = new Rights({ ...EMPTY_DIRECTORY, tenants: [tenant('default', 'disabled')] })
    expect(closed.isOpen('default')).toBe(false)
    expect(closed.hasManyTenants).toBe(false)
  })
})

describe('what gives nothing', () => {
  test.each([
    ['a scope in another tenant', { scope: scopes.tenant('globex') }],
    ['a scope of the whole installation', { scope: '/' }],
    ['a tenant that only begins so', { scope: scopes.tenant('acme-2') }],
    ['a row of another tenant', { tenantId: 'globex' }],
    ['a role there is not', { roleId: 'nothing' }],
    ['another kind of the same id', { assignee: { kind: 'service', id: 'u1' } }],
    ['another user', { assignee: { kind: 'user', id: 'u2' } }],
  ] as const)('%s', (_name, fields) => {
    const rights = rightsOf({ assignments: [assignment(fields)] })
    expect(rights.ofUser(user())?.grants).toEqual([])
    for (const scope of AT)
      expect(may(rights.ofUser(user()), scope)).toEqual(new Set(['public.read']))
  })

  test('whatever the assignment of a tenant says, nothing of it holds outside', () => {
    const scope = fc.constantFrom(
      '/',
      ...AT,
      '/tenants/acme*',
      '/tenants/*',
      '',
      '/tenants/acme/../globex',
    )
    fc.assert(
      fc.property(scope, fc.constantFrom('owner', 'admin', 'member'), (where, roleId) => {
        const rights = rightsOf({ assignments: [assignment({ scope: where, roleId })] })
        const alice = rights.ofUser(user())
        for (const out of ['/', scopes.tenant('globex'), scopes.model('globex', 'fast')]) {
          expect(may(alice, out)).toEqual(new Set(['public.read']))
        }
      }),
      checkParameters(200),
    )
  })

  test('claimed roles and groups that are not known', () => {
    const claimed = { roles: ['root', 'Owner', '', '@/', 'owner@/x', 'keeper'], groups: ['nobody'] }
    const own = { tenantId: 'globex', name: '', description: '', notActions: [] }
    const rights = rightsOf({ roles: [{ ...own, id: 'keeper', actions: ['*'] }] })
    expect(rights.ofUser(user(), claimed)?.grants).toEqual([])
    expect(rights.ofUser(user({ claimed }))?.grants).toEqual([])
    expect(rights.ofUser(user({ tenantId: 'globex', claimed }))?.grants).toHaveLength(1)
  })

  test('a role of the whole installation is no tenant’s to define', () => {
    const claimed = { roles: ['ops@/'], groups: [] }
    const ops = { id: 'ops', name: '', description: '', actions: ['*'], notActions: [] }
    const mine = rightsOf({ roles: [{ ...ops, tenantId: 'acme' }] })
    expect(mine.ofUser(user(), claimed)?.grants).toEqual([])
    const theirs = rightsOf({ roles: [{ ...ops, tenantId: PLATFORM_TENANT_ID }] })
    expect(can(theirs.ofUser(user(), claimed), 'tenant.delete', '/')).toBe(true)
    expect(can(mine.ofUser(user(), { roles: ['owner@/'], groups: [] }), 'tenant.delete', '/')).toBe(
      true,
    )
  })
})

describe('groups', () => {
  const group = { tenantId: 'acme', name: 'G', createdMs: 0 }
  const given = assignment({ assignee: { kind: 'group', id: 'admins' } })
  const claims = (name: string) => ({ roles: [], groups: [name] })
  const isAdmin = (rights: Rights, who: User, name?: string) =>
    can(rights.ofUser(who, name === undefined ? undefined : claims(name)), 'key.write')

  test('a group of the store is not joined by a token that names its id', () => {
    const listed = rightsOf({ groups: [{ ...group, id: 'admins' }], assignments: [given] })
    expect(isAdmin(listed, user(), 'admins')).toBe(false)
    const mapped = rightsOf({
      groups: [{ ...group, id: 'admins', external: 'Eng' }],
      assignments: [given],
    })
    expect(isAdmin(mapped, user(), 'admins')).toBe(false)
    expect(isAdmin(mapped, user(), 'Eng')).toBe(true)
    expect(isAdmin(mapped, user({ tenantId: 'globex' }), 'Eng')).toBe(false)
    // An issuer's group that the store does not know can be given rights by its own name.
    expect(isAdmin(rightsOf({ assignments: [given] }), user(), 'admins')).toBe(true)
    const same = { ...group, id: 'admins', external: 'admins' }
    expect(isAdmin(rightsOf({ groups: [same], assignments: [given] }), user(), 'admins')).toBe(true)
  })

  test('who is listed in it is in it, in their own tenant', () => {
    const memberships = [{ tenantId: 'acme', kind: 'group', id: 'admins', userId: 'u1' } as const]
    const rights = rightsOf({
      groups: [{ ...group, id: 'admins' }],
      assignments: [given],
      memberships,
    })
    expect(isAdmin(rights, user())).toBe(true)
    expect(isAdmin(rights, user({ id: 'u2' }))).toBe(false)
    expect(isAdmin(rights, user({ tenantId: 'globex' }))).toBe(false)
  })

  test('over the whole installation a group is that of one tenant, not every group of its name', () => {
    const assignments = ['admins', 'acme/admins'].map((id) =>
      assignment({
        tenantId: PLATFORM_TENANT_ID,
        scope: '/',
        roleId: 'owner',
        assignee: { kind: 'group', id },
      }),
    )
    const rights = rightsOf({ assignments })
    expect(can(rights.ofUser(user(), claims('admins')), 'tenant.write', '/')).toBe(true)
    const other = rights.ofUser(user({ tenantId: 'globex' }), claims('admins'))
    expect(other?.grants).toEqual([])
    expect(rights.ofUser(user({ tenantId: 'globex' }), claims('acme/admins'))?.grants).toEqual([])
  })

  test('everyone of a tenant, or of every tenant', () => {
    const everyone = (tenantId: string, id: string) =>
      assignment({
        tenantId,
        roleId: 'viewer',
        scope: tenantId === PLATFORM_TENANT_ID ? '/' : scopes.tenant(tenantId),
        assignee: { kind: 'everyone', id },
      })
    const counts = (given_: RoleAssignment) => {
      const rights = rightsOf({ assignments: [given_] })
      return ['acme', 'globex'].map((tenantId) => rights.ofUser(user({ tenantId }))?.grants.length)
    }
    expect(counts(everyone('acme', '*'))).toEqual([1, 0])
    expect(counts(everyone(PLATFORM_TENANT_ID, 'acme/*'))).toEqual([1, 0])
    expect(counts(everyone(PLATFORM_TENANT_ID, '*'))).toEqual([1, 1])
  })
})

describe('denial', () => {
  test('in a group, a team or of everyone it beats what the user is allowed, in whatever order', () => {
    const memberships = [
      { tenantId: 'acme', kind: 'group', id: 'leavers', userId: 'u1' },
      { tenantId: 'acme', kind: 'team', id: 'research', userId: 'u1' },
    ] as const
    const allowed = assignment({ roleId: 'owner' })
    const kinds = [
      { kind: 'group', id: 'leavers' },
      { kind: 'team', id: 'research' },
      { kind: 'everyone', id: '*' },
    ] as const
    for (const assignee of kinds) {
      const denied = assignment({ id: 'a2', assignee, effect: 'deny', roleId: 'member' })
      for (const assignments of [
        [allowed, denied],
        [denied, allowed],
      ]) {
        const alice = rightsOf({ assignments, memberships }).ofUser(user())
        const verdict = decide(alice, 'model.invoke')
        expect(verdict.allowed).toBe(false)
        expect(verdict.grant?.effect).toBe('deny')
        expect(can(alice, 'tenant.write')).toBe(true)
      }
    }
  })

  test('of the whole tenant it leaves nothing anywhere, of less what lies beside', () => {
    const denied = (scope: string) =>
      rightsOf({
        assignments: [
          assignment({ roleId: 'member', scope: scopes.model('acme', 'a*') }),
          assignment({ id: 'a2', roleId: 'member', effect: 'deny', scope }),
        ],
      }).ofUser(user())
    expect(canSomewhere(denied(scopes.tenant('acme')), 'model.invoke')).toBe(false)
    expect(canSomewhere(denied(scopes.model('acme', 'a*')), 'model.invoke')).toBe(false)
    expect(canSomewhere(denied(scopes.model('acme', 'abc')), 'model.invoke')).toBe(true)
    expect(canSomewhere(denied(scopes.tenant('globex')), 'model.invoke')).toBe(true)
  })

  test('at one model it takes away that model alone', () => {
    const scope = scopes.model('acme', 'secret*')
    const assignments = [assignment(), assignment({ id: 'a2', scope, effect: 'deny' })]
    const alice = rightsOf({ assignments }).ofUser(user())
    expect(can(alice, 'model.invoke', scopes.model('acme', 'secret-1'))).toBe(false)
    expect(can(alice, 'model.invoke', scopes.model('acme', 'fast'))).toBe(true)
  })
})

describe('keys', () => {
  const assignee = fc.constantFrom<RoleAssignment['assignee']>(
    { kind: 'user', id: 'u1' },
    { kind: 'key', id: 'k1' },
    { kind: 'group', id: 'eng' },
    { kind: 'team', id: 'research' },
    { kind: 'everyone', id: '*' },
    { kind: 'service', id: 'robot' },
  )
  const arbitrary = fc.record({
    tenantId: fc.constantFrom('acme', PLATFORM_TENANT_ID),
    roleId: fc.constantFrom('owner', 'admin', 'operator', 'member', 'viewer'),
    assignee,
    scope: fc.constantFrom(...AT),
    effect: fc.constantFrom('allow' as const, 'deny' as const),
  })

  test('a key of a user never has more than the user, whatever is assigned to whom', () => {
    let fewer = 0
    fc.assert(
      fc.property(
        fc.array(arbitrary, { maxLength: 6 }),
        fc.option(fc.subarray(['key.*', 'model.invoke', '*'])),
        fc.option(fc.subarray(['owner', 'member'])),
        (given, actions, roles) => {
          const assignments = given.map((each, at) => assignment({ ...each, id: `a${at}` }))
          const memberships = [
            { tenantId: 'acme', kind: 'group', id: 'eng', userId: 'u1' },
            { tenantId: 'acme', kind: 'team', id: 'research', userId: 'u1' },
          ] as const
          const rights = rightsOf({ assignments, memberships, users: [user()] })
          const owner = { kind: 'user', id: 'u1' } as const
          const narrowed = key({
            owner,
            ...(actions === null ? {} : { actions }),
            ...(roles === null ? {} : { roles }),
          })
          for (const scope of AT) {
            const [ofKey, ofUser] = [
              may(rights.ofKey(narrowed), scope),
              may(rights.ofUser(user()), scope),
            ]
            expect([...ofKey].filter((action) => !ofUser.has(action))).toEqual([])
            if (ofKey.size < ofUser.size) fewer += 1
          }
        },
      ),
      checkParameters(300),
    )
    expect(fewer).toBeGreaterThan(20)
  })

  test('it has what the owner’s last login brought, and is told apart from others in its tenant', () => {
    const claimed = { roles: ['admin'], groups: ['eng'] }
    const rights = rightsOf({ users: [user({ claimed })] })
    const owned = rights.ofKey(key({ owner: { kind: 'user', id: 'u1' } }))
    expect(owned).toMatchObject({ kind: 'key', userId: 'u1', keyId: 'k1', groups: ['eng'] })
    expect(can(owned, 'key.write')).toBe(true)
  })

  test('without an owner it is a member of its tenant, or what its roles say, and no more', () => {
    const rights = rightsOf({})
    for (const roles of [undefined, []]) {
      const plain = rights.ofKey(key(roles === undefined ? {} : { roles }))
      expect(can(plain, 'model.invoke')).toBe(true)
      expect(can(plain, 'key.read')).toBe(false)
    }
    const owner = rights.ofKey(key({ roles: ['owner', 'nothing'] }))
    expect(owner?.grants).toHaveLength(1)
    expect(can(owner, 'tenant.write', scopes.tenant('globex'))).toBe(false)
    expect(can(owner, 'tenant.write', '/')).toBe(false)
  })

  test('of a service or a team it has theirs beside those of a member', () => {
    const directory = {
      services: [service()],
      teams: [{ tenantId: 'acme', id: 'research', name: 'R', createdMs: 0 }],
      assignments: [
        assignment({ assignee: { kind: 'service', id: 'robot' } }),
        assignment({ id: 'a2', assignee: { kind: 'team', id: 'research' }, roleId: 'viewer' }),
        assignment({ id: 'a3', assignee: { kind: 'key', id: 'k1' }, roleId: 'auditor' }),
      ],
    }
    const rights = rightsOf(directory)
    const ofService = rights.ofKey(key({ owner: { kind: 'service', id: 'robot' } }))
    expect(ofService).toMatchObject({ serviceId: 'robot' })
    const ids = (principal: Principal | undefined) => principal?.grants.map(({ role }) => role.id)
    expect(ids(ofService)?.toSorted()).toEqual(['admin', 'auditor', 'member'])
    const ofTeam = rights.ofKey(key({ owner: { kind: 'team', id: 'research' } }))
    expect(ofTeam).toMatchObject({ teamId: 'research' })
    expect(ids(ofTeam)?.toSorted()).toEqual(['auditor', 'member', 'viewer'])
  })
})
