// The first administrator of a team, through the executable: there is no default password, the start prints a link that works once, and
// `weir setup admin` prints another for who has lost theirs.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { TestBrowser } from '../src/testing/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const PASSWORD = 'correct horse battery'

let weir: Weir

beforeAll(async () => {
  weir = await startWeir({ config: { auth: { anonymous: 'never' } } })
})

afterAll(async () => {
  await weir.stop()
})

async function printedLink(): Promise<URL> {
  const limit = performance.now() + 15_000
  for (;;) {
    const link = /https?:\/\/\S+\/auth\/setup#[\w-]+/.exec(weir.stdout())?.[0]
    if (link !== undefined) return new URL(link)
    if (performance.now() > limit) throw new Error(`no link was printed:\n${weir.stdout()}`)
    await Bun.sleep(5)
  }
}

async function setUp(link: URL, password: string): Promise<[number, TestBrowser]> {
  const browser = new TestBrowser()
  const { status } = await browser.script(`${weir.url}/auth/setup`, 'POST', {
    token: link.hash.slice(1),
    name: 'root',
    password,
  })
  return [status, browser]
}

async function logIn(password: string): Promise<number> {
  const url = `${weir.url}/auth/login/local`
  const { status } = await new TestBrowser().script(url, 'POST', { name: 'root', password })
  return status
}

describe('the administrator', () => {
  test('is made by the link that the start has printed, once', async () => {
    const link = await printedLink()
    expect(link.origin).toBe(weir.url)
    const page = await new TestBrowser().visit(`${link.origin}${link.pathname}`)
    const script = /\/ui\/outside-\w+\.js/.exec(page.text)?.[0]
    expect(script).toBeDefined()
    expect((await fetch(`${weir.url}${script}`)).status).toBe(200)
    expect(await logIn(PASSWORD)).toBe(401)
    const [status, browser] = await setUp(link, PASSWORD)
    expect(status).toBe(201)
    expect((await browser.script(`${weir.url}/admin/health`, 'GET')).status).toBe(200)
    expect((await setUp(link, 'another password'))[0]).toBe(403)
    expect(await logIn(PASSWORD)).toBe(200)
  })

  test('who has lost the password gets another by a link of the command line', async () => {
    const { code, stderr, stdout } = await weir.runCli(
      'setup',
      'admin',
      '--port',
      String(weir.port),
    )
    expect(code).toBe(0)
    expect(stderr).toContain('60 minutes')
    const link = new URL(stdout.trim())
    expect(link.origin).toBe(weir.url)
    expect((await setUp(link, 'another password'))[0]).toBe(201)
    expect(await logIn(PASSWORD)).toBe(401)
    expect(await logIn('another password')).toBe(200)
  })

  test('the link is printed once for whoever starts it, and no log has it or a password', () => {
    expect(weir.stdout().split('/auth/setup#').length).toBe(2)
    for (const secret of ['/auth/setup', PASSWORD, 'another password', 'argon2']) {
      expect(weir.stderr()).not.toContain(secret)
    }
  })

  test('with local users turned off there is neither link nor login', async () => {
    const off = await startWeir({ config: { auth: { anonymous: 'never', local: false } } })
    try {
      expect(off.stdout()).not.toContain('/auth/setup')
      const setup = await off.runCli('setup', 'admin')
      expect([setup.code, setup.stdout]).toEqual([1, ''])
      const session = await (await fetch(`${off.url}/auth/session`)).json()
      expect(session).toMatchObject({ authenticated: false, local: false })
    } finally {
      await off.stop()
    }
  })
})
