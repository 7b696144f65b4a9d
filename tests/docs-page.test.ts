// The documentation of the API in a real browser, served by the executable: Swagger UI draws all of it under the strict policy of every page,
// and "Try it out" works for the management API and for a model, with a key and with the session of a browser that is logged in.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import {
  expectQuiet,
  isBrowserMissing,
  screenshots,
  startBrowser,
  type TestBrowser,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(300_000)

const KEY = 'the-key-of-somebody-long-enough-000000001'
const PASSWORD = 'correct horse battery'

let weir: Weir
let browser: TestBrowser

/** Opens one operation of a tag, ready to be tried. */
async function open(page: Page, tag: string, id: string): Promise<void> {
  const operation = page.locator(`#operations-${tag}-${id}`)
  if ((await operation.count()) === 0) await page.locator(`#operations-tag-${tag}`).click()
  await operation.waitFor()
  if ((await operation.locator('.opblock-body').count()) === 0) {
    await operation.locator('.opblock-summary-control').click()
  }
  await operation.getByRole('button', { name: 'Execute' }).waitFor()
}

/** Sends it, and says what came back. */
async function execute(
  page: Page,
  tag: string,
  id: string,
): Promise<{ status: string; body: string }> {
  const operation = page.locator(`#operations-${tag}-${id}`)
  // What an earlier call was answered stands there until this one is.
  const coming = page.waitForResponse((response) => response.request().resourceType() === 'fetch')
  await operation.getByRole('button', { name: 'Execute' }).click()
  const told = String((await coming).status())
  const answer = operation.locator('.live-responses-table')
  const status = answer.locator('.response-col_status').last()
  await status.filter({ hasText: told }).waitFor()
  return {
    status: await status.innerText(),
    body: await answer.locator('.response-col_description').last().innerText(),
  }
}

describe.skipIf(isBrowserMissing())('the page of the API documentation', () => {
  beforeAll(async () => {
    weir = await startWeir({
      config: {
        auth: { anonymous: 'never' },
        keys: [{ name: 'owner', key: KEY, roles: ['owner'] }],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('tries out a call of the management API and of a model, with a key', async () => {
    const watched = await browser.open(`${weir.url}/docs`)
    const { page } = watched
    await page.locator('#operations-tag-OpenAI').waitFor()
    await page.getByText('Nobody is logged in').waitFor()
    await screenshots(watched, 'docs')
    await open(page, 'Settings', 'get_admin_about')
    expect((await execute(page, 'Settings', 'get_admin_about')).status).toStartWith('401')
    watched.take(/401/)

    await page.locator('.btn.authorize').first().click()
    const bearer = page.locator('.auth-container').filter({ hasText: 'bearer' }).first()
    await bearer.locator('input').fill(KEY)
    await bearer.getByRole('button', { name: 'Apply credentials' }).click()
    await page.locator('.close-modal').click()

    const about = await execute(page, 'Settings', 'get_admin_about')
    expect(about.status).toStartWith('200')
    expect(about.body).toContain('"engine": "sqlite"')

    await open(page, 'OpenAI', 'post_v1_chat_completions')
    const chat = await execute(page, 'OpenAI', 'post_v1_chat_completions')
    expect(chat.status).toStartWith('200')
    expect(chat.body).toContain('chat.completion')

    const body = page.locator(
      '#operations-OpenAI-post_v1_chat_completions textarea.body-param__text',
    )
    await body.fill(
      JSON.stringify({
        model: 'mock/echo',
        stream: true,
        messages: [{ role: 'user', content: 'streamed' }],
      }),
    )
    const streamed = await execute(page, 'OpenAI', 'post_v1_chat_completions')
    expect(streamed.status).toStartWith('200')
    expect(streamed.body).toContain('[DONE]')
    await screenshots(watched, 'docs-tried')
    expectQuiet(watched)
    await page.close()
  })

  test('changes something with the session of a browser that is logged in', async () => {
    const link = /http\S+\/auth\/setup\S*/.exec(weir.stdout())?.[0]
    expect(link).toBeDefined()
    const watched = await browser.open(link ?? '')
    const { page } = watched
    await page.getByLabel('Name', { exact: false }).first().fill('ada')
    for (const field of await page.locator('input[type=password]').all()) await field.fill(PASSWORD)
    await page.getByRole('button').first().click()
    await page.getByRole('navigation', { name: 'Main' }).waitFor()
    await page.goto(`${new URL(page.url()).origin}/docs`)
    await page.getByText('You are ada.').waitFor()
    await open(page, 'Settings', 'patch_admin_settings')
    await page
      .locator('#operations-Settings-patch_admin_settings textarea.body-param__text')
      .fill('{"server.queue": 12}')
    const changed = await execute(page, 'Settings', 'patch_admin_settings')
    expect(changed.status).toStartWith('200')
    expectQuiet(watched)
    await page.close()
  })
})
