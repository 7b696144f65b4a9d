// The components of the web UI in a real browser, under the policy of the real pages: by keyboard, with errors of a server at the field they are
// about, with a hundred thousand rows. What pages do with them is tested with the pages.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { pageHeaders } from '../src/server/web-files.ts'
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

const WEB = join(import.meta.dir, '..', 'web')
const HTML =
  '<!doctype html><html lang="en"><head><title>Gallery</title><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/ui/app.css"></head><body><div id="app"></div><script type="module" src="/ui/gallery.js"></script></body></html>'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

/** The gallery as a page of its own, on loopback. */
async function serveGallery() {
  const { outputs } = await Bun.build({
    entrypoints: [join(WEB, 'testing', 'gallery.tsx'), join(WEB, 'app.css')],
    target: 'browser',
    splitting: true,
    publicPath: '/ui/',
    naming: { entry: '[name].[ext]' },
    define: { 'process.env.NODE_ENV': '"production"' },
    tsconfig: join(WEB, 'tsconfig.json'),
  })
  const files = new Map(outputs.map((output) => [basename(output.path), output]))
  const headers = (type: string) => ({ ...pageHeaders(), 'content-type': type })
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const file = files.get(basename(new URL(request.url).pathname))
      if (file === undefined) return new Response(HTML, { headers: headers('text/html') })
      const type = file.path.endsWith('.css') ? 'text/css' : 'text/javascript'
      return new Response(file, { headers: headers(type) })
    },
  })
}

describe.skipIf(isBrowserMissing())('components', () => {
  let server: Awaited<ReturnType<typeof serveGallery>>
  let browser: TestBrowser
  let watched: WatchedPage
  let page: Page

  beforeAll(async () => {
    server = await serveGallery()
    browser = await startBrowser()
    watched = await browser.open(`${server.url}ui/gallery?range=7d`)
    page = watched.page
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.locator('.chart canvas').nth(1).waitFor()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await server?.stop(true)
  })

  const focusedLabel = () =>
    page.evaluate<string>(
      "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.textContent ?? ''",
    )

  test('keep nobody out, in both themes and on a phone', async () => {
    await screenshots(watched, 'components')
    for (const viewport of [undefined, PHONE]) {
      if (viewport !== undefined) await page.setViewportSize(viewport)
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await axe(watched)).toEqual([])
      }
      await untilNarrow({ page })
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    expectQuiet(watched)
  })

  test('a form shows what the server says at the field it is about, and goes there', async () => {
    const form = page.locator('form')
    await form.getByLabel('Name').fill('taken')
    await form.getByRole('button', { name: 'Create key' }).click()
    const field = form.getByLabel('Models')
    await page.getByText('models[1]: Must be unique.').waitFor()
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    const described = (await field.getAttribute('aria-describedby'))?.split(' ') ?? []
    const words = await Promise.all(
      described.map((id) => page.locator(`[id="${id}"]`).textContent()),
    )
    expect(words.join(' ')).toContain('Must be unique.')
    await until({ page }, "document.activeElement?.getAttribute('aria-invalid') === 'true'")
    expect(await axe(watched)).toEqual([])
    await form.getByLabel('Name').fill('broken')
    await form.getByRole('button', { name: 'Create key' }).click()
    await form.getByRole('alert').getByText('Internal error. Request req_1').waitFor()
    expect(await field.getAttribute('aria-invalid')).toBeNull()
  })

  test('inputs hold what the API takes', async () => {
    const form = page.locator('form')
    await form.getByLabel('Name').fill('ok')
    await form.getByLabel('Default model').fill('haiku')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await form.getByLabel('Models').fill('claude-*,')
    await form.getByLabel('Models').fill('mistral-*')
    await page.keyboard.press('Enter')
    await form.getByRole('button', { name: 'Remove gpt-*' }).click()
    await form.getByLabel('Budget').fill('0.50')
    await form.getByLabel('Timeout').fill('1.5')
    await form.getByLabel('Requests per minute').fill('6x0')
    await form.getByLabel('Enabled').click()
    await form.getByRole('button', { name: 'Create key' }).click()
    await until({ page }, "document.querySelector('[data-testid=sent]')?.textContent !== ''")
    const sent: unknown = JSON.parse((await page.getByTestId('sent').textContent()) ?? '')
    expect(sent).toMatchObject({
      name: 'ok',
      model: 'claude-haiku-4-5',
      models: ['claude-*', 'mistral-*'],
      usd: 0.5,
      timeoutMs: 90_000,
      perMinute: 60,
      isAnywhere: true,
      isOn: false,
    })
    await form.getByLabel('Budget').fill('')
    await form.getByRole('button', { name: 'Create key' }).click()
    await until(
      { page },
      `document.querySelector('[data-testid=sent]')?.textContent.includes('"usd":null')`,
    )
  })

  test('a dialog holds the focus and gives it back', async () => {
    const opener = page.getByRole('button', { name: 'Open dialog' })
    await opener.click()
    await page.getByRole('dialog', { name: 'A dialog' }).waitFor()
    expect(await focusedLabel()).toContain('First input')
    for (let press = 0; press < 6; press++) {
      await page.keyboard.press('Tab')
      const isInside = await page.evaluate(
        "document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)",
      )
      expect(isInside).toBe(true)
    }
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await until({ page }, "document.activeElement?.textContent === 'Open dialog'")
    await page.getByRole('button', { name: 'Open drawer' }).click()
    await page.getByRole('dialog', { name: 'A drawer' }).getByText('123.5K').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('what cannot be taken back is asked for once, with its name, and says why it failed', async () => {
    const revoke = async (name: string) => {
      await page.getByRole('button', { name: `Actions for ${name}` }).click()
      await page.getByRole('menuitem', { name: 'Revoke' }).click()
      return page.getByRole('dialog', { name: `Revoke key ${name}?` })
    }
    const failing = await revoke('ci')
    await failing.getByText('Every program that uses it is refused').waitFor()
    const button = failing.getByRole('button', { name: 'Revoke key' })
    expect(await button.isDisabled()).toBe(true)
    await failing.getByLabel('Type ci to confirm').fill('c')
    expect(await button.isDisabled()).toBe(true)
    await failing.getByLabel('Type ci to confirm').fill('ci')
    await button.click()
    await failing.getByRole('alert').getByText('The file declares it.').waitFor()
    expect(await axe(watched)).toEqual([])
    await failing.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Revoked: false').waitFor()
    const working = await revoke('ide')
    await working.getByLabel('Type ide to confirm').fill('ide')
    await working.getByRole('button', { name: 'Revoke key' }).click()
    await page.getByText('Revoked: true').waitFor()
    await working.waitFor({ state: 'detached' })
  })

  test('what a menu cannot do now says why, and does nothing', async () => {
    await page.getByRole('button', { name: 'Actions for agents' }).click()
    const item = page.getByRole('menuitem', { name: 'Export' })
    await item.waitFor()
    expect(await item.textContent()).toContain('declared in the file')
    await item.click({ force: true })
    expect(await page.getByRole('menu').count()).toBe(1)
    await page.keyboard.press('Escape')
    expect(await focusedLabel()).toBe('Actions for agents')
  })

  test('a table sorts by what it shows, with the unknown last', async () => {
    const names = () => page.locator('table.table tbody tr td:first-child').allTextContents()
    expect(await names()).toEqual(['agents', 'batch', 'ci', 'ide', 'old'])
    const head = page.getByRole('columnheader', { name: 'Spent' })
    await head.getByRole('button').click()
    expect(await names()).toEqual(['old', 'ci', 'ide', 'agents', 'batch'])
    expect(await head.getAttribute('aria-sort')).toBe('ascending')
    await head.getByRole('button').click()
    expect(await names()).toEqual(['agents', 'ide', 'ci', 'old', 'batch'])
    expect(await page.getByText('unknown', { exact: true }).count()).toBe(1)
  })

  test('tabs go by the arrows, and nothing says what to do next', async () => {
    await page.getByRole('tab', { name: 'Keys' }).focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText('No keys yet').waitFor()
    expect(await page.getByRole('tab', { name: 'Nothing' }).getAttribute('aria-selected')).toBe(
      'true',
    )
    expect(await focusedLabel()).toBe('Nothing')
    await page.keyboard.press('ArrowRight')
    await page.getByRole('table', { name: 'Keys' }).waitFor()
  })

  test('a list of a hundred thousand rows draws what is in sight, and goes by the keyboard', async () => {
    const grid = page.getByRole('grid', { name: 'Many rows' })
    const drawn = () => grid.getByRole('row').count()
    expect(await grid.getAttribute('aria-rowcount')).toBe('100001')
    expect(await drawn()).toBeLessThan(60)
    await grid.focus()
    for (let press = 0; press < 12; press++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByTestId('opened').getByText('opened row-11').waitFor()
    await page.keyboard.press('End')
    await grid.getByText('row-99999').waitFor()
    await page.getByTestId('opened').getByText('ends 1').waitFor()
    expect(await drawn()).toBeLessThan(60)
    await page.keyboard.press('Home')
    await grid.getByText('row-0', { exact: true }).waitFor()
  })

  test('a chart says its numbers without being seen', async () => {
    const table = page.locator('.chart table').first()
    expect(await table.locator('caption').textContent()).toBe('Requests')
    expect(await table.locator('tbody tr').count()).toBe(48)
    // A gap is no zero.
    expect(await table.locator('tbody tr').nth(7).locator('td').textContent()).toBe('—')
    expect(await table.locator('tbody tr').nth(0).locator('td').textContent()).toBe('0')
  })

  test('text of others stays text', async () => {
    await page.getByRole('group', { name: 'JSON' }).locator('details > summary').last().click()
    await page.getByText('"<b>bold</b>"').waitFor()
    expect(await page.locator('.json b').count()).toBe(0)
  })

  test('a time range stands in the address', async () => {
    await page.getByRole('button', { name: 'Time range: Last 7 days' }).click()
    await page.getByRole('menuitemradio', { name: 'Last hour' }).click()
    await until({ page }, "location.search === '?range=1h'")
    await page.getByRole('button', { name: 'Time range: Last hour' }).click()
    await page.getByRole('menuitemradio', { name: 'Custom…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Time range' })
    await dialog.getByLabel('From').fill('2026-11-21T10:00')
    await dialog.getByLabel('Until').fill('2026-11-21T09:00')
    expect(await dialog.getByRole('button', { name: 'Show' }).isDisabled()).toBe(true)
    await dialog.getByLabel('Until').fill('2026-11-21T12:00')
    await dialog.getByRole('button', { name: 'Show' }).click()
    await until({ page }, "location.search.includes('until=2026-11-21T12%3A00%3A00.000Z')")
  })

  test('and nothing was said on the console, nor refused by the policy', () => {
    expectQuiet(watched)
  })
})
