// Nobody makes a key that may do more than they may themselves, by whatever way.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import type { ApiKey } from '../catalog.ts'
import { EMPTY_DIRECTORY, type Directory } from '../identity.ts'
import { ACTIONS, can, scopes, type Action } from '../permission.ts'
import type { Grant, Principal } from '../principal.ts'
import { Rights } from '../rights.ts'
import { BUILT_IN_ROLES, impliedGrant } from '../roles.ts'
import { hasAtLeast, isOwnKey, keyBeyond, mayManageKey } from './key-rights.ts'

const T = 'default'
const user = (roleId: string, fields: Partial<Principal> = {}): Principal => ({
  kind: 'user',
  tenantId: T,
  userId: 'u1',
  grants: [impliedGrant(roleId, scopes.tenant(T), 'a test')],
  ...fields,
})

const key = (fields: Partial<ApiKey> = {}): ApiKey => ({
  id: 'k',
  origin: 'store',
  tenantId: T,
  name: 'k',
  hash: 'h',
  prefix: 'weir_',
  lastFour: 'abcd',
  createdMs: 0,
  ...fields,
})

const directory: Directory = {
  ...EMPTY_DIRECTORY,
  users: [
    {
      tenantId: T,
      id: 'boss',
      issuer: 'i',
      subject: 's',
      status: 'active',
      createdMs: 0,
      claimed: { roles: ['owner'], groups: [] },
    },
    {
      tenantId: T,
      id: 'u1',
      issuer: 'i',
      subject: 't',
      status: 'active',
      createdMs: 0,
      claimed: { roles: ['member'], groups: [] },
    },
    { tenantId: T, id: 'gone', issuer: 'i', subject: 'u', status: 'disabled', createdMs: 0 },
  ],
  services: [{ tenantId: T, id: 'bot', name: 'Bot', status: 'active', createdMs: 0 }],
  assignments: [
    {
      id: 'a',
      tenantId: T,
      roleId: 'operator',
      assignee: { kind: 'service', id: 'bot' },
      scope: scopes.tenant(T),
      effect: 'allow',
      createdMs: 0,
      origin: 'store',
    },
  ],
}
const rights = new Rights(directory)
const beyond = (caller: Principal, wanted: Partial<ApiKey>, callerKey?: ApiKey) =>
  keyBeyond(caller, callerKey, rights.ofKey(key(wanted)))

describe('a key beyond its maker', () => {
  const refused: readonly (readonly [string, Principal, Partial<ApiKey>, ApiKey?])[] = [
    ['an admin makes an owner', user('admin'), { roles: ['owner'] }],
    ['a member makes an admin', user('member'), { roles: ['admin'] }],
    ['an operator makes an auditor', user('operator'), { roles: ['auditor'] }],
    ['a key of an owner, by an admin', user('admin'), { owner: { kind: 'user', id: 'boss' } }],
    [
      'a key of a service with more rights',
      user('member'),
      { owner: { kind: 'service', id: 'bot' } },
    ],
    ['a key of somebody who is disabled', user('owner'), { owner: { kind: 'user', id: 'gone' } }],
    ['a key of nobody there is', user('owner'), { owner: { kind: 'user', id: 'nobody' } }],
    ['a key of another tenant', user('owner'), { tenantId: 'other' }],
    ['every model, by a key of one', user('admin', { models: ['fast'] }), {}],
    [
      'another model, by a key of one',
      user('admin', { models: ['fast'] }),
      { models: ['fast', 'slow'] },
    ],
    ['a wider pattern', user('admin', { models: ['fast-*'] }), { models: ['fast*'] }],
    ['every action, by a key of some', user('admin', { actions: ['key.*', 'model.*'] }), {}],
    ['other actions', user('admin', { actions: ['key.*'] }), { actions: ['model.invoke'] }],
    [
      'a model that is denied',
      user('admin', {
        grants: [
          impliedGrant('admin', scopes.tenant(T), 'a test'),
          { ...impliedGrant('member', scopes.model(T, 'secret'), 'a test'), effect: 'deny' },
        ],
      }),
      {},
    ],
    ['freedom from limits', user('admin'), {}, key({ own: { limits: { requestsPerMinute: 1 } } })],
    ['freedom from an address', user('admin'), {}, key({ allowedFrom: ['10.0.0.0/8'] })],
  ]
  test.each(refused)('%s: refused', (_name, ...[caller, wanted, callerKey]) => {
    expect(beyond(caller, wanted, callerKey)).toBeString()
  })

  const allowed: readonly (readonly [string, Principal, Partial<ApiKey>])[] = [
    ['an owner makes an owner', user('owner'), { roles: ['owner'] }],
    ['an admin makes an operator', user('admin'), { roles: ['operator', 'auditor'] }],
    ['a member makes their own', user('member'), { owner: { kind: 'user', id: 'u1' } }],
    ['narrower models', user('admin', { models: ['fast*'] }), { models: ['fast', 'fast-*'] }],
    [
      'narrower actions',
      user('admin', { actions: ['model.*', 'key.*'] }),
      { actions: ['model.invoke'] },
    ],
    [
      'an owner of one makes a narrowed key for a stronger user',
      user('owner'),
      { owner: { kind: 'user', id: 'boss' } },
    ],
  ]
  test.each(allowed)('%s: made', (_name, caller, wanted) => {
    expect(beyond(caller, wanted)).toBeUndefined()
  })
})

test('nobody whose key ends makes one that goes on longer, and somebody without a key does', () => {
  const member = rights.ofKey(key())
  const admin = user('admin')
  const ends = key({ expiresMs: 50 })
  expect(keyBeyond(admin, ends, member)).toBeString()
  expect(keyBeyond(admin, ends, member, 51)).toBeString()
  expect(keyBeyond(admin, ends, member, 50)).toBeUndefined()
  expect(keyBeyond(admin, key(), member)).toBeUndefined()
  expect(keyBeyond(admin, undefined, member)).toBeUndefined()
})

test('who may have a key made can do whatever that key can', () => {
  const scope = fc.constantFrom(
    '/',
    '/tenants/default',
    '/tenants/other',
    '/tenants/default/models/fast',
    '/tenants/default/models/f*',
    '/tenants/default/providers/p',
  )
  const grant = fc.record({
    scope,
    effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
    role: fc.constantFrom(...BUILT_IN_ROLES),
    because: fc.constant('x'),
  })
  const principal = fc.record({
    kind: fc.constant('user' as const),
    tenantId: fc.constant(T),
    grants: fc.array(grant, { maxLength: 4 }) as fc.Arbitrary<Grant[]>,
  })
  const where = fc.constantFrom(
    '/',
    '/tenants/default',
    '/tenants/other',
    '/tenants/default/models/fast',
    '/tenants/default/models/slow',
    '/tenants/default/providers/p',
  )
  let held = 0
  fc.assert(
    fc.property(principal, principal, where, (one, other, at) => {
      if (!hasAtLeast(one, other)) return
      // All of them: of an action drawn by lot too few pairs say anything.
      for (const action of Object.keys(ACTIONS) as Action[]) {
        if (!can(other, action, at)) continue
        held += 1
        expect(can(one, action, at)).toBe(true)
      }
    }),
    checkParameters(3_000),
  )
  expect(held).toBeGreaterThan(20)
})

test('one’s own keys are those one owns in one’s own tenant', () => {
  const member = user('member')
  const own = { tenantId: T, owner: { kind: 'user', id: 'u1' } } as const
  expect(isOwnKey(member, own)).toBe(true)
  expect(isOwnKey(member, { ...own, tenantId: 'other' })).toBe(false)
  expect(isOwnKey(member, { ...own, owner: { kind: 'team', id: 'u1' } })).toBe(false)
  expect(isOwnKey(member, { tenantId: T })).toBe(false)
  expect(mayManageKey(member, 'key.delete', own)).toBe(true)
  expect(mayManageKey(member, 'key.read', { tenantId: T })).toBe(false)
  expect(mayManageKey(user('viewer'), 'key.write', own)).toBe(false)
  expect(mayManageKey(user('admin'), 'key.write', { tenantId: T })).toBe(true)
  expect(mayManageKey(user('admin'), 'key.write', { tenantId: 'other' })).toBe(false)
})

describe('what is denied to the one', () => {
  const dear = scopes.model(T, 'dear')
  const denying = (...actions: Action[]): Grant => ({
    scope: dear,
    effect: 'deny',
    role: { id: 'frozen', actions, notActions: [] },
    because: 'a test',
  })
  const with_ = (roleId: string, ...more: Grant[]): Principal => {
    const { grants, ...rest } = user(roleId)
    return { ...rest, grants: [...grants, ...more] }
  }
  const admin = with_('admin', denying('model.invoke'))

  test('must be denied to the other: by that role, and by none that is called the same', () => {
    expect(hasAtLeast(admin, with_('member', denying('model.invoke')))).toBe(true)
    expect(hasAtLeast(admin, with_('member'))).toBe(false)
    expect(hasAtLeast(admin, with_('member', denying('usage.read')))).toBe(false)
  })

  test('is no matter for whoever could not do it anyway', () => {
    expect(hasAtLeast(admin, { ...user('member'), grants: [] })).toBe(true)
    expect(hasAtLeast(admin, with_('auditor'))).toBe(true)
    expect(hasAtLeast(admin, with_('operator'))).toBe(false)
  })
})
