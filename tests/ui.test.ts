// The shell of the web UI in a real browser, served by the executable: pages by their address, the keyboard, the themes, who is let in, and that
// nothing on it keeps anybody out (axe). What single pages do is tested with them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  jump,
  PHONE,
  screenshots,
  startBrowser,
  until,
  type TestBrowser,
  type WatchedPage,
  untilAt,
  untilListening,
  untilNarrow,
} from './harness/browser.ts'
import { setupLink } from './harness/setup-link.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const withoutBrowser = isBrowserMissing()
const PASSWORD = 'correct horse battery'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

/** Axe looks with the colours there are. */
async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

function focused({ page }: WatchedPage): Promise<string> {
  return page.evaluate<string>(
    "`${document.activeElement?.tagName} ${document.activeElement?.textContent?.trim() ?? ''}`",
  )
}

describe.skipIf(withoutBrowser)('the web UI', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    weir = await startWeir()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('draws its first page soon, without a login on the own machine', async () => {
    // The first look at a new browser pays for the browser.
    await (await browser.open(`${weir.url}/health`)).page.close()
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    const drawnMs = await page.evaluate<number | undefined>(
      "performance.getEntriesByName('first-contentful-paint')[0]?.startTime",
    )
    process.stdout.write(`ui: first page drawn after ${drawnMs?.toFixed(0)} ms\n`)
    expect(await page.title()).toBe('Home · Weir')
    await page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: 'Home' })
      .waitFor()
    await screenshots(watched, 'home')
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('is one page for every address, and says which there is not', async () => {
    const watched = await browser.open(`${weir.url}/ui/no/such/page`)
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Not found' }).waitFor()
    await page.getByRole('link', { name: 'Go home' }).click()
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/ui')
    // Who can't see that the page changed hears its heading.
    await until({ page }, "document.activeElement?.tagName === 'H1'")
    expect(await focused(watched)).toBe('H1 Home')
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Not found' }).waitFor()
    await until({ page }, "document.title === 'Not found · Weir'")
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('keeps the chosen theme, and shows it before anything else', async () => {
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    const background = () =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
    await page.getByRole('button', { name: 'Account: Local user' }).click()
    const light = await background()
    await page.getByRole('menuitemradio', { name: 'Dark' }).click()
    const dark = await background()
    expect(dark).not.toBe(light)
    // The UI's own script never comes: what is drawn first is drawn in the theme all the same.
    await page.route(/\/ui\/app-\w+\.js/, (route) => route.abort())
    await page.reload()
    expect(await background()).toBe(dark)
    watched.take(/ERR_FAILED/)
    await page.unroute(/\/ui\/app-\w+\.js/)
    await page.reload()
    await page.getByRole('button', { name: 'Account: Local user' }).click()
    const chosen = page.getByRole('menuitemradio', { name: 'Dark' })
    expect(await chosen.getAttribute('aria-checked')).toBe('true')
    await page.getByRole('menuitemradio', { name: 'System theme' }).click()
    expect(await background()).toBe(light)
    expectQuiet(watched)
    await page.close()
  })

  test('goes by the keyboard alone', async () => {
    const watched = await browser.open(`${weir.url}/ui/no/such/page`)
    const { page } = watched
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.keyboard.press('Tab')
    expect(await focused(watched)).toContain('Skip to the content')
    await page.keyboard.press('Enter')
    await until({ page }, "document.activeElement?.id === 'main'")
    await jump(watched, 'h')
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    await untilListening(watched)
    await page.keyboard.press('?')
    const help = page.getByRole('dialog', { name: 'Keyboard' })
    await help.waitFor()
    await expectClean(watched)
    // Under a dialog they go nowhere.
    await jump(watched, 'h')
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    // A menu: open, walk, leave; the focus is back where it was.
    const account = page.getByRole('button', { name: 'Account: Local user' })
    await account.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menu').waitFor()
    expect(await focused(watched)).toContain('System theme')
    await page.keyboard.press('ArrowDown')
    expect(await focused(watched)).toContain('Light')
    await expectClean(watched)
    await page.keyboard.press('Escape')
    expect(await focused(watched)).toContain('Local user')
    expect(await page.getByRole('menu').count()).toBe(0)
    expectQuiet(watched)
    await page.close()
  })

  test('fits a phone: the navigation opens and closes', async () => {
    const watched = await browser.open(`${weir.url}/ui`, { viewport: PHONE })
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Home' })
    expect(await link.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Open the navigation' }).click()
    await link.waitFor({ state: 'visible' })
    await expectClean(watched)
    await page.getByRole('button', { name: 'Close the navigation' }).click()
    await link.waitFor({ state: 'hidden' })
    await untilNarrow(watched)
    await screenshots(watched, 'home-phone')
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('keeps what it has read when the server is gone, and says so', async () => {
    const own = await startWeir()
    const watched = await browser.open(`${own.url}/ui`)
    const { page } = watched
    await page.getByText('mock/echo').first().waitFor()
    await own.stop()
    await leaveAndComeBack(watched)
    await page.getByText('Not up to date: The server does not answer.').first().waitFor()
    expect(await page.getByText('mock/echo').count()).toBeGreaterThan(0)
    expect(watched.take(/ERR_CONNECTION_REFUSED/).length).toBeGreaterThan(0)
    // What the page asked for while the server was going ended otherwise.
    watched.take(/status of 503|ERR_CONNECTION_RESET|ERR_CONNECTION_CLOSED|ERR_EMPTY_RESPONSE/)
    expectQuiet(watched)
    await page.close()
  })
})

/** To another page and back, without loading anything anew. */
async function leaveAndComeBack({ page }: WatchedPage): Promise<void> {
  await page.evaluate(
    "history.pushState(null, '', '/ui/no/such/page'); dispatchEvent(new PopStateEvent('popstate'))",
  )
  await page.getByRole('link', { name: 'Go home' }).click()
}

describe.skipIf(withoutBrowser)('who is let in', () => {
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

  test('the administrator, by the link of the first start', async () => {
    const watched = await browser.open(await setupLink(weir))
    const { page } = watched
    await page.getByRole('heading', { name: 'The administrator' }).waitFor()
    // The secret stays in no history.
    expect(new URL(page.url()).hash).toBe('')
    await expectClean(watched)
    await screenshots(watched, 'setup')
    await page.getByLabel('Name').fill('root')
    await page.getByLabel('Password, at least 12 characters').fill(PASSWORD)
    await page.getByLabel('The same again').fill('another password')
    await page.getByRole('button', { name: 'Set up' }).click()
    await page.getByRole('alert').getByText('The two passwords differ.').waitFor()
    await expectClean(watched)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.getByRole('button', { name: 'Set up' }).click()
    await page.getByRole('button', { name: 'Account: root' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/ui')
    expectQuiet(watched)
    await page.close()
  })

  test('others log in first, and come back to the address they wanted', async () => {
    await browser.context.clearCookies()
    const watched = await browser.open(`${weir.url}/ui/no/such/page?x=1`)
    const { page } = watched
    await untilAt(watched, /\/auth\/login\?return=/)
    await page.getByLabel('Name').waitFor()
    await until({ page }, "document.activeElement?.id === 'name'")
    await expectClean(watched)
    await screenshots(watched, 'login')
    await page.getByLabel('Name').fill('root')
    await page.getByRole('textbox', { name: 'Password' }).fill('a wrong password')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').waitFor()
    expect(watched.take(/401/).length).toBe(1)
    await expectClean(watched)
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { level: 1, name: 'Not found' }).waitFor()
    const { pathname, search } = new URL(page.url())
    expect(`${pathname}${search}`).toBe('/ui/no/such/page?x=1')
    expectQuiet(watched)
    await page.close()
  })

  test('a refusal right after a change of rights is tried once more, with what the session is now', async () => {
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await page.getByRole('button', { name: 'Account: root' }).waitFor()
    let asked = 0
    await page.route(/\/admin\/models(?:\?|$)/, async (route) => {
      asked += 1
      if (asked > 1) return await route.continue()
      const body = { status: 401, code: 'session_ended', detail: 'The session has ended.' }
      return await route.fulfill({ status: 401, json: body })
    })
    await jump(watched, 'm')
    await page.getByRole('heading', { level: 1, name: 'Models & routes' }).waitFor()
    await page.getByText('No aliases yet').waitFor()
    expect(asked).toBeGreaterThan(1)
    expect(await page.getByText('The session has ended.').count()).toBe(0)
    expect(new URL(page.url()).pathname).toBe('/ui/models')
    expect(watched.take(/401/).length).toBe(1)
    expectQuiet(watched)
    await page.close()
  })

  test('whose session has ended in the middle logs in again, and comes back', async () => {
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await page.getByRole('button', { name: 'Account: root' }).waitFor()
    await browser.context.clearCookies()
    // The next page asks for something, and is refused.
    await jump(watched, 'm')
    await untilAt(watched, /\/auth\/login\?return=%2Fui%2Fmodels/)
    expect(watched.take(/401/).length).toBeGreaterThan(0)
    expectQuiet(watched)
    await page.close()
  })

  test('who logs out is out', async () => {
    const watched = await browser.open(`${weir.url}/auth/login?return=/ui`)
    const { page } = watched
    await page.getByLabel('Name').fill('root')
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    // Another tab has renewed the session: the proof that this one has is an old one.
    let asked = 0
    await page.route('**/auth/logout', async (route) => {
      asked += 1
      const headers = route.request().headers()
      const stale = { ...headers, 'x-weir-csrf': 'an old one' }
      await route.continue({ headers: asked === 1 ? stale : headers })
    })
    await page.getByRole('button', { name: 'Account: root' }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByRole('textbox', { name: 'Password' }).waitFor()
    expect(watched.take(/403/).length).toBe(1)
    await page.goto(`${weir.url}/ui`)
    await untilAt(watched, /\/auth\/login/)
    // The page asks by itself until it is left, then without a session.
    watched.take(/status of 401/)
    expectQuiet(watched)
    await page.close()
  })

  test('who logs out gets where that leads to, whatever the page asks for meanwhile', async () => {
    const watched = await browser.open(`${weir.url}/auth/login?return=/ui`)
    const { page } = watched
    await page.getByLabel('Name').fill('root')
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    const account = page.getByRole('button', { name: 'Account: root' })
    await account.waitFor()
    // The session is over, and the page hears of it by what it asks before it hears where to go.
    await page.route('**/auth/logout', async (route) => {
      const refused = page.waitForResponse((response) => response.status() === 401)
      await route.fetch()
      await refused
      await route.fulfill({ json: { redirect: '/health?left' } })
    })
    await account.click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await untilAt(watched, /\/health\?left$/)
    expect(watched.take(/status of 401/).length).toBeGreaterThan(0)
    expectQuiet(watched)
    await page.close()
  })
})
