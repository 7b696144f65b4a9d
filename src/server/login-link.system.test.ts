// One-time links that log somebody in: who uses one, how often, how late, from where; and that looking at one does nothing.

import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { localUsers } from '../app-login.ts'
import type { LocalUsers } from '../auth/local-users.ts'
import type { User } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import { TEST_ACTOR } from '../storage/test-store.ts'
import { TestBrowser } from '../testing/browser.ts'
import { FakeClock } from '../testing/clock.ts'
import { startLoginWorld, type LoginWorld } from '../testing/login.ts'

setDefaultTimeout(180_000)

const PASSWORD = 'correct horse battery'
const clock = new FakeClock(Date.now())
let world: LoginWorld
let local: LocalUsers
let root: User

beforeAll(async () => {
  world = await startLoginWorld({ clock })
  local = localUsers(world.store, clock, { memoryKiB: 8_192, passes: 2 })
  const token = await local.link('command')
  root = await local.setUp({ token, name: 'root', password: PASSWORD }, {})
})

afterAll(() => world[Symbol.asyncDispose]())

beforeEach(() => clock.advance(LIMITS.loginWindowMs))

async function use(token: unknown, browser = new TestBrowser(), more: object = {}) {
  const answer = await browser.script(`${world.url}/auth/login/link`, 'POST', { token, ...more })
  const body = (await answer.json()) as {
    redirect?: string
    error?: { code: string; param: string | null; message: string }
  }
  return { status: answer.status, body, headers: answer.headers }
}

async function whoIs(browser: TestBrowser): Promise<unknown> {
  const state = await (await browser.script(`${world.url}/auth/session`, 'GET')).json()
  return (state as { user?: { id: string } }).user?.id
}

describe('a login link', () => {
  test('logs its user in, once, and is written down without its secret', async () => {
    const token = await local.loginLink(root)
    const browser = new TestBrowser()
    const first = await use(token, browser)
    expect([first.status, first.body.redirect]).toEqual([200, '/ui'])
    expect(await whoIs(browser)).toBe(root.id)
    const other = new TestBrowser()
    const again = await use(token, other)
    expect([again.status, again.body.error?.code]).toEqual([403, 'setup_link_invalid'])
    expect(await whoIs(other)).toBeUndefined()
    const records = await world.store.audit.list({ limit: 50 })
    expect(records.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['login.succeeded', 'login.failed']),
    )
    expect(JSON.stringify(records)).not.toContain(token)
    expect(JSON.stringify(world.logger)).not.toContain(token)
  })

  test('of twenty browsers at once lets one in', async () => {
    const token = await local.loginLink(root)
    const answers = await Promise.all(Array.from({ length: 20 }, () => use(token)))
    expect(answers.filter(({ status }) => status === 200).length).toBe(1)
    expect(answers.filter(({ status }) => status === 403).length).toBe(19)
  })

  test('is over after two minutes, to the millisecond', async () => {
    expect(LIMITS.loginLinkMs).toBeLessThanOrEqual(2 * 60_000)
    const [early, late] = [await local.loginLink(root), await local.loginLink(root)]
    clock.advance(LIMITS.loginLinkMs - 1)
    expect((await use(early)).status).toBe(200)
    clock.advance(1)
    expect((await use(late)).status).toBe(403)
  })

  test('lives no longer because a clock was set back', async () => {
    const madeMs = clock.nowMs()
    const links = [await local.loginLink(root), await local.loginLink(root)]
    try {
      clock.setWallMs(madeMs - LIMITS.loginLinkMs)
      expect((await use(links[0])).status).toBe(200)
      clock.setWallMs(madeMs - LIMITS.loginLinkMs - 1)
      expect((await use(links[1])).status).toBe(403)
    } finally {
      clock.setWallMs(madeMs)
    }
    expect((await use(links[1])).status).toBe(403)
  })

  test('that is merely looked at is as good as before', async () => {
    const token = await local.loginLink(root)
    for (const method of ['GET', 'HEAD'] as const) {
      const page = await fetch(`${world.url}/auth/login#${token}`, { method })
      expect(page.status).toBe(200)
      expect(page.headers.get('referrer-policy')).toBe('no-referrer')
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
      expect(page.headers.getSetCookie()).toEqual([])
      const asked = await fetch(`${world.url}/auth/login/link?token=${token}`, {
        method,
        redirect: 'manual',
      })
      expect(asked.headers.getSetCookie().join()).not.toContain('weir=')
    }
    expect((await use(token)).status).toBe(200)
  })

  test('of another page, another site or a plain form is not looked at', async () => {
    const token = await local.loginLink(root)
    const body = JSON.stringify({ token })
    const json = { 'content-type': 'application/json' }
    for (const headers of [
      { ...json, origin: 'https://evil.example' },
      { ...json, origin: 'null' },
      { ...json, 'sec-fetch-site': 'cross-site' },
      { ...json, 'sec-fetch-site': 'same-site' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ] as Record<string, string>[]) {
      const answer = await fetch(`${world.url}/auth/login/link`, { method: 'POST', headers, body })
      expect([403, 415]).toContain(answer.status)
    }
    expect((await use(token)).status).toBe(200)
  })

  test('leads nowhere else, whatever is asked for', async () => {
    const token = await local.loginLink(root)
    for (const more of [{ return: '//evil.example' }, { redirect: 'https://evil.example' }]) {
      expect((await use(token, new TestBrowser(), more)).status).toBe(400)
    }
    expect((await use(token)).body.redirect).toBe('/ui')
  })

  test('ends the session of whoever sat there, and is that of its user alone', async () => {
    const hash = await local.hashFor('ada', PASSWORD)
    const ada = await world.store.users.create(
      {
        tenantId: 'default',
        id: crypto.randomUUID(),
        issuer: 'local',
        subject: 'ada',
        name: 'ada',
        passwordHash: hash,
        createdMs: clock.nowMs(),
      },
      TEST_ACTOR,
    )
    const browser = new TestBrowser()
    await use(await local.loginLink(root), browser)
    const before = browser.cookie(world.url, 'weir')!.value
    await use(await local.loginLink(ada), browser)
    expect(await whoIs(browser)).toBe(ada.id)
    const thief = new TestBrowser()
    thief.plant(world.url, 'weir', before)
    expect(await whoIs(thief)).toBeUndefined()
  })

  test('is worth nothing once its user is turned off, gone, or has another password', async () => {
    const links = [await local.loginLink(root), await local.loginLink(root)]
    await world.store.users.update('default', root.id, { status: 'disabled' }, TEST_ACTOR)
    expect((await use(links[0])).status).toBe(403)
    await world.store.users.update('default', root.id, { status: 'active' }, TEST_ACTOR)
    const hash = await local.hashFor('root', 'another good password')
    await world.store.users.setPasswordHash('default', root.id, hash, TEST_ACTOR)
    expect((await use(links[1])).status).toBe(403)
  })

  test('is no link of another kind, and no other is one', async () => {
    const login = await local.loginLink(root)
    const asked = { token: login, name: 'evil', password: PASSWORD }
    const setUp = await new TestBrowser().script(`${world.url}/auth/setup`, 'POST', asked)
    expect(setUp.status).toBe(403)
    const { token: password } = await local.passwordLink(root)
    expect((await use(password)).status).toBe(403)
    expect((await use(await local.link('command'))).status).toBe(403)
  })

  test('that is no text, empty, unknown or huge is refused in words', async () => {
    for (const [token, status] of [
      ['', 403],
      ['x'.repeat(43), 403],
      [null, 400],
      [7, 400],
      [{}, 400],
    ] as const) {
      const answer = await use(token)
      expect([token, answer.status === status || answer.status === 400]).toEqual([token, true])
      expect(answer.body.error?.message).not.toContain('x'.repeat(43))
    }
    expect((await use('x'.repeat(LIMITS.loginBodyBytesMax))).status).toBe(413)
  })

  test('is tried so often from an address, and then not looked at', async () => {
    const statuses: number[] = []
    for (let count = 0; count <= LIMITS.loginFailuresPerAddressMax; count += 1) {
      statuses.push((await use('y'.repeat(43))).status)
    }
    expect(statuses.at(0)).toBe(403)
    expect(statuses.at(-1)).toBe(429)
  })

  test('works for nobody where local users are turned off', async () => {
    const token = await local.loginLink(root)
    world.auth.isLocalOpen = false
    expect((await use(token)).status).toBe(404)
    world.auth.isLocalOpen = true
    expect((await use(token)).status).toBe(200)
  })
})
