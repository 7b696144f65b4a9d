// Every page of the UI that there is, by the UI's own table, with something on it: in light and dark, wide and on a phone. Nothing is on the
// console, nothing is refused by the page's policy, axe finds nothing, nothing is wider than the window; pictures of all are kept.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { PAGES } from '../web/pages.ts'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  until,
  WIDE,
  type TestBrowser,
  type WatchedPage,
  untilNarrow,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

/** Told beside what was measured; a busy machine is no fault. */
const FIRST_DRAWN_GOAL_MS = 300
const LOOKS = 5

let weir: Weir
let browser: TestBrowser
let requestId: string

/** What stands on the pages: some of everything, things that went wrong too. */
async function seed(): Promise<void> {
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${weir.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    return { answer, text }
  }
  const made = async (path: string, body: object) => {
    const { answer, text } = await post(`/admin${path}`, body)
    expect([path, answer.status, text]).toEqual([path, 201, expect.any(String)])
  }
  await made('/users', { subject: 'ada', name: 'Ada Lovelace', email: 'ada@example.test' })
  await made('/groups', { id: 'engineers', name: 'Engineers' })
  await made('/teams', { id: 'search', name: 'Search' })
  await made('/keys', {
    name: 'nightly jobs',
    budget: { usd: 5, window: 'month', action: 'block' },
  })
  await made('/providers', { id: 'spare', type: 'openai', keys: ['sk-spare-0123456789abcd'] })
  await made('/models', { id: 'made-here', targets: [{ provider: 'mock', model: 'reasoning' }] })
  await made('/limits', { id: 'calm', per: 'key', requests_per_minute: 60 })
  await made('/budgets', { id: 'month', per: 'user', usd: 20, window: 'month', action: 'block' })
  for (const model of ['fast', 'made-here', 'mock/status-500', 'mock/tools', 'nowhere/none']) {
    for (const stream of [true, false]) {
      const { answer } = await post('/v1/chat/completions', {
        model,
        stream,
        messages: [{ role: 'user', content: 'What does a weir do?' }],
      })
      if (model === 'fast') requestId = answer.headers.get('x-request-id') ?? ''
    }
  }
  await weir.row(requestId)
}

/** The addresses of a page: without what may be left out, and with it. */
function addressesOf(path: string): string[] {
  const examples: Readonly<Record<string, string | undefined>> = {
    '/ui/requests/:id': requestId,
    '/ui/models/:name?': 'fast',
    '/ui/providers/:id?': 'mock',
  }
  const bare = path.replace(/\/:\w+\?$/, '')
  const example = examples[path]
  const whole = example && path.replace(/:\w+\??$/, encodeURIComponent(example))
  if (/:\w+$/.test(path) && whole === undefined) throw new Error(`What is ${path} for one?`)
  return path === bare ? [whole ?? path] : [bare, ...(whole === undefined ? [] : [whole])]
}

async function drawn({ page }: WatchedPage): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  // What polls never rests: what was asked first has come by then.
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(isSlow)
  await page.locator('.skeleton').first().waitFor({ state: 'detached' })
}

function isSlow(thrown: unknown): void {
  if (!(thrown instanceof Error && thrown.name === 'TimeoutError')) throw thrown
}

async function expectClean(watched: WatchedPage, what: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await watched.page.emulateMedia({ colorScheme })
    const found = await axe(watched)
    expect({ what, colorScheme, found }).toEqual({ what, colorScheme, found: [] })
  }
}

/** A part of the address, as a name of a file. */
function nameOf(address: string): string {
  const parts = address.split('/').slice(2)
  const name = parts.map((part) => (part === requestId ? 'one' : part)).join('-')
  return `page-${name === '' ? 'home' : name}`
}

describe.skipIf(isBrowserMissing())('every page', () => {
  beforeAll(async () => {
    weir = await startWeir({
      config: {
        log: { requests: 'content' },
        providers: [
          { id: 'mock', type: 'mock' },
          { id: 'away', type: 'custom', compatible: 'openai', base_url: 'http://127.0.0.1:9/v1' },
        ],
        models: [
          {
            id: 'fast',
            targets: [{ provider: 'mock', model: 'echo' }],
            price: { input: 1, output: 2 },
          },
        ],
        keys: [{ name: 'declared', key: 'a-key-of-the-file-that-is-long-enough-01' }],
      },
    })
    await seed()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
  })

  test.each(PAGES.map(({ path, title }) => [path, title]))(
    '%s (%s) is clean in both themes and sizes',
    async (path) => {
      for (const address of addressesOf(path)) {
        const watched = await browser.open(`${weir.url}${address}`, { viewport: WIDE })
        const { page } = watched
        await drawn(watched)
        expect(await page.getByRole('heading', { level: 1 }).textContent()).not.toBe('Not found')
        await screenshots(watched, nameOf(address))
        await expectClean(watched, address)
        await page.setViewportSize(PHONE)
        await untilNarrow(watched)
        await screenshots(watched, `${nameOf(address)}-phone`)
        await expectClean(watched, `${address}, phone`)
        await everyTab(watched, address)
        expectQuiet(watched)
        await page.close()
      }
    },
  )

  /** What is behind the tabs of a page. */
  async function everyTab(watched: WatchedPage, address: string): Promise<void> {
    const { page } = watched
    await page.setViewportSize(WIDE)
    const tabs = await page.getByRole('tab').count()
    for (let at = 1; at < tabs; at += 1) {
      const tab = page.getByRole('tab').nth(at)
      const title = (await tab.textContent()) ?? ''
      await tab.click()
      await drawn(watched)
      const name = title
        .toLowerCase()
        .replaceAll(/[^a-z]+/g, '-')
        .replaceAll(/^-|-$/g, '')
      await screenshots(watched, `${nameOf(address)}-${name}`)
      await expectClean(watched, `${address}, ${title}`)
    }
  }

  test('the first one is drawn at once', async () => {
    await (await browser.open(`${weir.url}/health`)).page.close()
    const drawnMs: number[] = []
    for (let look = 0; look < LOOKS; look += 1) {
      const watched = await browser.open('about:blank')
      const { page } = watched
      // As somebody who has never been here.
      const devtools = await browser.context.newCDPSession(page)
      await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
      await page.goto(`${weir.url}/ui`)
      await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
      // What is measured is known some frames after it is there.
      const measured = "performance.getEntriesByName('first-contentful-paint')[0]"
      await until(watched, `${measured} !== undefined`)
      drawnMs.push(await page.evaluate<number>(`${measured}.startTime`))
      await page.close()
    }
    drawnMs.sort((one, other) => one - other)
    const [best = Number.NaN] = drawnMs
    const median = drawnMs[Math.floor(drawnMs.length / 2)] ?? Number.NaN
    process.stdout.write(
      `ui: first page drawn after ${best.toFixed(0)} ms at best, ${median.toFixed(0)} ms in the middle of ${drawnMs.length} (goal: ${FIRST_DRAWN_GOAL_MS} ms)\n`,
    )
    expect(drawnMs.length).toBe(LOOKS)
  })
})
