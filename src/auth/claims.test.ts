// Claims in the words of Keycloak, Entra ID and others, and claims in nobody's words: whatever a payload holds, it is read or refused, and
// nothing but what is configured gives a right.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { JsonObject } from '../core/json.ts'
import { issuerSettings } from '../testing/bearer.ts'
import { checkParameters } from '../testing/seed.ts'
import { claimAt } from './claim-paths.ts'
import { claimsOf, settledTenant, withGroups } from './claims.ts'

// Thousands of payloads of any depth.
setDefaultTimeout(60_000)

const settings = (over: Partial<IssuerSettings> = {}) =>
  issuerSettings({ issuer: 'https://idp.test', ...over })

describe('paths', () => {
  const payload = JSON.parse(
    '{"a":{"b":[1],"b.c":2,"":3},"a.b":4,"__proto__":{"x":5},"d\\\\e":6,"list":[{"a":7}]}',
  ) as JsonObject

  test.each([
    ['a.b', [1]],
    ['a.b\\.c', 2],
    ['a\\.b', 4],
    ['a.', 3],
    ['__proto__.x', 5],
    ['d\\\\e', 6],
    ['d\\e', 6],
    ['a.b.0', undefined],
    ['list.0', undefined],
    ['list.length', undefined],
    ['constructor.name', undefined],
    ['toString', undefined],
    ['a.hasOwnProperty', undefined],
    ['a.__proto__', undefined],
    ['nothing', undefined],
    ['', undefined],
  ])('%s', (path, value) => {
    expect(claimAt(payload, path)).toEqual(value as never)
  })
})

describe('Keycloak', () => {
  const keycloak = settings({
    kind: 'keycloak',
    clientId: 'llm.proxy',
    rolesClaims: ['realm_access.roles', 'resource_access.llm\\.proxy.roles'],
    roles: { 'llm-admin': 'admin', operator: 'operator' },
    groupRoles: { 'team-a': 'viewer', admins: 'owner' },
  })
  const person = {
    sub: '6f2c',
    typ: 'Bearer',
    azp: 'llm.proxy',
    sid: 'session-1',
    realm_access: { roles: ['llm-admin', 'default-roles-acme'] },
    resource_access: { 'llm.proxy': { roles: ['operator'] }, account: { roles: ['admin'] } },
    groups: ['/team-a', '/guests/admins'],
    preferred_username: 'alice',
    name: 'Alice A',
    email: 'alice@example.test',
  }

  test('a person', () => {
    expect(claimsOf(person, keycloak)).toEqual({
      issuerId: 'idp',
      subject: '6f2c',
      isService: false,
      clientId: 'llm.proxy',
      name: 'Alice A',
      email: 'alice@example.test',
      tenantId: 'default',
      isTenantStated: false,
      sessionId: 'session-1',
      claimed: {
        roles: ['admin', 'operator', 'viewer'],
        // A group within another never passes for one at the top.
        groups: ['/team-a', 'team-a', '/guests/admins', 'guests/admins'],
      },
    })
  })

  test('groups by their bare names', () => {
    const { claimed } = claimsOf({ ...person, groups: ['team-a'] }, keycloak)
    expect(claimed).toEqual({ roles: ['admin', 'operator', 'viewer'], groups: ['team-a'] })
  })

  test('a service account', () => {
    const account = {
      sub: 'e1',
      typ: 'Bearer',
      azp: 'CI-bot',
      client_id: 'CI-bot',
      clientHost: '127.0.0.1',
      preferred_username: 'service-account-ci-bot',
      realm_access: { roles: ['llm-admin'] },
    }
    expect(claimsOf(account, keycloak)).toMatchObject({
      isService: true,
      subject: 'CI-bot',
      clientId: 'CI-bot',
      claimed: { roles: ['admin'], groups: [] },
    })
    const { client_id: id, ...rest } = account
    const older = { ...rest, clientId: id }
    expect(claimsOf(older, keycloak)).toMatchObject({ isService: true, subject: 'CI-bot' })
    // As realms without the scope `service_account` say it.
    const token = { ...rest, jti: 'trrtcc:7a81329b-af96-99df-7908-25f7018c544e' }
    expect(claimsOf(token, keycloak)).toMatchObject({ isService: true, subject: 'CI-bot' })
    expect(claimsOf(rest, keycloak)).toMatchObject({ isService: true, subject: 'CI-bot' })
    // Whoever is in a session of a browser is a person, whatever the name.
    const online = { ...rest, sid: 's', jti: 'onrtac:7a81329b-af96-99df-7908-25f7018c544e' }
    expect(claimsOf(online, keycloak)).toMatchObject({ isService: false, subject: 'e1' })
    const stranger = { ...account, preferred_username: 'mallory' }
    expect(claimsOf(stranger, keycloak)).toMatchObject({ isService: false, subject: 'e1' })
    const ofAnother = { ...account, azp: 'web' }
    expect(claimsOf(ofAnother, keycloak)).toMatchObject({ isService: false, subject: 'e1' })
  })
})

describe('Entra ID', () => {
  const tid = '72f988bf-86f1-41af-91ab-2d7cd011db47'
  const oid = '0e2c7a3b-1111-4222-8333-444455556666'
  const entra = settings({
    kind: 'entra',
    roles: { 'Weir.Admin': 'admin' },
    groupRoles: { 'aaaaaaaa-0000-4000-8000-000000000001': 'operator' },
  })
  const person = {
    tid,
    oid,
    sub: 'pairwise',
    azp: 'client-guid',
    scp: 'access_as_user',
    roles: ['Weir.Admin'],
    groups: ['aaaaaaaa-0000-4000-8000-000000000001'],
    preferred_username: 'alice@contoso.test',
    name: 'Alice',
    ver: '2.0',
  }

  test('a person is who they are in their directory', () => {
    expect(claimsOf(person, entra)).toMatchObject({
      subject: `${tid}:${oid}`,
      isService: false,
      claimed: { roles: ['admin', 'operator'], groups: [...person.groups] },
    })
    const elsewhere = { ...person, sub: 'another', email: 'x@y.test', preferred_username: 'new' }
    expect(claimsOf(elsewhere, entra).subject).toBe(`${tid}:${oid}`)
    expect(claimsOf({ ...person, tid: tid.toUpperCase() }, entra).subject).toBe(`${tid}:${oid}`)
  })

  test('nobody without a directory and an object', () => {
    for (const payload of [
      { ...person, tid: undefined },
      { ...person, oid: undefined },
      { ...person, sub: undefined },
      { ...person, tid: 'contoso.test' },
      { ...person, oid: `${oid}:x` },
      { ...person, tid: [tid] },
      { email: 'alice@contoso.test', sub: 'x' },
    ]) {
      expect(() => claimsOf(payload as JsonObject, entra)).toThrow(GatewayError)
    }
  })

  test('an application by itself', () => {
    const application = { tid, oid, sub: oid, azp: 'client-guid', roles: ['Weir.Admin'] }
    const expected = { isService: true, subject: 'client-guid', claimed: { roles: ['admin'] } }
    expect(claimsOf(application, entra)).toMatchObject(expected)
    expect(claimsOf({ ...application, sub: 'x', idtyp: 'app' }, entra)).toMatchObject(expected)
    const { azp: _azp, ...rest } = application
    expect(claimsOf({ ...rest, appid: 'client-guid' }, entra)).toMatchObject(expected)
    expect(() => claimsOf(rest, entra)).toThrow(GatewayError)
    expect(claimsOf({ ...application, idtyp: 'user' }, entra).isService).toBe(false)
    expect(claimsOf({ ...person, sub: oid }, entra).isService).toBe(false)
  })

  test('groups that did not fit are said to be missing, and completed', () => {
    const { groups: _groups, ...rest } = person
    const named = {
      ...rest,
      _claim_names: { groups: 'src1' },
      _claim_sources: { src1: { endpoint: 'https://evil.test/steal' } },
    }
    const claims = claimsOf(named, entra)
    expect(claims.overage).toEqual({ kind: 'user', directoryId: tid, objectId: oid })
    expect(claimsOf({ ...rest, hasgroups: true }, entra).overage).toBeDefined()
    expect(claimsOf({ ...rest, hasgroups: false }, entra).overage).toBeUndefined()
    expect(claimsOf({ ...rest, _claim_names: { other: 'src1' } }, entra).overage).toBeUndefined()
    expect(claimsOf({ ...rest, _claim_names: 'groups' }, entra).overage).toBeUndefined()
    const whole = withGroups(claims, entra, ['aaaaaaaa-0000-4000-8000-000000000001', 'b'])
    expect(whole.overage).toBeUndefined()
    expect(whole.claimed).toEqual({
      roles: ['admin', 'operator'],
      groups: ['aaaaaaaa-0000-4000-8000-000000000001', 'b'],
    })
  })
})

describe('others', () => {
  test('a client whose token is for itself is a program', () => {
    for (const [payload, isService] of [
      [{ sub: 'ci', client_id: 'ci' }, true],
      [{ sub: 'ci@clients', azp: 'ci', gty: 'client-credentials' }, true],
      [{ sub: 'ci@clients', azp: 'ci' }, false],
      [{ sub: 'alice', client_id: 'ci' }, false],
      [{ sub: 'alice', client_id: 'ci', gty: 'client-credentials' }, false],
      [{ sub: 'ci' }, false],
    ] as const) {
      expect(claimsOf(payload, settings()).isService).toBe(isService)
    }
  })

  test('roles in one text, scopes in one text, and in several places', () => {
    const roles = { engineer: 'member', boss: 'admin' }
    const read = (payload: JsonObject, rolesClaims: readonly string[]) =>
      claimsOf({ sub: 'a', ...payload }, settings({ roles, rolesClaims })).claimed.roles
    expect(read({ role: 'boss' }, ['role'])).toEqual(['admin'])
    expect(read({ role: 'boss engineer' }, ['role'])).toEqual([])
    expect(read({ scope: 'openid boss' }, ['scope'])).toEqual(['admin'])
    expect(read({ a: ['boss'], b: { c: ['engineer', 'boss'] } }, ['a', 'b.c', 'd'])).toEqual([
      'admin',
      'member',
    ])
    expect(read({ 'https://x.test/roles': ['boss'] }, ['https://x\\.test/roles'])).toEqual([
      'admin',
    ])
  })

  test('what people are called is tidied, and an identifier never', () => {
    const claims = claimsOf(
      { sub: 'a', name: ` A\u0000\nB${'x'.repeat(500)} `, email: '' },
      settings(),
    )
    expect(claims.name?.startsWith('A B')).toBe(true)
    expect(claims.name!.length).toBeLessThanOrEqual(LIMITS.claimCharsMax)
    expect('email' in claims).toBe(false)
    expect('sessionId' in claimsOf({ sub: 'a', sid: 's\n' }, settings())).toBe(false)
  })
})

describe('tenants', () => {
  const rights = { isOpen: (id: string) => id === 'acme' || id === 'default' }

  test('what is configured beats what a token says', () => {
    const fixed = settings({ tenantId: 'acme', tenantClaim: 'tenant' })
    const claims = claimsOf({ sub: 'a', tenant: 'globex' }, fixed)
    expect(claims).toMatchObject({ tenantId: 'acme', isTenantStated: true })
  })

  test('a known user stays where they are unless it is said otherwise', () => {
    const unsaid = claimsOf({ sub: 'a' }, settings())
    expect(settledTenant(unsaid, { tenantId: 'acme' }, rights)).toBe('acme')
    expect(settledTenant(unsaid, undefined, rights)).toBe('default')
    const said = claimsOf({ sub: 'a', tenant: 'acme' }, settings({ tenantClaim: 'tenant' }))
    expect(settledTenant(said, { tenantId: 'acme' }, rights)).toBe('acme')
    for (const [claims, known] of [
      [said, { tenantId: 'default' }],
      [{ ...said, tenantId: 'globex' }, undefined],
    ] as const) {
      expect(() => settledTenant(claims, known, rights)).toThrow(
        expect.objectContaining({ kind: 'permission' }),
      )
    }
  })
})

test('whatever a payload holds, it is read or refused, and no right comes of it', () => {
  const words = fc.constantFrom(
    'sub',
    'tid',
    'oid',
    'azp',
    'groups',
    'roles',
    'realm_access',
    '__proto__',
    'constructor',
    '_claim_names',
    'sid',
    'name',
    'email',
    'tenant',
    'idtyp',
    'scp',
    'client_id',
    'hasgroups',
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, 0, -1, 'admin', 'owner@/', ''),
      fc.string({ unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(words, tie('value'), { maxKeys: 4 }),
    ),
  }))
  const kinds = fc.constantFrom('generic', 'keycloak', 'entra')
  fc.assert(
    fc.property(fc.dictionary(words, value, { maxKeys: 8 }), kinds, (payload, kind) => {
      const text = JSON.stringify(payload)
      const parsed = JSON.parse(text) as JsonObject
      const issuer = settings({
        kind,
        tenantClaim: 'tenant',
        rolesClaims: ['roles', 'realm_access.roles', '__proto__.roles'],
      })
      try {
        const claims = claimsOf(parsed, issuer)
        expect(claims.claimed.roles).toEqual([])
        expect(claims.claimed.groups.every((group) => typeof group === 'string')).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
      }
      expect(({} as Record<string, unknown>)['roles']).toBeUndefined()
      expect(JSON.stringify(parsed)).toBe(text)
    }),
    checkParameters(2_000),
  )
})
