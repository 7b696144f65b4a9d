// The guide as people read it: served by the executable, in a real browser. Every page is there under the strict policy of all pages, with
// nothing from elsewhere and in nobody's way (axe); it is found by a word, walked by keyboard, and read without JavaScript too.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { pageNames } from '../src/guide/guide.ts'
import { addressOf } from '../src/guide/links.ts'
import {
  axe,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  until,
  WIDE,
  type TestBrowser,
  type WatchedPage,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(600_000)

const ADDRESSES = pageNames(`${import.meta.dir}/../docs`).map(addressOf)
const GUIDE = '/docs/guide'
/** There from the beginning, and long. */
const PAGE = `${GUIDE}/routing`

let weir: Weir

beforeAll(async () => {
  // Nobody is asked for a key here.
  weir = await startWeir({ config: { auth: { anonymous: 'never' } } })
})

afterAll(async () => {
  await weir?.stop()
})

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${weir.url}${path}`, { headers, redirect: 'manual', decompress: false } as RequestInit)

describe('the executable', () => {
  test('serves every page to anybody, packed or not, and the same only once', async () => {
    expect(ADDRESSES.length).toBeGreaterThan(30)
    for (const address of [...ADDRESSES, `${GUIDE}/contents`]) {
      const plain = await get(address, { 'accept-encoding': 'identity' })
      expect([address, plain.status]).toEqual([address, 200])
      expect(plain.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(plain.headers.get('content-encoding')).toBeNull()
      expect(plain.headers.get('content-security-policy')).toContain("default-src 'none'")
      const body = await plain.text()
      expect(body).toContain('<main id="content"')
      const packed = await get(address, { 'accept-encoding': 'gzip' })
      expect(packed.headers.get('content-encoding')).toBe('gzip')
      const unpacked = Bun.gunzipSync(new Uint8Array(await packed.arrayBuffer()))
      expect(new TextDecoder().decode(unpacked)).toBe(body)
      const again = await get(address, { 'if-none-match': plain.headers.get('etag') ?? '' })
      expect(again.status).toBe(304)
      expect(await again.text()).toBe('')
    }
  })

  test('serves its pictures as what they are', async () => {
    const html = await (await get(`${GUIDE}/ui`)).text()
    const pictures = [...html.matchAll(/<img src="([^"]+)"/g)].map(([, address = '']) => address)
    expect(pictures.length).toBeGreaterThan(0)
    for (const address of pictures) {
      const answer = await get(address)
      expect(answer.headers.get('content-type')).toBe('image/png')
      const bytes = new Uint8Array(await answer.arrayBuffer())
      expect(Buffer.from(bytes.subarray(1, 4)).toString()).toBe('PNG')
    }
  })

  test('lets what pages load be kept for good', async () => {
    const html = await (await get(PAGE)).text()
    const loaded = [
      ...html.matchAll(/(?:src|href|data-index)="(\/docs\/guide\/[\w.-]+-\w{8}\.\w+)"/g),
    ]
    expect(loaded.map(([, address]) => address?.split('.').at(-1)).toSorted()).toEqual([
      'css',
      'js',
      'js',
      'json',
    ])
    for (const [, address = ''] of loaded) {
      const answer = await get(address)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('cache-control')).toContain('immutable')
      await answer.arrayBuffer()
    }
  })

  test.each([
    `${GUIDE}/nothing`,
    `${GUIDE}/decisions/nothing`,
    `${GUIDE}/limits.md`,
    `${GUIDE}/../../weir.json`,
    `${GUIDE}/%2e%2e/index`,
    `${GUIDE}/404`,
    `${GUIDE}/<script>`,
    `${GUIDE}/${'a'.repeat(2_000)}`,
  ])('answers %#, which is no page, with nothing of it', async (path) => {
    const answer = await get(path)
    const body = await answer.text()
    if (path.endsWith('/404'))
      expect([answer.status, body.includes('no such page')]).toEqual([200, true])
    else expect([path, answer.status]).toEqual([path, 404])
    expect(body).not.toContain('aaaa')
    expect(body).not.toContain('<script>')
  })

  test('the page for what is not there looks like the others, and is never taken from a cache', async () => {
    const answer = await get(`${GUIDE}/nothing`)
    const body = await answer.text()
    expect(body).toContain('There is no such page')
    expect(body).toContain('aria-label="Pages"')
    const again = await get(`${GUIDE}/nothing`, {
      'if-none-match': answer.headers.get('etag') ?? '',
    })
    expect(again.status).toBe(404)
    const file = await get(`${GUIDE}/nothing.js`)
    expect(file.status).toBe(404)
    expect(file.headers.get('content-type')).toContain('application/json')
  })
})

describe.skipIf(isBrowserMissing())('in a browser', () => {
  let browser: TestBrowser

  beforeAll(async () => {
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
  })

  const open = (path: string, options = {}) => browser.open(`${weir.url}${path}`, options)

  const isWide = (page: Page) =>
    page.evaluate<boolean>(
      'document.documentElement.scrollWidth > document.documentElement.clientWidth',
    )

  async function expectClean(watched: WatchedPage): Promise<void> {
    for (const colorScheme of ['dark', 'light'] as const) {
      await watched.page.emulateMedia({ colorScheme })
      const found = await axe(watched)
      expect({ path: watched.page.url(), colorScheme, found }).toMatchObject({ found: [] })
    }
  }

  test('keeps nobody out, light and dark, wide and on a phone', async () => {
    const watched = await open(GUIDE)
    const { page } = watched
    for (const path of [GUIDE, PAGE, `${GUIDE}/contents`]) {
      for (const viewport of [WIDE, PHONE]) {
        await page.setViewportSize(viewport)
        await page.goto(`${weir.url}${path}`)
        await page.locator('main h1').waitFor()
        await expectClean(watched)
        expect([path, await isWide(page)]).toEqual([path, false])
      }
    }
    // Long ones, with everything that a page may be made of: each in one look.
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.goto(`${weir.url}${GUIDE}/configuration`)
    expect(await axe(watched)).toEqual([])
    expectQuiet(watched)
    await page.close()
  })

  test('every page is drawn without a fault, and no wider than a phone', async () => {
    const watched = await open(GUIDE, { viewport: PHONE })
    const { page } = watched
    for (const address of ADDRESSES) {
      await page.goto(`${weir.url}${address}`)
      await page.locator('#search:not([hidden])').waitFor()
      expect([address, await isWide(page)]).toEqual([address, false])
      // What is shown was loaded.
      const broken = await page.evaluate<string[]>(
        "Promise.all([...document.images].map((each) => (each.loading = 'eager', each.decode().then(() => [], () => [each.src])))).then((all) => all.flat())",
      )
      expect(broken).toEqual([])
    }
    expectQuiet(watched)
    await page.close()
  })

  test('finds a page by a word, by keyboard alone', async () => {
    const watched = await open(`${GUIDE}/limits`)
    const { page } = watched
    await page.keyboard.press('/')
    await page.keyboard.type('continuation')
    // What its first letters find may stand there before what the whole word does.
    await page.locator('#found a:first-child').filter({ hasText: 'Continuation' }).waitFor()
    expect(await page.getByRole('status').innerText()).toMatch(/^\d+ found$/)
    await screenshots(watched, 'guide-search')
    await expectClean(watched)
    await page.keyboard.press('ArrowDown')
    expect(
      await page.evaluate<boolean>("document.activeElement.matches('#found a:first-child')"),
    ).toBe(true)
    await page.keyboard.press('ArrowUp')
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('query')
    await page.keyboard.press('Enter')
    await page.waitForURL(`**${PAGE}#continuation`)
    await page.getByRole('heading', { name: /^Continuation/ }).waitFor()

    await page.keyboard.press('/')
    await page.keyboard.type('zzqqxx')
    await page.getByText('Nothing found.').waitFor()
    await page.keyboard.press('Escape')
    await until(watched, "document.getElementById('found').hidden")
    // A name of the configuration, by its parts and by its beginning.
    for (const words of ['first_byte', 'first byte', 'hedge_af']) {
      await page.locator('#query').fill(words)
      await page.locator('#found a').first().waitFor()
    }
    await page.locator('#query').fill('<img src=x onerror=alert(1)>')
    await until(watched, "document.querySelector('#found img') === null")
    expectQuiet(watched)
    await page.close()
  })

  test('says so where the search cannot be loaded, and tries again', async () => {
    const watched = await open(PAGE)
    const { page } = watched
    await page.route(/search-\w+\.json/, (route) => route.fulfill({ status: 503, body: '' }))
    await page.locator('#query').fill('limits')
    await page.getByText('The search could not be loaded.').waitFor({ state: 'attached' })
    watched.take(/503/)
    await page.unroute(/search-\w+\.json/)
    await page.locator('#query').fill('limit')
    await page.locator('#found a').first().waitFor()
    expectQuiet(watched)
    await page.close()
  })

  test('leads on: skip link, navigation, what is on the page, the next page, other places', async () => {
    const watched = await open(PAGE)
    const { page } = watched
    await page.keyboard.press('Tab')
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe(
      'Skip to the text',
    )
    await page.keyboard.press('Enter')
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('content')
    const current = page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]')
    expect(await current.getAttribute('href')).toBe(PAGE)
    await page.getByRole('navigation', { name: 'On this page' }).getByText('Left alone').click()
    await page.waitForURL('**#left-alone')
    // The heading is not under the header that stays.
    const top = await page.evaluate<number>(
      "document.getElementById('left-alone').getBoundingClientRect().top",
    )
    const header = await page.evaluate<number>(
      "document.querySelector('.bar').getBoundingClientRect().bottom",
    )
    expect(top).toBeGreaterThanOrEqual(header - 1)
    const next = page.getByRole('navigation', { name: 'Before and after' }).locator('[rel=next]')
    const href = await next.getAttribute('href')
    await next.click()
    await page.waitForURL(`**${href}`)
    await page.getByRole('navigation', { name: 'Before and after' }).locator('[rel=prev]').click()
    await page.waitForURL(`**${PAGE}`)
    const places = page.getByRole('navigation', { name: 'Weir' }).getByRole('link')
    expect(
      await Promise.all((await places.all()).map((each) => each.getAttribute('href'))),
    ).toEqual(['/ui', '/docs'])
    expect(await (await get('/docs')).text()).toContain(`href="${GUIDE}"`)
    await page.getByRole('link', { name: 'Weir', exact: true }).click()
    await page.waitForURL(`**${GUIDE}`)
    await page.setViewportSize(PHONE)
    await page.getByRole('link', { name: 'Pages' }).click()
    await until(
      watched,
      "document.getElementById('pages').getBoundingClientRect().top < innerHeight / 2",
    )
    expectQuiet(watched)
    await page.close()
  })

  test('copies a block of code as it is, and keeps the theme that the web UI keeps', async () => {
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], {
      origin: weir.url,
    })
    const watched = await open(`${GUIDE}/clients`)
    const { page } = watched
    const block = page.locator('.code').first()
    const text = await block.locator('code').textContent()
    await block.hover()
    await block.getByRole('button', { name: 'Copy' }).click()
    await block.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(
      (text ?? '').replace(/\n$/, ''),
    )

    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    const theme = page.getByRole('button', { name: /^Theme/ })
    await theme.click()
    await theme.click()
    expect(await theme.innerText()).toBe('Theme: dark')
    expect(await page.evaluate<string>("localStorage.getItem('weir-theme')")).toBe('dark')
    await page.goto(`${weir.url}${PAGE}`)
    expect(await ground()).not.toBe(light)
    await theme.click()
    expect(await ground()).toBe(light)
    await screenshots(watched, 'guide')
    await page.setViewportSize(PHONE)
    await screenshots(watched, 'guide-phone')
    expectQuiet(watched)
    await page.close()
  })

  test('is whole without JavaScript, and on paper the text alone', async () => {
    const watched = await open(`${GUIDE}/contents`)
    const { page } = watched
    await page.route(/\.js$/, (route) => route.abort())
    await page.goto(`${weir.url}${PAGE}`)
    watched.take(/ERR_FAILED/)
    expect(await page.locator('#search').isVisible()).toBe(false)
    expect(await page.locator('#theme').isVisible()).toBe(false)
    await page.getByRole('navigation', { name: 'On this page' }).getByText('On this page').click()
    await page.getByRole('navigation', { name: 'On this page' }).getByText('Left alone').click()
    await page.waitForURL('**#left-alone')
    await page.getByRole('link', { name: 'Everything in it' }).first().click()
    await page.getByRole('heading', { level: 1, name: 'Everything in the guide' }).waitFor()
    await page.goto(`${weir.url}${PAGE}`)
    await page.emulateMedia({ media: 'print' })
    for (const gone of ['.bar', '.pages', '.contents', '.way', 'footer']) {
      expect([gone, await page.locator(gone).isVisible()]).toEqual([gone, false])
    }
    expect(await page.getByRole('heading', { level: 1 }).isVisible()).toBe(true)
    watched.take(/ERR_FAILED/)
    expectQuiet(watched)
    await page.close()
  })
})
