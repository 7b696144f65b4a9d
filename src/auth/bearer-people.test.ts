// From a good token to a principal: who is known and who is not, who is turned off, whose tenant it is, whose tokens were called back.
// What must fail closed comes first.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import type { Service, Tenant, User } from '../core/identity.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { can, scopes } from '../core/permission.ts'
import { bearerRig, goodPayload, issuerSettings } from '../testing/bearer.ts'
import { issuerKey, TokenIssuer } from '../testing/token-issuer.ts'
import { sha256Hex } from './authenticate.ts'

let issuer: TokenIssuer

beforeAll(async () => {
  issuer = new TokenIssuer({ keys: [await issuerKey(1)] })
})

afterAll(() => issuer[Symbol.asyncDispose]())

let issuedAtMs = () => Date.now()

function rig(over: Partial<IssuerSettings> = {}) {
  const made = bearerRig([issuerSettings({ issuer: issuer.issuer, ...over })])
  issuedAtMs = () => made.clock.nowMs()
  return made
}

/** Signed by the clock of the last rig: were it the real one, a second that ends meanwhile would make a token of before one of afterwards. */
const token = (over: Record<string, unknown> = {}) =>
  issuer.sign(goodPayload(issuer.issuer, issuedAtMs(), over))

/** A program by itself: the subject is the client. */
const ofService = (over: Record<string, unknown> = {}) =>
  token({ sub: 'ci-bot', client_id: 'ci-bot', ...over })

const tenant = (id: string, status: Tenant['status'] = 'active'): Tenant => ({
  id,
  name: id,
  status,
  createdMs: 1,
})

const alice = (over: Partial<User> = {}): User => ({
  tenantId: 'default',
  id: 'u-alice',
  issuer: 'idp',
  subject: 'alice',
  status: 'active',
  createdMs: 1,
  ...over,
})

const bot = (over: Partial<Service> = {}): Service => ({
  tenantId: 'default',
  id: 'bot',
  name: 'Bot',
  issuer: 'idp',
  clientId: 'ci-bot',
  status: 'active',
  createdMs: 1,
  ...over,
})

describe('nobody is let in', () => {
  test('who is turned off, at once and with a token that was good before', async () => {
    const asked = rig()
    asked.change({ users: [alice()] })
    const one = await token()
    expect(await asked.ask(one)).toMatchObject({ userId: 'u-alice' })
    asked.change({ users: [alice({ status: 'disabled' })] })
    expect(() => asked.bearer.principal(one, sha256Hex(one))).toThrow()
    expect(await asked.refusal(one)).toMatchObject({ kind: 'authentication', status: 401 })
    expect(asked.written).toEqual([])
    asked.change({ users: [alice()] })
    await asked.ask(one)
  })

  test('a service that is turned off', async () => {
    const asked = rig()
    asked.change({ services: [bot({ status: 'disabled' })] })
    expect(await asked.refusal(await ofService())).toMatchObject({ status: 401 })
    expect(asked.written).toEqual([])
  })

  test('whose tenant is turned off', async () => {
    const asked = rig({ tenantId: 'acme' })
    asked.change({ tenants: [tenant('acme')], users: [alice({ tenantId: 'acme' })] })
    const one = await token()
    await asked.ask(one)
    asked.change({ tenants: [tenant('acme', 'disabled')] })
    expect(await asked.refusal(one)).toMatchObject({ status: 401 })
  })

  test('who is new, where users are made by an administrator', async () => {
    const asked = rig({ createUsers: false })
    expect(await asked.refusal(await token())).toMatchObject({ kind: 'authentication' })
    expect(await asked.refusal(await ofService())).toMatchObject({ kind: 'authentication' })
    expect(asked.written).toEqual([])
    asked.change({ users: [alice()], services: [bot()] })
    await asked.ask(await token())
    await asked.ask(await ofService())
  })

  test('with a tenant that is not there, is turned off, or is no name of one', async () => {
    const asked = rig({ tenantClaim: 'org.tenant' })
    asked.change({ tenants: [tenant('acme'), tenant('closed', 'disabled')] })
    for (const value of [
      undefined,
      null,
      '',
      'nobody',
      'closed',
      '_platform',
      'ACME',
      '../acme',
      'acme/teams/a',
      ['acme', 'default'],
      { acme: true },
      42,
    ]) {
      const error = await asked.refusal(await token({ org: { tenant: value } }))
      expect(error).toMatchObject({ kind: 'permission', status: 403 })
    }
    expect(asked.written).toEqual([])
    expect(await asked.ask(await token({ org: { tenant: 'acme' } }))).toMatchObject({
      tenantId: 'acme',
    })
    expect(await asked.ask(await token({ sub: 'bob', org: { tenant: ['acme'] } }))).toMatchObject({
      tenantId: 'acme',
    })
  })

  test('who is known in one tenant and says another', async () => {
    const asked = rig({ tenantClaim: 'tenant' })
    asked.change({
      tenants: [tenant('acme'), tenant('globex')],
      users: [alice({ tenantId: 'acme' })],
      services: [bot({ tenantId: 'acme' })],
    })
    for (const make of [token, ofService]) {
      expect(await asked.refusal(await make({ tenant: 'globex' }))).toMatchObject({ status: 403 })
      expect(await asked.ask(await make({ tenant: 'acme' }))).toMatchObject({ tenantId: 'acme' })
    }
  })

  test('by a mail address that somebody else has', async () => {
    const asked = rig()
    asked.change({ users: [alice({ email: 'alice@example.test' })] })
    const eve = await token({ sub: 'eve', email: 'alice@example.test', email_verified: true })
    const principal = await asked.ask(eve)
    expect(principal.userId).not.toBe('u-alice')
    expect(asked.directory().users.length).toBe(2)
  })

  test('as a person, for a client of the same name, or the other way round', async () => {
    const asked = rig()
    asked.change({ users: [alice({ subject: 'ci-bot' })], services: [bot({ clientId: 'alice' })] })
    expect(await asked.ask(await token())).toMatchObject({ kind: 'user' })
    expect((await asked.ask(await ofService())).userId).toBeUndefined()
  })
})

describe('rights', () => {
  test('come from mapped roles alone', async () => {
    const asked = rig()
    for (const [roles, allowed] of [
      [['engineer'], true],
      [['boss'], true],
      [['root'], true],
      [undefined, false],
      [[], false],
      [['admin', 'owner', 'member', 'owner@/'], false],
      [['__proto__', 'constructor', 'toString'], false],
      [{ engineer: true }, false],
      [[['engineer']], false],
      [['Engineer', ' engineer'], false],
    ] as const) {
      const principal = await asked.ask(await token({ roles }))
      expect(can(principal, 'model.invoke')).toBe(allowed)
    }
    const root = await asked.ask(await token({ roles: ['root'] }))
    expect(can(root, 'tenant.write', scopes.platform)).toBe(true)
    const boss = await asked.ask(await token({ roles: ['boss'] }))
    expect(can(boss, 'key.write', scopes.tenant('default'))).toBe(true)
    expect(can(boss, 'key.write', scopes.tenant('acme'))).toBe(false)
    expect(can(boss, 'key.write', scopes.platform)).toBe(false)
  })

  test('change with the snapshot, for a token that is remembered', async () => {
    const asked = rig()
    asked.change({ users: [alice()] })
    const one = await token({ roles: [] })
    expect(can(await asked.ask(one), 'model.invoke')).toBe(false)
    asked.change({
      assignments: [
        {
          id: 'a',
          tenantId: 'default',
          roleId: 'member',
          assignee: { kind: 'user', id: 'u-alice' },
          scope: scopes.tenant('default'),
          effect: 'allow',
          createdMs: 1,
          origin: 'store',
        },
      ],
    })
    const principal = asked.bearer.principal(one, sha256Hex(one))
    expect(principal).not.toBeInstanceOf(Promise)
    expect(can(await principal, 'model.invoke')).toBe(true)
    asked.change({ assignments: [] })
    expect(can(await asked.ask(one), 'model.invoke')).toBe(false)
  })

  test('a group of the token denies', async () => {
    const asked = rig({ kind: 'keycloak' })
    asked.change({
      groups: [
        { tenantId: 'default', id: 'banned', name: 'Banned', external: '/banned', createdMs: 1 },
      ],
      assignments: [
        {
          id: 'd',
          tenantId: 'default',
          roleId: 'member',
          assignee: { kind: 'group', id: 'banned' },
          scope: scopes.tenant('default'),
          effect: 'deny',
          createdMs: 1,
          origin: 'store',
        },
      ],
    })
    const keycloak = { typ: 'Bearer', client_id: undefined, azp: 'cli' }
    expect(can(await asked.ask(await token(keycloak)), 'model.invoke')).toBe(true)
    const banned = await asked.ask(await token({ ...keycloak, groups: ['/banned'] }))
    expect(can(banned, 'model.invoke')).toBe(false)
  })

  test('that the issuer has taken away are taken from keys of the person too, by the next token', async () => {
    const asked = rig()
    const before = { roles: ['admin'], groups: ['a', 'b'] }
    const nowMs = asked.clock.nowMs()
    const stored = () => asked.directory().users[0]!.claimed
    const groups = ['b', 'a']
    // Another order is no change, an older token no news, and a program nobody's.
    asked.change({ users: [alice({ claimed: before, lastLoginMs: nowMs })], services: [bot()] })
    await asked.ask(await token({ roles: [] }))
    asked.change({ users: [alice({ claimed: before, lastLoginMs: nowMs - 60_000 })] })
    const { version } = asked
    await asked.ask(await token({ roles: ['boss'], groups, jti: 2 }))
    await asked.ask(await ofService({ roles: [] }))
    expect(asked.version).toBe(version)
    expect(stored()).toEqual(before)
    await asked.ask(await token({ roles: ['engineer'], jti: 3 }))
    expect(stored()).toEqual({ roles: ['member'], groups: [] })
  })

  test('of everybody are not those of a program', async () => {
    const asked = rig({ defaultRole: 'member' })
    expect(can(await asked.ask(await token({ roles: [] })), 'model.invoke')).toBe(true)
    expect(can(await asked.ask(await ofService({ roles: [] })), 'model.invoke')).toBe(false)
    expect(can(await asked.ask(await ofService()), 'model.invoke')).toBe(true)
  })
})

describe('who is new', () => {
  test('is written down once, whatever the number of requests', async () => {
    const asked = rig()
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, jti) => token({ jti, name: 'Alice' })),
    )
    const principals = await Promise.all(tokens.map((one) => asked.ask(one)))
    expect(asked.written).toEqual(['user idp alice'])
    expect(new Set(principals.map(({ userId }) => userId)).size).toBe(1)
    const [user] = asked.directory().users
    expect(user).toMatchObject({
      id: principals[0]!.userId!,
      tenantId: 'default',
      issuer: 'idp',
      subject: 'alice',
      name: 'Alice',
      // Keys that she makes for herself have what the issuer says of her.
      claimed: { roles: ['member'], groups: [] },
    })
    expect(asked.bearer.principal(tokens[0]!, sha256Hex(tokens[0]!))).not.toBeInstanceOf(Promise)
  })

  test('goes on while the store is away, always as the same', async () => {
    const asked = rig()
    asked.storeFault = new Error('no store')
    const [one, two] = [await token(), await token({ jti: 2 })]
    const first = await asked.ask(one)
    expect(can(first, 'model.invoke')).toBe(true)
    expect((await asked.ask(two)).userId).toBe(first.userId!)
    // It is not tried again with every request.
    expect(asked.written.length).toBe(1)
    asked.storeFault = undefined
    asked.clock.advance(LIMITS.newcomerRetryMs)
    expect((await asked.ask(one)).userId).toBe(first.userId!)
    expect(asked.directory().users[0]?.id).toBe(first.userId!)
  })

  test('is who another replica has written down meanwhile', async () => {
    const asked = rig()
    const gate = Promise.withResolvers<void>()
    asked.storeGate = gate.promise
    const asking = asked.ask(await token())
    while (asked.written.length === 0) await Bun.sleep(1)
    asked.change({ users: [alice()] })
    gate.resolve()
    expect((await asking).userId).toBe('u-alice')
  })

  test('and is turned off where another replica knows that already', async () => {
    const asked = rig()
    const gate = Promise.withResolvers<void>()
    asked.storeGate = gate.promise
    const asking = asked.refusal(await token())
    while (asked.written.length === 0) await Bun.sleep(1)
    asked.change({ users: [alice({ status: 'disabled' })] })
    gate.resolve()
    expect(await asking).toMatchObject({ status: 401 })
  })

  test('a program becomes a service, under an id that is free', async () => {
    const asked = rig()
    asked.change({ services: [bot({ id: 'ci-bot', clientId: 'other', issuer: 'elsewhere' })] })
    const principal = await asked.ask(await ofService())
    expect(principal).toMatchObject({ kind: 'service', tenantId: 'default' })
    expect(principal.serviceId).toMatch(/^ci-bot-[0-9a-f]{8}$/)
    expect(asked.directory().services.find(({ id }) => id === principal.serviceId)).toMatchObject({
      issuer: 'idp',
      clientId: 'ci-bot',
    })
    expect((await asked.ask(await ofService({ jti: 2 }))).serviceId).toBe(principal.serviceId!)
  })
})

describe('tokens that are called back', () => {
  test('of a session are dead at once, and stay so', async () => {
    const asked = rig()
    const [mine, other] = [await token({ sid: 's1' }), await token({ sid: 's2' })]
    await Promise.all([asked.ask(mine), asked.ask(other)])
    asked.bearer.forget({ issuerId: 'idp', sessionId: 's1' })
    expect(await asked.refusal(mine)).toMatchObject({ status: 401 })
    expect(await asked.refusal(mine)).toMatchObject({ status: 401 })
    // Another token of the same session, never seen before.
    expect(await asked.refusal(await token({ sid: 's1', jti: 9 }))).toMatchObject({ status: 401 })
    await asked.ask(other)
    asked.bearer.forget({ issuerId: 'elsewhere', sessionId: 's2' })
    await asked.ask(other)
  })

  test('of a person are those that there were until then', async () => {
    const asked = rig()
    const before = await token()
    await asked.ask(before)
    asked.bearer.forget({ issuerId: 'idp', subject: 'alice' })
    expect(await asked.refusal(before)).toMatchObject({ status: 401 })
    await asked.ask(await token({ sub: 'bob' }))
    asked.clock.advance(2_000)
    const after = await issuer.sign(goodPayload(issuer.issuer, asked.clock.nowMs()))
    await asked.ask(after)
  })

  test('while one of them is being verified', async () => {
    const asked = rig()
    const gate = Promise.withResolvers<void>()
    asked.storeGate = gate.promise
    const asking = asked.refusal(await token({ sid: 's1' }))
    while (asked.written.length === 0) await Bun.sleep(1)
    asked.bearer.forget({ issuerId: 'idp', sessionId: 's1' })
    gate.resolve()
    expect(await asking).toMatchObject({ status: 401 })
  })

  test('by another replica are dead here when it is learnt, and new ones of the person are good', async () => {
    const asked = rig()
    const [ofSession, other] = [await token({ sid: 's1' }), await token({ sub: 'bob' })]
    await Promise.all([asked.ask(ofSession), asked.ask(other)])
    const atMs = asked.clock.nowMs()
    const calledBack = [
      { name: 'idp\nsid\ns1', atMs },
      { name: 'idp\nsub\nbob', atMs },
      { name: 'elsewhere\nsub\nalice', atMs },
    ]
    asked.bearer.learn(calledBack)
    for (const one of [ofSession, other])
      expect(await asked.refusal(one)).toMatchObject({ status: 401 })
    await asked.ask(await token())
    asked.clock.advance(2_000)
    const payload = (over: Record<string, unknown>) =>
      goodPayload(issuer.issuer, asked.clock.nowMs(), over)
    const fresh = await issuer.sign(payload({ sub: 'bob' }))
    await asked.ask(fresh)
    // What is known already, learnt again, throws nobody out.
    asked.bearer.learn(calledBack)
    expect(asked.bearer.principal(fresh, sha256Hex(fresh))).not.toBeInstanceOf(Promise)
    expect(await asked.refusal(await issuer.sign(payload({ sid: 's1' })))).toMatchObject({
      status: 401,
    })
  })

  test('with who is removed do not make them anew; a token of afterwards does', async () => {
    const asked = rig()
    const [seen, unseen] = [await token(), await token({ jti: 2 })]
    await asked.ask(seen)
    asked.bearer.learn([{ name: 'idp\nsub\nalice', atMs: asked.clock.nowMs() }])
    asked.change({ users: [] })
    for (const one of [seen, unseen])
      expect(await asked.refusal(one)).toMatchObject({ status: 401 })
    expect(asked.directory().users).toEqual([])
    asked.clock.advance(2_000)
    await asked.ask(await issuer.sign(goodPayload(issuer.issuer, asked.clock.nowMs())))
    expect(asked.directory().users).toHaveLength(1)
  })

  test('are remembered within a bound', () => {
    const asked = rig()
    for (let nth = 0; nth < LIMITS.bearerForgottenMax + 10; nth += 1) {
      asked.bearer.forget({ issuerId: 'idp', sessionId: `s${nth}` })
    }
    expect(asked.bearer.recalls).toBe(LIMITS.bearerForgottenMax)
    asked.clock.advance(LIMITS.bearerForgottenMs + 1)
    asked.bearer.forget({ issuerId: 'idp', sessionId: 'last' })
    expect(asked.bearer.recalls).toBe(1)
  })
})
