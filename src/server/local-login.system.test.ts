// People with a password: the one-time link that makes the administrator, and every way to guess, replay or flood.

import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { Passwords } from '../auth/passwords.ts'
import type { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { TEST_ACTOR } from '../storage/test-store.ts'
import { TestBrowser } from '../testing/browser.ts'
import { FakeClock } from '../testing/clock.ts'
import { startLoginWorld, type LoginWorld } from '../testing/login.ts'

setDefaultTimeout(180_000)

const PASSWORD = 'correct horse battery'
const clock = new FakeClock(Date.now())
let world: LoginWorld
let first: string

beforeAll(async () => {
  world = await startLoginWorld({ clock })
  first = (await world.login.firstLink())!
})

afterAll(() => world[Symbol.asyncDispose]())

beforeEach(() => clock.advance(LIMITS.loginWindowMs))

function tokenOf(link: string): string {
  return new URL(link).hash.slice(1)
}

interface Answer {
  readonly status: number
  readonly body: { readonly error?: { readonly code: string; readonly param: string | null } }
}

async function post(browser: TestBrowser, path: string, body: unknown): Promise<Answer> {
  const response = await browser.script(`${world.url}${path}`, 'POST', body)
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

function setUp(token: string, name = 'root', password = PASSWORD, browser = new TestBrowser()) {
  return post(browser, '/auth/setup', { token, name, password })
}

function logIn(name: string, password: string, browser = new TestBrowser()) {
  return post(browser, '/auth/login/local', { name, password })
}

/** A link as `weir setup admin` makes one. */
function command(): Promise<string> {
  const { local } = world.login as unknown as { local: { link(reason: string): Promise<string> } }
  return local.link('command')
}

describe('the link (S74)', () => {
  test('there is no password by default, and none of the usual ones', async () => {
    for (const [name, password] of [
      ['root', ''],
      ['admin', 'admin'],
      ['admin', 'password'],
      ['root', PASSWORD],
    ] as const) {
      const { status } = await logIn(name, password)
      expect([400, 401]).toContain(status)
    }
    expect(await world.store.users.list('default')).toEqual([])
  })

  test('what cannot be is told before the link is used up', async () => {
    expect(first).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/auth\/setup#[\w-]{43}$/)
    const token = tokenOf(first)
    for (const [name, password, param] of [
      ['', PASSWORD, 'name'],
      ['\u0000x', PASSWORD, 'name'],
      ['root', 'short', 'password'],
      ['root', 'aaaaaaaaaaaaaaaa', 'password'],
      ['administrator', 'my administrator', 'password'],
      ['root', 'x'.repeat(LIMITS.passwordCharsMax + 1), 'password'],
    ] as const) {
      const { body, status } = await setUp(token, name, password)
      expect([status, body.error?.param]).toEqual([400, param])
    }
    const strange = await post(new TestBrowser(), '/auth/setup', { token, admin: true })
    expect([strange.status, strange.body.error?.param]).toEqual([400, 'admin'])
  })

  test('of another page or another site, wrong, or long gone, it does nothing', async () => {
    const token = tokenOf(first)
    const body = JSON.stringify({ token, name: 'evil', password: PASSWORD })
    for (const headers of [
      { 'content-type': 'application/json', origin: 'https://evil.example' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'same-site' },
    ]) {
      const response = await fetch(`${world.url}/auth/setup`, { method: 'POST', headers, body })
      expect(response.status).toBe(403)
    }
    expect((await setUp('x'.repeat(43))).status).toBe(403)
    const old = tokenOf((await world.login.firstLink())!)
    clock.advance(LIMITS.setupLinkMs)
    expect((await setUp(old)).status).toBe(403)
    expect(await world.store.users.list('default')).toEqual([])
  })

  test('makes one owner, once, who is logged in and may do everything', async () => {
    const links = [await world.login.firstLink(), await world.login.firstLink()].map((link) =>
      tokenOf(link!),
    )
    const browser = new TestBrowser()
    expect((await setUp(links[0]!, 'root', PASSWORD, browser)).status).toBe(201)
    expect((await setUp(links[0]!, 'second')).body.error?.code).toBe('setup_link_invalid')
    // Another that was printed before is worth nothing now that there is an owner, and no more are made.
    expect((await setUp(links[1]!, 'third')).body.error?.code).toBe('setup_link_invalid')
    expect(await world.login.firstLink()).toBeUndefined()
    const users = await world.store.users.list('default')
    expect(users.map(({ issuer, subject }) => [issuer, subject])).toEqual([['local', 'root']])
    const state = await (await browser.script(`${world.url}/auth/session`, 'GET')).json()
    expect(state).toMatchObject({ access: true, roles: [{ role: 'owner', scope: '/' }] })
    const records = await world.store.audit.list({ limit: 50 })
    expect(records.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['setup.link', 'user.create', 'assignment.create', 'login.succeeded']),
    )
    expect(JSON.stringify(records)).not.toMatch(/argon2|correct horse/)
  })

  test('twenty who use one link at once are one owner', async () => {
    const token = await command()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => setUp(token, `racer-${index}`)),
    )
    expect(answers.filter(({ status }) => status === 201).length).toBe(1)
    const users = await world.store.users.list('default')
    expect(users.filter(({ subject }) => subject.startsWith('racer')).length).toBe(1)
  })

  test('of the command line it gives who is there a new password, and lets them in again', async () => {
    const [root] = await world.store.users.list('default')
    await world.store.users.update('default', root!.id, { status: 'disabled' }, TEST_ACTOR)
    expect((await logIn('root', PASSWORD)).status).toBe(401)
    expect((await setUp(await command(), 'root', 'another good password')).status).toBe(201)
    expect((await logIn('root', PASSWORD)).status).toBe(401)
    expect((await logIn('root', 'another good password')).status).toBe(200)
    const owners = await world.store.assignments.list('_platform')
    expect(owners.filter(({ assignee }) => assignee.id === root!.id).length).toBe(1)
    await setUp(await command(), 'root', PASSWORD)
  })
})

describe('a password', () => {
  test('is argon2id with at least 19 MiB and two passes (S44)', async () => {
    const hash = await new Passwords().hash(PASSWORD)
    const [, memory, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),/.exec(hash) ?? []
    expect(Number(memory)).toBeGreaterThanOrEqual(19 * 1_024)
    expect(Number(passes)).toBeGreaterThanOrEqual(2)
    const [root] = await world.store.users.list('default')
    expect(await world.store.users.passwordHash('default', root!.id)).toStartWith('$argon2id$')
  })

  test('of a weaker hash is hashed anew at the next login, and the old one is gone', async () => {
    const [root] = await world.store.users.list('default')
    const weak = await new Passwords({ memoryKiB: 8_192, passes: 1 }).hash(PASSWORD)
    await world.store.users.setPasswordHash('default', root!.id, weak, TEST_ACTOR)
    expect((await logIn('root', 'wrong password!')).status).toBe(401)
    expect(await world.store.users.passwordHash('default', root!.id)).toBe(weak)
    expect((await logIn('root', PASSWORD)).status).toBe(200)
    const better = await world.store.users.passwordHash('default', root!.id)
    expect(better).not.toBe(weak)
    expect((await logIn('root', PASSWORD)).status).toBe(200)
    expect(await world.store.users.passwordHash('default', root!.id)).toBe(better!)
  })

  test('a wrong one and an unknown name get one answer', async () => {
    const answers = await Promise.all(
      [
        ['root', 'wrong password!'],
        ['nobody', PASSWORD],
        ['root', 'x'.repeat(LIMITS.passwordCharsMax + 1)],
        ['a'.repeat(500), PASSWORD],
        ["root' OR 1=1 --", PASSWORD],
        ['%', PASSWORD],
      ].map(([name, password]) => logIn(name!, password!)),
    )
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 401, body: { error: { code: 'wrong_password' } } })
  })

  test('an unknown name takes as long as a wrong password (S75)', async () => {
    const { local } = world.login as unknown as {
      local: { logIn(name: string, password: string): Promise<unknown> }
    }
    const took = async (name: string) => {
      const begun = performance.now()
      await local.logIn(name, 'wrong password!')
      return performance.now() - begun
    }
    let [known, unknown] = [Infinity, Infinity]
    // In turn, so that a busy moment of the machine is one for both.
    for (let count = 0; count < 8; count += 1) {
      known = Math.min(known, await took('root'))
      unknown = Math.min(unknown, await took('nobody'))
    }
    // Without the work it would be a hundredth.
    expect(unknown).toBeGreaterThan(known / 4)
    expect(known).toBeGreaterThan(unknown / 4)
  })

  test('is tried so often for a name and from an address, and then not looked at (S39)', async () => {
    const statuses: number[] = []
    for (let count = 0; count < LIMITS.loginFailuresPerNameMax + 2; count += 1) {
      statuses.push((await logIn('victim', `wrong password ${count}`)).status)
    }
    expect(statuses.slice(0, LIMITS.loginFailuresPerNameMax)).toEqual(
      Array<number>(LIMITS.loginFailuresPerNameMax).fill(401),
    )
    expect(statuses.at(-1)).toBe(429)
    // Others are let in meanwhile, until the address is used up as well.
    expect((await logIn('root', PASSWORD)).status).toBe(200)
    const rest: number[] = []
    for (let count = 0; count < LIMITS.loginFailuresPerAddressMax; count += 1) {
      rest.push((await logIn(`name-${count}`, 'wrong password!')).status)
    }
    expect(rest.at(-1)).toBe(429)
    clock.advance(LIMITS.loginWindowMs)
    expect((await logIn('root', PASSWORD)).status).toBe(200)
  })

  test('that somebody guesses from one address keeps nobody out who is elsewhere; from many it is bounded', async () => {
    const tried = async (from: string, password: string) => {
      const asked = { name: 'root', password, returnTo: null }
      try {
        await world.login.desk.withPassword(asked, { from })
        return 200
      } catch (error) {
        return (error as GatewayError).status
      }
    }
    const times = LIMITS.loginFailuresPerNameMax + 1
    const guess = async (from: string) => {
      let status = 0
      for (let nth = 0; nth < times; nth += 1) status = await tried(from, 'wrong password')
      return status
    }
    expect(await guess('203.0.113.1')).toBe(429)
    expect(await tried('203.0.113.1', PASSWORD)).toBe(429)
    expect(await tried('198.51.100.1', PASSWORD)).toBe(200)
    const most = LIMITS.loginFailuresPerNameAnywhereMax / LIMITS.loginFailuresPerNameMax
    for (let nth = 2; nth <= most; nth += 1) await guess(`203.0.113.${nth}`)
    expect(await tried('198.51.100.2', PASSWORD)).toBe(429)
  })

  test('is tried so often for a name, however its letters are written', async () => {
    const spellings = ['Å', 'A\u030a', '\u212b']
    const statuses: number[] = []
    for (let nth = 0; nth <= LIMITS.loginFailuresPerNameMax; nth += 1) {
      const name = `${spellings[nth % 3]}sa`
      statuses.push((await logIn(name, `wrong password ${nth}`)).status)
    }
    expect(statuses.at(-2)).toBe(401)
    expect(statuses.at(-1)).toBe(429)
  })

  test('from another site is not even looked at, so nobody is logged in as somebody else', async () => {
    const response = await fetch(`${world.url}/auth/login/local`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body: JSON.stringify({ name: 'root', password: PASSWORD }),
    })
    expect(response.status).toBe(403)
    const form = await fetch(`${world.url}/auth/login/local`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify({ name: 'root', password: PASSWORD }),
    })
    expect(form.status).toBe(415)
  })

  test('leads back to a path of ours alone', async () => {
    const at = async (target: string) => {
      const response = await new TestBrowser().script(`${world.url}/auth/login/local`, 'POST', {
        name: 'root',
        password: PASSWORD,
        return: target,
      })
      return ((await response.json()) as { redirect: string }).redirect
    }
    expect(await at('/ui?x=1')).toBe('/ui?x=1')
    expect(await at('//evil.example')).toBe('/ui')
    expect(await at(String.raw`/\evil.example`)).toBe('/ui')
  })
})

describe('turned off', () => {
  test('nobody logs in with a password, no link works, and sessions of local users are over', async () => {
    const browser = new TestBrowser()
    await logIn('root', PASSWORD, browser)
    expect((await browser.script(`${world.url}/admin/sessions`, 'GET')).status).toBe(200)
    const token = await command()
    world.auth.isLocalOpen = false
    expect((await logIn('root', PASSWORD)).status).toBe(404)
    expect((await setUp(token)).status).toBe(404)
    expect(await world.login.firstLink()).toBeUndefined()
    expect((await browser.script(`${world.url}/admin/sessions`, 'GET')).status).toBe(401)
    world.auth.isLocalOpen = true
  })

  test('on a laptop, where everything is theirs who sit there, no link is printed', async () => {
    await using laptop = await startLoginWorld({ anonymous: 'loopback' })
    expect(await laptop.login.firstLink()).toBeUndefined()
  })
})
