// The settings of Traefik that deploy/ has for a team, in a real Traefik: where each name leads, that a stream is handed on piece by piece and
// not cut, that a replica which says it stops is asked no more, and that nobody can claim to be somebody else. What stands behind it are
// stand-ins that show what reached them; the addresses and the paths of the two files are the only thing changed in them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Background, freePorts, startBackground } from './harness/background.ts'
import { goTool, goToolLimitMs } from './harness/go-tools.ts'

setDefaultTimeout(120_000)

const DEPLOY = join(import.meta.dir, '../deploy')
const WEIR = 'weir.example.com'
const LOGIN = 'sso.example.com'
/** The check asks every two seconds and waits one. */
const NOTICED_LIMIT_MS = 45_000

const traefik = await goTool('traefik')
if ('missing' in traefik) process.stdout.write(`left out: Traefik's settings: ${traefik.missing}\n`)

interface Replica {
  readonly server: ReturnType<typeof Bun.serve>
  isReady: boolean
  /** Of the stream that runs. */
  stream: WritableStreamDefaultWriter<string> | undefined
}

function startReplica(name: string): Replica {
  const replica: Omit<Replica, 'server'> = { isReady: true, stream: undefined }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/readyz') return new Response(null, { status: replica.isReady ? 200 : 503 })
      if (pathname === '/stream') {
        const { readable, writable } = new TransformStream<string, string>()
        replica.stream = writable.getWriter()
        return new Response(readable.pipeThrough(new TextEncoderStream()), {
          headers: { 'content-type': 'text/plain', 'x-replica': name },
        })
      }
      const body = await request.text()
      return Response.json({
        name,
        path: pathname,
        body: body.length,
        headers: request.headers.toJSON(),
      })
    },
  })
  return Object.assign(replica, { server })
}

describe.skipIf('missing' in traefik)('Traefik', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-traefik-'))
  let replicas: [Replica, Replica]
  let login: Replica
  let proxy: Background
  let http = 0
  let https = 0

  beforeAll(
    async () => {
      if ('missing' in traefik) return
      replicas = [startReplica('weir-1'), startReplica('weir-2')]
      login = startReplica('keycloak')
      cpSync(DEPLOY, join(folder, 'deploy'), {
        recursive: true,
        filter: (path) => !/\/made\/[^.]/.test(path),
      })
      const made = Bun.spawnSync(['sh', join(folder, 'deploy/team.sh'), WEIR, LOGIN])
      expect(made.exitCode).toBe(0)
      const ports = freePorts(3)
      ;[http = 0, https = 0] = ports
      const routes = changed('traefik/routes.yaml', {
        'http://weir-1:9347': origin(replicas[0]),
        'http://weir-2:9347': origin(replicas[1]),
        'http://keycloak:8080': origin(login),
        '/etc/traefik/tls.crt': join(folder, 'deploy/compose/made/tls.crt'),
        '/etc/traefik/tls.key': join(folder, 'deploy/compose/made/tls.key'),
      })
      const started = changed('traefik/traefik.yaml', {
        "'127.0.0.1:8082'": `127.0.0.1:${ports[2]}`,
        "address: ':80'": `address: 127.0.0.1:${http}`,
        "address: ':443'": `address: 127.0.0.1:${https}`,
        '/etc/traefik/routes.yaml': routes,
      })
      // `env` in the routes reads these.
      const named = ['env', `WEIR_DOMAIN=${WEIR}`, `SSO_DOMAIN=${LOGIN}`]
      proxy = await startBackground(
        [...named, traefik.path, `--configFile=${started}`],
        [http, https],
        folder,
      )
      // It listens before it has read its certificate.
      await until(async () => {
        const answer = await ask(WEIR, '/x').catch(() => undefined)
        return answer?.status === 200
      })
    },
    'missing' in traefik ? 0 : goToolLimitMs('traefik'),
  )

  afterAll(async () => {
    await proxy?.stop()
    for (const replica of [...(replicas ?? []), ...(login === undefined ? [] : [login])]) {
      await replica.server.stop(true)
    }
    rmSync(folder, { recursive: true, force: true })
  })

  function origin(replica: Replica): string {
    return `http://127.0.0.1:${replica.server.port}`
  }

  /** A file of deploy/ with these texts in place of others, each of which must be there. @returns its path */
  function changed(name: string, texts: Record<string, string>): string {
    let text = readFileSync(join(DEPLOY, name), 'utf8')
    for (const [from, to] of Object.entries(texts)) {
      if (!text.includes(from)) throw new Error(`${name} has no ${from}`)
      text = text.replaceAll(from, to)
    }
    const path = join(folder, name.replace('/', '-'))
    writeFileSync(path, text)
    return path
  }

  function ask(host: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`https://127.0.0.1:${https}${path}`, {
      ...init,
      headers: { host, ...(init.headers as Record<string, string> | undefined) },
      redirect: 'manual',
      tls: {
        ca: readFileSync(join(folder, 'deploy/compose/made/ca.crt'), 'utf8'),
        serverName: host,
        checkServerIdentity: () => undefined,
      },
    } as RequestInit)
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const limit = performance.now() + NOTICED_LIMIT_MS
    while (!(await holds())) {
      if (performance.now() > limit) throw new Error(`it never came to that:\n${proxy.output()}`)
      await Bun.sleep(50)
    }
  }

  interface Seen {
    readonly name: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: number
  }

  async function seen(host: string, path: string, init?: RequestInit): Promise<Seen> {
    return (await (await ask(host, path, init)).json()) as Seen
  }

  test('it has nothing to complain of', () => {
    expect(proxy.output()).not.toMatch(/"level":"(error|fatal)"|field not found/i)
  })

  test('each name leads to its own, the console of administrators to nobody', async () => {
    const names = new Set<string>()
    // Whichever has not answered in time when it was asked whether it is ready is left out until it is asked again.
    await until(async () => {
      names.add((await seen(WEIR, '/v1/models')).name)
      return names.size === 2
    })
    expect([...names].toSorted()).toEqual(['weir-1', 'weir-2'])
    expect((await seen(LOGIN, '/realms/team/protocol/openid-connect/auth')).name).toBe('keycloak')
    for (const path of ['/admin/master/console/', '/metrics', '/']) {
      expect([path, (await ask(LOGIN, path)).status]).toEqual([path, 404])
    }
    expect((await ask('other.example.com', '/v1/models')).status).toBe(404)
  })

  test('plain HTTP is sent to HTTPS', async () => {
    const answer = await fetch(`http://127.0.0.1:${http}/ui`, {
      headers: { host: WEIR },
      redirect: 'manual',
    })
    expect([301, 308]).toContain(answer.status)
    expect(answer.headers.get('location')).toBe(`https://${WEIR}/ui`)
  })

  test('what a client says of itself is not believed', async () => {
    const claimed = {
      'x-forwarded-for': '10.9.8.7',
      'x-real-ip': '10.9.8.7',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'evil.example',
    }
    const { headers } = await seen(WEIR, '/v1/models', { headers: claimed })
    expect(headers['x-forwarded-for']).toBe('127.0.0.1')
    expect(headers['x-forwarded-proto']).toBe('https')
    expect(headers['x-forwarded-host']).toBe(WEIR)
    expect(headers['host']).toBe(WEIR)
    expect(JSON.stringify(headers)).not.toContain('10.9.8.7')
  })

  test('a stream is handed on piece by piece: each is read before the next is written', async () => {
    const answering = ask(WEIR, '/stream')
    await until(async () => replicas.some((each) => each.stream !== undefined))
    const writer = replicas.find((each) => each.stream !== undefined)!.stream!
    const first = writer.write('data: 0\n\n')
    const answer = await answering
    expect(answer.status).toBe(200)
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    await first
    expect((await reader.read()).value).toBe('data: 0\n\n')
    for (let at = 1; at < 20; at += 1) {
      const text = `data: ${at}\n\n`
      const [, read] = await Promise.all([writer.write(text), reader.read()])
      expect(read.value).toBe(text)
    }
    // The replica says that it stops; the stream that runs on it goes on, new requests go to the other.
    const stopping = replicas.find(
      (each) => each.server.port !== undefined && each.stream === writer,
    )!
    stopping.isReady = false
    const other = replicas.find((each) => each !== stopping)!
    const isOther = async () => {
      const names = await Promise.all(
        [1, 2, 3, 4].map(async () => (await seen(WEIR, '/v1/models')).name),
      )
      return names.every((name) => name === (other === replicas[0] ? 'weir-1' : 'weir-2'))
    }
    await until(isOther)
    const [, last] = await Promise.all([writer.write('data: last\n\n'), reader.read()])
    expect(last.value).toBe('data: last\n\n')
    const [, end] = await Promise.all([writer.close(), reader.read()])
    expect(end.done).toBe(true)
    stopping.isReady = true
    await until(async () => !(await isOther()))
  })

  test('a long body arrives whole', async () => {
    const { body } = await seen(WEIR, '/v1/files', { method: 'POST', body: 'x'.repeat(40_000_000) })
    expect(body).toBe(40_000_000)
  })

  test('nothing limits how long a request is read or an answer written', () => {
    const settings = Bun.YAML.parse(readFileSync(join(DEPLOY, 'traefik/traefik.yaml'), 'utf8')) as {
      entryPoints: { websecure: { transport: { respondingTimeouts: Record<string, string> } } }
    }
    expect(settings.entryPoints.websecure.transport.respondingTimeouts).toMatchObject({
      readTimeout: '0s',
      writeTimeout: '0s',
    })
  })
})
