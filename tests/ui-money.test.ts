// Keys, limits, budgets and usage in a real browser: a key made from an empty list, shown once, used, lost to somebody else's change, and revoked
// with word of who will miss it; a limit and a budget made, filled, reset and deleted; usage as chart, table and file; a member's own page.
// Nothing on these pages keeps anybody out (axe).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  until,
  type TestBrowser,
  type WatchedPage,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

const FILE_KEY = 'the-key-of-the-file-long-enough-0000000001'
const PASSWORD = 'correct horse battery'

let weir: Weir
let browser: TestBrowser

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name }).waitFor()

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name })

async function act(page: Page, of: string, item: string): Promise<void> {
  await button(page, `Actions for ${of}`).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}

async function api(method: string, path: string, body?: object): Promise<Response> {
  return await fetch(`${weir.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function invoke(key?: string, model = 'dear'): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model,
      max_tokens: 20,
      messages: [{ role: 'user', content: 'Say something.' }],
    }),
  })
  await answer.arrayBuffer()
  return answer.status
}

async function idOf(name: string): Promise<string> {
  const answer = await api('GET', `/admin/keys?q=${name}`)
  const { data } = (await answer.json()) as { data: { id: string; name: string }[] }
  return data.find((each) => each.name === name)?.id ?? ''
}

describe.skipIf(isBrowserMissing())('keys and money', () => {
  beforeAll(async () => {
    const price = { input: 100, output: 100 }
    weir = await startWeir({
      config: {
        models: [{ id: 'dear', targets: [{ provider: 'mock', model: 'echo' }], price }],
        limits: [{ per: 'ip', requests_per_minute: 500 }],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('a key is made, shown once, used, changed by two, rotated and revoked', async () => {
    const watched = await browser.open(`${weir.url}/ui/keys`)
    const { page } = watched
    await heading(page, 'Keys')
    await page.getByText('No keys yet').waitFor()
    await expectClean(watched)
    await button(page, 'Create key').first().click()
    const dialog = page.getByRole('dialog')
    const name = dialog.getByRole('textbox', { name: 'Name' })
    await name.fill('weir_mine')
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await dialog.getByText('Must not begin with weir_').waitFor()
    const field = await name.getAttribute('id')
    await until(watched, `document.activeElement?.id === ${JSON.stringify(field)}`)
    watched.take(/400/)
    await name.fill('laptop')
    await dialog.getByRole('textbox', { name: 'Budget' }).fill('5')
    await dialog.getByRole('textbox', { name: 'Requests a minute' }).fill('30')
    await expectClean(watched)
    await screenshots(watched, 'key-create')
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await page.getByText('Copy it now').waitFor()
    const key = /weir_[0-9A-Za-z]{46}/.exec(await page.getByRole('dialog').innerText())?.[0] ?? ''
    expect(await invoke(key)).toBe(200)
    await expectClean(watched)
    await screenshots(watched, 'key-made')
    await button(page, 'I have kept it').click()
    const row = page.getByRole('row', { name: /laptop/ })
    await row.getByText('Active').waitFor()
    expect(await page.content()).not.toContain(key)
    await screenshots(watched, 'keys')

    // Somebody else is quicker: nothing is written over.
    await act(page, 'laptop', 'Edit')
    await name.fill('mine')
    await api('PATCH', `/admin/keys/${await idOf('laptop')}`, { models: ['dear'] })
    await dialog.getByRole('button', { name: 'Save changes' }).click()
    await dialog.getByText('It was changed since it was read').waitFor()
    watched.take(/412/)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await act(page, 'laptop', 'Edit')
    await name.fill('mine')
    await dialog.getByRole('button', { name: 'Save changes' }).click()
    await page.getByRole('row', { name: /mine/ }).waitFor()
    const changed = await (await api('GET', `/admin/keys/${await idOf('mine')}`)).json()
    expect(changed).toMatchObject({ models: ['dear'], budget: { usd: 5 } })

    await act(page, 'mine', 'Rotate')
    await dialog.getByRole('button', { name: 'Rotate key' }).click()
    await page.getByText('Copy it now').waitFor()
    const next = /weir_[0-9A-Za-z]{46}/.exec(await page.getByRole('dialog').innerText())?.[0] ?? ''
    expect([await invoke(key), await invoke(next)]).toEqual([200, 200])
    await button(page, 'I have kept it').click()

    await page.getByRole('row', { name: /replaced/ }).waitFor()
    await page
      .getByRole('row', { name: /replaced/ })
      .getByRole('button', { name: /Actions/ })
      .click()
    await page.getByRole('menuitem', { name: 'Revoke' }).click()
    await page.getByText(/requests in the last 24 hours/).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'key-revoke')
    await button(page, 'Revoke key').click()
    await page.getByRole('row', { name: /replaced/ }).waitFor({ state: 'detached' })
    expect([await invoke(key), await invoke(next)]).toEqual([401, 200])
    expectQuiet(watched)
  })

  test('a limit is made, looked at and deleted; one of the file is only looked at', async () => {
    const watched = await browser.open(`${weir.url}/ui/limits/limits`)
    const { page } = watched
    await heading(page, 'Limits & budgets')
    await page.getByText('The configuration file declares this limit').waitFor()
    await button(page, 'Create limit').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Create limit' }).click()
    await dialog.getByText('Give at least one amount').waitFor()
    watched.take(/400/)
    await dialog.getByRole('textbox', { name: 'Requests an hour' }).fill('40')
    await expectClean(watched)
    await screenshots(watched, 'limit-create')
    await dialog.getByRole('button', { name: 'Create limit' }).click()
    await page.getByRole('heading', { name: 'Each key: 40 requests an hour' }).waitFor()
    await page.getByRole('meter', { name: 'mine: requests an hour' }).waitFor()
    await act(page, 'Each address', 'Look at an address')
    await dialog.getByRole('textbox', { name: 'Address' }).fill('127.0.0.1')
    await page.getByRole('meter', { name: '127.0.0.1: requests a minute' }).waitFor()
    await expectClean(watched)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await screenshots(watched, 'limits')
    await act(page, 'Each key', 'Delete')
    await page.getByText('What it held back is let through').waitFor()
    await button(page, 'Delete limit').click()
    await page.getByRole('heading', { name: /40 requests an hour/ }).waitFor({ state: 'detached' })
    // What it counts is asked for by itself every few seconds, also between its end and the new list.
    watched.take(/status of 404 .*\/admin\/limits\//)
    expectQuiet(watched)
  })

  test('a budget is made, spent, begun anew and deleted', async () => {
    const watched = await browser.open(`${weir.url}/ui/limits`)
    const { page } = watched
    await heading(page, 'Limits & budgets')
    await button(page, 'Create budget').first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('combobox', { name: 'For', exact: true }).selectOption('model')
    await dialog.getByRole('textbox', { name: 'Amount' }).fill('0.0001')
    await dialog.getByRole('textbox', { name: 'Webhook' }).fill('http://169.254.169.254/')
    await dialog.getByRole('button', { name: 'Create budget' }).click()
    await dialog.getByText('Points at an address that is not to be asked').waitFor()
    watched.take(/400/)
    await dialog.getByRole('textbox', { name: 'Webhook' }).fill('')
    await expectClean(watched)
    await screenshots(watched, 'budget-create')
    await dialog.getByRole('button', { name: 'Create budget' }).click()
    await page.getByRole('heading', { name: /Each model: \$0\.00010/ }).waitFor()
    expect(await invoke()).toBe(200)
    await page.getByRole('heading', { name: 'Near the end' }).waitFor()
    expect(await invoke()).toBe(429)
    await expectClean(watched)
    await screenshots(watched, 'budgets')
    await button(page, 'Reset dear').first().click()
    await page.getByText('are forgotten; the window goes on').waitFor()
    await button(page, 'Reset budget').click()
    await page.getByRole('heading', { name: 'Near the end' }).waitFor({ state: 'detached' })
    await act(page, 'Each model', 'Delete')
    await button(page, 'Delete budget').click()
    await page.getByRole('heading', { name: /Each model: / }).waitFor({ state: 'detached' })
    expectQuiet(watched)
  })

  test('usage is grouped, narrowed and taken along as a file', async () => {
    const made = await api('POST', '/admin/keys', { name: 'exported' })
    const { id, key } = (await made.json()) as { id: string; key: string }
    expect([await invoke(key), await invoke()]).toEqual([200, 200])
    const watched = await browser.open(`${weir.url}/ui/limits/usage?by=key`)
    const { page } = watched
    await page.getByRole('cell', { name: 'exported' }).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'usage')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'CSV' }).click(),
    ])
    expect(readFileSync(await download.path(), 'utf8')).toMatch(
      /^day,key,key_name,requests,.*,exported,1,/s,
    )
    await button(page, 'exported').click()
    await button(page, 'key exported: show all').waitFor()
    expect(new URL(page.url()).searchParams.get('key')).toBe(id)
    expectQuiet(watched)
  })

  test('a member sees their own keys and use, and is offered nothing else', async () => {
    const keys = [{ name: 'admin', key: FILE_KEY, roles: ['owner'] }]
    const theirs = await startWeir({
      config: {
        auth: { anonymous: 'never' },
        keys,
        budgets: [{ per: 'user', usd: 3, action: 'alert' }],
      },
    })
    try {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${FILE_KEY}` }
      const post = async (path: string, body: object) => {
        const init = { method: 'POST', headers, body: JSON.stringify(body) }
        const answer = await fetch(`${theirs.url}${path}`, init)
        expect(answer.status).toBe(201)
        return (await answer.json()) as { id: string }
      }
      const { id } = await post('/admin/users', { subject: 'ann', password: PASSWORD })
      const assignee = { kind: 'user', id }
      const scope = '/tenants/default'
      await post('/admin/assignments', { role: 'member', assignee, scope })
      await using own = await startBrowser()
      const watched = await own.open(`${theirs.url}/ui/me`)
      const { page } = watched
      await page.locator('#name').fill('ann')
      await page.locator('#password').fill(PASSWORD)
      await page.locator('#local-form button').click()
      await heading(page, 'My usage')
      await page.getByRole('meter', { name: 'Budget of You' }).waitFor()
      for (const name of ['Keys', 'Limits & budgets', 'People']) {
        expect(await page.getByRole('link', { name, exact: true }).count()).toBe(0)
      }
      await button(page, 'Create key').first().click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('textbox', { name: 'Name' }).fill('of ann')
      expect(await dialog.getByText('Belongs to').count()).toBe(0)
      await dialog.getByRole('button', { name: 'Create key' }).click()
      await page.getByText('Copy it now').waitFor()
      await button(page, 'I have kept it').click()
      await page.getByRole('row', { name: /of ann/ }).waitFor()
      await expectClean(watched)
      await screenshots(watched, 'my-usage')
      await act(page, 'of ann', 'Revoke')
      await page.getByText('0 requests in the last 24 hours').waitFor()
      await button(page, 'Revoke key').click()
      await page.getByRole('row', { name: /of ann/ }).waitFor({ state: 'detached' })
      watched.take(/401/)
      expectQuiet(watched)
    } finally {
      await theirs.stop()
    }
  })

  test('what is left is told to everybody, on a phone too', async () => {
    const watched = await browser.open(`${weir.url}/ui/me`, { viewport: PHONE })
    const { page } = watched
    await heading(page, 'My usage')
    await page.getByRole('meter', { name: /Address 127\.0\.0\.1/ }).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'my-usage-phone')
    expectQuiet(watched)
  })
})
