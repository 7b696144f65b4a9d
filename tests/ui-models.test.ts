// Models & routes and Connect in a real browser: an alias made from an empty list, asked, changed, lost to somebody else's change and deleted; the
// lines of a tool with a key made on the spot. Nothing on these pages keeps anybody out (axe).

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
  until,
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

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name }).waitFor()

/** Types into a field with suggestions, and takes what was typed. */
async function type(page: Page, label: string, text: string, at = 0): Promise<void> {
  const field = page.getByRole('combobox', { name: label, exact: true }).nth(at)
  await field.fill(text)
  await field.press('Escape')
}

async function api(method: string, path: string, body?: object): Promise<Response> {
  return await fetch(`${weir.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

describe.skipIf(isBrowserMissing())('models and connecting', () => {
  beforeAll(async () => {
    weir = await startWeir({
      config: {
        models: [{ id: 'declared', targets: [{ provider: 'mock', model: 'echo' }] }],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('an alias is made, asked, explained, changed by buttons, and deleted', async () => {
    const watched = await browser.open(`${weir.url}/ui/models`)
    const { page } = watched
    await heading(page, 'Models & routes')
    await page.getByRole('link', { name: 'declared' }).waitFor()
    await expectClean(watched)
    await page.getByRole('link', { name: 'Create alias' }).click()
    await heading(page, 'Create alias')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('team/fast')
    // What the server refuses is said at the field it is about.
    await type(page, 'Provider', 'nobody')
    await type(page, 'Its model', 'echo')
    await page.getByRole('button', { name: 'Create alias' }).click()
    await page.getByText('There is no provider with this id.').waitFor()
    const wrong = page.getByRole('combobox', { name: 'Provider', exact: true })
    expect(await wrong.getAttribute('aria-invalid')).toBe('true')
    const field = await wrong.getAttribute('id')
    await until(watched, `document.activeElement?.id === ${JSON.stringify(field)}`)
    watched.take(/400/)
    expect(await axe(watched)).toEqual([])

    await type(page, 'Provider', 'mock')
    await page.getByRole('button', { name: 'Add target' }).click()
    await type(page, 'Provider', 'mock', 1)
    await type(page, 'Its model', 'slow', 1)
    await page.getByRole('button', { name: 'Create alias' }).click()
    await heading(page, 'team/fast')
    expect(new URL(page.url()).pathname).toBe('/ui/models/team%2Ffast')
    const decision = page.getByRole('group', { name: 'Decision' })
    await decision.getByText('mock/echo').waitFor()
    expect(await decision.getByRole('listitem').allInnerTexts()).toMatchObject([
      expect.stringContaining('mock/echo'),
      expect.stringContaining('mock/slow'),
    ])
    await page.getByLabel('Question').fill('Are you there?')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Are you there?', { exact: false }).last().waitFor()
    await page.getByText('mock/echo').last().waitFor()
    await expectClean(watched)
    await screenshots(watched, 'model')

    await page.getByRole('link', { name: 'Edit' }).click()
    await heading(page, 'Edit team/fast')
    await page.getByRole('button', { name: 'Move target 2 up' }).click()
    await page.getByRole('button', { name: 'Save changes' }).click()
    await heading(page, 'team/fast')
    await decision.getByText('mock/slow').waitFor()
    const shown = (await (await api('GET', '/admin/models/team%2Ffast')).json()) as {
      targets: { model: string; order: number }[]
    }
    expect(shown.targets.map(({ model, order }) => [model, order])).toEqual([
      ['slow', 0],
      ['echo', 1],
    ])

    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Every program that asks for this name').waitFor()
    await page.getByRole('button', { name: 'Delete model' }).click()
    await heading(page, 'Models & routes')
    expect((await api('GET', '/admin/models/team%2Ffast')).status).toBe(404)
    // The page of the model asks again by itself, also between its end and the leaving of the page.
    watched.take(/status of 404 .*\/admin\/models\/team%2Ffast/)
    expectQuiet(watched)
    await page.close()
  })

  test('what somebody else has changed meanwhile is not written over', async () => {
    await api('POST', '/admin/models', {
      id: 'shared',
      targets: [{ provider: 'mock', model: 'echo' }],
    })
    const watched = await browser.open(`${weir.url}/ui/models/shared?edit=1`)
    const { page } = watched
    await heading(page, 'Edit shared')
    await page.getByLabel('Defaults').fill('{"temperature": ')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await page.getByText('Must be a JSON object', { exact: false }).waitFor()
    await page.getByLabel('Defaults').fill('{"temperature": 0}')
    await api('PATCH', '/admin/models/shared', { context_window: 5 })
    await page.getByRole('button', { name: 'Save changes' }).click()
    await page.getByText('It was changed since it was read.', { exact: false }).waitFor()
    watched.take(/412/)
    const kept = await (await api('GET', '/admin/models/shared')).json()
    expect(kept).toMatchObject({ context_window: 5, defaults: {} })
    expectQuiet(watched)
    await page.close({ runBeforeUnload: false })
  })

  test('what the file declares says so and offers no change; it all fits a phone', async () => {
    const watched = await browser.open(`${weir.url}/ui/models/declared`, { viewport: PHONE })
    const { page } = watched
    await page.getByText('The configuration file declares it; change it there.').waitFor()
    expect(await page.getByRole('link', { name: 'Edit' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0)
    for (const path of [
      '/ui/models',
      '/ui/models/declared',
      '/ui/models/shared?edit=1',
      '/ui/connect',
    ]) {
      await page.goto(`${weir.url}${path}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.waitForLoadState('networkidle')
      await untilNarrow(watched)
      expect({ path, found: await axe(watched) }).toEqual({ path, found: [] })
    }
    expectQuiet(watched)
    await page.close()
  })

  test('whether its answers are kept is said for a model, and how long', async () => {
    const targets = [{ provider: 'mock', model: 'echo' }]
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const body = JSON.stringify({ id: 'kept', targets })
    expect((await fetch(`${weir.url}/admin/models`, { ...init, body })).status).toBe(201)
    const watched = await browser.open(`${weir.url}/ui/models/kept`)
    const { page } = watched
    await heading(page, 'kept')
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByLabel('Response cache').selectOption('off')
    const kept = page.getByLabel('Answers are kept')
    await kept.fill('for ever')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await page.locator('.field-error').waitFor()
    expect(await kept.getAttribute('aria-invalid')).toBe('true')
    watched.take(/400/)
    await kept.fill('10m')
    await page.getByRole('button', { name: 'Save changes' }).click()
    await page.getByRole('button', { name: 'Save changes' }).waitFor({ state: 'detached' })
    const answer = await fetch(`${weir.url}/admin/models/kept`)
    expect(await answer.json()).toMatchObject({ cache: 'off', cache_ttl: '600s' })
    expectQuiet(watched)
    await page.close()
  })

  test('a provider’s own model becomes an alias in one step', async () => {
    const watched = await browser.open(`${weir.url}/ui/models?kind=direct&q=echo`)
    const { page } = watched
    await page.getByRole('link', { name: 'mock/echo' }).click()
    await heading(page, 'mock/echo')
    await expectClean(watched)
    await page.getByRole('link', { name: 'Make an alias' }).click()
    await heading(page, 'Create alias')
    expect(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue()).toBe('echo')
    await page.getByRole('button', { name: 'Create alias' }).click()
    await heading(page, 'echo')
    expectQuiet(watched)
    await page.close()
  })

  test('the lines of a tool get the key that is made on the spot, and work', async () => {
    const watched = await browser.open(`${weir.url}/ui/connect?model=declared`)
    const { page } = watched
    await heading(page, 'Connect')
    await page.getByRole('button', { name: 'curl' }).click()
    await page.getByRole('button', { name: 'Make a key' }).click()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('from the page')
    await page.getByRole('button', { name: 'Make key' }).click()
    const lines = page.getByRole('region', { name: 'A terminal' })
    await lines.getByText('Bearer weir_', { exact: false }).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'connect')
    const child = Bun.spawn(['sh', '-c', await lines.innerText()], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(await new Response(child.stdout).text()).toContain('Say hello.')
    // The key was in no address and no request but the one that made it.
    expect(page.url()).not.toContain('weir_')
    expectQuiet(watched)
    await page.close()
  })
})
