// A real browser for tests: Chromium as the system has it, driven by playwright-core. Every page is watched: an error on the console, an
// exception, a request that leaves this machine or something the page's policy refuses fails the test that looks. What runs inside a page is
// written as text: these tests know no DOM.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type BrowserContext, type Page, type ViewportSize } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Sizes that screenshots are taken in. */
export const WIDE: ViewportSize = { width: 1280, height: 800 }
export const PHONE: ViewportSize = { width: 390, height: 844 }

/**
 * When a wait for something on a page is given up. Far above what anything takes, as it promises nothing: many parts of a page ask again only
 * every half minute, and a busy machine does all of it twenty times slower.
 */
const WAIT_LIMIT_MS = 120_000

/** For `setDefaultTimeout` of every file with a browser: who waits in vain says for what before this ends the test. */
export const BROWSER_TEST_LIMIT_MS = 300_000

/** Chromium's executable: `WEIR_CHROMIUM`, or where systems keep it; undefined where there is none. */
export function chromiumPath(): string | undefined {
  const given = process.env['WEIR_CHROMIUM']
  if (given !== undefined) return existsSync(given) ? given : undefined
  return PLACES.find((path) => existsSync(path))
}

/** Says once what is left out; for `test.skipIf(isBrowserMissing())`. */
export function isBrowserMissing(): boolean {
  if (chromiumPath() !== undefined) return false
  process.stdout.write('left out: tests in a browser: no Chromium, nor WEIR_CHROMIUM\n')
  return true
}

export interface WatchedPage {
  readonly page: Page
  /** What went wrong on it so far, in words. */
  readonly problems: readonly string[]
  /** Forgets problems that were meant to be: `take(/404/)`. @returns those that it took */
  take(pattern: RegExp): string[]
}

export interface TestBrowser extends AsyncDisposable {
  readonly context: BrowserContext
  /** A new page in its own tab. @param allowed origins beside this machine's that it may ask */
  open(url: string, options?: { readonly viewport?: ViewportSize }): Promise<WatchedPage>
}

export interface BrowserOptions {
  readonly viewport?: ViewportSize
  readonly theme?: 'light' | 'dark'
  /** Moves as little as possible; on by default, as tests wait for no animation. */
  readonly reducedMotion?: boolean
}

/** A browser with a profile of its own, gone afterwards. @throws where there is no Chromium */
export async function startBrowser(options: BrowserOptions = {}): Promise<TestBrowser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined)
    throw new Error('There is no Chromium; name one in WEIR_CHROMIUM.')
  // Without a name the profile is playwright's own, which takes it away when the last process of the browser no longer writes to it.
  const context = await chromium.launchPersistentContext('', {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    viewport: options.viewport ?? WIDE,
    colorScheme: options.theme ?? 'light',
    reducedMotion: options.reducedMotion === false ? 'no-preference' : 'reduce',
    locale: 'en-US',
    timezoneId: 'UTC',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  context.setDefaultTimeout(WAIT_LIMIT_MS)
  return {
    context,
    async open(url, { viewport } = {}) {
      const page = await context.newPage()
      if (viewport !== undefined) await page.setViewportSize(viewport)
      const watched = watch(page)
      await page.goto(url)
      return watched
    },
    async [Symbol.asyncDispose]() {
      await context.close()
    },
  }
}

function watch(page: Page): WatchedPage {
  const problems: string[] = []
  page.on('console', (message) => {
    // What a policy refuses is said there too.
    if (message.type() === 'error')
      problems.push(`console: ${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`))
  page.on('request', (request) => {
    const url = new URL(request.url())
    const isHere = /^(?:data|blob|about):$/.test(url.protocol) || isThisMachine(url.hostname)
    if (!isHere) problems.push(`request to another machine: ${request.url()}`)
  })
  return {
    page,
    problems,
    take(pattern) {
      const taken = problems.filter((problem) => pattern.test(problem))
      problems.splice(0, problems.length, ...problems.filter((problem) => !pattern.test(problem)))
      return taken
    },
  }
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d+){3}$/.test(host)
}

/**
 * Waits until an expression is true in the page. Asked again and again by the debugger: playwright's own `waitForFunction` evaluates text
 * inside the page, which the page's policy refuses.
 * @param expression JavaScript, as text
 * @throws naming it where it does not come true
 */
export async function until(
  { page }: Pick<WatchedPage, 'page'>,
  expression: string,
): Promise<void> {
  const limit = performance.now() + WAIT_LIMIT_MS
  while (!(await page.evaluate<boolean>(`Boolean(${expression})`))) {
    if (performance.now() > limit) throw new Error(`${page.url()}: never came true: ${expression}`)
    await Bun.sleep(15)
  }
}

/**
 * Waits until an address is reached and its page is there. Playwright's own `waitForURL` fails where one way there overtakes another: each
 * question of a page that is refused for want of a login leads to the login.
 * @throws naming where the page is instead
 */
export async function untilAt({ page }: Pick<WatchedPage, 'page'>, address: RegExp): Promise<void> {
  const limit = performance.now() + WAIT_LIMIT_MS
  while (!address.test(page.url())) {
    if (performance.now() > limit) throw new Error(`${page.url()} is not ${String(address)}`)
    await Bun.sleep(15)
  }
  await page.waitForLoadState()
}

/** Waits until nothing is wider than the window: what is drawn to measure follows a change of it a moment later. @throws where it stays so */
export async function untilNarrow(watched: Pick<WatchedPage, 'page'>): Promise<void> {
  await until(
    watched,
    'document.documentElement.scrollWidth <= document.documentElement.clientWidth',
  )
}

/**
 * Waits until what has been drawn also listens: a page takes keys, and gives the focus away, a frame after what it is about can be seen. For
 * keys that go to the page itself; what types into an element waits for that element.
 */
export async function untilListening({ page }: Pick<WatchedPage, 'page'>): Promise<void> {
  // The page asked for its own frame, and for a turn after it, before this asks for them.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))')
}

/** Between the two keys of a jump, as somebody types them. */
const JUMP_SECONDS = 0.1

/**
 * Types `g` and another letter, which leads to another page. The keys say themselves when they were pressed: the page takes the second
 * only soon after the first, and the machine may stop for longer than that between them.
 */
export async function jump(watched: Pick<WatchedPage, 'page'>, letter: string): Promise<void> {
  await untilListening(watched)
  const devtools = await watched.page.context().newCDPSession(watched.page)
  const lastSeconds = Date.now() / 1_000
  for (const [key, timestamp] of [
    ['g', lastSeconds - JUMP_SECONDS],
    [letter, lastSeconds],
  ] as const) {
    const code = `Key${key.toUpperCase()}`
    const windowsVirtualKeyCode = key.toUpperCase().charCodeAt(0)
    const pressed = { key, code, windowsVirtualKeyCode, timestamp }
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyDown', text: key, ...pressed })
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...pressed })
  }
  await devtools.detach()
}

/** @throws with what went wrong on the page */
export function expectQuiet({ page, problems }: WatchedPage): void {
  if (problems.length > 0) throw new Error(`On ${page.url()}:\n${problems.join('\n')}`)
}

const AXE = readFileSync(Bun.resolveSync('axe-core/axe.min.js', import.meta.dir), 'utf8')

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string | null
    readonly help: string
    readonly nodes: readonly {
      readonly target: readonly unknown[]
      readonly failureSummary?: string
    }[]
  }[]
}

/**
 * What axe finds wrong by WCAG 2.2 A and AA and by its best practices, each in words; none is what a test wants. It is put in by the
 * debugger, which the page's policy does not bind.
 */
export async function axe({ page }: WatchedPage): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<AxeResult>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] })`,
  )
  return violations.flatMap(({ help, id, nodes }) =>
    nodes.map(
      ({ failureSummary, target }) =>
        `${id}: ${help}: ${target.join(' ')}: ${failureSummary ?? ''}`,
    ),
  )
}

/** Where pictures of the pages are kept, as build output. */
export const SCREENSHOTS = join(import.meta.dir, '..', '..', 'dist', 'screenshots')

/** Pictures of the page, light and dark, as `dist/screenshots/NAME-light.png`; the page is left light. */
export async function screenshots(
  { page }: WatchedPage,
  name: string,
  folder = process.env['WEIR_SCREENSHOTS'] ?? SCREENSHOTS,
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme })
    // Colours that the canvas of a chart draws come a frame later.
    await page.evaluate(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
    )
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) })
  }
}
