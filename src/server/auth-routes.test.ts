// Logins as a browser goes through them, against a real provider of our own, and every way in which somebody in between could be wrong.

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
import { LIMITS } from '../core/limits.ts'
import { TestBrowser } from '../testing/browser.ts'
import { FakeClock } from '../testing/clock.ts'
import { issuerOf, startLoginWorld, type LoginWorld } from '../testing/login.ts'
import { OidcProvider, type OidcFaults } from '../testing/oidc-provider.ts'
import { TEST_ACTOR } from '../storage/test-store.ts'

// Each test logs in by way of a provider, and the first of them starts it all.
setDefaultTimeout(60_000)

let provider: OidcProvider
let other: OidcProvider
let world: LoginWorld
// Time stands still but for what a test lets pass, so that tries of one test are not those of the next.
const clock = new FakeClock(Date.now())

beforeAll(async () => {
  provider = await OidcProvider.start({
    clientSecret: 'a secret: with % signs',
    users: {
      alice: {
        claims: { name: 'Alice', email: 'alice@example.test' },
        accessClaims: { roles: ['admins'] },
      },
      bob: { claims: { name: 'Bob', email: 'bob@example.test', roles: ['operators'] } },
      carol: { claims: { name: 'Carol', email: 'carol@example.test', roles: ['unmapped'] } },
    },
  })
  other = await OidcProvider.start({
    saysIssuer: false,
    users: { zed: { claims: { name: 'Zed', email: 'alice@example.test', roles: ['admins'] } } },
  })
  world = await startLoginWorld({ providers: [provider, other], clock })
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

beforeEach(() => {
  clock.advance(LIMITS.loginWindowMs)
})

afterEach(() => {
  for (const name of Object.keys(provider.faults) as (keyof OidcFaults)[]) {
    delete provider.faults[name]
  }
  provider.currentSubject = 'alice'
})

const isCallback = (url: string) => url.includes('/auth/callback')

/** The address that the provider sends the browser back to, not yet asked. */
async function callbackOf(browser: TestBrowser, issuer = 'team'): Promise<string> {
  const { addresses } = await browser.visit(`${world.url}/auth/login/${issuer}`, isCallback)
  return addresses.at(-1)!
}

/** That an answer is a refusal, with no session, in words that tell nothing. */
async function expectRefused(response: Response, browser: TestBrowser, status = 400) {
  expect(response.status).toBe(status)
  expect(browser.cookie(world.url, 'weir')).toBeUndefined()
  const session = await (await browser.script(`${world.url}/auth/session`, 'GET')).json()
  expect(session).toMatchObject({ authenticated: false })
}

function finish(browser: TestBrowser, url: string): Promise<Response> {
  return browser.send(url, { headers: { accept: 'application/json' } })
}

describe('a login', () => {
  test('goes there and back; the session holds on the management API and nowhere else', async () => {
    const browser = new TestBrowser()
    const { addresses, response } = await browser.visit(
      `${world.url}/auth/login/team?return=/ui?tab=keys`,
    )
    expect(addresses.at(-1)).toBe(`${world.url}/ui?tab=keys`)
    expect(response.status).toBe(200)
    const state = await (await browser.script(`${world.url}/auth/session`, 'GET')).json()
    expect(state).toMatchObject({
      authenticated: true,
      access: true,
      user: { name: 'Alice', email: 'alice@example.test', issuer: 'team', tenant: 'default' },
      roles: [{ role: 'admin', scope: '/tenants/default', effect: 'allow' }],
    })
    expect((await browser.script(`${world.url}/admin/health`, 'GET')).status).toBe(200)
    for (const path of ['/v1/models', '/metrics', '/api/tags', '/v1beta/models']) {
      expect((await browser.script(`${world.url}${path}`, 'GET')).status).toBe(401)
    }
    const chat = await browser.script(`${world.url}/v1/chat/completions`, 'POST', {
      model: 'mock/echo',
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(chat.status).toBe(401)
  })

  test('asks with PKCE, state and nonce, each new, and never with a secret in the address', async () => {
    const first = provider.loginQuestions.length
    await callbackOf(new TestBrowser())
    await callbackOf(new TestBrowser())
    const [one, two] = provider.loginQuestions.slice(first)
    expect(one).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      scope: 'openid profile email',
      redirect_uri: `${world.url}/auth/callback`,
    })
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one?.[name]?.length).toBeGreaterThanOrEqual(43)
      expect(one?.[name]).not.toBe(two?.[name])
    }
    expect(JSON.stringify(provider.loginQuestions)).not.toContain('a secret')
  })

  test('cookies are HttpOnly and Lax; the id in them has 128 bits or more and is stored hashed', async () => {
    const browser = new TestBrowser()
    await browser.visit(`${world.url}/auth/login/team`)
    const session = browser.cookie(world.url, 'weir')!
    expect(session.attributes).toEqual(
      expect.arrayContaining(['httponly', 'samesite=lax', 'path=/']),
    )
    expect(session.attributes.some((each) => each.startsWith('domain'))).toBe(false)
    expect(Buffer.from(session.value.split('.')[0]!, 'base64url').length).toBe(32)
    const [stored] = await world.store.sessions.list('default')
    expect(stored?.idHash).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(stored)).not.toContain(session.value.slice(0, 20))
  })

  test('has words for everybody and secrets for nobody in the audit', async () => {
    const records = await world.store.audit.list({ limit: 50, action: 'login.succeeded' })
    expect(records[0]).toMatchObject({
      actor: { kind: 'user', name: 'alice@example.test', from: '127.0.0.1' },
      after: { issuer: 'team', roles: ['admin'] },
    })
    expect(JSON.stringify(records)).not.toMatch(/refresh-|eyJ|code-/)
  })

  test('a program gets JSON and a person a page, with nothing of the provider in either', async () => {
    const page = await new TestBrowser().visit(`${world.url}/auth/callback?state=x&code=<script>`)
    expect(page.response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.response.headers.get('content-security-policy')).toContain("script-src 'self'")
    expect(page.text).toContain('This login could not be completed')
    expect(page.text).not.toContain('<script>alert')
    const json = await fetch(`${world.url}/auth/callback?state=x`)
    expect(await json.json()).toMatchObject({ error: { code: 'login_failed', param: null } })
  })
})

describe('an answer that does not belong to a question (S49)', () => {
  test('no state, two states, an unknown one, one that was used', async () => {
    const browser = new TestBrowser()
    const url = new URL(await callbackOf(browser))
    const without = new URL(url)
    without.searchParams.delete('state')
    await expectRefused(await finish(browser, without.href), browser)
    const twice = new URL(url)
    twice.searchParams.append('state', 'another')
    await expectRefused(await finish(browser, twice.href), browser)
    const unknown = new URL(url)
    unknown.searchParams.set('state', 'x'.repeat(43))
    await expectRefused(await finish(browser, unknown.href), browser)
    // Only now, and only once.
    expect((await finish(browser, url.href)).status).toBe(302)
    browser.forget()
    await expectRefused(await finish(browser, url.href), browser)
  })

  test('brought by another browser, with or without a login of its own', async () => {
    const victim = new TestBrowser()
    await expectRefused(await finish(victim, await callbackOf(new TestBrowser())), victim)
    const second = new TestBrowser()
    const own = await callbackOf(second)
    await expectRefused(await finish(second, await callbackOf(new TestBrowser())), second)
    expect((await finish(second, own)).status).toBe(302)
  })

  test('after its time', async () => {
    const browser = new TestBrowser()
    const url = await callbackOf(browser)
    clock.advance(LIMITS.loginAttemptMs)
    await expectRefused(await finish(browser, url), browser)
  })

  test('with another state, an unknown issuer, or the wrong or no iss where one is announced', async () => {
    for (const callback of [
      { state: 'y'.repeat(43) },
      { state: null },
      { iss: 'https://elsewhere.example' },
      { iss: null },
      { iss: other.issuer },
    ]) {
      provider.faults.callback = callback
      const browser = new TestBrowser()
      await expectRefused(await finish(browser, await callbackOf(browser)), browser)
    }
  })

  test('a code of another login, a replayed code, and a verifier of another login', async () => {
    const one = new TestBrowser()
    const two = new TestBrowser()
    const [first, second] = [new URL(await callbackOf(one)), new URL(await callbackOf(two))]
    const mixed = new URL(second)
    mixed.searchParams.set('code', first.searchParams.get('code')!)
    await expectRefused(await finish(two, mixed.href), two)
    // A provider that gives tokens for any code still says whose login it was: the nonce is another one.
    provider.faults.lenientCodes = true
    const three = new TestBrowser()
    const third = new URL(await callbackOf(three))
    third.searchParams.set('code', first.searchParams.get('code')!)
    await expectRefused(await finish(three, third.href), three)
  })

  test.each<[string, OidcFaults]>([
    ['a wrong nonce', { idToken: { nonce: 'another' } }],
    ['no nonce', { idToken: { nonce: undefined } }],
    ['another issuer', { idToken: { iss: 'https://elsewhere.example' } }],
    ['another audience', { idToken: { aud: 'somebody-else' } }],
    ['several audiences without us', { idToken: { aud: ['a', 'b'] } }],
    ['another authorized party', { idToken: { aud: ['weir', 'b'], azp: 'b' } }],
    ['an end in the past', { idToken: { exp: 1 } }],
    ['no end', { idToken: { exp: undefined } }],
    ['no subject', { idToken: { sub: undefined } }],
    ['a subject that is no text', { idToken: { sub: 7 } }],
    ['a key that is published nowhere', { foreignKey: true }],
    ['an unknown key id', { idTokenHeader: { kid: 'unknown' } }],
    ['no id token', { token: 'no-id-token' }],
    ['a refused code', { token: { status: 400, body: { error: 'invalid_grant' } } }],
    ['tokens that are no object', { token: { status: 200, body: [] } }],
  ])('an id token with %s', async (_name, faults) => {
    Object.assign(provider.faults, faults)
    const browser = new TestBrowser()
    await expectRefused(await finish(browser, await callbackOf(browser)), browser)
  })

  test('what the provider refuses is told as such', async () => {
    provider.faults.callback = { error: 'access_denied' }
    const browser = new TestBrowser()
    const response = await finish(browser, await callbackOf(browser))
    expect(await response.clone().json()).toMatchObject({ error: { code: 'login_denied' } })
    await expectRefused(response, browser, 403)
  })
})

describe('a provider that is away (R41)', () => {
  const away: [string, OidcFaults][] = [
    ['discovery is down', { discovery: 'down' }],
    ['discovery is no JSON', { discovery: 'no-json' }],
    ['discovery is huge', { discovery: 'huge' }],
    ['discovery names another issuer', { discovery: 'other-issuer' }],
  ]
  test.each(away)(
    'when %s, a login says 503 and nothing else is touched',
    async (_name, faults) => {
      Object.assign(provider.faults, faults)
      world.auth.issuers = [issuerOf(provider), ...world.auth.issuers.slice(1)]
      const response = await fetch(`${world.url}/auth/login/team`, { redirect: 'manual' })
      expect(response.status).toBe(503)
      expect(await response.json()).toMatchObject({
        error: { code: 'issuer_unavailable' },
      })
      expect((await fetch(`${world.url}/health`)).status).toBe(200)
      const { addresses } = await new TestBrowser().visit(`${world.url}/auth/login/team-2`)
      expect(addresses.at(-1)).toBe(`${world.url}/ui`)
      // Left alone for a moment, then asked again.
      const asked = provider.questions.length
      await fetch(`${world.url}/auth/login/team`, { redirect: 'manual' })
      expect(provider.questions.length).toBe(asked)
      delete provider.faults.discovery
      clock.advance(LIMITS.oidcRetryMs)
      const again = await fetch(`${world.url}/auth/login/team`, { redirect: 'manual' })
      expect(again.status).toBe(302)
    },
  )

  test.each<[string, OidcFaults]>([
    ['the token endpoint fails', { token: { status: 502, body: {} } }],
    ['keys cannot be read', { jwks: 'down' }],
    ['user info cannot be read', { userInfo: 'down' }],
  ])('when %s at the end, that login says 503', async (_name, faults) => {
    world.auth.issuers = [
      issuerOf(provider, { rolesClaims: ['elsewhere'], groupsClaim: 'nowhere' }),
      ...world.auth.issuers.slice(1),
    ]
    Object.assign(provider.faults, faults)
    const browser = new TestBrowser()
    await expectRefused(await finish(browser, await callbackOf(browser)), browser, 503)
    world.auth.issuers = [issuerOf(provider), ...world.auth.issuers.slice(1)]
  })

  test('addresses of its document that lead to a metadata service are not asked', async () => {
    provider.faults.discovery = 'foreign-endpoints'
    world.auth.issuers = [issuerOf(provider), ...world.auth.issuers.slice(1)]
    const browser = new TestBrowser()
    await expectRefused(await finish(browser, await callbackOf(browser)), browser, 503)
    delete provider.faults.discovery
    world.auth.issuers = [issuerOf(provider), ...world.auth.issuers.slice(1)]
  })

  test('a key that is new is found, and metadata is read once for many logins', async () => {
    await callbackOf(new TestBrowser())
    const asked = provider.questions.filter((each) => each.includes('.well-known')).length
    await Promise.all([1, 2, 3, 4].map(() => callbackOf(new TestBrowser())))
    expect(provider.questions.filter((each) => each.includes('.well-known')).length).toBe(asked)
  })
})

describe('where a browser is sent (S50)', () => {
  test('the address that the provider sends to comes from no request', async () => {
    const first = provider.loginQuestions.length
    for (const host of ['127.0.0.1:1', 'localhost:9', 'weir.example.com']) {
      const response = await fetch(`${world.url}/auth/login/team`, {
        headers: { host, 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
        redirect: 'manual',
      })
      const location = new URL(response.headers.get('location')!)
      expect([new URL(world.url).origin]).toContain(location.origin)
      const again = await fetch(`${world.url}/auth/login/team?moved=1`, {
        headers: { host },
        redirect: 'manual',
      })
      const asked = new URL(again.headers.get('location')!)
      expect(asked.searchParams.get('redirect_uri')).toBe(`${world.url}/auth/callback`)
    }
    for (const question of provider.loginQuestions.slice(first)) {
      expect(question['redirect_uri']).toBe(`${world.url}/auth/callback`)
    }
  })

  test.each([
    '//evil.example',
    String.raw`/\evil.example`,
    'https://evil.example',
    'javascript:alert(1)',
    '/ok%0d%0aset-cookie:x=y',
    '/\r\nset-cookie: x=y',
    '/%09/evil.example',
    '/./..//evil.example',
    '@evil.example',
    '/auth/logout',
  ])('after a login never to %p', async (target) => {
    const browser = new TestBrowser()
    const { addresses } = await browser.visit(
      `${world.url}/auth/login/team?return=${encodeURIComponent(target)}`,
    )
    for (const address of addresses) {
      expect([new URL(world.url).host, new URL(provider.issuer).host]).toContain(
        new URL(address).host,
      )
    }
    expect(new URL(addresses.at(-1)!).pathname).not.toBe('/auth/logout')
  })
})

describe('who somebody is', () => {
  test('the issuer and its subject, and never the address of their mail (S54)', async () => {
    const alice = new TestBrowser()
    await alice.visit(`${world.url}/auth/login/team`)
    const zed = new TestBrowser()
    await zed.visit(`${world.url}/auth/login/team-2`)
    const of = async (browser: TestBrowser) =>
      (await (await browser.script(`${world.url}/auth/session`, 'GET')).json()) as {
        user: { id: string; email: string; issuer: string }
      }
    const [one, two] = [await of(alice), await of(zed)]
    expect(one.user.email).toBe(two.user.email)
    expect(one.user.id).not.toBe(two.user.id)
    expect(two.user.issuer).toBe('team-2')
    const again = new TestBrowser()
    await again.visit(`${world.url}/auth/login/team`)
    expect((await of(again)).user.id).toBe(one.user.id)
  })

  test('a role that nobody has mapped gives nothing: a session, words what to do, 403 everywhere (S54, S56)', async () => {
    provider.currentSubject = 'carol'
    const browser = new TestBrowser()
    const { response, text } = await browser.visit(`${world.url}/auth/login/team`)
    expect(response.status).toBe(403)
    expect(text).toContain('no role was given to you here')
    const state = await (await browser.script(`${world.url}/auth/session`, 'GET')).json()
    expect(state).toMatchObject({ authenticated: true, access: false, roles: [] })
    for (const path of [
      '/admin/health',
      '/admin/models/status',
      '/admin/sessions',
      '/admin/keys',
    ]) {
      const refused = await browser.script(`${world.url}${path}`, 'GET')
      expect(refused.status).toBe(403)
      expect(await refused.json()).toMatchObject({ code: 'no_role' })
    }
  })

  test('an operator operates and sees no people', async () => {
    provider.currentSubject = 'bob'
    const browser = new TestBrowser()
    await browser.visit(`${world.url}/auth/login/team`)
    expect((await browser.script(`${world.url}/admin/health`, 'GET')).status).toBe(200)
    expect((await browser.script(`${world.url}/admin/sessions`, 'GET')).status).toBe(403)
  })

  test('whoever is turned off is let in no more, and is out at once', async () => {
    provider.currentSubject = 'bob'
    const browser = new TestBrowser()
    await browser.visit(`${world.url}/auth/login/team`)
    const bob = (await world.store.users.bySubject('team', 'bob'))!
    await world.store.users.update(bob.tenantId, bob.id, { status: 'disabled' }, TEST_ACTOR)
    clock.advance(LIMITS.sessionCacheMs)
    expect((await browser.script(`${world.url}/admin/health`, 'GET')).status).toBe(401)
    const again = new TestBrowser()
    const response = await finish(again, await callbackOf(again))
    expect(await response.clone().json()).toMatchObject({ error: { code: 'user_disabled' } })
    await expectRefused(response, again, 403)
    await world.store.users.update(bob.tenantId, bob.id, { status: 'active' }, TEST_ACTOR)
  })

  test('where users are not made, strangers are told whom to ask', async () => {
    const before = world.auth.issuers
    world.auth.issuers = [issuerOf(provider, { id: 'strict', createUsers: false })]
    const browser = new TestBrowser()
    const response = await finish(browser, await callbackOf(browser, 'strict'))
    expect(await response.clone().json()).toMatchObject({ error: { code: 'user_unknown' } })
    await expectRefused(response, browser, 403)
    world.auth.issuers = before
  })

  test('a tenant that is not there lets nobody in', async () => {
    const before = world.auth.issuers
    world.auth.issuers = [issuerOf(provider, { id: 'elsewhere', tenantId: 'nowhere' })]
    const browser = new TestBrowser()
    await expectRefused(await finish(browser, await callbackOf(browser, 'elsewhere')), browser, 403)
    expect(await world.store.users.bySubject('elsewhere', 'alice')).toBeUndefined()
    world.auth.issuers = before
  })

  test('two browsers of somebody new, at once, are one user', async () => {
    const before = world.auth.issuers
    world.auth.issuers = [issuerOf(provider, { id: 'fresh' })]
    const browsers = [new TestBrowser(), new TestBrowser(), new TestBrowser()]
    const urls = await Promise.all(browsers.map((browser) => callbackOf(browser, 'fresh')))
    const answers = await Promise.all(
      browsers.map((browser, index) => finish(browser, urls[index]!)),
    )
    expect(answers.map(({ status }) => status)).toEqual([302, 302, 302])
    const users = await world.store.users.list('default')
    expect(users.filter(({ issuer }) => issuer === 'fresh').length).toBe(1)
    world.auth.issuers = before
  })
})

describe('session fixation (S51)', () => {
  test('a cookie that somebody planted is never what one is logged in by', async () => {
    const attacker = new TestBrowser()
    provider.currentSubject = 'bob'
    await attacker.visit(`${world.url}/auth/login/team`)
    const planted = attacker.cookie(world.url, 'weir')!.value
    provider.currentSubject = 'alice'
    const victim = new TestBrowser()
    victim.plant(world.url, 'weir', planted)
    await victim.visit(`${world.url}/auth/login/team`)
    const value = victim.cookie(world.url, 'weir')!.value
    expect(value).not.toBe(planted)
    // The session that was there before is over, for whoever else has its cookie too.
    expect((await attacker.script(`${world.url}/admin/health`, 'GET')).status).toBe(401)
  })

  test('a login that an attacker began does not log the victim in as the attacker', async () => {
    const attacker = new TestBrowser()
    const url = await callbackOf(attacker)
    const victim = new TestBrowser()
    victim.plant(world.url, 'weir-login', 'x'.repeat(43))
    await expectRefused(await finish(victim, url), victim)
  })
})

describe('too many', () => {
  test('logins from one address are refused for a while, and those of others are not touched', async () => {
    const statuses: number[] = []
    for (let count = 0; count < LIMITS.loginFailuresPerAddressMax + 5; count += 1) {
      const response = await fetch(`${world.url}/auth/callback?state=guess-${count}`)
      statuses.push(response.status)
      await response.body?.cancel()
    }
    expect(statuses.filter((status) => status === 400).length).toBe(
      LIMITS.loginFailuresPerAddressMax,
    )
    expect(statuses.at(-1)).toBe(429)
    const refused = await fetch(`${world.url}/auth/callback?state=guess`)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${world.url}/auth/session`)).status).toBe(200)
    clock.advance(LIMITS.loginWindowMs)
    expect((await fetch(`${world.url}/auth/callback?state=guess`)).status).toBe(400)
  })
})

describe('on a public address', () => {
  test('the cookie has the prefix that other hosts cannot set, and goes by TLS alone', async () => {
    await using team = await startLoginWorld({
      providers: [provider],
      publicUrl: 'https://weir.example.com',
    })
    const begun = await fetch(`${team.url}/auth/login/team`, {
      headers: { host: 'weir.example.com' },
      redirect: 'manual',
    })
    const [login] = begun.headers.getSetCookie()
    expect(login).toMatch(/^__Host-weir-login=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure/)
    const authorize = await fetch(begun.headers.get('location')!, { redirect: 'manual' })
    const back = new URL(authorize.headers.get('location')!)
    expect(back.origin).toBe('https://weir.example.com')
    const ended = await fetch(`${team.url}${back.pathname}${back.search}`, {
      headers: { host: 'weir.example.com', cookie: login!.split(';')[0]! },
      redirect: 'manual',
    })
    expect(ended.headers.get('location')).toBe('https://weir.example.com/ui')
    expect(ended.headers.getSetCookie().join('\n')).toMatch(
      /^__Host-weir=\S+; Path=\/; HttpOnly; SameSite=Lax; Secure$/m,
    )
  })

  test('without TLS nobody logs in, and somebody who asks elsewhere is sent there', async () => {
    await using plain = await startLoginWorld({
      providers: [provider],
      publicUrl: 'http://weir.example.com',
    })
    const response = await fetch(`${plain.url}/auth/login/team`, { redirect: 'manual' })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: { code: 'login_not_possible' } })
  })
})
