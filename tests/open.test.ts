// `weir open` beside a server that runs: the link to set up, the link to log in, in a real browser too; and every reason to open nothing.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expectQuiet, isBrowserMissing, startBrowser } from './harness/browser.ts'
import { executablePath, startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(180_000)

const PASSWORD = 'correct horse battery'
const LOGIN = /^http:\/\/127\.0\.0\.1:\d+\/auth\/login#[\w-]{43}\n$/
let weir: Weir

beforeAll(async () => {
  weir = await startWeir({ config: { auth: { anonymous: 'never' } } })
})

afterAll(() => weir?.stop())

function open(...args: string[]) {
  return weir.runCli('open', '--port', String(weir.port), ...args)
}

/** The command with a data folder of its own, and something to read. */
function alone(data: string, input: string, ...args: string[]) {
  const { exitCode, stderr, stdout } = Bun.spawnSync(
    [executablePath(), ...args, '--config', weir.configFile, '--data', data],
    { env: { PATH: process.env['PATH'] ?? '' }, stdin: Buffer.from(input) },
  )
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

async function post(path: string, body: object): Promise<Response> {
  return await fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const tokenOf = (link: string) => new URL(link.trim()).hash.slice(1)

describe('a link', () => {
  test('sets up the administrator where there is none, and logs them in from then on', async () => {
    const first = await open('--print')
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('no administrator yet')])
    const token = tokenOf(first.stdout)
    expect(first.stdout).toContain('/auth/setup#')
    const made = await post('/auth/setup', { token, name: 'root', password: PASSWORD })
    expect(made.status).toBe(201)

    const second = await open('--print')
    expect([second.code, second.stdout]).toEqual([0, expect.stringMatching(LOGIN)])
    expect(second.stderr).toContain('logs root in')
    const login = { token: tokenOf(second.stdout) }
    const answer = await post('/auth/login/link', login)
    expect([answer.status, await answer.json()]).toEqual([200, { redirect: '/ui', access: true }])
    expect((await post('/auth/login/link', login)).status).toBe(403)

    const audit = await weir.runCli('audit', 'list', '--json')
    expect(audit.stdout).toContain('login.link')
    const everything = audit.stdout + weir.stdout() + weir.stderr()
    expect(everything).not.toContain(login.token)
  })

  test('is that of the user who is named, and of nobody who is not there', async () => {
    const user = await open('--print', '--user', 'root')
    expect(user.stdout).toMatch(LOGIN)
    for (const name of ['nobody', '', '--', "' OR 1=1"]) {
      const refused = await open('--print', `--user=${name}`)
      expect([name, refused.stdout, refused.code > 0]).toEqual([name, '', true])
    }
  })

  test('is shown where no browser can be', async () => {
    const shown = await open()
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(LOGIN)])
    expect(shown.stderr).toContain('No browser can be opened')
  })

  test.if(process.platform === 'linux')(
    'is given to the browser where it is used at once; one that sets up is not, as others may see it there',
    async () => {
      const bin = mkdtempSync(join(tmpdir(), 'weir-browser-'))
      const opened = join(bin, 'opened')
      writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\necho "$@" > '${opened}'\n`, { mode: 0o755 })
      const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, DISPLAY: ':9' }
      const own = await startWeir({ config: { auth: { anonymous: 'never' } }, env })
      try {
        const port = ['--port', String(own.port)]
        const first = await own.runCli('open', ...port)
        expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('/auth/setup#')])
        expect(existsSync(opened)).toBe(false)
        const body = { token: tokenOf(first.stdout), name: 'root', password: PASSWORD }
        const made = await fetch(`${own.url}/auth/setup`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        expect(made.status).toBe(201)
        const second = await own.runCli('open', ...port)
        expect([second.code, second.stdout]).toEqual([0, ''])
        // The browser is started and not waited for.
        const limit = performance.now() + 20_000
        const given = () => (existsSync(opened) ? readFileSync(opened, 'utf8') : '')
        while (!LOGIN.test(given()) && performance.now() < limit) await Bun.sleep(10)
        expect(given()).toMatch(LOGIN)
      } finally {
        await own.stop()
        rmSync(bin, { recursive: true, force: true })
      }
    },
  )

  const withoutBrowser = isBrowserMissing()
  test.skipIf(withoutBrowser)('logs in a browser, and stays in no history', async () => {
    const { stdout } = await open('--print')
    const browser = await startBrowser()
    try {
      const watched = await browser.open(stdout.trim())
      const { page } = watched
      await page.getByRole('button', { name: 'Account: root' }).waitFor()
      expect(page.url()).toBe(`${weir.url}/ui`)
      expectQuiet(watched)
      await page.goBack().catch(() => undefined)
      expect(page.url()).not.toContain(tokenOf(stdout))
      // Once more it says why not, and shows the other ways.
      await browser.context.clearCookies()
      const again = await browser.open(stdout.trim())
      await again.page.getByText('This link was used, is too old').waitFor()
      await again.page.getByRole('textbox', { name: 'Password' }).waitFor()
      expect(again.page.url()).toBe(`${weir.url}/auth/login`)
      // Another one put into the same address: only its hash is new to the browser.
      const fresh = await open('--print')
      await again.page.evaluate(`location.assign(${JSON.stringify(fresh.stdout.trim())})`)
      await again.page.getByRole('button', { name: 'Account: root' }).waitFor()
      expect(again.page.url()).toBe(`${weir.url}/ui`)
    } finally {
      await browser[Symbol.asyncDispose]()
    }
  })
})

describe('no link is made', () => {
  test('where nothing answers: how to start is said', async () => {
    const refused = await weir.runCli('open', '--print', '--port', '1')
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toContain("Start it with 'weir serve'")
  })

  test('for another program that says it is well: it could log in by it', async () => {
    using other = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => Response.json({ status: 'ok', info: { title: 'Other', version: '1.0.0' } }),
    })
    const refused = await weir.runCli('open', '--print', '--port', String(other.port))
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toContain('Another program answers')
  })

  test('from a folder in which there is no data: none is made', async () => {
    const data = join(dirname(weir.configFile), 'elsewhere')
    const { code, stderr, stdout } = alone(data, '', 'open', '--print', '--port', String(weir.port))
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('keeps its data elsewhere')
    expect(existsSync(data)).toBe(false)
  })

  test('for whom is turned off, or whose tenant is', async () => {
    const run = async (...args: string[]) => {
      const { code, stderr } = await weir.runCli(...args)
      expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 0, expect.any(String)])
    }
    await run('tenants', 'create', 'acme')
    const make = ['users', 'create', 'ada', '--tenant', 'acme']
    expect(alone(weir.dataFolder, `${PASSWORD}\n`, ...make)).toMatchObject({ code: 0 })
    const ada = ['--print', '--user', 'ada', '--tenant', 'acme']
    expect((await open(...ada)).stdout).toMatch(LOGIN)
    await run('tenants', 'disable', 'acme')
    const withTenant = await open(...ada)
    expect([withTenant.code, withTenant.stdout]).toEqual([1, ''])
    expect(withTenant.stderr).toContain('tenant acme of ada is turned off')
    await run('tenants', 'enable', 'acme')
    await run('users', 'disable', 'ada', '--tenant', 'acme')
    const off = await open(...ada)
    expect([off.code, off.stdout]).toEqual([1, ''])
    expect(off.stderr).toContain('ada is turned off')
  })

  test.each([
    [{ auth: { anonymous: 'never', local: false } }, 'auth.local'],
    [{ auth: { anonymous: 'never' }, server: { public_url: 'http://weir.example' } }, 'https://'],
    [{ auth: { anonymous: 'never' }, server: { host: '0.0.0.0' } }, 'server.public_url'],
  ])('for %j', async (config, words) => {
    const before = { auth: { anonymous: 'never' } }
    // The command alone goes by it: the server is as it was before anything is asked.
    weir.configure(config)
    const refused = await open('--print')
    weir.configure(before)
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toContain(words)
  })

  test('where nobody needs to log in: it is the plain address', async () => {
    const laptop = await startWeir()
    try {
      const port = String(laptop.port)
      const shown = await laptop.runCli('open', '--print', '--port', port)
      expect([shown.code, shown.stdout]).toEqual([0, `${laptop.url}/ui\n`])
    } finally {
      await laptop.stop()
    }
  })
})
