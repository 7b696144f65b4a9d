// The image of deploy/Dockerfile, built by buildah and run: what is in it, who it is, that it needs no more rights than it says, and that a
// person gets from `docker run` to a first answer, stops it, and finds everything again.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { buildImage, type Container, type Image } from './harness/image.ts'

setDefaultTimeout(120_000)

const MIB = 1024 * 1024
const KNOWN_LIMIT_MS = 30_000

const built = await buildImage()
if ('missing' in built)
  process.stdout.write(`left out: the image built and run: ${built.missing}\n`)

describe.skipIf('missing' in built)('the image', () => {
  let image: Image
  let volume: string
  let container: Container
  beforeAll(async () => {
    if ('missing' in built) return
    image = built.image
    volume = image.volume()
    container = await image.start(volume)
  })
  afterAll(() => image.remove())

  /** Every file, without what the run mounts over. */
  function files(): string[] {
    return readdirSync(image.root, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(image.root, join(entry.parentPath, entry.name)))
      .filter((path) => !/^(dev|proc|data)\//.test(path))
      .toSorted()
  }

  test('nothing is in it but the program and what that is linked with: no shell', () => {
    expect(files()).toEqual([
      'etc/group',
      'etc/passwd',
      'etc/ssl/certs/ca-certificates.crt',
      'etc/weir/weir.yaml',
      'lib/ld-musl-x86_64.so.1',
      'lib/libc.musl-x86_64.so.1',
      'licenses/LICENSE',
      'licenses/README.md',
      'licenses/THIRD-PARTY-LICENSES.md',
      'licenses/gcc-runtime-library-exception-3.1.txt',
      'licenses/gpl-3.0.txt',
      'licenses/musl.txt',
      'usr/lib/libgcc_s.so.1',
      'usr/lib/libstdc++.so.6',
      'weir',
    ])
    // Whoever has the image has the licence of everything in it.
    const told = readFileSync(join(image.root, 'licenses/README.md'), 'utf8')
    for (const name of readdirSync(join(image.root, 'licenses'))) {
      if (name !== 'README.md')
        expect([name, told.includes(name.replace(/^gcc.*/, 'GCC Runtime'))]).toEqual([name, true])
      expect(lstatSync(join(image.root, 'licenses', name)).size).toBeGreaterThan(1_000)
    }
    const bytes = files().reduce((sum, path) => sum + lstatSync(join(image.root, path)).size, 0)
    process.stdout.write(`image: ${(bytes / MIB).toFixed(1)} MiB\n`)
    expect(bytes).toBeLessThan(150 * MIB)
  })

  test('what it says of itself', () => {
    const { config } = image
    expect(config.User).toBe('10001:10001')
    expect(config.Entrypoint).toEqual(['/weir'])
    expect(config.Cmd).toEqual(['serve'])
    expect(config.WorkingDir).toBe('/etc/weir')
    expect(Object.keys(config.Volumes)).toEqual(['/data'])
    expect(Object.keys(config.ExposedPorts)).toEqual(['9347/tcp'])
    expect(config.Healthcheck?.Test).toEqual(['CMD', '/weir', 'health'])
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'Weir',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.revision': 'tested',
    })
    const { version } = JSON.parse(
      readFileSync(join(import.meta.dir, '../package.json'), 'utf8'),
    ) as { version: string }
    expect(config.Labels['org.opencontainers.image.version']).toBe(version)
    for (const variable of config.Env) expect(variable).not.toMatch(/KEY|SECRET|PASSWORD|TOKEN/)
    const owner = lstatSync(join(image.root, 'data'))
    expect([owner.uid, owner.gid]).toEqual([10_001, 10_001])
  })

  test('it runs as its user, with no right beyond', () => {
    const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\s+10001\s+10001\s+10001\s+10001$/m)
    expect(status).toMatch(/^Gid:\s+10001\s+10001\s+10001\s+10001$/m)
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'))
    }
    // Its first process: what an engine sends its signals to.
    expect(status).toMatch(/^NSpid:\s+\d+\s+1$/m)
  })

  test('its root cannot be written, its data folder can', async () => {
    const refused = await container.exec(['/weir', 'db', 'backup', '/etc/weir/backup.db'])
    expect(refused.code).toBe(1)
    expect(refused.error).toContain('could not be made')
    const mounts = readFileSync(`/proc/${container.pid}/mountinfo`, 'utf8')
    expect(mounts).toMatch(/^\S+ \S+ \S+ \S+ \/ ro\b/m)
    const kept = await container.exec(['/weir', 'db', 'backup', '/data/backup.db'])
    expect([kept.code, kept.error]).toEqual([0, expect.any(String)])
    expect(readdirSync(volume)).toContain('backup.db')
  })

  let key = ''

  test('from the start to the first answer: the link, a key, a chat', async () => {
    expect(container.output()).toMatch(/^ {2}http:\/\/localhost:9347\/auth\/setup#\S{20,}$/m)
    const chat = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'mock/echo',
        messages: [{ role: 'user', content: 'Hello from a container' }],
      }),
    }
    expect((await container.ask('/v1/chat/completions', chat)).status).toBe(401)
    const made = await container.exec(['/weir', 'keys', 'create', 'me'])
    expect(made.code).toBe(0)
    key = /weir_[0-9A-Za-z]{46}/.exec(made.out)?.[0] ?? ''
    const headers = { ...chat.headers, authorization: `Bearer ${key}` }
    // Known to the running server within a second.
    const limit = performance.now() + KNOWN_LIMIT_MS
    let answer = await container.ask('/v1/chat/completions', { ...chat, headers })
    while (answer.status === 401 && performance.now() < limit) {
      answer = await container.ask('/v1/chat/completions', { ...chat, headers })
    }
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('Hello from a container')
  })

  test('its health check says yes', async () => {
    const command = image.config.Healthcheck!.Test.slice(1)
    const said = await container.exec(command)
    expect(said).toEqual({ code: 0, out: 'Weir at 127.0.0.1:9347 is ready\n', error: '' })
    // By its name: where a program is found is told by the image.
    const live = await container.exec(['weir', 'health', '--live'])
    expect(live.code).toBe(0)
  })

  test('its health check says no where nothing listens there', async () => {
    const said = await container.exec(['/weir', 'health', '--port', '9348'])
    expect([said.code, said.error]).toEqual([
      1,
      'Weir at 127.0.0.1:9348 does not answer: ECONNREFUSED\n',
    ])
  })

  test('SIGTERM reaches it as its first process, and ends it with 0', async () => {
    const first = await image.start(image.volume(), { WEIR_LOG_LEVEL: 'info' })
    expect(await first.stop()).toBe(0)
    expect(first.output()).toContain('"signal":"SIGTERM"')
  })

  test('what was made survives in the volume', async () => {
    expect(await container.stop()).toBe(0)
    container = await image.start(volume)
    const headers = { authorization: `Bearer ${key}` }
    expect((await container.ask('/v1/models', { headers })).status).toBe(200)
    const rows = await container.exec(['/weir', 'logs', '--json'])
    expect(rows.out).toContain('mock/echo')
    expect(await container.stop()).toBe(0)
  })
})
