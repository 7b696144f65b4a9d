// The executable as a service, from installation to its end. No systemd runs where tests run, so a stand-in takes its calls, writes them down
// and starts what the unit names; the unit itself is read by systemd's own checker in the unit tests.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../src/testing/ports.ts'
import { executablePath, startWeir } from './harness/weir.ts'

process.stdout.write(
  'left out: `weir service` under a real systemd, launchd or Task Scheduler: a stand-in for systemctl runs what the unit names\n',
)

const folder = mkdtempSync(join(tmpdir(), 'weir service $HOME %h '))
const bin = join(folder, 'bin')
const unitFile = join(folder, '.config/systemd/user/weir.service')
const config = join(folder, 'weir.json')
const data = join(folder, 'data')
const keys = join(folder, 'keys [1].env')
const port = freePort()

function configure(more: object = {}): void {
  const settings = {
    server: { port },
    discovery: { local: false },
    providers: [{ id: 'openai', type: 'openai', keys: ['${SERVICE_KEY}'] }],
    ...more,
  }
  writeFileSync(config, JSON.stringify(settings))
}

async function weir(args: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([executablePath(), ...args], {
    cwd: folder,
    env: {
      HOME: folder,
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      WEIR_STAND_IN: folder,
      SERVICE_KEY: 'sk-the-shells-own-secret',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, out, error }
}

function calls(): string[] {
  const text = readFileSync(join(folder, 'calls'), 'utf8')
  rmSync(join(folder, 'calls'))
  return text.trim().split('\n')
}

const INSTALL = ['service', 'install', '--config', config, '--data', data]

beforeAll(() => {
  mkdirSync(bin)
  const standIn = join(import.meta.dir, 'harness/systemctl-stand-in.ts')
  const shell = `#!/bin/sh\nexec '${process.execPath}' '${standIn}' "$@"\n`
  writeFileSync(join(bin, 'systemctl'), shell, { mode: 0o755 })
  writeFileSync(join(bin, 'loginctl'), '#!/bin/sh\necho no\n', { mode: 0o755 })
  writeFileSync(keys, 'SERVICE_KEY=sk-of-the-service\n', { mode: 0o600 })
  configure()
})

afterAll(async () => {
  if (existsSync(unitFile)) await weir(['service', 'uninstall'])
  rmSync(folder, { recursive: true, force: true })
})

// Each command is a process, and some wait for a server to answer.
setDefaultTimeout(120_000)

const linux = test.if(process.platform === 'linux')

linux('without its variables it is told what the service would lack, and no value', async () => {
  const trial = await weir([...INSTALL, '--dry-run'], { OPENAI_API_KEY: 'sk-also-secret' })
  expect(trial.code).toBe(0)
  expect(trial.out).toContain('# would write')
  expect(trial.error).toContain('will not start: SERVICE_KEY')
  expect(trial.error).toContain('OPENAI_API_KEY')
  expect(trial.out + trial.error).not.toContain('secret')
  expect(existsSync(unitFile)).toBe(false)
})

linux('a file with variables that others may read is refused', async () => {
  const open = join(folder, 'open.env')
  writeFileSync(open, 'SERVICE_KEY=sk-of-the-service\n', { mode: 0o644 })
  const refused = await weir([...INSTALL, '--env-file', open])
  expect([refused.code, refused.out]).toEqual([2, ''])
  expect(refused.error).toContain('chmod 600')
  expect(existsSync(unitFile)).toBe(false)
})

linux(
  'it is installed, answers, is stopped, started and taken away; data stays',
  async () => {
    const args = [...INSTALL, '--env-file', keys]
    const installed = await weir(args)
    expect([installed.code, installed.error]).toEqual([
      0,
      expect.stringContaining('loginctl enable-linger'),
    ])
    expect(installed.out).toContain(`Weir answers at http://127.0.0.1:${port}`)
    expect(calls()).toEqual([
      '--user is-system-running',
      '--user daemon-reload',
      '--user enable weir.service',
      '--user reset-failed weir.service',
      '--user restart weir.service',
    ])
    const unit = readFileSync(unitFile, 'utf8')
    expect(unit).not.toContain('sk-')
    expect(statSync(unitFile).mode & 0o777).toBe(0o600)

    const shown = await weir(['service', 'status', '--json'])
    const state = JSON.parse(shown.out) as Record<string, unknown>
    expect([shown.code, state]).toEqual([
      0,
      expect.objectContaining({
        installed: true,
        running: true,
        answers: true,
        address: `http://127.0.0.1:${port}`,
        data,
      }),
    ])
    expect(state['version']).toBe(state['executable_version'])
    const { pid } = state
    calls()

    // Again: the same process goes on.
    const again = await weir(args)
    expect(again.out).toContain('nothing has changed')
    expect(calls()).toEqual([
      '--user is-system-running',
      '--user enable weir.service',
      '--user start weir.service',
    ])
    expect(JSON.parse((await weir(['service', 'status', '--json'])).out)).toMatchObject({ pid })

    // Something else: written anew, and said.
    configure({ server: { port, drain_timeout: '1s' } })
    const changed = await weir(args)
    expect(changed.out).toContain('has changed')
    expect(readFileSync(unitFile, 'utf8')).toContain('TimeoutStopSec=11')
    const after = JSON.parse((await weir(['service', 'status', '--json'])).out) as { pid: number }
    expect(after.pid).not.toBe(pid as number)

    for (const _twice of [1, 2]) expect((await weir(['service', 'stop'])).code).toBe(0)
    const stopped = await weir(['service', 'status'])
    expect([stopped.code, stopped.out]).toEqual([1, expect.stringContaining('inactive, dead')])
    expect((await weir(['service', 'start'])).out).toContain('Weir answers')

    const gone = await weir(['service', 'uninstall'])
    expect([gone.code, gone.out]).toEqual([0, expect.stringContaining(`Data stays in ${data}`)])
    expect(existsSync(unitFile)).toBe(false)
    expect(existsSync(join(data, 'weir.db'))).toBe(true)
    expect((await weir(['service', 'uninstall'])).out).toContain('No service is installed')
    expect((await weir(['service', 'status'])).code).toBe(1)
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
  },
  180_000,
)

linux('where a server answers already nothing is installed', async () => {
  using server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    fetch: () => Response.json({ status: 'ok' }),
  })
  const refused = await weir([...INSTALL, '--env-file', keys])
  expect([refused.code, refused.error]).toEqual([
    1,
    expect.stringContaining(`answers at 127.0.0.1:${server.port} already`),
  ])
  expect(existsSync(unitFile)).toBe(false)
})

linux(
  'another program at its port is not taken for it, even one that says it is well',
  async () => {
    expect((await weir([...INSTALL, '--env-file', keys])).code).toBe(0)
    expect((await weir(['service', 'stop'])).code).toBe(0)
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port,
      fetch: () => Response.json({ status: 'ok' }),
    })
    const started = await weir(['service', 'start'])
    expect([started.code, started.error]).toEqual([
      1,
      expect.stringContaining(`Another program answers at 127.0.0.1:${port}`),
    ])
    const shown = await weir(['service', 'status', '--json'])
    expect([shown.code, JSON.parse(shown.out)]).toEqual([
      1,
      expect.objectContaining({ answers: false, version: null }),
    ])
    await server.stop(true)
    expect((await weir(['service', 'uninstall'])).code).toBe(0)
  },
  180_000,
)

linux('without systemd it says so', async () => {
  const refused = await weir([...INSTALL, '--env-file', keys], { PATH: join(folder, 'nothing') })
  expect([refused.code, refused.error]).toEqual([
    1,
    expect.stringContaining('systemd does not answer here'),
  ])
})

test('a server reads a file with variables itself, where no manager does', async () => {
  const file = join(folder, 'own.env')
  writeFileSync(file, '# of the agent\nOWN_KEY="sk-own-and-secret"\n', { mode: 0o600 })
  const provider = { id: 'mine', type: 'openai', keys: ['${OWN_KEY}'] }
  const server = await startWeir({ config: { providers: [provider] }, args: ['--env-file', file] })
  try {
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
    expect(server.stdout()).toContain('mine (openai)')
    expect(server.stdout() + server.stderr()).not.toContain('own-and-secret')
  } finally {
    await server.stop()
  }
  await expect(startWeir({ config: { providers: [provider] } })).rejects.toThrow('OWN_KEY')
  writeFileSync(file, 'sk-own-and-secret\n')
  const broken = await startWeir({ args: ['--env-file', file] }).catch(String)
  expect(broken).toContain('Line 1')
  expect(broken).not.toContain('own-and-secret')
})
