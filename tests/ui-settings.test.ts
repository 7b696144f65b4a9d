// Settings and audit in a real browser: a setting changed and taken back, one that somebody else changed meanwhile, a value that is none told
// at its field, a configuration taken in after its plan was shown, secrets rotated, and all of it found in the audit with what was before.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import {
  axe,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  type TestBrowser,
  type WatchedPage,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(60_000)

let weir: Weir
let browser: TestBrowser

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

async function patch(body: object): Promise<void> {
  const answer = await fetch(`${weir.url}/admin/settings`, {
    method: 'PATCH',
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
    weir = await startWeir({ config: { server: { drain_timeout: '3s' } } })
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
