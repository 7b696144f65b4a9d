// Logging in with a real browser: at a real Keycloak's own page and back to the address that was wanted, and with a password of ours. What the
// role allows is shown, nothing else is; a session can ask models in the playground, as who it is; logging out ends it here and there.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  startBrowser,
  untilAt,
  type TestBrowser,
  type WatchedPage,
} from './harness/browser.ts'
import { findKeycloak, type Keycloak } from './harness/keycloak.ts'
import { setupLink } from './harness/setup-link.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const withoutBrowser = isBrowserMissing()
const PASSWORD = 'correct horse battery'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name }).waitFor()

/** The pages that the navigation offers. */
async function offered(page: Page): Promise<string[]> {
  const navigation = page.getByRole('navigation', { name: 'Main' })
  await navigation.getByRole('link', { name: 'Home' }).waitFor()
  const names = await navigation.getByRole('link').allTextContents()
  return names.map((name) => name.trim())
}

/** Asks in the playground and waits for the whole answer. @returns the id of the request */
async function asks(page: Page, question: string): Promise<string> {
  await page.getByRole('combobox', { name: 'Model' }).fill('mock/echo')
  const coming = page.waitForResponse((response) =>
    response.url().includes('/admin/playground/chat'),
  )
  await page.getByRole('textbox', { name: 'Message' }).fill(question)
  await page.getByRole('textbox', { name: 'Message' }).press('Enter')
  const answer = page.getByRole('article', { name: 'Answer of mock/echo' }).last()
  await answer.getByText('First token').waitFor()
  expect(await answer.textContent()).toContain(question)
  return (await coming).headers()['x-request-id'] ?? ''
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Somebody with a password and the role of a member, made in the session of an administrator. */
async function addMember(page: Page, name: string): Promise<void> {
  const statuses = await page.evaluate(
    async ({ name: subject, password }) => {
      const { csrf } = (await (await fetch('/auth/session')).json()) as { csrf: string }
      const headers = { 'content-type': 'application/json', 'x-weir-csrf': csrf }
      const post = (path: string, body: object) =>
        fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
      const made = await post('/admin/users', { subject, password })
      const { id } = (await made.json()) as { id: string }
      const role = { role: 'member', assignee: { kind: 'user', id } }
      return [made.status, (await post('/admin/assignments', role)).status]
    },
    { name, password: PASSWORD },
  )
  expect(statuses).toEqual([201, 201])
}

async function logOut(watched: WatchedPage, name: string): Promise<void> {
  const { page } = watched
  await page.getByRole('button', { name: `Account: ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await untilAt(watched, /^[^?]*\/auth\/login(?:\?|$)/)
  // The page asks by itself until it is left, then without a session.
  watched.take(/status of 401/)
}

describe.skipIf(withoutBrowser)('a local administrator', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    weir = await startWeir({ config: { auth: { anonymous: 'never' } } })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('is set up, logs in to a deep link, asks a model and logs out', async () => {
    const watched = await browser.open(await setupLink(weir))
    const { page } = watched
    await page.getByLabel('Name').fill('root')
    await page.getByLabel('Password, at least 12 characters').fill(PASSWORD)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.getByRole('button', { name: 'Set up' }).click()
    await page.getByRole('button', { name: 'Account: root' }).waitFor()
    await logOut(watched, 'root')

    await page.goto(`${weir.url}/ui/playground?model=mock%2Fecho`)
    await untilAt(watched, /\/auth\/login\?return=/)
    await logIn(page, 'root')
    await heading(page, 'Playground')
    expect(new URL(page.url()).search).toBe('?model=mock%2Fecho')

    const id = await asks(page, 'Who am I?')
    expect(await weir.row(id)).toMatchObject({
      status: 200,
      endpoint: '/admin/playground/chat/completions',
      api_key_id: null,
      user_id: expect.stringMatching(/.+/),
    })
    expect(await offered(page)).toEqual(expect.arrayContaining(['Playground', 'Keys', 'People']))
    await logOut(watched, 'root')
    await page.getByRole('textbox', { name: 'Password' }).waitFor()
    expectQuiet(watched)
    await page.close()
  })

  test('whose session ends while the playground is open logs in again, and nothing is lost', async () => {
    const watched = await browser.open(`${weir.url}/auth/login?return=%2Fui%2Fplayground`)
    const { page } = watched
    await logIn(page, 'root')
    await heading(page, 'Playground')
    await asks(page, 'Before the end')
    await browser.context.clearCookies()
    await page.getByRole('textbox', { name: 'Message' }).fill('After the end')
    await page.getByRole('textbox', { name: 'Message' }).press('Enter')
    await untilAt(watched, /\/auth\/login\?return=%2Fui%2Fplayground/)
    await logIn(page, 'root')
    await heading(page, 'Playground')
    const said = page.getByRole('article', { name: 'You' })
    await said.getByText('Before the end').waitFor()
    // Another request of the page may have found the end of the session first: then it is still to be sent.
    const waits = page.getByRole('textbox', { name: 'Message' })
    if ((await waits.inputValue()) !== 'After the end') {
      await said.nth(1).getByText('After the end').waitFor()
    }
    expect(watched.take(/401/).length).toBeGreaterThan(0)
    expectQuiet(watched)

    // Who logs in next in the same tab finds nothing of it.
    await addMember(page, 'second')
    await logOut(watched, 'root')
    await page.goto(`${weir.url}/auth/login?return=%2Fui%2Fplayground`)
    await logIn(page, 'second')
    await heading(page, 'Playground')
    await page.getByText('Nothing said yet.').waitFor()
    expectQuiet(watched)
    await page.close()
  })
})

const found = withoutBrowser ? { missing: 'no browser' } : await findKeycloak()
if (found.missing !== undefined) {
  process.stdout.write(`left out: logins with Keycloak in a browser: ${found.missing}\n`)
}

/** Other tests may run beside these with the same Keycloak, and change who is in its realm and where its client may lead back to. */
const REALM = `browser-${process.pid}`

async function addRealm(keycloak: Keycloak): Promise<void> {
  const file = join(import.meta.dir, 'keycloak', 'realm.json')
  const realm = JSON.parse(readFileSync(file, 'utf8')) as object
  await keycloak.admin('POST', '/../../realms', { ...realm, realm: REALM })
}

describe.skipIf(found.missing !== undefined)('Keycloak, in the browser', () => {
  let keycloak: Keycloak
  let weir: Weir

  beforeAll(async () => {
    if (found.missing !== undefined) return
    keycloak = found.keycloak
    await addRealm(keycloak)
    weir = await startWeir({
      config: {
        auth: {
          anonymous: 'never',
          oidc: [
            {
              id: 'keycloak',
              kind: 'keycloak',
              label: 'Our Keycloak',
              issuer: `${keycloak.url}/realms/${REALM}`,
              client_id: 'weir',
              client_secret: 'weir-client-secret',
              roles: { 'weir-admins': 'admin' },
              group_roles: { research: 'member' },
            },
          ],
        },
      },
    })
    const clients = `/../${REALM}/clients`
    const [client] = (await keycloak.admin('GET', `${clients}?clientId=weir`)) as { id: string }[]
    await keycloak.admin('PUT', `${clients}/${client!.id}`, {
      ...client,
      redirectUris: [`${weir.url}/auth/callback`, `${weir.url}/auth/login`],
    })
  })

  afterAll(async () => {
    await weir?.stop()
    await keycloak?.admin('DELETE', `/../${REALM}`)
  })

  /** Its own page; what its page has to say on the console is not ours. */
  async function fillIn(watched: WatchedPage, name: string): Promise<void> {
    const { page } = watched
    await page.waitForURL((url) => url.origin === keycloak.url)
    await page.locator('#username').fill(name)
    await page.locator('#password').fill(`${name}-password`)
    await page.locator('#kc-login').click()
    await page.waitForURL((url) => url.origin === weir.url)
    watched.take(new RegExp(keycloak.url))
  }

  test('an administrator comes back to the page they wanted, and sees everything', async () => {
    await using browser = await startBrowser()
    const watched = await browser.open(`${weir.url}/ui/people?x=1`)
    const { page } = watched
    await untilAt(watched, /\/auth\/login\?return=/)
    await page.getByRole('link', { name: 'Our Keycloak' }).waitFor()
    expect(await axe(watched)).toEqual([])
    await page.getByRole('link', { name: 'Our Keycloak' }).click()
    await fillIn(watched, 'alice')
    await heading(page, 'People')
    const { pathname, search } = new URL(page.url())
    expect(`${pathname}${search}`).toBe('/ui/people?x=1')
    expect(await offered(page)).toEqual(
      expect.arrayContaining([
        'Home',
        'Playground',
        'Models & routes',
        'Providers',
        'Keys',
        'People',
      ]),
    )
    expectQuiet(watched)

    await logOut(watched, 'Alice Adams')
    await page.waitForURL((url) => url.origin === weir.url && url.pathname === '/auth/login')
    await page.getByRole('link', { name: 'Our Keycloak' }).click()
    // Logged out there too: it asks for the password again.
    await page.waitForURL((url) => url.origin === keycloak.url)
    await page.locator('#password').waitFor()
  })

  test('a member sees what members may, asks as themselves, and is kept from the rest', async () => {
    await using browser = await startBrowser()
    const watched = await browser.open(`${weir.url}/ui/playground`)
    const { page } = watched
    await page.getByRole('link', { name: 'Our Keycloak' }).click()
    await fillIn(watched, 'bob')
    await heading(page, 'Playground')
    const names = await offered(page)
    expect(names).toEqual(expect.arrayContaining(['Home', 'Connect', 'Playground', 'My usage']))
    for (const hidden of ['People', 'Keys', 'Providers', 'Audit', 'Settings', 'Requests']) {
      expect(names).not.toContain(hidden)
    }
    const id = await asks(page, 'What may I?')
    const row = await weir.row(id)
    expect(row).toMatchObject({ status: 200, api_key_id: null })
    expect(row['user_id']).toBeTruthy()
    // By its address neither.
    await page.goto(`${weir.url}/ui/people`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).not.toBe('People')
    expect(await page.getByRole('table').count()).toBe(0)
    expect(await axe(watched)).toEqual([])
    expectQuiet(watched)
  })

  test('whom no role was given is told so, and whom to ask', async () => {
    await using browser = await startBrowser()
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await page.getByRole('link', { name: 'Our Keycloak' }).click()
    await fillIn(watched, 'carol')
    await page
      .getByText(/no role was given to you/)
      .first()
      .waitFor()
    expect(watched.take(/403/).length).toBeLessThanOrEqual(1)
    expectQuiet(watched)
  })
})
