// The contract of the repositories of sessions and of logins that have begun. Called from `contract.ts`; imported by tests alone.

import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import type { LoginAttempt, Session } from '../core/ports-people.ts'
import { BY, twoTenants, user, type OpenPeople } from './contract-people.ts'

const IDLE_MS = 60_000
const END_MS = 9e12
/** Not over for whatever clock the store has. */
const RECENT_MS = 8e12

const session = (fields: Partial<Session> = {}): Session => ({
  idHash: Bun.randomUUIDv7(),
  tenantId: 'acme',
  userId: 'u1',
  issuer: 'keycloak',
  claimed: { roles: ['admin'], groups: ['eng'] },
  createdMs: 1_000,
  lastSeenMs: 1_000,
  expiresMs: END_MS,
  ...fields,
})

const attempt = (fields: Partial<LoginAttempt> = {}): LoginAttempt => ({
  stateHash: Bun.randomUUIDv7(),
  issuer: 'keycloak',
  browserHash: 'b',
  nonce: 'the nonce',
  codeVerifier: 'the verifier',
  returnTo: '/ui',
  expiresMs: END_MS,
  ...fields,
})

export function sessionsContract(open: OpenPeople): void {
  test('one that is over, idle, ended or unknown is not found', async () => {
    const { sessions } = await open()
    const one = session({ expiresMs: 5_000_000, lastSeenMs: 1_000 })
    await sessions.create(one, {})
    const find = (nowMs: number) => sessions.find(one.idHash, nowMs, IDLE_MS)
    expect(await find(2_000)).toStrictEqual(one)
    expect(await find(1_000 + IDLE_MS - 1)).toStrictEqual(one)
    expect(await find(1_000 + IDLE_MS)).toBeUndefined()
    await sessions.touch(one.idHash, 4_999_999)
    expect((await find(4_999_999))?.lastSeenMs).toBe(4_999_999)
    expect(await find(5_000_000)).toBeUndefined()
    expect(await sessions.find('nobody', 0, IDLE_MS)).toBeUndefined()
    expect(await sessions.end(one.idHash)).toBe(true)
    expect(await sessions.end(one.idHash)).toBe(false)
    expect(await find(4_999_999)).toBeUndefined()
    await sessions.touch(one.idHash, 4_999_999)
    expect(await find(4_999_999)).toBeUndefined()
  })

  test('its use is written once in so long, and never back', async () => {
    const { sessions } = await open()
    const one = session({ userAgent: 'x'.repeat(1_000), from: '::1', issuerSessionId: 's' })
    await sessions.create(one, {})
    const seen = async () => (await sessions.find(one.idHash, 1_000, 1e12))?.lastSeenMs
    const { sessionTouchLeastMs: apartMs } = LIMITS
    await sessions.touch(one.idHash, 1_000 + apartMs - 1)
    expect(await seen()).toBe(1_000)
    await sessions.touch(one.idHash, 1_000 + apartMs)
    expect(await seen()).toBe(1_000 + apartMs)
    await sessions.touch(one.idHash, 0)
    expect(await seen()).toBe(1_000 + apartMs)
    expect((await sessions.find(one.idHash, 1_000, 1e12))?.userAgent?.length).toBeLessThan(1_000)
  })

  test('what the issuer must be shown comes back to its own session alone', async () => {
    const { sessions } = await open()
    const [one, other] = [session(), session({ tenantId: 'globex' })]
    await sessions.create(one, { idToken: 'id of one', refreshToken: 'refresh of one' })
    await sessions.create(other, {})
    expect(await sessions.secrets(one.idHash)).toEqual({
      idToken: 'id of one',
      refreshToken: 'refresh of one',
    })
    expect(await sessions.secrets(other.idHash)).toEqual({})
    expect(await sessions.secrets('nobody')).toEqual({})
    const claimed = { roles: [], groups: [] }
    expect(await sessions.renew(one.idHash, claimed, { refreshToken: 'next' })).toBe(true)
    expect(await sessions.secrets(one.idHash)).toEqual({ refreshToken: 'next' })
    expect((await sessions.find(one.idHash, 1_000, IDLE_MS))?.claimed).toEqual(claimed)
    expect(await sessions.renew('nobody', claimed, {})).toBe(false)
    expect((await sessions.find(other.idHash, 1_000, IDLE_MS))?.claimed).toEqual(other.claimed)
  })

  test('an issuer ends what it names and nothing else; naming nobody ends nothing', async () => {
    const people = await twoTenants(open)
    const { sessions, users } = people
    const alice = await users.create(user('acme', 'alice', { issuer: 'keycloak' }), BY)
    // The same subject at another issuer is somebody else.
    const twin = await users.create(user('acme', 'alice', { issuer: 'entra' }), BY)
    const of = (userId: string, issuer: string, issuerSessionId: string) =>
      sessions.create(session({ userId, issuer, issuerSessionId }), {})
    const all = async () => (await sessions.list('acme')).length
    await of(alice.id, 'keycloak', 's1')
    await of(alice.id, 'keycloak', 's2')
    await of(twin.id, 'entra', 's1')
    expect(await sessions.endOf('keycloak', {})).toBe(0)
    expect(await sessions.endOf('nobody', { issuerSessionId: 's1' })).toBe(0)
    expect(await sessions.endOf('keycloak', { issuerSessionId: 's1', subject: 'bob' })).toBe(0)
    expect(await all()).toBe(3)
    expect(await sessions.endOf('keycloak', { issuerSessionId: 's1', subject: 'alice' })).toBe(1)
    expect(await sessions.endOf('keycloak', { subject: 'alice' })).toBe(1)
    expect((await sessions.list('acme')).map(({ userId }) => userId)).toEqual([twin.id])
    expect(await sessions.endOf('entra', { issuerSessionId: 's1' })).toBe(1)
    // A user of another tenant is another, even of the same id.
    await users.create(user('globex', 'eve', { id: alice.id, issuer: 'keycloak' }), BY)
    await of(alice.id, 'keycloak', 's3')
    expect(await sessions.endOf('keycloak', { subject: 'eve' })).toBe(0)
  })

  test('another tenant neither sees nor ends one', async () => {
    const { sessions } = await open()
    const mine = [session({ createdMs: 1 }), session({ createdMs: 2 }), session({ userId: 'u2' })]
    for (const each of mine) await sessions.create(each, {})
    const theirs = session({ tenantId: 'globex' })
    await sessions.create(theirs, {})
    expect(await sessions.list('globex')).toEqual([theirs])
    expect(await sessions.endOfUser('default', 'u1')).toBe(0)
    expect((await sessions.list('acme', 'u1')).map(({ createdMs }) => createdMs)).toEqual([2, 1])
    expect(await sessions.endOfUser('acme', 'u1')).toBe(2)
    expect(await sessions.list('acme')).toEqual([mine[2]!])
    expect(await sessions.list('globex')).toEqual([theirs])
  })

  test('what is over is deleted, and of one user only so many are kept', async () => {
    const { sessions } = await open()
    await sessions.create(session({ expiresMs: 10_000 }), {})
    await sessions.create(session({ lastSeenMs: 9_000 }), {})
    const alive = session({ lastSeenMs: 9_000 + IDLE_MS })
    await sessions.create(alive, {})
    expect(await sessions.prune(9_000 + IDLE_MS, IDLE_MS)).toBe(2)
    expect(await sessions.prune(9_000 + IDLE_MS, IDLE_MS)).toBe(0)
    expect(await sessions.find(alive.idHash, 9_000 + IDLE_MS, IDLE_MS)).toBeDefined()
    await sessions.create(session({ userId: 'u2' }), {})
    await sessions.create(session({ tenantId: 'globex' }), {})
    const { sessionsPerUserMax: max } = LIMITS
    for (let at = 0; at < max; at += 1)
      await sessions.create(session({ createdMs: 2_000 + at }), {})
    const kept = await sessions.list('acme', 'u1')
    expect(kept).toHaveLength(max)
    expect(kept.at(-1)?.createdMs).toBe(2_000)
    expect(await sessions.list('acme', 'u2')).toHaveLength(1)
    expect(await sessions.list('globex')).toHaveLength(1)
  })
}

export function loginsContract(open: OpenPeople): void {
  test('a login is given once, whoever asks at the same time', async () => {
    const { logins } = await open()
    const one = attempt()
    await logins.begin(one)
    expect(await logins.take('nobody', 0)).toBeUndefined()
    const taken = await Promise.all([1, 2, 3].map(() => logins.take(one.stateHash, 0)))
    expect(taken.filter((each) => each !== undefined)).toStrictEqual([one])
    expect(await logins.take(one.stateHash, 0)).toBeUndefined()
  })

  test('one that has expired is not given, and is gone then', async () => {
    const { logins } = await open()
    const one = attempt()
    await logins.begin(one)
    expect(await logins.take(one.stateHash, END_MS)).toBeUndefined()
    expect(await logins.take(one.stateHash, 0)).toBeUndefined()
  })

  test('what may be shown once is, until it would have expired anyway', async () => {
    const { logins } = await open()
    const firsts = await Promise.all(
      [1, 2, 3].map(() => logins.firstUse('logout-token', 'a', END_MS)),
    )
    expect(firsts.filter(Boolean)).toHaveLength(1)
    expect(await logins.firstUse('setup-link', 'a', END_MS)).toBe(true)
    expect(await logins.firstUse('logout-token', 'b', END_MS)).toBe(true)
    expect(await logins.firstUse('logout-token', 'a', END_MS)).toBe(false)
    expect(await logins.firstUse('session-refresh', 'c', 1)).toBe(true)
    expect(await logins.firstUse('session-refresh', 'c', END_MS)).toBe(true)
    expect(await logins.firstUse('session-refresh', 'c', END_MS)).toBe(false)
  })

  test('what is called back is known to all, the oldest first, and once with its last time', async () => {
    const { logins } = await open()
    await logins.callBack([], RECENT_MS)
    expect(await logins.calledBack(0)).toEqual([])
    await logins.callBack(['kc\nsid\ns1', 'kc\nsub\nalice'], RECENT_MS + 1)
    await logins.callBack(['kc\nsub\nbob'], RECENT_MS + 2)
    await logins.callBack(['kc\nsid\ns1'], RECENT_MS + 3)
    const all = [
      { name: 'kc\nsub\nalice', atMs: RECENT_MS + 1 },
      { name: 'kc\nsub\nbob', atMs: RECENT_MS + 2 },
      { name: 'kc\nsid\ns1', atMs: RECENT_MS + 3 },
    ]
    expect(await logins.calledBack(0)).toEqual(all)
    expect(await logins.calledBack(RECENT_MS + 2)).toEqual(all.slice(1))
    // What may be shown once is another thing, by whatever name.
    expect(await logins.firstUse('logout-token', 'kc\nsid\ns1', END_MS)).toBe(true)
    expect(await logins.calledBack(0)).toEqual(all)
  })
}
