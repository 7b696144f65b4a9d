// People and rights in a real browser: somebody is added, chooses a password, is given a role and a group, is asked about and deleted; what the
// server refuses is said where it belongs; and nothing on these pages keeps anybody out (axe).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  type TestBrowser,
  type WatchedPage,
  untilNarrow,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

let weir: Weir
let browser: TestBrowser

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

async function api(method: string, path: string, body?: object): Promise<Response> {
  return await fetch(`${weir.url}/admin${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

interface Listed {
  readonly data: readonly { readonly id: string }[]
}

async function userId(subject: string): Promise<string> {
  const { data } = (await (await api('GET', `/users?q=${subject}`)).json()) as Listed
  return data[0]!.id
}

/** Chooses in a field with suggestions. */
async function choose(page: Page, label: string, option: string | RegExp): Promise<void> {
  await page.getByRole('combobox', { name: label, exact: true }).click()
  await page.getByRole('option', { name: option }).click()
}

async function chooseAction(page: Page, row: string, action: string): Promise<void> {
  await page
    .getByRole('button', { name: `Actions for ${row}` })
    .first()
    .click()
  await page.getByRole('menuitem', { name: action }).click()
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const field = (page: Page, name: string) => page.getByRole('textbox', { name })

describe.skipIf(isBrowserMissing())('people', () => {
  beforeAll(async () => {
    weir = await startWeir({})
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('somebody is added, chooses a password by the link, and is in', async () => {
    const watched = await browser.open(`${weir.url}/ui/people`)
    const { page } = watched
    await page.getByText('No users yet').waitFor()
    await expectClean(watched)
    await button(page, 'Add user').first().click()
    await field(page, 'Login name').fill('!!!')
    await button(page, 'Add user').last().click()
    // At the field, with the focus on it.
    await page.getByText('A name has 1 to 100 letters').waitFor()
    expect(await field(page, 'Login name').getAttribute('aria-invalid')).toBe('true')
    watched.take(/400/)
    expect(await axe(watched)).toEqual([])
    await field(page, 'Login name').fill('alice')
    await field(page, 'Name optional').fill('Alice Adams')
    await button(page, 'Add user').last().click()
    await page.getByRole('heading', { name: 'Send this to Alice Adams' }).waitFor()
    const link = await page.getByText('/auth/password#').innerText()
    expect(await axe(watched)).toEqual([])
    await button(page, 'Done').click()
    await page.getByRole('heading', { name: 'What they may' }).waitFor()
    await expectClean(watched)
    expectQuiet(watched)

    const own = await startBrowser()
    const hers = await own.open(link)
    expect(hers.page.url()).not.toContain('#')
    await hers.page.getByLabel('Password, at least 12 characters').fill('alice adams is me')
    await hers.page.getByLabel('The same again').fill('alice adams is me')
    await button(hers.page, 'Choose password').click()
    await hers.page.getByText('A password does not hold the name.').waitFor()
    hers.take(/400/)
    expect(await axe(hers)).toEqual([])
    await hers.page.getByLabel('Password, at least 12 characters').fill('correct horse battery')
    await hers.page.getByLabel('The same again').fill('correct horse battery')
    await button(hers.page, 'Choose password').click()
    await hers.page.waitForURL('**/auth/login')
    const state = await hers.page.evaluate<{ authenticated: boolean; access: boolean }>(
      `fetch('/auth/session').then((answer) => answer.json())`,
    )
    expect(state).toMatchObject({ authenticated: true, access: false })
    await own[Symbol.asyncDispose]()
  })

  test('she is given a role and a group, and the question tells why she may', async () => {
    const id = await userId('alice')
    const watched = await browser.open(`${weir.url}/ui/people/groups`)
    const { page } = watched
    await button(page, 'Add group').first().click()
    await field(page, 'Id').fill('engineers')
    await button(page, 'Add group').last().click()
    await page.getByText('Nobody is listed.').waitFor()
    await choose(page, 'Add somebody to the group', /Alice Adams/)
    await button(page, 'Put in').click()
    await button(page, 'Take Alice Adams out').waitFor()
    await button(page, 'Give a role').click()
    await page.getByRole('combobox', { name: 'Role' }).selectOption('member')
    await page.getByRole('combobox', { name: 'Where' }).selectOption('model')
    await field(page, 'Model').fill('mock/*')
    expect(await axe(watched)).toEqual([])
    await button(page, 'Give role').click()
    await page.getByText('engineers has the role member.').waitFor()
    await expectClean(watched)
    await screenshots(watched, 'people-group')

    await page.goto(`${weir.url}/ui/people/can?kind=user&id=${id}`)
    await page.getByRole('combobox', { name: 'Where' }).selectOption('model')
    await field(page, 'Model').fill('mock/echo')
    await button(page, 'Ask').click()
    await page.getByText('group engineers', { exact: false }).first().waitFor()
    await page.getByText(/^Yes/).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'people-can')

    await page.goto(`${weir.url}/ui/people/assignments`)
    await button(page, 'Give a role').click()
    await page.getByRole('combobox', { name: 'Who', exact: true }).selectOption('everyone')
    await page.getByRole('combobox', { name: 'Role' }).selectOption('member')
    await page.getByRole('combobox', { name: 'Effect' }).selectOption('deny')
    await button(page, 'Deny').click()
    await page.getByRole('cell', { name: 'denied' }).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'people-assignments')
    await chooseAction(page, 'member of everyone', 'Take away')
    await page.getByText('holds again', { exact: false }).waitFor()
    await button(page, 'Lift denial').click()
    await page.getByRole('cell', { name: 'denied' }).waitFor({ state: 'detached' })
    expectQuiet(watched)
  })

  test('a role is written by its actions; a built-in one can be read alone', async () => {
    const watched = await browser.open(`${weir.url}/ui/people/roles`)
    const { page } = watched
    await button(page, 'Add role').first().click()
    await field(page, 'Id').fill('admin')
    await page.getByRole('checkbox', { name: 'key', exact: true }).check()
    await button(page, 'Add role').last().click()
    await page.getByText('A built-in role has this id').waitFor()
    watched.take(/409/)
    await field(page, 'Id').fill('key-keeper')
    await page.getByRole('checkbox', { name: 'key.delete' }).uncheck()
    expect(await axe(watched)).toEqual([])
    await screenshots(watched, 'people-role-editor')
    await button(page, 'Add role').last().click()
    await page.getByRole('heading', { name: '3 actions' }).waitFor()
    await expectClean(watched)
    const role = (await (await api('GET', '/roles/key-keeper')).json()) as { gives: string[] }
    expect(role.gives.toSorted()).toEqual(['key.read', 'key.self', 'key.write'])
    await button(page, 'Close').click()
    await button(page, 'Actions for Owner').click()
    const change = page.getByRole('menuitem', { name: /Change/ })
    expect(await change.getAttribute('aria-disabled')).toBe('true')
    await page.keyboard.press('Escape')
    expectQuiet(watched)
  })

  test('a change that somebody else has overtaken is told, and deleting says what goes along', async () => {
    const id = await userId('alice')
    await api('POST', '/keys', { name: 'hers', owner: { kind: 'user', id } })
    const watched = await browser.open(`${weir.url}/ui/people/users`)
    const { page } = watched
    await chooseAction(page, 'Alice Adams', 'Change name and mail')
    const name = field(page, 'Name optional')
    await name.waitFor()
    await api('PATCH', `/users/${id}`, { name: 'Alice Zimmer' })
    await name.fill('Alice B.')
    await button(page, 'Save').click()
    await page.getByText('It was changed since it was read.', { exact: false }).waitFor()
    watched.take(/412/)
    expect(await axe(watched)).toEqual([])
    page.on('dialog', (dialog) => void dialog.accept())
    await button(page, 'Cancel').click()
    await page.reload()
    await chooseAction(page, 'Alice Zimmer', 'Delete')
    await page.getByText('1 API key is revoked.').waitFor()
    const yes = button(page, 'Delete user')
    expect(await yes.isDisabled()).toBe(true)
    expect(await axe(watched)).toEqual([])
    await page.getByRole('textbox', { name: /Type alice/ }).fill('alice')
    await yes.click()
    await page.getByText('No users yet').waitFor()
    expect((await api('GET', `/users/${id}`)).status).toBe(404)
    expectQuiet(watched)
  })

  test('every other tab is clean, wide and on a phone', async () => {
    await api('POST', '/teams', { id: 'research', name: 'Research' })
    await api('POST', '/services', { id: 'crawler', name: 'Crawler' })
    await api('POST', '/tenants', { id: 'acme', name: 'Acme Ltd' })
    const named = { teams: 'Research', services: 'Crawler', tenants: 'Acme Ltd' }
    for (const viewport of [undefined, PHONE]) {
      const options = viewport === undefined ? {} : { viewport }
      const watched = await browser.open(`${weir.url}/ui/people/sessions`, options)
      const { page } = watched
      await page.getByText('Nobody is logged in').waitFor()
      for (const [tab, text] of Object.entries(named)) {
        await page.goto(`${weir.url}/ui/people/${tab}`)
        await page.getByText(text, { exact: true }).first().waitFor()
        await expectClean(watched)
        await untilNarrow(watched)
      }
      expectQuiet(watched)
      await page.close()
    }
  })
})
