// Settings and audit in a real browser: a setting changed and taken back, one that somebody else changed meanwhile, a value that is none told
// at its field, a configuration taken in after its plan was shown, secrets rotated, and all of it found in the audit with what was before.

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
  type TestBrowser,
  type WatchedPage,
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

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

const patch = (body: object) => change('/admin/settings', 'PATCH', body)

async function change(path: string, method: string, body: object): Promise<void> {
  const answer = await fetch(`${weir.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
}

const YAML = `providers:
  - { id: team, type: openai, keys: ["\${TEAM_KEY}"] }
models:
  - { id: fast, targets: [{ provider: team, model: gpt-5-mini }] }
`

describe.skipIf(isBrowserMissing())('settings and audit', () => {
  beforeAll(async () => {
    const mirror = { id: 'mirror', type: 'webhook', url: 'https://mirror.example/weir' }
    weir = await startWeir({
      config: {
        server: { drain_timeout: '3s' },
        cache: { exact: { enabled: true } },
        exports: [{ ...mirror, secret: 'the-secret-of-the-mirror' }],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('a setting is found, changed, taken back; what the file says is not offered', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings`)
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor()
    await page.getByText('The configuration file sets it; change it there.').first().waitFor()
    expect(await button(page, 'Change server.drain_timeout').count()).toBe(0)
    await screenshots(watched, 'settings')
    await expectClean(watched)
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('log.requests')
    await button(page, 'Change log.requests').click()
    await page.getByLabel('Value').selectOption('none')
    await page.getByText('Nothing of new requests is kept').waitFor()
    await button(page, 'Change setting').click()
    await page.getByText('changed here', { exact: true }).waitFor()
    await button(page, 'Change log.requests').click()
    await button(page, 'Take back').click()
    const asked = page.getByRole('dialog').filter({ hasText: 'Take back the change of' })
    await asked.getByRole('button', { name: 'Take back' }).click()
    await page.getByText('changed here', { exact: true }).waitFor({ state: 'detached' })
    expectQuiet(watched)
    await page.close()
  })

  test('what is no value is told at the field, and a change by somebody else as well', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings?q=server.queue_timeout`)
    const { page } = watched
    await button(page, 'Change server.queue_timeout').click()
    const field = page.getByLabel('Value')
    await field.fill('soon')
    await button(page, 'Change setting').click()
    await page.getByText('must be a duration with its unit').waitFor()
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    await patch({ 'server.queue': 8 })
    await field.fill('9s')
    await button(page, 'Change setting').click()
    await page.getByText('It was changed since it was read').waitFor()
    await patch({ 'server.queue': null })
    // The browser itself writes that a request was refused.
    watched.take(/400|412/)
    expectQuiet(watched)
    await page.close()
  })

  test('a configuration is taken in after its plan was shown, and given out without secrets', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings/transfer`)
    const { page } = watched
    await page.getByLabel('weir.yaml', { exact: true }).fill(`${YAML}  - { id: [] }\n`)
    await page.getByLabel('TEAM_KEY').fill('sk-a-secret-of-the-team-0000001')
    await button(page, 'Show the plan').click()
    await page.getByText('This has to be mended first').waitFor()
    await page.getByText('Line 5:').first().waitFor()
    await page.getByLabel('weir.yaml', { exact: true }).fill(YAML)
    await button(page, 'Show the plan').click()
    await page.getByRole('table', { name: 'What becomes of each thing' }).waitFor()
    await screenshots(watched, 'settings-import')
    await expectClean(watched)
    await button(page, 'Import 2 changes').click()
    const asked = page.getByRole('dialog').filter({ hasText: 'Take this configuration in' })
    await asked.getByRole('button', { name: 'Import' }).click()
    await page.getByText('It is in force').waitFor()
    const saved = page.waitForEvent('download')
    await page.getByRole('link', { name: 'weir.yaml' }).click()
    const text = readFileSync(await (await saved).path(), 'utf8')
    expect(text).toContain('id: fast')
    expect(text).toContain('WEIR_PROVIDER_TEAM_KEYS_1')
    expect(text).not.toContain('sk-a-secret')
    expectQuiet(watched)
    await page.close()
  })

  test('a feature flag is set for some, not over what somebody else set, and taken back', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings/flags`)
    const { page } = watched
    await button(page, 'Set hedging').waitFor()
    await expectClean(watched)
    await button(page, 'Set hedging').click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Value').selectOption('off')
    await dialog.getByLabel('Share of callers').fill('200')
    await button(page, 'Set flag').click()
    const share = dialog.getByLabel('Share of callers')
    await dialog.locator('.field-error').waitFor()
    expect(await share.getAttribute('aria-invalid')).toBe('true')
    await change('/admin/flags/hedging', 'PUT', { value: false, percent: 7 })
    await share.fill('10')
    await button(page, 'Set flag').click()
    await page.getByText('It was changed since it was read').waitFor()
    expect(watched.take(/400|412/).length).toBeGreaterThan(1)
    await button(page, 'Cancel').click()
    await page.reload()
    await page.getByText('for everybody, 7 % of callers').waitFor()
    await button(page, 'Set hedging').click()
    await share.fill('10')
    await expectClean(watched)
    await button(page, 'Set flag').click()
    await page.getByText('for everybody, 10 % of callers').waitFor()
    await screenshots(watched, 'settings-flags')
    await button(page, 'Take the rule for everybody away').click()
    await button(page, 'Take away').click()
    await page.getByText('of callers').waitFor({ state: 'detached' })
    expectQuiet(watched)
    await page.close()
  })

  test('what is kept is ruled, held, and erased after it was counted', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings/content`)
    const { page } = watched
    await page.getByText('Nothing is held').waitFor()
    await expectClean(watched)
    await button(page, 'Add rule').click()
    const dialog = page.getByRole('dialog')
    const add = dialog.getByRole('button', { name: 'Add rule' })
    await dialog.getByLabel('Name').fill('No good name')
    await dialog.getByLabel('Keep', { exact: true }).selectOption('content')
    await dialog.getByLabel('email').check()
    await add.click()
    await dialog.locator('.field-error').waitFor()
    expect(watched.take(/400/).length).toBe(1)
    await dialog.getByLabel('Name').fill('support')
    await add.click()
    await page.getByRole('row', { name: /support.*each model.*Bodies.*email/ }).waitFor()

    await button(page, 'Hold requests').click()
    await dialog.getByLabel('Name').fill('case-7')
    await dialog.getByLabel('What is held').selectOption('span')
    await dialog.getByLabel('From').fill('2027-01-01T00:00')
    await dialog.getByLabel('Why').fill('a case')
    await dialog.getByRole('button', { name: 'Hold requests' }).click()
    await page.getByRole('row', { name: /case-7.*all requests.*a case/ }).waitFor()
    await button(page, 'Actions for case-7').click()
    await page.getByRole('menuitem', { name: 'Release' }).click()
    await dialog.getByLabel('Why').fill('it is over')
    await button(page, 'Release hold').click()
    await page.getByText('case-7 is released.').waitFor()

    await button(page, 'Erase somebody’s data').click()
    await dialog.getByLabel('User').fill('0197aaaa-0000-7000-8000-000000000001')
    await dialog.getByLabel('Why').fill('asked by mail')
    await button(page, 'Count what would go').click()
    await page.getByText('This cannot be taken back').waitFor()
    await expectClean(watched)
    await button(page, 'Erase it now').click()
    await page.getByText('The erasure has begun.').waitFor()
    await page.getByText('done', { exact: true }).waitFor()
    const saved = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download' }).click()
    const report: unknown = JSON.parse(readFileSync(await (await saved).path(), 'utf8'))
    expect(report).toMatchObject({ state: 'done', requests: 0, reason: 'asked by mail' })
    await page.setViewportSize(PHONE)
    await expectClean(watched)
    await screenshots(watched, 'settings-content-phone')
    expectQuiet(watched)
    await page.close()
  })

  test('it is said where outcomes go, and the response cache is emptied', async () => {
    const body = { model: 'mock/echo', messages: [{ role: 'user', content: 'Keep this.' }] }
    for (let at = 0; at < 2; at += 1) await change('/v1/chat/completions', 'POST', body)
    const watched = await browser.open(`${weir.url}/ui/settings/telemetry`)
    const { page } = watched
    await page.getByRole('row', { name: /^mirror webhook/ }).waitFor()
    await page.getByText('50% of requests').waitFor()
    await expectClean(watched)
    await screenshots(watched, 'settings-telemetry')
    await button(page, 'Empty it').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Empty it' }).click()
    await page.getByText('1 answers are forgotten.').waitFor()
    await page.setViewportSize(PHONE)
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('secrets are rotated, and it is said what runs here', async () => {
    const watched = await browser.open(`${weir.url}/ui/settings/secrets`)
    const { page } = watched
    await button(page, 'Rotate secrets').click()
    const asked = page.getByRole('dialog').filter({ hasText: 'Encrypt every stored secret anew' })
    await asked.getByRole('button', { name: 'Rotate secrets' }).click()
    await page.getByText('Secrets are encrypted anew').waitFor()
    await page.getByText('retired').first().waitFor()
    await expectClean(watched)
    await page.getByRole('tab', { name: 'About' }).click()
    await page.getByText('SQLite, in the data folder').waitFor()
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('all of that is in the audit, with what was before, and the chain is whole', async () => {
    const watched = await browser.open(`${weir.url}/ui/audit`)
    const { page } = watched
    await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor()
    await page
      .getByRole('row', { name: /model\.save/ })
      .first()
      .waitFor()
    await page
      .getByRole('row', { name: /settings\.update/ })
      .first()
      .waitFor()
    await button(page, 'Verify').click()
    await page.getByText('The chain is whole').waitFor()
    await screenshots(watched, 'audit')
    await expectClean(watched)
    await page
      .getByRole('row', { name: /provider\.save/ })
      .first()
      .click()
    await page.getByRole('dialog').getByText('team').first().waitFor()
    await expectClean(watched)
    await page.keyboard.press('Escape')
    await page.getByRole('combobox').fill('model.save')
    await page.keyboard.press('Enter')
    await page.getByRole('row', { name: /provider\.save/ }).waitFor({ state: 'detached' })
    expect(page.url()).toContain('action=model.save')
    const saved = page.waitForEvent('download')
    await page.getByRole('link', { name: 'CSV' }).click()
    const csv = readFileSync(await (await saved).path(), 'utf8')
    expect(csv.trim().split('\r\n')).toHaveLength(2)
    await page.setViewportSize(PHONE)
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })
})
