// Home and the request log in a real browser: the first steps tick themselves off; a million rows are searched, narrowed, opened and come back
// to at the same place; requests appear as they end; and one request is shown whole. Nothing on these pages keeps anybody out (axe).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { SEEDED, seedSqlite } from '../bench/seed-requests.ts'
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
  untilListening,
  untilNarrow,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const ROWS = 1_000_000
const SCROLL_TOP = "document.querySelector('.virtual-list').scrollTop"
const FOOT = "document.querySelector('.list-foot')"
const SEARCH_ON =
  "[...document.querySelectorAll('.list-foot button')].find((each) => each.textContent === 'Search on')"

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

async function expectClean(watched: WatchedPage): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
  }
}

async function post(weir: Weir, path: string, body: object): Promise<Response> {
  const answer = await fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await answer.clone().arrayBuffer()
  expect(answer.status).toBeLessThan(300)
  return answer
}

const ask = (weir: Weir, text: string, more: object = {}) =>
  post(weir, '/v1/chat/completions', {
    model: 'mock/echo',
    messages: [{ role: 'user', content: text }],
    ...more,
  })

interface Found {
  readonly request_id: string
  readonly log_id: string
}

/** The newest request of a model: one answer looks for so long and no longer, and then says where to go on. */
async function firstOf(weir: Weir, model: string): Promise<Found> {
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = new URLSearchParams({ limit: '1', model, ...(cursor === '' ? {} : { cursor }) })
    const answer = await fetch(`${weir.url}/admin/requests?${query.toString()}`)
    const page = (await answer.json()) as { data: Found[]; next_cursor: string | null }
    if (page.data[0] !== undefined) return page.data[0]
    cursor = page.next_cursor
  }
  throw new Error(`There is no request of ${model}.`)
}

const heading = (page: Page, name: string, level = 1) =>
  page.getByRole('heading', { level, name, exact: true })

/** Signs stand behind it. */
const title = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name: new RegExp(`^${name}`) })

const rowsOf = (page: Page) =>
  page.getByRole('grid', { name: 'Requests' }).locator('.list-body').getByRole('row')

describe.skipIf(isBrowserMissing())('a million requests', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    weir = await startWeir()
    seedSqlite(join(weir.dataFolder, 'weir-log.db'), ROWS, Date.now() - 60_000)
    browser = await startBrowser()
  }, 2 * BROWSER_TEST_LIMIT_MS)

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('are searched, narrowed by what is counted, opened, and come back to at the same place', async () => {
    const watched = await browser.open(`${weir.url}/ui/requests?range=30d`)
    const { page } = watched
    await rowsOf(page).first().waitFor()
    const counts = page.getByRole('complementary', { name: 'Counts by value' })
    await counts.getByText(/\d,\d{3} requests/).waitFor()
    await expectClean(watched)
    await screenshots(watched, 'requests')
    await counts.getByRole('button', { name: /^smart/ }).click()
    await page.getByRole('button', { name: 'Model smart: show all' }).waitFor()
    expect(new URL(page.url()).searchParams.get('model')).toBe('smart')
    await until(
      watched,
      "document.querySelector('.list-body .list-row')?.textContent.includes('smart')",
    )
    // Paged on while one goes down.
    for (const top of [3_000, 6_000, 9_000]) {
      await until(watched, `(${SCROLL_TOP} = ${top}, ${SCROLL_TOP}) === ${top}`)
    }
    // By its place and not by what is drawn, which follows the scrolling a moment later: 180 px below the top.
    const row = page.locator('.list-body [aria-rowindex="272"]')
    const time = await row.locator('a').getAttribute('title')
    await row.click()
    await title(page, 'smart').waitFor()
    await heading(page, 'Timeline', 2).waitFor()
    await page.getByText('What was said is not kept').waitFor()
    await expectClean(watched)
    await page.goBack()
    await rowsOf(page).first().waitFor()
    await until(watched, `${SCROLL_TOP} === 9000`)
    // Drawn a moment after the place is taken.
    await page.locator(`.list-body a[title="${time}"]`).first().waitFor({ state: 'attached' })
    // The same by the link, and by a link that somebody was sent.
    await row.click()
    await page.locator('a.back-link').click()
    await until(watched, `${SCROLL_TOP} === 9000`)
    await page.reload()
    await page.getByRole('button', { name: 'Model smart: show all' }).click()
    await until(watched, "!location.search.includes('model')")
    expectQuiet(watched)
    await page.close()
  })

  test('what is rare is found, and it is said when that was all', async () => {
    const watched = await browser.open(
      `${weir.url}/ui/requests?range=30d&model=${SEEDED.rareModel}`,
    )
    const { page } = watched
    // A search that has gone on by itself for long asks whether it should go on: how far it comes until then is up to the machine.
    await until(watched, `(${SEARCH_ON}?.click(), ${FOOT}?.textContent === 'That was all.')`)
    await rowsOf(page).nth(5).waitFor({ state: 'attached' })
    // By an id, wherever it lies in time.
    const found = await firstOf(weir, SEEDED.rareModel)
    await page.goto(`${weir.url}/ui/requests?range=15m`)
    await heading(page, 'Requests').waitFor()
    await untilListening(watched)
    await page.keyboard.press('/')
    await page.keyboard.type(found.request_id)
    await page.getByRole('button', { name: /^Request id req_/ }).waitFor()
    await until(watched, "document.querySelectorAll('.list-body .list-row').length === 1")
    await page.evaluate('document.activeElement.blur()')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await title(page, SEEDED.rareModel).waitFor()
    expect(new URL(page.url()).pathname).toBe(`/ui/requests/${found.log_id}`)
    expectQuiet(watched)
    await page.close()
  })

  test('the text of errors is searched in, and a search that fails says why and can be tried again', async () => {
    const watched = await browser.open(`${weir.url}/ui/requests?range=30d&q=ANSWERED+502`)
    const { page } = watched
    await rowsOf(page).nth(5).waitFor()
    expect(await rowsOf(page).first().textContent()).toContain('502')
    await page.route(/\/admin\/requests\?/, async (route) => {
      const json = {
        status: 503,
        code: 'storage_unavailable',
        detail: 'The log cannot be read now.',
      }
      await route.fulfill({ status: 503, json })
    })
    await page.getByRole('searchbox', { name: 'Search' }).fill('answered 429')
    await page.getByRole('alert').getByText('The log cannot be read now.').waitFor()
    expect(watched.take(/503/).length).toBeGreaterThan(0)
    await expectClean(watched)
    await page.unroute(/\/admin\/requests\?/)
    await page.getByRole('button', { name: 'Try again' }).click()
    await rowsOf(page).first().waitFor()
    expect(await rowsOf(page).first().textContent()).toContain('429')
    expectQuiet(watched)
    await page.close()
  })

  test('the first page shows how they went, on a phone too', async () => {
    const watched = await browser.open(`${weir.url}/ui?range=7d&by=model`)
    const { page } = watched
    await page
      .getByText(/ (?:more|less) than before|as before/)
      .first()
      .waitFor()
    await page.getByRole('figure', { name: 'Requests over time' }).waitFor()
    await until(watched, "document.querySelectorAll('.chart canvas').length === 4")
    await expectClean(watched)
    await screenshots(watched, 'home-traffic')
    await page.setViewportSize(PHONE)
    await expectClean(watched)
    await screenshots(watched, 'home-traffic-phone')
    await untilNarrow({ page })
    await page.getByRole('button', { name: /^fast/ }).click()
    await heading(page, 'Requests').waitFor()
    await rowsOf(page).first().waitFor()
    await expectClean(watched)
    await screenshots(watched, 'requests-phone')
    await untilNarrow({ page })
    expectQuiet(watched)
    await page.close()
  })

  test('the first page says from when on it has counted, and compares no part of a time', async () => {
    const watched = await browser.open('about:blank')
    const { page } = watched
    const countedFrom = '2026-03-01T12:34:56.000Z'
    await page.route(/\/admin\/requests\/series/, async (route) => {
      const response = await route.fetch()
      const json = { ...(await response.json()), is_whole: false, counted_from: countedFrom }
      await route.fulfill({ response, json })
    })
    await page.goto(`${weir.url}/ui?range=7d`)
    await page.getByText(/^Counted since .*56/).waitFor()
    await page.getByRole('figure', { name: 'Requests over time' }).waitFor()
    expect(await page.getByText(/ (?:more|less) than before|as before/).count()).toBe(0)
    await expectClean(watched)
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    expectQuiet(watched)
    await page.close()
  })

  test('a request made meanwhile appears, or waits while one reads', async () => {
    const watched = await browser.open(`${weir.url}/ui/requests?range=1h`)
    const { page } = watched
    await rowsOf(page).first().waitFor()
    const mine = rowsOf(page).filter({ hasText: 'mock/echo' })
    const following = page.waitForResponse(/\/admin\/requests\/tail/)
    await page.getByRole('button', { name: 'Live' }).click()
    await page.getByText('Live: requests appear as they end.').waitFor()
    await following
    await ask(weir, 'one')
    await mine.first().waitFor()
    await expectClean(watched)
    await page.getByRole('button', { name: 'Pause' }).click()
    await ask(weir, 'two')
    await page.getByText('Paused. 1 new.').waitFor()
    expect(await mine.count()).toBe(1)
    await page.getByRole('button', { name: 'Go on' }).click()
    await mine.nth(1).waitFor()
    // What comes while it can't be followed is there when it can again.
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.route(/\/admin\/requests\/tail/, (route) => route.abort())
    await page.getByRole('button', { name: 'Live' }).click()
    await page.getByText('Not followed now: The server does not answer.').waitFor()
    await ask(weir, 'three')
    await page.unroute(/\/admin\/requests\/tail/)
    await page.getByText('Live: requests appear as they end.').waitFor()
    await mine.nth(2).waitFor()
    expect(watched.take(/ERR_FAILED/).length).toBeGreaterThan(0)
    // A link that follows, for somebody else.
    expect(new URL(page.url()).searchParams.get('live')).toBe('1')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('menuitemradio', { name: 'With a fallback' }).click()
    await page.getByRole('button', { name: 'Fallback true: show all' }).waitFor()
    await rowsOf(page).filter({ hasText: '2 attempts' }).first().waitFor()
    expectQuiet(watched)
    await page.close()
  })
})

describe.skipIf(isBrowserMissing())('one request', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    weir = await startWeir({ config: { log: { requests: 'content' } } })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('is shown with what was said on both sides, and asked again of another model', async () => {
    const answer = await post(weir, '/v1/messages', {
      model: 'mock/echo',
      max_tokens: 50,
      top_k: 4,
      stream: true,
      messages: [{ role: 'user', content: 'Tell it <b>as it is</b>.' }],
    })
    const { log_id: id } = await weir.row(answer.headers.get('x-request-id') ?? '')
    const watched = await browser.open(`${weir.url}/ui/requests/${id}`)
    const { page } = watched
    await heading(page, 'Client sent', 3).waitFor()
    await page.locator('mark', { hasText: '"top_k": 4' }).waitFor()
    expect(await page.locator('mark', { hasText: '"echo"' }).count()).toBe(1)
    await page.getByText('top-k').first().waitFor()
    await page.getByText('was left out').waitFor()
    await page
      .locator('.plain-text')
      .filter({ hasText: 'Tell it <b>as it is</b>.' })
      .first()
      .waitFor()
    await expectClean(watched)
    await screenshots(watched, 'request')
    await page.getByRole('tab', { name: 'Events' }).click()
    await page.getByText('content_block_delta').first().click()
    await expectClean(watched)
    await page.setViewportSize(PHONE)
    await expectClean(watched)
    await untilNarrow({ page })
    await page.getByRole('button', { name: 'Copy as curl' }).waitFor()
    await page.getByRole('link', { name: 'Replay on another model' }).click()
    await page.getByText('The request is loaded.').waitFor()
    expectQuiet(watched)
    await page.close()
  })

  test('that was refused says why, and that nobody was asked', async () => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'no-such-model', messages: [] }),
    }
    const answer = await fetch(`${weir.url}/v1/chat/completions`, init)
    await answer.arrayBuffer()
    const { log_id: id } = await weir.row(answer.headers.get('x-request-id') ?? '')
    const watched = await browser.open(`${weir.url}/ui/requests/${id}`)
    const { page } = watched
    await page.getByRole('alert').waitFor()
    await page.getByText('No provider was asked.').first().waitFor()
    await expectClean(watched)
    expectQuiet(watched)
    await page.close()
  })

  test('shows what guardrails and the response cache had to do with it, and what holds it', async () => {
    const config = {
      log: { requests: 'content' },
      cache: { exact: { enabled: true } },
      guardrails: [{ id: 'no-mail', check: 'pii', mode: 'mask' }],
    }
    const guarded = await startWeir({ config })
    try {
      await ask(guarded, 'Write to ann@example.com.')
      const answer = await ask(guarded, 'Write to ann@example.com.')
      expect(answer.headers.get('x-weir-cache')).toContain('hit')
      const { log_id: id } = await guarded.row(answer.headers.get('x-request-id') ?? '')
      await post(guarded, '/admin/holds', {
        id: 'case-7',
        kind: 'request',
        subject: String(id),
        reason: 'a case',
      })
      const watched = await browser.open(`${guarded.url}/ui/requests?cache=hit&verdict=masked`)
      const { page } = watched
      await page.getByRole('button', { name: 'Verdict masked: show all' }).waitFor()
      await rowsOf(page).first().waitFor()
      expect(await rowsOf(page).count()).toBe(1)
      const saved = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Export' }).click()
      await page.getByRole('menuitem', { name: 'JSON lines with content' }).click()
      const lines = readFileSync(await (await saved).path(), 'utf8')
        .trim()
        .split('\n')
      expect(lines.length).toBe(1)
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ log_id: id, cache: { state: 'hit' } })
      await rowsOf(page).first().click()
      await page.getByText('On hold').waitFor()
      const table = page.getByRole('table', { name: 'Guardrails that were asked' })
      await table.getByRole('row', { name: /no-mail.*masked.*email/ }).waitFor()
      await page.getByText('no-mail, request').waitFor()
      await page.getByText('Response cache: hit').waitFor()
      await heading(page, 'Response cache', 2).waitFor()
      await expectClean(watched)
      await screenshots(watched, 'request-guarded')
      await page.setViewportSize(PHONE)
      await expectClean(watched)
      await table.getByRole('link', { name: 'no-mail' }).click()
      await heading(page, 'Guardrails').waitFor()
      expectQuiet(watched)
      await page.close()
    } finally {
      await guarded.stop()
    }
  })

  test('that is not there is said to be', async () => {
    const watched = await browser.open(
      `${weir.url}/ui/requests/01a1fefa-3108-7269-a363-6df841375769`,
    )
    await watched.page.getByRole('alert').waitFor()
    expect(watched.take(/404/).length).toBeGreaterThan(0)
    await expectClean(watched)
    expectQuiet(watched)
    await watched.page.close()
  })
})

test.skipIf(isBrowserMissing())('a member’s first page shows what is their own', async () => {
  const key = 'the-key-of-the-file-long-enough-0000000001'
  await using browser = await startBrowser()
  const weir = await startWeir({
    config: { auth: { anonymous: 'never' }, keys: [{ name: 'admin', key, roles: ['owner'] }] },
  })
  try {
    const make = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
      const init = { method: 'POST', headers, body: JSON.stringify(body) }
      return (await (await fetch(`${weir.url}${path}`, init)).json()) as { id: string }
    }
    const password = 'correct horse battery'
    const { id } = await make('/admin/users', { subject: 'ann', password })
    const assignee = { kind: 'user', id }
    await make('/admin/assignments', { role: 'member', assignee, scope: '/tenants/default' })
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await page.locator('#name').fill('ann')
    await page.locator('#password').fill(password)
    await page.locator('#local-form button').click()
    await page.getByText('Your requests').waitFor()
    expect(await heading(page, 'First steps', 2).count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Requests', exact: true }).count()).toBe(0)
    await expectClean(watched)
    await screenshots(watched, 'home-member')
    watched.take(/401/)
    expectQuiet(watched)
  } finally {
    await weir.stop()
  }
})

describe.skipIf(isBrowserMissing())('the first steps', () => {
  let weir: Weir
  let browser: TestBrowser

  beforeAll(async () => {
    weir = await startWeir()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test('tick themselves off, can be dismissed, and go when all is done', async () => {
    const watched = await browser.open(`${weir.url}/ui`)
    const { page } = watched
    await heading(page, 'First steps', 2).waitFor()
    const steps = page.getByRole('listitem')
    const done = (name: string) => steps.filter({ hasText: name }).getByText('Done')
    expect(await page.getByText('Done', { exact: true }).count()).toBe(0)
    await expectClean(watched)
    await screenshots(watched, 'first-steps')
    await ask(weir, 'hello')
    await done('Send a request').waitFor()
    await post(weir, '/admin/keys', { name: 'first' })
    await done('Make a key').waitFor()
    const other = await browser.open(`${weir.url}/ui`)
    await heading(other.page, 'First steps', 2).waitFor()
    await post(weir, '/admin/providers', {
      id: 'mine',
      type: 'custom',
      compatible: 'openai',
      base_url: 'http://127.0.0.1:9/v1',
      network: { verify: false },
    })
    await heading(page, 'First steps', 2).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'mine: certificates are not verified' }).waitFor()
    await expectClean(watched)
    await page.getByRole('link', { name: 'mine: certificates are not verified' }).click()
    await title(page, 'mine').waitFor()
    expectQuiet(watched)
    expectQuiet(other)
    await page.close()
    await other.page.close()
  })

  test('stay away where somebody dismissed them', async () => {
    await using own = await startBrowser()
    const fresh = await startWeir()
    try {
      const watched = await own.open(`${fresh.url}/ui`)
      const { page } = watched
      await page.getByRole('button', { name: 'Dismiss' }).click()
      await heading(page, 'First steps', 2).waitFor({ state: 'detached' })
      await page.reload()
      await page.getByText('Nothing was asked in this time').waitFor()
      expect(await heading(page, 'First steps', 2).count()).toBe(0)
      expectQuiet(watched)
    } finally {
      await fresh.stop()
    }
  })
})
