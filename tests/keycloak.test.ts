// People who log in with a real Keycloak, through the executable and as a browser does it: what Keycloak says of them is what they may,
// and a session ends when it ends there. Where Keycloak cannot be had, the reason is in the list of what was left out.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { TestBrowser } from '../src/testing/browser.ts'
import { findKeycloak, type Keycloak } from './harness/keycloak.ts'
import { startWeir, type Weir } from './harness/weir.ts'

// A login is half a dozen pages of a server in Java, which may share a busy machine.
setDefaultTimeout(90_000)

const found = await findKeycloak()
if (found.missing !== undefined) {
  process.stdout.write(`left out: logins with Keycloak: ${found.missing}\n`)
}

const KEY = 'a-key-of-the-file-that-is-long-enough'

let keycloak: Keycloak
let weir: Weir

function configOf(issuer: string): object {
  return {
    auth: {
      oidc: [
        {
          id: 'keycloak',
          kind: 'keycloak',
          label: 'Our Keycloak',
          issuer,
          client_id: 'weir',
          client_secret: 'weir-client-secret',
          roles: {
            'weir-admins': 'admin',
            'weir-auditors': 'auditor',
            operator: 'operator',
          },
          group_roles: { engineers: 'member', research: 'member' },
        },
      ],
    },
    keys: [{ name: 'program', key: KEY }],
    models: [
      {
        id: 'for-engineers',
        targets: [{ provider: 'mock', model: 'echo' }],
        access: ['group:engineers'],
      },
    ],
  }
}

/** The page of Keycloak that asks for name and password, reached from ours. */
async function loginForm(browser: TestBrowser, path = '/auth/login/keycloak') {
  const { addresses, text } = await browser.visit(`${weir.url}${path}`)
  const action = /action="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
  return { addresses, action }
}

/** Fills it in and goes where that leads: to our callback at the least. */
async function fillIn(browser: TestBrowser, action: string, name: string): Promise<string> {
  const response = await browser.send(action, {
    method: 'POST',
    body: new URLSearchParams({ username: name, password: `${name}-password` }),
  })
  const location = response.headers.get('location')
  if (location === null) throw new Error(`Keycloak sends nobody back: ${response.status}`)
  return location
}

async function loggedIn(name: string, path?: string): Promise<TestBrowser> {
  const browser = new TestBrowser()
  const { action } = await loginForm(browser, path)
  await browser.visit(await fillIn(browser, action!, name))
  return browser
}

async function stateOf(browser: TestBrowser) {
  const response = await browser.script(`${weir.url}/auth/session`, 'GET')
  return (await response.json()) as {
    authenticated: boolean
    access: boolean
    csrf: string
    roles: { role: string; scope: string }[]
    groups: string[]
    user: { id: string; name: string; email: string }
    issuers: { id: string; label: string }[]
  }
}

function get(browser: TestBrowser, path = '/admin/health'): Promise<Response> {
  return browser.script(`${weir.url}${path}`, 'GET')
}

/** The token that a program gets with a person's password, or with its own secret. */
async function tokenOf(form: Record<string, string>): Promise<string> {
  const response = await fetch(`${keycloak.issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

function tokenOfPerson(name: string): Promise<string> {
  return tokenOf({
    grant_type: 'password',
    client_id: 'weir',
    client_secret: 'weir-client-secret',
    username: name,
    password: `${name}-password`,
  })
}

async function ask(token: string, model: string): Promise<number> {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  })
  await response.body?.cancel()
  return response.status
}

const WAIT_LIMIT_MS = 30_000

/** Resolves when it holds. @throws when it does not in time */
async function within(what: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + WAIT_LIMIT_MS
  while (!(await what())) {
    if (performance.now() > limit) throw new Error(`it did not come within ${WAIT_LIMIT_MS} ms`)
    await Bun.sleep(25)
  }
}

describe.skipIf(found.keycloak === undefined)('Keycloak', () => {
  beforeAll(async () => {
    keycloak = found.keycloak!
    weir = await startWeir({ config: configOf(keycloak.issuer) })
    const [client] = (await keycloak.admin('GET', '/clients?clientId=weir')) as {
      id: string
      attributes: Record<string, string>
    }[]
    await keycloak.admin('PUT', `/clients/${client!.id}`, {
      ...client,
      redirectUris: [`${weir.url}/auth/callback`, `${weir.url}/auth/login`],
      attributes: {
        ...client!.attributes,
        'backchannel.logout.url': `${weir.url}/auth/backchannel/keycloak`,
      },
    })
  })

  afterAll(async () => {
    await weir.stop()
  })

  test('shows who one can be, and asks with PKCE', async () => {
    const browser = new TestBrowser()
    expect(await stateOf(browser)).toMatchObject({
      authenticated: false,
      issuers: [{ id: 'keycloak', label: 'Our Keycloak' }],
    })
    const page = await browser.visit(`${weir.url}/auth/login`)
    expect(page.text).toMatch(/\/ui\/outside-\w+\.js/)
    const { addresses } = await loginForm(browser)
    const asked = new URL(addresses[1]!)
    expect(asked.origin).toBe(keycloak.url)
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      client_id: 'weir',
      code_challenge_method: 'S256',
      redirect_uri: `${weir.url}/auth/callback`,
    })
  })

  test('a realm role is a role here, and groups come along', async () => {
    const browser = await loggedIn('alice')
    const state = await stateOf(browser)
    expect(state).toMatchObject({
      authenticated: true,
      access: true,
      user: { name: 'Alice Adams', email: 'alice@example.test' },
      groups: ['engineers'],
    })
    expect(state.roles.map(({ role, scope }) => `${role} ${scope}`).toSorted()).toEqual([
      'admin /tenants/default',
      'member /tenants/default',
    ])
    expect((await get(browser)).status).toBe(200)
    expect((await get(browser, '/admin/sessions')).status).toBe(200)
  })

  test('a client role is a role here, and gives no more than that', async () => {
    const browser = await loggedIn('bob')
    const { roles } = await stateOf(browser)
    expect(roles.map(({ role }) => role).toSorted()).toEqual(['member', 'operator'])
    expect((await get(browser)).status).toBe(200)
    expect((await get(browser, '/admin/sessions')).status).toBe(403)
  })

  test('a role that nobody has mapped lets in nowhere, and says what to do', async () => {
    const browser = new TestBrowser()
    const { action } = await loginForm(browser)
    const { response, text } = await browser.visit(await fillIn(browser, action!, 'carol'))
    expect(response.status).toBe(403)
    expect(text).toContain('no role was given to you here')
    expect((await get(browser)).status).toBe(403)
  })

  test('a wrong password never comes back to us', async () => {
    const browser = new TestBrowser()
    const { action } = await loginForm(browser)
    const response = await browser.send(action!, {
      method: 'POST',
      body: new URLSearchParams({ username: 'alice', password: 'wrong' }),
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('location')).toBeNull()
  })

  test('groups decide about models, in tokens of people', async () => {
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map(tokenOfPerson))
    expect(await ask(alice!, 'for-engineers')).toBe(200)
    expect(await ask(bob!, 'for-engineers')).toBe(404)
    expect(await ask(bob!, 'mock/echo')).toBe(200)
    expect(await ask(carol!, 'mock/echo')).toBe(403)
  })

  test('a program has the rights of its own token (S56)', async () => {
    const token = await tokenOf({
      grant_type: 'client_credentials',
      client_id: 'batch',
      client_secret: 'batch-client-secret',
    })
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${weir.url}/admin/sessions`, { headers })).status).toBe(200)
    const change = await fetch(`${weir.url}/admin/sessions/x`, { method: 'DELETE', headers })
    expect(change.status).toBe(403)
    expect(await ask(token, 'mock/echo')).toBe(403)
  })

  test('the cookie is for this host, for no script, and for no model', async () => {
    const browser = await loggedIn('alice')
    const cookie = browser.cookie(weir.url, 'weir')!
    expect(cookie.attributes).toEqual(
      expect.arrayContaining(['httponly', 'samesite=lax', 'path=/']),
    )
    expect((await get(browser, '/v1/models')).status).toBe(401)
    const chat = await browser.script(`${weir.url}/v1/chat/completions`, 'POST', {
      model: 'mock/echo',
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(chat.status).toBe(401)
  })

  test('each login has an id of its own, and the one before is over (S51)', async () => {
    const browser = await loggedIn('alice')
    const first = browser.cookie(weir.url, 'weir')!.value
    // Keycloak knows the browser: it asks nothing.
    const { addresses } = await browser.visit(`${weir.url}/auth/login/keycloak?return=/ui`)
    expect(addresses.at(-1)).toBe(`${weir.url}/ui`)
    const second = browser.cookie(weir.url, 'weir')!.value
    expect(second).not.toBe(first)
    const old = new TestBrowser()
    old.plant(weir.url, 'weir', first)
    expect((await get(old)).status).toBe(401)
    expect((await get(browser)).status).toBe(200)
  })

  test('when an administrator of Keycloak ends a session, it ends here (S53)', async () => {
    const [alice, bob] = [await loggedIn('alice'), await loggedIn('bob')]
    const [user] = (await keycloak.admin('GET', '/users?username=alice&exact=true')) as {
      id: string
    }[]
    await keycloak.admin('POST', `/users/${user!.id}/logout`)
    await within(async () => (await get(alice)).status === 401)
    expect((await get(bob)).status).toBe(200)
  })

  test('who logs out here is logged out there, and comes back to our page', async () => {
    const browser = await loggedIn('alice')
    const { csrf } = await stateOf(browser)
    const value = browser.cookie(weir.url, 'weir')!.value
    const response = await browser.script(`${weir.url}/auth/logout`, 'POST', undefined, csrf)
    const { redirect } = (await response.json()) as { redirect: string }
    expect(new URL(redirect).origin).toBe(keycloak.url)
    const { addresses, text } = await browser.visit(redirect)
    expect(addresses.at(-1)).toBe(`${weir.url}/auth/login`)
    expect(text).toMatch(/\/ui\/outside-\w+\.js/)
    const old = new TestBrowser()
    old.plant(weir.url, 'weir', value)
    expect((await get(old)).status).toBe(401)
    // It asks for a password again.
    expect((await loginForm(browser)).action).toBeDefined()
  })

  test('a change by cookie needs our own page (S52)', async () => {
    const browser = await loggedIn('alice')
    const { csrf } = await stateOf(browser)
    const refused = async (headers: Record<string, string>) =>
      (await browser.send(`${weir.url}/auth/logout`, { method: 'POST', headers })).status
    const own = weir.url
    expect(await refused({ origin: own })).toBe(403)
    expect(await refused({ origin: own, 'x-weir-csrf': 'x' })).toBe(403)
    expect(await refused({ origin: 'https://evil.example', 'x-weir-csrf': csrf })).toBe(403)
    expect(await refused({ origin: keycloak.url, 'x-weir-csrf': csrf })).toBe(403)
    expect(await refused({ 'sec-fetch-site': 'cross-site', 'x-weir-csrf': csrf })).toBe(403)
    expect((await get(browser)).status).toBe(200)
  })

  test('answers that do not belong to a question are refused (S49)', async () => {
    const status = async (browser: TestBrowser, url: string) => {
      const response = await browser.send(url, { headers: { accept: 'application/json' } })
      await response.body?.cancel()
      return response.status
    }
    const answer = async (browser: TestBrowser) =>
      new URL(await fillIn(browser, (await loginForm(browser)).action!, 'alice'))
    const one = new TestBrowser()
    const first = await answer(one)
    expect([...first.searchParams.keys()].toSorted()).toEqual([
      'code',
      'iss',
      'session_state',
      'state',
    ])
    const changed = (name: string, value: string) => {
      const url = new URL(first)
      url.searchParams.set(name, value)
      return url.href
    }
    expect(await status(new TestBrowser(), first.href)).toBe(400)
    // That took the state: the browser it belonged to begins again.
    expect(await status(one, first.href)).toBe(400)
    expect(await status(one, changed('state', 'x'.repeat(43)))).toBe(400)
    const two = new TestBrowser()
    const second = await answer(two)
    const three = new TestBrowser()
    const third = await answer(three)
    third.searchParams.set('code', second.searchParams.get('code')!)
    expect(await status(three, third.href)).toBe(400)
    const four = new TestBrowser()
    const fourth = await answer(four)
    fourth.searchParams.set('iss', 'https://elsewhere.example')
    expect(await status(four, fourth.href)).toBe(400)
    const five = new TestBrowser()
    const fifth = await answer(five)
    expect(await status(five, fifth.href)).toBe(302)
    expect(await status(five, fifth.href)).toBe(400)
    for (const browser of [one, two, three, four]) {
      expect(browser.cookie(weir.url, 'weir')).toBeUndefined()
    }
  })

  test('a browser is led to pages of ours alone (S50)', async () => {
    for (const target of ['//evil.example', 'https://evil.example', String.raw`/\evil.example`]) {
      const path = `/auth/login/keycloak?return=${encodeURIComponent(target)}`
      const browser = new TestBrowser()
      const { action } = await loginForm(browser, path)
      const { addresses } = await browser.visit(await fillIn(browser, action!, 'bob'))
      expect(addresses.at(-1)).toBe(`${weir.url}/ui`)
    }
  })

  test('what the program writes holds no token, no code and no secret', () => {
    const said = `${weir.stdout()}${weir.stderr()}`
    expect(said).not.toMatch(/eyJ[\w-]{20}|weir-client-secret|alice-password|code=/)
  })

  test('while it is away nobody logs in, and everything else goes on (R41)', async () => {
    const browser = await loggedIn('alice')
    const second = new TestBrowser()
    const back = await fillIn(second, (await loginForm(second)).action!, 'bob')
    const fresh = await startWeir({ config: configOf(keycloak.issuer) })
    const resume = keycloak.pause()
    try {
      const [begun, ended] = await Promise.all([
        fetch(`${fresh.url}/auth/login/keycloak`, { redirect: 'manual' }),
        second.send(back, { headers: { accept: 'application/json' } }),
        ask(KEY, 'mock/echo').then((status) => expect(status).toBe(200)),
        get(browser).then(({ status }) => expect(status).toBe(200)),
      ])
      expect([begun.status, ended.status]).toEqual([503, 503])
      expect(await begun.json()).toMatchObject({ error: { code: 'issuer_unavailable' } })
    } finally {
      resume()
      await fresh.stop()
    }
    expect((await stateOf(await loggedIn('bob'))).authenticated).toBe(true)
  })
})
