// What becomes of a session: who may change things by it, when it gets a new id, and every way in which it ends.

import { Database } from 'bun:sqlite'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { AppLogin } from '../app-login.ts'
import type { Sessions } from '../auth/sessions.ts'
import { LIMITS } from '../core/limits.ts'
import { scopes } from '../core/permission.ts'
import { Rights } from '../core/rights.ts'
import { TestBrowser } from '../testing/browser.ts'
import { FakeClock } from '../testing/clock.ts'
import { giveEveryone, startLoginWorld, type LoginWorld } from '../testing/login.ts'
import { OidcProvider, type OidcFaults } from '../testing/oidc-provider.ts'
import { TEST_ACTOR } from '../storage/test-store.ts'
import { ROUTE_RULES } from './route-actions.ts'

// Each test logs in by way of a provider, and some do so for every route there is.
setDefaultTimeout(60_000)

let provider: OidcProvider
let world: LoginWorld
let issuers: LoginWorld['auth']['issuers']
const clock = new FakeClock(Date.now())

beforeAll(async () => {
  provider = await OidcProvider.start({
    clientSecret: 'secret',
    users: {
      alice: { claims: { name: 'Alice', roles: ['admins'] } },
      bob: { claims: { name: 'Bob', roles: ['operators'] } },
    },
  })
  world = await startLoginWorld({ providers: [provider], clock })
  issuers = world.auth.issuers
})

beforeEach(() => {
  // Time goes on, so that tries of one test are not those of the next; the wall clock is that of the provider's tokens.
  clock.advance(LIMITS.loginWindowMs)
  clock.setWallMs(Date.now())
})

afterEach(async () => {
  for (const name of Object.keys(provider.faults) as (keyof OidcFaults)[]) {
    delete provider.faults[name]
  }
  world.auth.issuers = issuers
  const { assignments, sessions } = world.store
  await world.login.settled()
  await sessions.prune(Date.now() * 2, 0)
  for (const { id } of await assignments.list('default')) {
    await assignments.remove('default', id, TEST_ACTOR)
  }
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

async function loggedIn(subject = 'alice'): Promise<TestBrowser> {
  provider.currentSubject = subject
  const browser = new TestBrowser()
  await browser.visit(`${world.url}/auth/login/team`)
  return browser
}

function get(browser: TestBrowser, path = '/admin/health'): Promise<Response> {
  return browser.script(`${world.url}${path}`, 'GET')
}

async function stateOf(browser: TestBrowser) {
  return (await (await get(browser, '/auth/session')).json()) as {
    authenticated: boolean
    csrf: string
    session: string
    roles: { role: string }[]
    user: { id: string }
  }
}

function valueOf(browser: TestBrowser): string {
  return browser.cookie(world.url, 'weir')!.value
}

/** A browser that holds this cookie and nothing else. */
function holding(value: string): TestBrowser {
  const browser = new TestBrowser()
  browser.plant(world.url, 'weir', value)
  return browser
}

/** Every row of every table but what the sessions themselves do to theirs. */
function dump(): string {
  const database = new Database(world.store.files!.control, { readonly: true })
  try {
    const tables = database
      .query<{ name: string }, []>(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
      )
      .all()
    return JSON.stringify(
      tables.map(({ name }) => [name, database.query(`SELECT * FROM "${name}"`).values()]),
    )
  } finally {
    database.close()
  }
}

const CHANGES = ROUTE_RULES.filter(
  ({ method, path, subject }) =>
    method !== 'GET' && (path.startsWith('/admin/') || subject === 'browser'),
)

describe('a change by cookie (S52)', () => {
  test('the table of them is seen', () => {
    expect(CHANGES.map(({ path }) => path)).toContain('/auth/logout')
    expect(CHANGES.map(({ path }) => path)).toContain('/admin/sessions/:id')
    expect(CHANGES.length).toBeGreaterThan(5)
  })

  test.each(CHANGES.map(({ method, path }) => [method, path]))(
    '%s %s needs the token, our own page, and JSON',
    async (method, path) => {
      const browser = await loggedIn()
      const { csrf } = await stateOf(browser)
      const another = (await stateOf(await loggedIn('bob'))).csrf
      const url = `${world.url}${path.replaceAll(/:\w+/g, 'x')}`
      const own = new URL(world.url).origin
      const body = ['DELETE', 'GET'].includes(method) ? {} : { body: '{}' }
      const good = {
        origin: own,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/json',
        'x-weir-csrf': csrf,
      }
      const before = dump()
      const without = (name: string) =>
        Object.fromEntries(Object.entries(good).filter(([header]) => header !== name))
      const bad: Record<string, Record<string, string>> = {
        'no token': without('x-weir-csrf'),
        'an empty token': { ...good, 'x-weir-csrf': '' },
        'the token of another session': { ...good, 'x-weir-csrf': another },
        'another origin': { ...good, origin: 'https://evil.example' },
        'another port of this machine': { ...good, origin: 'http://127.0.0.1:1' },
        'another name of this machine': { ...good, origin: own.replace('127.0.0.1', 'localhost') },
        'no origin at all': Object.fromEntries(
          Object.entries(good).filter(([header]) => !/origin|sec-fetch/.test(header)),
        ),
        'another site': { ...without('origin'), 'sec-fetch-site': 'cross-site' },
        'the same site only': { ...without('origin'), 'sec-fetch-site': 'same-site' },
        'a null origin': { ...good, origin: 'null' },
      }
      if (method !== 'DELETE') {
        bad['plain text'] = { ...good, 'content-type': 'text/plain' }
        bad['a form'] = { ...good, 'content-type': 'application/x-www-form-urlencoded' }
      }
      for (const [name, headers] of Object.entries(bad)) {
        const response = await browser.send(url, { method, headers, ...body })
        expect(`${name}: ${response.status}`).toBe(`${name}: 403`)
        await response.body?.cancel()
      }
      expect(dump()).toBe(before)
      const allowed = await browser.send(url, { method, headers: good, ...body })
      const { code } = (await allowed.json()) as { code?: string }
      expect(code).not.toBe('csrf')
      expect(code).not.toBe('origin_not_allowed')
    },
  )

  test('no GET changes anything', async () => {
    const browser = await loggedIn()
    await get(browser)
    const before = dump()
    for (const { method, path } of ROUTE_RULES) {
      if (method !== 'GET' || !/^\/(admin|auth|ui|health|readyz)/.test(path)) continue
      // A login that begins is written down: its state must be found by whichever replica is asked next.
      if (path === '/auth/login/:issuer') continue
      const response = await get(browser, path.replaceAll(/:\w+/g, 'x'))
      await response.body?.cancel()
    }
    expect(dump()).toBe(before)
    expect((await get(browser)).status).toBe(200)
  })

  test('a credential in the request is all that counts: the cookie is not even looked at', async () => {
    const browser = await loggedIn()
    const wrong = await browser.send(`${world.url}/admin/health`, {
      headers: { authorization: 'Bearer weir_wrong' },
    })
    expect(wrong.status).toBe(401)
    expect(await wrong.json()).toMatchObject({ code: 'invalid_api_key' })
  })

  test.each(['', 'x', `${'a'.repeat(43)}.${'b'.repeat(11)}`, '"quoted"', 'a'.repeat(20_000)])(
    'a cookie that is nobody’s is nobody: %p',
    async (value) => {
      const response = await fetch(`${world.url}/admin/health`, {
        headers: { cookie: `weir=${value}` },
      }).catch(() => undefined)
      if (response !== undefined) expect([401, 431]).toContain(response.status)
    },
  )

  test('the hash that the store has lets nobody in (S32)', async () => {
    await loggedIn()
    const [session] = await world.store.sessions.list('default')
    expect((await get(holding(session!.idHash))).status).toBe(401)
  })
})

describe('rights that change (S51)', () => {
  test('make a new id; the old one is over, and what comes at once shares the new one', async () => {
    const browser = await loggedIn('bob')
    const old = valueOf(browser)
    const { csrf } = await stateOf(browser)
    await giveEveryone(world.store, 'auditor', scopes.tenant('default'))
    const answers = await Promise.all([1, 2, 3, 4].map(() => get(holding(old))))
    const first = answers.find(({ status }) => status === 200)!
    const cookies = [first, ...answers.filter(({ status }) => status === 200)].map(
      (each) => each.headers.getSetCookie()[0]?.split(';')[0],
    )
    // Whoever comes after it is over is late; nobody gets a second new one, and no cookie is taken away.
    expect(new Set(cookies).size).toBe(1)
    expect(cookies[0]).toMatch(/^weir=/)
    expect(cookies[0]).not.toBe(`weir=${old}`)
    for (const late of answers.filter(({ status }) => status !== 200)) {
      expect([late.status, late.headers.getSetCookie()]).toEqual([401, []])
    }
    expect(first.headers.get('cache-control')).toBe('no-store')
    // Now, and not when some memory of it is over.
    expect((await get(holding(old))).status).toBe(401)
    const renewed = holding(cookies[0]!.slice('weir='.length))
    expect((await get(renewed)).headers.getSetCookie()).toEqual([])
    const state = await stateOf(renewed)
    expect(state.roles.map(({ role }) => role)).toEqual(['operator', 'auditor'])
    expect(state.csrf).not.toBe(csrf)
    expect(first.headers.get('x-weir-csrf')).toBe(state.csrf)
  })

  test('do not bring back what the issuer took away while the new id was made', async () => {
    await loggedIn('bob')
    const [before] = await world.store.sessions.list('default')
    const { sessions } = world.login as unknown as { sessions: Sessions }
    const claimed = { roles: [], groups: [] }
    expect(await world.store.sessions.renew(before!.idHash, claimed, {})).toBe(true)
    const token = await sessions.rotate(before!, 'm'.repeat(11))
    const [after] = await world.store.sessions.list('default')
    expect(after).toMatchObject({ idHash: token!.idHash, claimed })
  })

  test('keep the end that the session had', async () => {
    const browser = await loggedIn('bob')
    const [before] = await world.store.sessions.list('default')
    clock.advance(LIMITS.sessionIdleMs / 2)
    await giveEveryone(world.store, 'auditor', scopes.tenant('default'))
    expect((await get(browser)).status).toBe(200)
    const [after] = await world.store.sessions.list('default')
    expect(after?.expiresMs).toBe(before!.expiresMs)
    expect(after?.idHash).not.toBe(before!.idHash)
    expect(await world.store.sessions.secrets(after!.idHash)).toMatchObject({
      idToken: expect.stringMatching(/^eyJ/),
      refreshToken: expect.stringMatching(/^refresh-/),
    })
  })
})

describe('the end of a session', () => {
  test('comes when nothing came for so long, and in any case in the end (S55)', async () => {
    const idle = await loggedIn()
    clock.advance(LIMITS.sessionIdleMs - 1)
    expect((await get(idle)).status).toBe(200)
    clock.advance(LIMITS.sessionIdleMs)
    expect((await get(idle)).status).toBe(401)
    const busy = await loggedIn()
    const steps = LIMITS.sessionLifetimeMs / (LIMITS.sessionIdleMs / 2)
    for (let step = 1; step < steps; step += 1) {
      clock.advance(LIMITS.sessionIdleMs / 2)
      expect((await get(busy)).status).toBe(200)
    }
    clock.advance(LIMITS.sessionIdleMs / 2)
    expect((await get(busy)).status).toBe(401)
  })

  test('when it was last used is written at most once a minute', async () => {
    const browser = await loggedIn()
    const [begun] = await world.store.sessions.list('default')
    for (let count = 0; count < 5; count += 1) {
      clock.advance(LIMITS.sessionTouchIntervalMs / 6)
      await get(browser)
    }
    expect((await world.store.sessions.list('default'))[0]?.lastSeenMs).toBe(begun!.lastSeenMs)
    clock.advance(LIMITS.sessionTouchIntervalMs / 6)
    await get(browser)
    expect((await world.store.sessions.list('default'))[0]?.lastSeenMs).toBe(clock.nowMs())
  })

  test('logging out ends it here and says where to end it there (S53)', async () => {
    const browser = await loggedIn()
    const value = valueOf(browser)
    const { csrf } = await stateOf(browser)
    const response = await browser.script(`${world.url}/auth/logout`, 'POST', undefined, csrf)
    const { redirect } = (await response.json()) as { redirect: string }
    expect(browser.cookie(world.url, 'weir')).toBeUndefined()
    expect((await get(holding(value))).status).toBe(401)
    const there = new URL(redirect)
    expect(there.origin).toBe(new URL(provider.issuer).origin)
    expect(Object.fromEntries(there.searchParams)).toMatchObject({
      client_id: 'weir',
      post_logout_redirect_uri: `${world.url}/auth/login`,
      id_token_hint: expect.stringMatching(/^eyJ/),
    })
    const { addresses } = await browser.visit(redirect)
    expect(addresses.at(-1)).toBe(`${world.url}/auth/login`)
    const [record] = await world.store.audit.list({ limit: 1, action: 'logout' })
    expect(record).toMatchObject({ actor: { kind: 'user', name: 'Alice' } })
  })

  test('one’s own are listed and ended one by one, others’ only with the right to it', async () => {
    const [one, two, bob] = [await loggedIn(), await loggedIn(), await loggedIn('bob')]
    const own = (await (await get(one, '/auth/sessions')).json()) as {
      data: { id: string; current: boolean }[]
    }
    expect(own.data.length).toBe(2)
    expect(own.data.filter(({ current }) => current).length).toBe(1)
    expect(JSON.stringify(own)).not.toContain(valueOf(one).slice(0, 20))
    const { csrf } = await stateOf(one)
    const other = own.data.find(({ current }) => !current)!
    const remove = (browser: TestBrowser, path: string, token: string) =>
      browser.script(`${world.url}${path}`, 'DELETE', undefined, token)
    // Another person's is not there for who has no right to see it.
    const bobs = await stateOf(bob)
    expect((await remove(bob, `/auth/sessions/${other.id}`, bobs.csrf)).status).toBe(404)
    expect((await remove(bob, `/admin/sessions/${other.id}`, bobs.csrf)).status).toBe(403)
    expect((await remove(one, `/auth/sessions/${bobs.session}`, csrf)).status).toBe(404)
    expect((await remove(one, `/auth/sessions/${other.id}`, csrf)).status).toBe(200)
    expect((await get(two)).status).toBe(401)
    expect((await get(one)).status).toBe(200)
    const all = (await (await get(one, '/admin/sessions')).json()) as { data: { id: string }[] }
    expect(all.data.length).toBe(2)
    expect((await remove(one, `/admin/sessions/${bobs.session}`, csrf)).status).toBe(200)
    expect((await get(bob)).status).toBe(401)
    const revoked = await world.store.audit.list({ limit: 9, action: 'session.revoke' })
    expect(revoked.length).toBe(2)
  })

  test('a session of another tenant is neither listed nor ended', async () => {
    const browser = await loggedIn()
    await world.store.tenants.create({ id: 'other', name: 'Other', createdMs: 0 }, TEST_ACTOR)
    const nowMs = clock.nowMs()
    const theirs = {
      idHash: 'f'.repeat(64),
      tenantId: 'other',
      userId: 'u',
      issuer: 'team',
      claimed: { roles: [], groups: [] },
      createdMs: nowMs,
      lastSeenMs: nowMs,
      expiresMs: nowMs + 1_000_000,
    }
    await world.store.sessions.create(theirs, {})
    const { csrf } = await stateOf(browser)
    const listed = await (await get(browser, '/admin/sessions')).text()
    expect(listed).not.toContain('f'.repeat(32))
    for (const id of ['f'.repeat(32), 'e'.repeat(32)]) {
      const url = `${world.url}/admin/sessions/${id}`
      const response = await browser.script(url, 'DELETE', undefined, csrf)
      expect(response.status).toBe(404)
    }
    expect((await world.store.sessions.list('other')).length).toBe(1)
  })

  test('ended on another replica it is over here within a second', async () => {
    const browser = await loggedIn()
    expect((await get(browser)).status).toBe(200)
    const [session] = await world.store.sessions.list('default')
    await world.store.sessions.end(session!.idHash)
    clock.advance(LIMITS.sessionCacheMs)
    expect((await get(browser)).status).toBe(401)
  })

  test('an issuer that is configured no more has no sessions', async () => {
    const browser = await loggedIn()
    world.auth.issuers = []
    expect((await get(browser)).status).toBe(401)
  })
})

describe('an issuer that is asked again (S55)', () => {
  const INTERVAL_MS = LIMITS.sessionRefreshIntervalMs

  test('and refuses ends the session; one that is away ends nothing', async () => {
    const browser = await loggedIn()
    provider.faults.refresh = 'down'
    clock.advance(INTERVAL_MS)
    expect((await get(browser)).status).toBe(200)
    await world.login.settled()
    expect((await get(browser)).status).toBe(200)
    provider.faults.refresh = 'refused'
    // Not before its next turn.
    clock.advance(INTERVAL_MS / 2)
    await get(browser)
    await world.login.settled()
    expect((await get(browser)).status).toBe(200)
    clock.advance(INTERVAL_MS / 2)
    await get(browser)
    await world.login.settled()
    expect((await get(browser)).status).toBe(401)
  })

  test('is asked once in an interval, with the newest token', async () => {
    const browser = await loggedIn()
    const refreshes = () =>
      provider.tokenQuestions.filter(({ grant_type: type }) => type === 'refresh_token')
    const before = refreshes().length
    for (let interval = 0; interval < 3; interval += 1) {
      clock.advance(INTERVAL_MS)
      await Promise.all([get(browser), get(browser), get(browser)])
      await world.login.settled()
    }
    const asked = refreshes().slice(before)
    expect(asked.length).toBe(3)
    expect(new Set(asked.map(({ refresh_token: token }) => token)).size).toBe(3)
    expect((await get(browser)).status).toBe(200)
  })

  test('two replicas do not use one refresh token twice', async () => {
    const browser = await loggedIn()
    const value = valueOf(browser)
    const rights = new Rights(await world.store.directory.all())
    const replica = (): AppLogin =>
      new AppLogin({
        ...(world.login as unknown as { parts: ConstructorParameters<typeof AppLogin>[0] }).parts,
        rights: () => rights,
      })
    const [one, two] = [replica(), replica()]
    const before = provider.tokenQuestions.length
    clock.advance(INTERVAL_MS)
    const found = await Promise.all([one.desk.identify(value), two.desk.identify(value)])
    expect(found.every((each) => each !== undefined)).toBe(true)
    await Promise.all([one.settled(), two.settled()])
    expect(provider.tokenQuestions.length).toBe(before + 1)
  })

  test('and says something new changes what the person may, with a new id', async () => {
    const browser = await loggedIn()
    const value = valueOf(browser)
    const alice = provider.users.get('alice')!
    provider.users.set('alice', { claims: { name: 'Alice', roles: ['operators'] } })
    clock.advance(INTERVAL_MS)
    await get(browser)
    await world.login.settled()
    provider.users.set('alice', alice)
    expect((await get(browser, '/admin/sessions')).status).toBe(403)
    expect(valueOf(browser)).not.toBe(value)
    expect((await stateOf(browser)).roles.map(({ role }) => role)).toEqual(['operator'])
  })

  test('and takes a role away takes it from keys of the person as well', async () => {
    provider.users.set('carol', { claims: { name: 'Carol', roles: ['admins'] } })
    const browser = await loggedIn('carol')
    const { id } = (await stateOf(browser)).user
    const stored = async () => (await world.store.users.find('default', id))?.claimed
    expect(await stored()).toEqual({ roles: ['admin'], groups: [] })
    provider.users.set('carol', { claims: { name: 'Carol', roles: [] } })
    clock.advance(INTERVAL_MS)
    await get(browser)
    await world.login.settled()
    expect(await stored()).toEqual({ roles: [], groups: [] })
  })

  test('and names another tenant ends the session: roles of there are none here', async () => {
    const alice = provider.users.get('alice')!
    const of = (tenant: string, roles: string[]) =>
      void provider.users.set('alice', { claims: { name: 'Alice', org: tenant, roles } })
    world.auth.issuers = world.auth.issuers.map((issuer) => ({ ...issuer, tenantClaim: 'org' }))
    of('default', ['operators'])
    const browser = await loggedIn()
    expect((await get(browser)).status).toBe(200)
    of('acme', ['admins'])
    clock.advance(INTERVAL_MS)
    await get(browser)
    await world.login.settled()
    provider.users.set('alice', alice)
    expect((await get(browser)).status).toBe(401)
  })

  test('and names somebody else ends the session', async () => {
    const browser = await loggedIn()
    provider.faults.idToken = { sub: 'bob' }
    clock.advance(INTERVAL_MS)
    await get(browser)
    await world.login.settled()
    expect((await get(browser)).status).toBe(401)
  })
})

describe('logged out by the issuer (S53)', () => {
  function send(token: string, issuer = 'team', type = 'application/x-www-form-urlencoded') {
    return fetch(`${world.url}/auth/backchannel/${issuer}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new URLSearchParams({ logout_token: token }).toString(),
    })
  }

  async function sidOf(): Promise<string> {
    const [session] = await world.store.sessions.list('default')
    return session!.issuerSessionId!
  }

  test('by a session ends that one, and a second use of the token ends nothing', async () => {
    const one = await loggedIn()
    const sid = await sidOf()
    clock.advance(1_000)
    const two = await loggedIn()
    const token = await provider.logoutToken({ sub: 'alice', sid })
    const response = await send(token)
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect((await get(one)).status).toBe(401)
    expect((await get(two)).status).toBe(200)
    expect((await send(token)).status).toBe(400)
  })

  test('by a subject ends all of that person, and nobody else', async () => {
    const [one, two, bob] = [await loggedIn(), await loggedIn(), await loggedIn('bob')]
    expect((await send(await provider.logoutToken({ sub: 'alice' }))).status).toBe(200)
    expect((await get(one)).status).toBe(401)
    expect((await get(two)).status).toBe(401)
    expect((await get(bob)).status).toBe(200)
  })

  test('a session that is not here is no error', async () => {
    expect((await send(await provider.logoutToken({ sid: 'unknown' }))).status).toBe(200)
  })

  const nowSeconds = () => Math.floor(Date.now() / 1_000)
  const wrong: [string, () => Promise<string>][] = [
    ['signed by somebody else', () => provider.logoutToken({ sub: 'alice' }, {}, true)],
    ['with an unknown key', () => provider.logoutToken({ sub: 'alice' }, { kid: 'unknown' })],
    ['of another type', () => provider.logoutToken({ sub: 'alice' }, { typ: 'at+jwt' })],
    [
      'with something critical',
      () => provider.logoutToken({ sub: 'alice' }, { crit: ['b64'], b64: true }),
    ],
    ['of another issuer', () => provider.logoutToken({ sub: 'alice', iss: 'https://e.example' })],
    ['for another client', () => provider.logoutToken({ sub: 'alice', aud: 'other' })],
    ['without events', () => provider.logoutToken({ sub: 'alice', events: undefined })],
    ['with another event', () => provider.logoutToken({ sub: 'alice', events: { x: {} } })],
    ['with a nonce', () => provider.logoutToken({ sub: 'alice', nonce: 'n' })],
    [
      'that is old',
      () => provider.logoutToken({ sub: 'alice', iat: nowSeconds() - 600, exp: undefined }),
    ],
    ['from the future', () => provider.logoutToken({ sub: 'alice', iat: nowSeconds() + 600 })],
    ['without a time', () => provider.logoutToken({ sub: 'alice', iat: undefined })],
    ['that is over', () => provider.logoutToken({ sub: 'alice', exp: nowSeconds() - 120 })],
    ['without jti', () => provider.logoutToken({ sub: 'alice', jti: undefined })],
    ['that names nobody', () => provider.logoutToken({})],
    ['that is an id token', () => provider.sign({ sub: 'alice', aud: 'weir', nonce: 'n' })],
    ['that is an access token', () => provider.accessToken('alice')],
    ['that is no token', () => Promise.resolve('a.b.c')],
    [
      'without a signature',
      async () => {
        const [, payload] = (await provider.logoutToken({ sub: 'alice' })).split('.')
        const header = Buffer.from('{"alg":"none","typ":"logout+jwt"}').toString('base64url')
        return `${header}.${payload}.`
      },
    ],
    [
      'signed with the public key as a secret',
      async () => {
        const [, payload] = (await provider.logoutToken({ sub: 'alice' })).split('.')
        const header = Buffer.from('{"alg":"HS256","typ":"logout+jwt","kid":"key-1"}').toString(
          'base64url',
        )
        const jwks = await (await fetch(`${provider.issuer}/jwks`)).text()
        const mac = new Bun.CryptoHasher('sha256', jwks)
          .update(`${header}.${payload}`)
          .digest('base64url')
        return `${header}.${payload}.${mac}`
      },
    ],
  ]
  test.each(wrong)('a token %s ends nothing', async (_name, token) => {
    const browser = await loggedIn()
    const response = await send(await token())
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_logout' } })
    expect((await get(browser)).status).toBe(200)
  })

  test('no body, no form, an unknown issuer', async () => {
    const token = await provider.logoutToken({ sub: 'alice' })
    expect((await send('')).status).toBe(400)
    expect((await send(token, 'team', 'text/plain')).status).toBe(415)
    expect((await send(token, 'unknown')).status).toBe(404)
    expect((await send(token, 'local')).status).toBe(404)
  })

  test('while its keys cannot be read, it is told to come again', async () => {
    provider.faults.jwks = 'down'
    // Longer than what was read before is believed without it.
    clock.advance(LIMITS.issuerKeysStaleMs)
    clock.setWallMs(Date.now())
    expect((await send(await provider.logoutToken({ sub: 'alice' }))).status).toBe(503)
  })

  test('on its page anybody may ask: names that no session had take nothing back, and are bounded', async () => {
    const iss = encodeURIComponent(provider.issuer)
    const front = (sid: string) =>
      fetch(`${world.url}/auth/frontchannel/team?iss=${iss}&sid=${encodeURIComponent(sid)}`)
    const browser = await loggedIn()
    const sid = await sidOf()
    world.recalls.length = 0
    for (const bad of ['a\0b', 'a\nb', 'x'.repeat(400)]) {
      expect((await front(bad)).status).toBe(400)
    }
    const guesses = Array.from({ length: LIMITS.loginsBegunPerAddressMax }, (_, nth) => nth)
    const answers = await Promise.all(guesses.map((nth) => front(`guess-${nth}`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]))
    expect(world.recalls).toEqual([])
    expect((await get(browser)).status).toBe(200)
    clock.advance(LIMITS.loginWindowMs)
    expect((await front(sid)).status).toBe(200)
    expect(world.recalls).toEqual([{ issuerId: 'team', sessionId: sid }])
    expect((await get(browser)).status).toBe(401)
  })

  test('on its page: by name of the session, and without iss for Entra ID alone', async () => {
    const front = (query: string) => fetch(`${world.url}/auth/frontchannel/team?${query}`)
    const browser = await loggedIn()
    const sid = await sidOf()
    const iss = encodeURIComponent(provider.issuer)
    for (const query of [`sid=${sid}`, `iss=${iss}`, `sid=${sid}&iss=https://e.example`, 'sid=']) {
      expect((await front(query)).status).toBe(400)
    }
    expect((await get(browser)).status).toBe(200)
    expect((await front(`sid=${sid}&iss=${iss}`)).status).toBe(200)
    expect((await get(browser)).status).toBe(401)
    const again = await loggedIn()
    const next = await sidOf()
    world.auth.issuers = world.auth.issuers.map((issuer) => ({ ...issuer, kind: 'entra' }))
    expect((await fetch(`${world.url}/auth/frontchannel/other?sid=${next}`)).status).toBe(404)
    expect((await front(`sid=${next}&iss=https://e.example`)).status).toBe(400)
    expect((await front(`sid=${next}`)).status).toBe(200)
    expect((await get(again)).status).toBe(401)
  })
})
