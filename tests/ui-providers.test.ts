// Providers in a real browser: one added, tried with a wrong and a right key, its keys replaced, a model of it given a name, its settings
// changed under somebody else's hands and with an address that would take its keys along, and deleted with what breaks. Nothing on these
// pages keeps anybody out (axe).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { AzureCloud } from '../src/testing/azure-cloud.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
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

const GOOD = 'sk-good-0123456789abcdWXYZ'
const SECOND = 'sk-second-0123456789abc2222'
const APPLICATION_SECRET = 'secret-of-the-application-1'
const BAD = 'sk-bad-0123456789abcdefghij'

let weir: Weir
let browser: TestBrowser
let upstream: Upstream
let cloud: AzureCloud

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name }).waitFor()
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const tab = (page: Page, name: string) => page.getByRole('tab', { name }).click()

async function api(method: string, path: string, body?: object): Promise<Response> {
  return await fetch(`${weir.url}/admin${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

const made = (id: string) =>
  api('POST', '/providers', {
    id,
    type: 'openai',
    base_url: `${upstream.url}/v1`,
    keys: [GOOD],
  })

describe.skipIf(isBrowserMissing())('providers', () => {
  beforeAll(async () => {
    upstream = startUpstream(({ headers }) => {
      const key = headers['authorization'] ?? ''
      if (key === `Bearer ${GOOD}` || key === `Bearer ${SECOND}`) {
        return Response.json({ data: [{ id: 'big' }, { id: 'small' }] })
      }
      return Response.json({ error: { message: 'no such key' } }, { status: 401 })
    })
    cloud = new AzureCloud({
      application: { tenant: 't-1', clientId: 'c-1', secret: APPLICATION_SECRET },
      subscriptions: [
        {
          id: 'sub-1',
          name: 'One',
          accounts: [
            {
              name: 'team-eu',
              endpoint: 'https://team-eu.openai.azure.com',
              deployments: [{ name: 'prod', model: 'gpt-4o' }],
            },
            {
              name: 'team-us',
              endpoint: 'https://team-us.openai.azure.com',
              deployments: [],
            },
          ],
        },
      ],
    })
    const { authority, management } = cloud
    const application = { tenant: 't-1', client_id: 'c-1', client_secret: APPLICATION_SECRET }
    weir = await startWeir({
      config: {
        providers: [
          { id: 'declared', type: 'ollama', base_url: upstream.url },
          {
            id: 'application',
            type: 'azure',
            base_url: 'https://app.openai.azure.com',
            entra: { ...application, authority, management },
          },
        ],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
    await upstream?.close()
    await cloud?.[Symbol.asyncDispose]()
  })

  test('one is added, tried, given keys and a name for a model, and deleted', async () => {
    const watched = await browser.open(`${weir.url}/ui/providers`)
    const { page } = watched
    await heading(page, 'Providers')
    await page.getByRole('link', { name: 'declared' }).waitFor()
    await expectClean(watched)
    await button(page, 'Add provider').click()
    await page.getByRole('button', { name: 'OpenAI', exact: false }).first().click()
    await page.getByRole('heading', { name: 'Add OpenAI' }).waitFor()
    // What the server refuses is said at the field it is about.
    await page.getByLabel('Base URL').fill('http://169.254.169.254/latest')
    await page.getByLabel('API key').fill(BAD)
    await page.getByRole('dialog').getByRole('button', { name: 'Add provider' }).click()
    await page.getByText('Points at a link-local or metadata address', { exact: false }).waitFor()
    const url = page.getByLabel('Base URL')
    expect(await url.getAttribute('aria-invalid')).toBe('true')
    watched.take(/400/)

    await url.fill(`${upstream.url}/v1`)
    await button(page, 'Try it').click()
    await page.getByText('It refuses the key', { exact: true }).waitFor()
    await page.getByLabel('API key').fill(GOOD)
    await button(page, 'Try it').click()
    await page.getByText('It works and lists 2 models').waitFor()
    await expectClean(watched)
    await screenshots(watched, 'provider-add')
    await page.getByRole('dialog').getByRole('button', { name: 'Add provider' }).click()
    await heading(page, 'openai')
    expect(new URL(page.url()).pathname).toBe('/ui/providers/openai')
    await page.getByText('Healthy').first().waitFor()
    await expectClean(watched)
    await screenshots(watched, 'provider')

    await tab(page, 'Keys')
    await page.getByText('•••• WXYZ').waitFor()
    await page.getByRole('button', { name: /^Actions for/ }).click()
    await page.getByRole('menuitem', { name: 'Replace' }).click()
    await page.getByRole('dialog').getByLabel('Key', { exact: true }).fill(SECOND)
    await button(page, 'Replace key').click()
    await page.getByText('On its way out').waitFor()
    await page.getByText('•••• 2222').first().waitFor()
    expect(await page.content()).not.toContain(SECOND)
    await expectClean(watched)

    await tab(page, 'Models')
    await page.getByRole('link', { name: 'small' }).waitFor()
    await page.getByRole('button', { name: 'Actions for small' }).click()
    await page.getByRole('menuitem', { name: 'Make an alias' }).click()
    await page.getByLabel('Name that clients ask for').fill('quick')
    await button(page, 'Make alias').click()
    await page.getByText('Alias quick leads to small.').waitFor()
    await expectClean(watched)

    await tab(page, 'State')
    await page.getByRole('link', { name: 'quick' }).waitFor()
    await button(page, 'More').click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.getByText('quick answers nobody any more.').waitFor()
    expect(await button(page, 'Delete provider').isDisabled()).toBe(true)
    await page.getByRole('dialog').getByRole('textbox').fill('openai')
    await button(page, 'Delete provider').click()
    await heading(page, 'Providers')
    expect((await api('GET', '/providers/openai')).status).toBe(404)
    // The page of the provider asks again by itself, also between its end and the leaving of the page.
    watched.take(/status of 404 .*\/admin\/providers\/openai/)
    expectQuiet(watched)
    await page.close()
  })

  test('settings: others are not written over, and keys do not go elsewhere by themselves', async () => {
    await made('shared')
    const watched = await browser.open(`${weir.url}/ui/providers/shared?tab=settings`)
    const { page } = watched
    await heading(page, 'shared')
    await expectClean(watched)
    await page.getByText('Network', { exact: true }).click()
    await page.getByLabel('Check certificates').selectOption('false')
    await page.getByText('Certificates are not checked').waitFor()
    await page.getByText('Give its keys anew').waitFor()
    await expectClean(watched)
    await page.getByLabel('Check certificates').selectOption('default')
    await page.getByText('Time', { exact: true }).click()
    await page.getByLabel('Repeats').fill('0')
    await api('PATCH', '/providers/shared', { retries: { cap_ms: 9_000 } })
    await button(page, 'Save settings').click()
    await page.getByText('It was changed since it was read.', { exact: false }).waitFor()
    watched.take(/412/)
    await page.evaluate('onbeforeunload = null')
    page.once('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await heading(page, 'shared')
    await page.getByLabel('Base URL').fill('http://127.0.0.1:9/v1')
    await page.getByText('Give its keys anew').waitFor()
    await page.getByLabel('Keys').last().fill(SECOND)
    await button(page, 'Save settings').click()
    await page.getByText('Settings of shared are saved.').waitFor()
    const after = (await (await api('GET', '/providers/shared')).json()) as {
      base_url: string
      keys: { last_four: string }[]
      retries: { cap_ms: number }
    }
    expect(after).toMatchObject({
      base_url: 'http://127.0.0.1:9/v1',
      keys: [{ last_four: '2222' }],
      retries: { cap_ms: 9_000 },
    })
    expectQuiet(watched)
    await page.close()
  })

  test('accounts of Azure are looked at, ticked and taken over', async () => {
    const watched = await browser.open(`${weir.url}/ui/providers`)
    const { page } = watched
    await heading(page, 'Providers')
    await button(page, 'Import from Azure').click()
    await page.getByLabel('Application', { exact: true }).selectOption('application')
    await button(page, 'Look what there is').click()
    await page.getByText('prod: gpt-4o').waitFor()
    await expectClean(watched)
    await screenshots(watched, 'azure-import')
    await page.getByRole('checkbox', { name: 'team-us' }).uncheck()
    await button(page, 'Import 1 account').click()
    await page.getByText('Taken over').waitFor()
    await page.getByRole('link', { name: 'gpt-4o' }).waitFor()
    expect(await page.getByRole('link', { name: 'team-us' }).count()).toBe(0)
    await button(page, 'Done').click()
    await page.getByRole('link', { name: 'team-eu' }).waitFor()
    expect((await api('GET', '/providers/team-us')).status).toBe(404)
    const text = await (await api('GET', '/providers/team-eu')).text()
    expect(text).not.toContain(APPLICATION_SECRET)
    expect(JSON.parse(text)).toMatchObject({ origin: 'store', entra: { client_secret: '***' } })
    expectQuiet(watched)
    await page.close()
  })

  test('what the file declares is shown with the reason; all of it on a phone', async () => {
    const watched = await browser.open(`${weir.url}/ui/providers/declared?tab=settings`, {
      viewport: PHONE,
    })
    const { page } = watched
    await heading(page, 'declared')
    await page
      .getByText('The configuration file declares this provider', { exact: false })
      .first()
      .waitFor()
    expect(await button(page, 'Save settings').count()).toBe(0)
    await expectClean(watched)
    await page.goto(`${weir.url}/ui/providers?azure=1`)
    await page.getByRole('heading', { name: 'Import from Azure' }).waitFor()
    await expectClean(watched)
    await untilNarrow(watched)
    expectQuiet(watched)
    await page.close()
  })
})
