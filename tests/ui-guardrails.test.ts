// Guardrails in a real browser: from the empty page by a ready example to rules that hold, tried before and after they are saved, moved by the
// keyboard, turned off and deleted; what the file declares is read alone; what is wrong stands at its field, and a change by somebody else
// meanwhile is told.

import {
  afterAll,
  afterEach,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import type { Page } from 'playwright-core'
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
  untilNarrow,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

const CARD = '4111 1111 1111 1111'
const FILE_RULE = { id: 'from-the-file', check: 'length', max: 5_000 }

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

async function asked(weir: Weir, path: string, method = 'GET', body?: object): Promise<unknown> {
  const answer = await fetch(`${weir.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return JSON.parse(text)
}

const rulesOf = async (weir: Weir) =>
  ((await asked(weir, '/admin/guardrails')) as { data: { id: string; enabled: boolean }[] }).data

async function say(weir: Weir, text: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: text }] }),
  })
  return { status: answer.status, text: await answer.text() }
}

describe.skipIf(isBrowserMissing())('guardrails', () => {
  let weir: Weir
  let browser: TestBrowser | undefined

  beforeEach(async () => {
    browser ??= await startBrowser()
  })
  afterEach(async () => {
    await weir.stop()
  })
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
  })

  const open = (path: string) => {
    if (browser === undefined) throw new Error('no browser')
    return browser.open(`${weir.url}${path}`)
  }

  test('the first one is made of an example, tried as it is typed, and holds', async () => {
    weir = await startWeir()
    const watched = await open('/ui')
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    await jump(watched, 'g')
    await page.getByText('No guardrails yet').waitFor()
    await expectClean(watched)
    await screenshots(watched, 'guardrails-empty')
    await button(page, 'Mask personal data').click()
    const drawer = page.getByRole('dialog')
    expect(await drawer.getByLabel('Name').inputValue()).toBe('mask-personal-data')
    await drawer.getByLabel('phone', { exact: true }).uncheck()
    await expectClean(watched)
    await drawer.getByLabel('Text', { exact: true }).fill(`My card is ${CARD}.`)
    await button(page, 'Try').click()
    await drawer.getByText('It passes, changed').waitFor()
    expect(await drawer.locator('mark').innerText()).toStartWith(CARD)
    await drawer.getByText('My card is [CARD_1].').waitFor()
    await expectClean(watched)
    await drawer.getByRole('button', { name: 'Add guardrail' }).click()
    await page.getByText('Guardrail mask-personal-data is added.').waitFor()
    await page.getByRole('link', { name: 'mask-personal-data' }).waitFor()
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('are tried together, moved by the keyboard, turned off and deleted', async () => {
    weir = await startWeir({ config: { guardrails: [FILE_RULE] } })
    for (const [id, body] of [
      ['first', { check: 'words', options: { words: ['borealis'] } }],
      ['second', { check: 'secrets' }],
      ['third', { check: 'length', mode: 'flag', stages: ['output'], options: { max: 20 } }],
    ] as const) {
      await asked(weir, '/admin/guardrails', 'POST', { id, ...body })
    }
    const watched = await open('/ui/guardrails')
    const { page } = watched
    await page.getByRole('link', { name: 'from-the-file' }).waitFor()
    expect(await page.getByRole('switch').count()).toBe(3)
    await screenshots(watched, 'guardrails')
    await expectClean(watched)

    await page.getByLabel('Text', { exact: true }).fill('What of Borealis?')
    await button(page, 'Try').click()
    await page.getByText('Refused by first').waitFor()
    expect(await page.locator('mark').innerText()).toStartWith('Borealis')
    await page.getByText('Not for this: third.').waitFor()
    await screenshots(watched, 'guardrails-tried')
    await expectClean(watched)

    await button(page, 'Move second up').focus()
    await page.keyboard.press('Enter')
    await page.getByText('second is now 1 of 3.').waitFor()
    const order = (await rulesOf(weir)).map(({ id }) => id)
    expect(order).toEqual(['from-the-file', 'second', 'first', 'third'])
    // At the end the other way is what is left to press.
    await until(watched, "document.activeElement.getAttribute('aria-label') === 'Move second down'")

    expect((await say(weir, 'About borealis.')).status).toBe(400)
    await page.getByRole('switch', { name: 'first' }).click()
    await page.getByText('Off', { exact: true }).waitFor()
    // The list has been read again, and the focus stays with what was pressed.
    await until(watched, "document.activeElement.getAttribute('role') === 'switch'")
    expect((await rulesOf(weir)).find(({ id }) => id === 'first')?.enabled).toBe(false)

    await page.setViewportSize(PHONE)
    await expectClean(watched)
    await untilNarrow({ page })
    await screenshots(watched, 'guardrails-phone')
    await button(page, 'Actions for third').click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await button(page, 'Delete guardrail').click()
    await page.getByText('Guardrail third is deleted.').waitFor()
    expect((await rulesOf(weir)).map(({ id }) => id)).not.toContain('third')
    expectQuiet(watched)
    await page.close()
  })

  test('what the file declares is read, and says why it is not changed', async () => {
    weir = await startWeir({ config: { guardrails: [FILE_RULE] } })
    const watched = await open('/ui/guardrails/from-the-file')
    const { page } = watched
    const drawer = page.getByRole('dialog')
    await drawer.getByText('The configuration file').waitFor()
    await drawer.getByText('5000').waitFor()
    expect(await drawer.getByRole('textbox').count()).toBe(0)
    expect(await drawer.getByRole('button', { name: 'Save changes' }).count()).toBe(0)
    await expectClean(watched)
    await page.keyboard.press('Escape')
    await until(watched, "location.pathname === '/ui/guardrails'")
    expectQuiet(watched)
    await page.close()
  })

  test('what is wrong is told at its field, a secret is kept, a change meanwhile is told', async () => {
    weir = await startWeir()
    const secret = 'a-secret-of-the-webhook-7788'
    const options = { url: 'https://judge.example/ask', secret }
    await asked(weir, '/admin/guardrails', 'POST', {
      id: 'judge',
      check: 'webhook',
      enabled: false,
      options,
    })
    const watched = await open('/ui/guardrails/judge')
    const { page } = watched
    const drawer = page.getByRole('dialog')
    const shown = drawer.getByLabel('Secret')
    await shown.waitFor()
    expect(await shown.inputValue()).toBe('****7788')
    expect(await page.content()).not.toContain(secret)
    await drawer.getByLabel('When it finds something').selectOption('flag')
    await drawer.getByRole('button', { name: 'Save changes' }).click()
    await page.getByText('Guardrail judge is changed.').waitFor()

    await button(page, 'Add guardrail').click()
    await drawer.getByLabel('Name').fill('patterns')
    await drawer.getByLabel('Check', { exact: true }).selectOption('regex')
    await drawer.getByRole('button', { name: 'Add to patterns' }).click()
    await drawer.getByRole('group', { name: 'Patterns 1' }).getByLabel('Name').fill('number')
    const pattern = drawer.getByLabel('Pattern', { exact: true })
    await pattern.fill('(unclosed')
    const add = drawer.getByRole('button', { name: 'Add guardrail' })
    await add.click()
    await drawer.locator('.field-error').waitFor()
    expect(await pattern.getAttribute('aria-invalid')).toBe('true')
    await expectClean(watched)
    expect(watched.take(/400/).length).toBeGreaterThan(0)
    await pattern.fill(String.raw`ACME-\d{6}`)
    await add.click()
    await page.getByText('Guardrail patterns is added.').waitFor()

    await page.getByRole('link', { name: 'patterns' }).click()
    await drawer.getByRole('button', { name: 'Save changes' }).waitFor()
    await asked(weir, '/admin/guardrails/patterns', 'PUT', {
      check: 'regex',
      options: { patterns: [{ name: 'other', pattern: 'x' }] },
    })
    await drawer.getByRole('button', { name: 'Save changes' }).click()
    await page.getByText('It was changed since it was read').waitFor()
    expect(watched.take(/412/).length).toBeGreaterThan(0)
    expectQuiet(watched)
    await page.close()
  })

  test('one for every tenant is made, turned off and deleted by whoever runs the installation', async () => {
    weir = await startWeir()
    await asked(weir, '/admin/tenants', 'POST', { id: 'acme', name: 'Acme' })
    await asked(weir, '/admin/guardrails', 'POST', { id: 'own', check: 'secrets' })
    const watched = await open('/ui/guardrails')
    const { page } = watched
    const ofAcme = async () =>
      (await asked(weir, '/admin/guardrails?tenant=acme')) as { data: { id: string }[] }
    await page.getByRole('link', { name: 'own' }).waitFor()
    await button(page, 'Add guardrail').click()
    const drawer = page.getByRole('dialog')
    await drawer.getByLabel('Name').fill('for-all')
    await drawer.getByLabel('Check', { exact: true }).selectOption('secrets')
    await drawer.getByLabel('Holds in').selectOption('Every tenant')
    await drawer.getByRole('button', { name: 'Add guardrail' }).click()
    await page.getByText('Guardrail for-all is added.').waitFor()
    await page.getByRole('row', { name: /for-all.*every tenant/ }).waitFor()
    expect((await ofAcme()).data).toMatchObject([{ id: 'for-all', enabled: true }])
    // Neither is moved into the list of the other.
    expect(await page.getByRole('button', { name: /^Move / }).count()).toBe(0)
    await page.getByRole('switch', { name: 'for-all' }).click()
    await page.getByText('Off', { exact: true }).waitFor()
    expect((await ofAcme()).data).toMatchObject([{ id: 'for-all', enabled: false }])
    await page.getByRole('link', { name: 'for-all' }).click()
    await drawer.getByLabel('When it finds something').selectOption('flag')
    await drawer.getByRole('button', { name: 'Save changes' }).click()
    await page.getByText('Guardrail for-all is changed.').waitFor()
    await expectClean(watched)
    await button(page, 'Actions for for-all').click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await button(page, 'Delete guardrail').click()
    await page.getByText('Guardrail for-all is deleted.').waitFor()
    expect((await ofAcme()).data).toEqual([])
    expectQuiet(watched)
    await page.close()
  })

  test('the first page says which are not ready, and what else does not get where it should', async () => {
    weir = await startWeir()
    const watched = await open('/ui/guardrails')
    const { page } = watched
    await page.getByText('No guardrails yet').waitFor()
    await page.route(/\/admin\/health/, async (route) => {
      const answer = await route.fetch()
      const guardrails = [{ id: 'judge', tenant: null, problem: 'Its model is gone.' }]
      await route.fulfill({ json: { ...((await answer.json()) as object), guardrails } })
    })
    const sink = { id: 'mirror', type: 'webhook', endpoint: 'https://mirror.example', queued: 0 }
    const times = { last_error_at: '2026-11-21T10:00:00Z', last_sent_at: '2026-11-21T09:00:00Z' }
    const fares = { sent: 5, dropped: 3, failures: 1, last_error: 'answered 500', ...times }
    await page.route(/\/admin\/telemetry/, (route) =>
      route.fulfill({ json: { data: [{ ...sink, ...fares }] } }),
    )
    await page.route(/\/admin\/content$/, async (route) => {
      const answer = await route.fetch()
      const away = { configured: true, problem: 'the bucket does not answer' }
      await route.fulfill({ json: { ...((await answer.json()) as object), ...away } })
    })
    await page.getByRole('link', { name: 'Home' }).click()
    const about = (text: string) => page.getByRole('link', { name: text })
    await about('Guardrail judge refuses what it concerns: Its model is gone.').waitFor()
    await about('mirror takes no outcomes: answered 500').waitFor()
    await about('3 outcomes did not get to mirror').waitFor()
    await about('Bodies cannot be stored: the bucket does not answer').waitFor()
    await expectClean(watched)
    await about('Bodies cannot be stored').click()
    await page.getByText('The bucket is not reached').waitFor()
    await expectClean(watched)
    await page.getByRole('tab', { name: 'Telemetry' }).click()
    await page.getByText('Fails').waitFor()
    await expectClean(watched)
    // The page asks again by itself, also while it is closed.
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    expectQuiet(watched)
    await page.close()
  })

  test('who may only look is offered nothing', async () => {
    const key = 'the-key-of-the-file-long-enough-0000000001'
    weir = await startWeir({
      config: {
        auth: { anonymous: 'never' },
        keys: [{ name: 'admin', key, roles: ['owner'] }],
        guardrails: [FILE_RULE],
      },
    })
    const make = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
      const answer = await fetch(`${weir.url}${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      return (await answer.json()) as { id: string }
    }
    const password = 'correct horse battery'
    const { id } = await make('/admin/users', { subject: 'eve', password })
    const assignee = { kind: 'user', id }
    await make('/admin/assignments', { role: 'auditor', assignee, scope: '/tenants/default' })
    await make('/admin/guardrails', { id: 'own', check: 'secrets' })
    const watched = await open('/ui/guardrails')
    const { page } = watched
    await page.getByLabel('Name', { exact: true }).fill('eve')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await button(page, 'Log in').click()
    await page.getByRole('link', { name: 'own' }).waitFor()
    expect(await page.getByRole('switch').count()).toBe(0)
    expect(await button(page, 'Add guardrail').count()).toBe(0)
    expect(await button(page, 'Try').count()).toBe(0)
    await page.getByRole('link', { name: 'own' }).click()
    await page.getByText('None of your roles lets you change guardrails.').waitFor()
    await expectClean(watched)
    watched.take(/401/)
    expectQuiet(watched)
    await page.close()
  })
})
