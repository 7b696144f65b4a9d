// Rights that change while somebody has the web UI open, in a real browser: what the page offers follows without loading it anew, when one comes
// back to it and when the server answers with what the rights are now; and nothing is lost where nothing has changed.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import {
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  startBrowser,
  type TestBrowser,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const PASSWORD = 'correct horse battery'
const ROOT = 'the-key-of-the-root-long-enough-0000000001'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

const link = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true })

/** What a browser does when somebody comes back to its window. */
const comeBack = (page: Page) => page.evaluate("dispatchEvent(new Event('focus'))")

describe.skipIf(isBrowserMissing())('an open page', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    const keys = [{ name: 'root', key: ROOT, roles: ['owner'] }]
    weir = await startWeir({ config: { auth: { anonymous: 'never' }, keys } })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  async function asRoot(method: string, path: string, body?: object): Promise<{ id: string }> {
    const answer = await fetch(`${weir.url}/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${ROOT}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    expect(answer.ok).toBe(true)
    return answer.status === 204 ? { id: '' } : ((await answer.json()) as { id: string })
  }

  /** Somebody with the role of a member, logged in on an address. */
  async function member(subject: string, address: string) {
    const { id } = await asRoot('POST', '/users', { subject, name: subject, password: PASSWORD })
    await asRoot('POST', '/assignments', { role: 'member', assignee: { kind: 'user', id } })
    await browser.context.clearCookies()
    const watched = await browser.open(
      `${weir.url}/auth/login?return=${encodeURIComponent(address)}`,
    )
    const { page } = watched
    await page.getByLabel('Name').fill(subject)
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: `Account: ${subject}` }).waitFor()
    // Its pictures may come after it is drawn.
    await page.waitForLoadState('load')
    let loads = 0
    page.on('load', () => (loads += 1))
    return { id, watched, page, loads: () => loads }
  }

  const give = (id: string, role: string) =>
    asRoot('POST', '/assignments', { role, assignee: { kind: 'user', id } })

  test('offers what was allowed meanwhile to who comes back to it', async () => {
    const { id, loads, page, watched } = await member('ann', '/ui/playground')
    await page.getByRole('textbox', { name: 'Message' }).fill('half of a question')
    expect(await link(page, 'Audit').count()).toBe(0)
    await give(id, 'auditor')
    await comeBack(page)
    await link(page, 'Audit').waitFor()
    // What was begun stays as it was.
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe(
      'half of a question',
    )
    expect(loads()).toBe(0)
    expectQuiet(watched)
    await page.close()
  })

  test('stops offering what was taken away, with the first answer after it', async () => {
    const { id, loads, page, watched } = await member('bob', '/ui')
    const given = await give(id, 'auditor')
    await comeBack(page)
    await link(page, 'Audit').click()
    await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor()
    await asRoot('DELETE', `/assignments/${given.id}`)
    // The next page asks for something of its own, and nobody comes back to the window.
    await link(page, 'My usage').click()
    await page.getByRole('heading', { level: 1, name: 'My usage' }).waitFor()
    await link(page, 'Audit').waitFor({ state: 'detached' })
    expect(loads()).toBe(0)
    // Of two questions at once one may come with the id of before; it is asked again.
    watched.take(/401/)
    expectQuiet(watched)
    await page.close()
  })

  test('learns it from a refusal too, and is told once', async () => {
    const { loads, page, watched } = await member('eve', '/ui')
    let refused = 0
    let asked = 0
    await page.route(/\/admin\/(?:me|usage)\//, async (route) => {
      refused += 1
      const body = { status: 403, code: 'permission_denied', detail: 'Not any more.' }
      await route.fulfill({ status: 403, json: body })
    })
    await page.route('**/auth/session', async (route) => {
      asked += 1
      const answer = await route.fetch()
      const state = (await answer.json()) as { actions: string[] }
      await route.fulfill({ response: answer, json: { ...state, actions: [] } })
    })
    expect(await link(page, 'Playground').count()).toBe(1)
    await link(page, 'My usage').click()
    await link(page, 'Playground').waitFor({ state: 'detached' })
    expect(refused).toBeGreaterThan(0)
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(2 * refused)
    expect(loads()).toBe(0)
    watched.take(/403/)
    // One question more may be under way.
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    expectQuiet(watched)
    await page.close()
  })

  test('stays as it is where the session has ended, until something is asked', async () => {
    const { page, watched } = await member('zoe', '/ui/playground')
    await page.getByRole('textbox', { name: 'Message' }).fill('half of a question')
    await browser.context.clearCookies()
    const answered = page.waitForResponse('**/auth/session')
    await comeBack(page)
    await (await answered).finished()
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 50))')
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe(
      'half of a question',
    )
    expect(new URL(page.url()).pathname).toBe('/ui/playground')
    expectQuiet(watched)
    await page.close()
  })
})
