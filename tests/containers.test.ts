// What deploy/ has for containers, without starting one: the Dockerfile by hadolint, both Compose files by Docker Compose's own reader, every
// file they hand to a program by that program (Weir, promtool, Traefik, Keycloak, Postgres), and that those agree with each other.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseAddressRange, parseIpAddress, rangeContains } from '../src/core/address.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { type ComposeProject, readCompose } from './harness/compose.ts'
import { goTool } from './harness/go-tools.ts'
import { findKeycloak } from './harness/keycloak.ts'
import { prometheusMissing, promtool } from './harness/prometheus.ts'
import { pythonEnvironment } from './harness/python.ts'
import { executablePath, startWeir } from './harness/weir.ts'

setDefaultTimeout(300_000)

const REPOSITORY = join(import.meta.dir, '..')
const NAMES = { weir: 'weir.example.com', login: 'sso.example.com' }

/** A copy: `team.sh` writes into it, as it does for whoever runs it. */
const folder = mkdtempSync(join(tmpdir(), 'weir-containers-'))
const deploy = join(folder, 'deploy')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let made: Ran
/** deploy/.env as `team.sh` wrote it. */
let secrets: Record<string, string> = {}

beforeAll(async () => {
  cpSync(join(REPOSITORY, 'deploy'), deploy, {
    recursive: true,
    // What somebody made who tried it here.
    filter: (path) => basename(path) !== '.env' && !/\/made\/[^.]/.test(path),
  })
  // As it lies there for somebody whose files are nobody else's.
  await run(['chmod', '-R', 'go-rwx', deploy])
  made = await run(['sh', join(deploy, 'team.sh'), NAMES.weir, NAMES.login])
  secrets = variablesIn(readFileSync(join(deploy, '.env'), 'utf8'))
})

interface Ran {
  readonly code: number
  readonly output: string
}

async function run(command: string[], environment: Record<string, string> = {}): Promise<Ran> {
  const child = Bun.spawn(command, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, output: out + error }
}

function variablesIn(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

function leftOut(what: string, reason: string): void {
  process.stdout.write(`left out: ${what}: ${reason}\n`)
}

describe('team.sh', () => {
  test('fills in every secret, each another, and nobody else may read them', () => {
    expect(made.code).toBe(0)
    const names = Object.keys(variablesIn(readFileSync(join(deploy, '.env.example'), 'utf8')))
    expect(Object.keys(secrets)).toEqual(names)
    const filled = Object.entries(secrets).filter(([name]) => !name.endsWith('_API_KEY'))
    expect(filled.filter(([, value]) => value === '')).toEqual([])
    expect(new Set(filled.map(([, value]) => value)).size).toBe(filled.length)
    expect(statSync(join(deploy, '.env')).mode & 0o77).toBe(0)
    expect(statSync(join(deploy, 'compose/made')).mode & 0o77).toBe(0)
    for (const [, value] of filled.filter(([name]) => !name.endsWith('_DOMAIN'))) {
      expect(made.output).not.toContain(value)
    }
  })

  test('writes over nothing, and takes only names of hosts', async () => {
    const before = readFileSync(join(deploy, '.env'), 'utf8')
    expect(
      (await run(['sh', join(deploy, 'team.sh'), 'other.example.com', 'sso2.example.com'])).code,
    ).toBe(0)
    expect(readFileSync(join(deploy, '.env'), 'utf8')).toBe(before)
    for (const name of ['', 'a b', '$(id)', "x'y", 'a|b', '-x', 'A.example.com']) {
      expect((await run(['sh', join(deploy, 'team.sh'), name, 'sso.example.com'])).code).toBe(2)
    }
    expect((await run(['sh', join(deploy, 'team.sh')])).code).toBe(2)
  })

  test('its certificate is for both names, and its own authority vouches for it', async () => {
    const file = (name: string) => join(deploy, 'compose/made', name)
    for (const name of [NAMES.weir, NAMES.login]) {
      const { code, output } = await run([
        'openssl',
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        name,
        '-CAfile',
        file('ca.crt'),
        file('tls.crt'),
      ])
      expect([code, output]).toEqual([0, `${file('tls.crt')}: OK\n`])
    }
  })
})

describe('the Dockerfile', () => {
  test('hadolint finds nothing', async () => {
    const environment = await pythonEnvironment('hadolint')
    if ('reason' in environment) return leftOut('hadolint', environment.reason)
    const hadolint = join(dirname(environment.python), 'hadolint')
    const file = join(REPOSITORY, 'deploy/Dockerfile')
    expect(await run([hadolint, file])).toEqual({ code: 0, output: '' })
    const broken = join(folder, 'Dockerfile')
    writeFileSync(broken, 'FROM alpine\nRUN cd /x && apk add curl\n')
    expect((await run([hadolint, broken])).code).toBe(1)
  })

  test('what it copies passes .dockerignore, and nothing else does', () => {
    const lines = readFileSync(join(REPOSITORY, '.dockerignore'), 'utf8').split('\n')
    const taken = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
    const dockerfile = readFileSync(join(REPOSITORY, 'deploy/Dockerfile'), 'utf8')
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(\S+) /gm)].map((match) => match[1]!)
    expect(lines).toContain('*')
    expect(copied.toSorted()).toEqual(taken.toSorted())
  })
})

const checker = await goTool('compose-check')
if ('missing' in checker) leftOut('Compose files read by Docker Compose’s library', checker.missing)

/** What Weir is told by the Compose file, as it would find it. */
function weirEnvironment(project: ComposeProject): Record<string, string> {
  const variables = project.services['weir-1']!.environment ?? {}
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  )
}

describe.skipIf('missing' in checker)('the Compose files', () => {
  const program = 'path' in checker ? checker.path : ''
  const file = (name: string) => join(deploy, name)
  let laptop: ComposeProject
  let team: ComposeProject
  beforeAll(async () => {
    const read = async (name: string, environment: Record<string, string>) => {
      const { project, refused } = await readCompose(program, file(name), environment)
      if (project === undefined) throw new Error(refused)
      return project
    }
    laptop = await read('compose.yaml', {})
    team = await read('compose.team.yaml', secrets)
  })

  test('a key that Compose does not know is refused', async () => {
    const text = readFileSync(file('compose.yaml'), 'utf8')
    writeFileSync(file('broken.yaml'), text.replace('read_only: true', 'readonly: true'))
    const { refused } = await readCompose(program, file('broken.yaml'))
    expect(refused).toContain('readonly')
  })

  test.each(
    Object.keys(variablesIn(readFileSync(join(REPOSITORY, 'deploy/.env.example'), 'utf8'))).filter(
      (name) => !name.endsWith('_API_KEY'),
    ),
  )('the team does not start without %s', async (name) => {
    const { refused } = await readCompose(program, file('compose.team.yaml'), {
      ...secrets,
      [name]: '',
    })
    expect(refused).toContain(`required variable ${name} is missing a value: run deploy/team.sh`)
  })

  test('every service is pinned, watched, and has no right it does not need', () => {
    const all = [...Object.entries(laptop.services), ...Object.entries(team.services)]
    expect(all.map(([name]) => name).toSorted()).toEqual(
      [
        'weir',
        'grafana',
        'jaeger',
        'keycloak',
        'postgres',
        'prometheus',
        'redis',
        'traefik',
        'weir-1',
        'weir-2',
      ].toSorted(),
    )
    for (const [name, service] of all) {
      expect([name, service.image]).toEqual([
        name,
        expect.stringMatching(/:v?\d+\.\d+(\.\d+)?(-bookworm)?$/),
      ])
      expect([name, service.restart]).toEqual([name, 'unless-stopped'])
      expect([name, service.cap_drop, service.cap_add]).toEqual([name, ['ALL'], undefined])
      expect([name, service.security_opt]).toEqual([name, ['no-new-privileges:true']])
      expect([name, service.privileged ?? false]).toEqual([name, false])
      expect([name, service.healthcheck?.test.length]).toEqual([name, expect.any(Number)])
      // Its first start builds itself anew.
      expect([name, service.read_only ?? false]).toEqual([name, name !== 'keycloak'])
      for (const volume of service.volumes ?? []) expect(volume.source).not.toContain('docker.sock')
    }
  })

  test('only Traefik is reached from outside this machine', () => {
    const open = [...Object.entries(laptop.services), ...Object.entries(team.services)]
      .filter(([, { ports = [] }]) => ports.some((port) => port.host_ip !== '127.0.0.1'))
      .map(([name]) => name)
    expect(open).toEqual(['traefik'])
    expect(team.networks?.['inner']?.internal).toBe(true)
    for (const name of ['postgres', 'redis', 'prometheus']) {
      expect(Object.keys(team.services[name]!.networks ?? {})).toEqual(['inner'])
    }
  })

  test('every file that is mounted is there', () => {
    const files = Object.values(team.configs ?? {}).map((config) => config.file)
    const folders = Object.values(team.services).flatMap(({ volumes = [] }) =>
      volumes.filter((volume) => volume.type === 'bind').map((volume) => volume.source),
    )
    expect(files.length).toBeGreaterThan(10)
    expect([...files, ...folders].filter((path) => !existsSync(path))).toEqual([])
    // The programs in the containers are other users.
    const boards = folders.flatMap((path) => readdirSync(path).map((name) => join(path, name)))
    expect(boards.length).toBeGreaterThan(3)
    expect(folders.filter((path) => (statSync(path).mode & 0o5) !== 0o5)).toEqual([])
    expect([...files, ...boards].filter((path) => (statSync(path).mode & 0o4) === 0)).toEqual([])
    const used = new Set(
      Object.values(team.services).flatMap(({ configs = [] }) =>
        configs.map(({ source }) => source),
      ),
    )
    expect([...used].toSorted()).toEqual(Object.keys(team.configs ?? {}).toSorted())
  })

  test('who waits for whom is healthy first, and stops are longer than what they wait for', async () => {
    const seconds = (text = '') => {
      const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? []
      return Number(minutes) * 60 + Number(rest)
    }
    for (const { depends_on: needs = {} } of Object.values(team.services)) {
      for (const { condition } of Object.values(needs)) expect(condition).toBe('service_healthy')
    }
    const weir = await weirConfig(weirEnvironment(team))
    const wait = seconds(weir.server.stop_delay) + seconds(weir.server.drain_timeout)
    expect(seconds(team.services['weir-1']!.stop_grace_period)).toBeGreaterThan(wait + 10)
    expect(seconds(team.services['traefik']!.stop_grace_period)).toBeGreaterThan(wait + 10)
    expect(seconds(laptop.services['weir']!.stop_grace_period)).toBeGreaterThan(30)
  })

  /** Its files as the container sees them. */
  function weirFolder(): string {
    const place = join(folder, 'etc-weir')
    mkdirSync(place, { recursive: true })
    for (const { source, target } of team.services['weir-1']!.configs ?? []) {
      expect(dirname(target)).toBe('/etc/weir')
      cpSync(team.configs![source]!.file, join(place, basename(target)))
    }
    return join(place, 'weir.yaml')
  }

  async function weirConfig(environment: Record<string, string>) {
    const text = Bun.YAML.parse(readFileSync(weirFolder(), 'utf8')) as {
      server: { stop_delay: string; drain_timeout: string; trusted_proxies: string[] }
      auth: { oidc: { id: string; client_id: string; roles: Record<string, string> }[] }
    }
    expect(environment['WEIR_PUBLIC_URL']).toBe(`https://${NAMES.weir}`)
    return text
  }

  test('weir config check takes both configurations', async () => {
    const environment: Record<string, string> = {
      ...weirEnvironment(team),
      WEIR_DATA: join(folder, 'data'),
      HOME: folder,
    }
    const checked = await run(
      [executablePath(), 'config', 'check', '--config', weirFolder()],
      environment,
    )
    expect([checked.code, checked.output]).toEqual([0, `ok: ${weirFolder()}\n`])
    const alone = join(deploy, 'container/weir.yaml')
    const image = await run([executablePath(), 'config', 'check', '--config', alone], {
      HOME: folder,
    })
    expect([image.code, image.output]).toEqual([0, `ok: ${alone}\n`])
    // Each of them is needed: without one the start says so.
    const { KEYCLOAK_CLIENT_SECRET: _gone, ...rest } = environment
    const broken = await run([executablePath(), 'config', 'check', '--config', weirFolder()], rest)
    expect([broken.code, broken.output]).toEqual([
      1,
      expect.stringContaining('KEYCLOAK_CLIENT_SECRET'),
    ])
  })

  test('Traefik is the one proxy that Weir believes, and leads to both replicas', async () => {
    const { server } = await weirConfig(weirEnvironment(team))
    const address = team.services['traefik']!.networks?.['edge']?.ipv4_address
    expect(server.trusted_proxies).toEqual([address!])
    const [pool] = team.networks?.['edge']?.ipam?.config ?? []
    expect(pool?.subnet).toBe('172.30.93.0/24')
    // Weir starts before Traefik: what an engine hands out by itself must never be the address that is believed.
    const handedOut = parseAddressRange(pool?.ip_range ?? pool?.subnet ?? '')!
    expect(rangeContains(handedOut, parseIpAddress('172.30.93.130')!)).toBe(true)
    expect(rangeContains(handedOut, parseIpAddress(address!)!)).toBe(false)
  })

  test('inside, both names lead to the port that their addresses mean', async () => {
    const traefik = team.services['traefik']!
    expect(traefik.networks?.['edge']?.aliases).toEqual([NAMES.weir, NAMES.login])
    const { entryPoints } = Bun.YAML.parse(readFileSync(file('traefik/traefik.yaml'), 'utf8')) as {
      entryPoints: Record<'web' | 'websecure', { address: string }>
    }
    // The issuer that Weir asks and the address that Keycloak tells of a logout have none written: 443.
    const { KEYCLOAK_ISSUER: issuer } = weirEnvironment(team)
    expect(issuer).toBe(`https://${NAMES.login}/realms/team`)
    expect([entryPoints.web.address, entryPoints.websecure.address]).toEqual([':80', ':443'])
    expect(traefik.ports?.map(({ published, target }) => [published, target])).toEqual([
      ['80', 80],
      ['443', 443],
    ])
    expect(traefik.sysctls).toEqual({ 'net.ipv4.ip_unprivileged_port_start': '0' })
    // Both trust the authority by which they reach each other there.
    const authorities = (name: string) =>
      (team.services[name]!.configs ?? [])
        .filter(({ source }) => source === 'authority')
        .map(({ target }) => target)
    expect(authorities('weir-1')).toEqual(['/etc/weir/ca.crt'])
    expect(authorities('keycloak')).toEqual(['/opt/keycloak/conf/truststores/ca.crt'])
  })

  test('Weir answers by the names that Traefik, Prometheus and its neighbours have for it', async () => {
    const routes = readFileSync(file('traefik/routes.yaml'), 'utf8')
    const asked = [...routes.matchAll(/url: http:\/\/(weir\S+)/g)].map(([, host]) => host!)
    expect(asked).toEqual(['weir-1:9347', 'weir-2:9347'])
    const { scrape_configs: jobs } = Bun.YAML.parse(
      readFileSync(file('compose/prometheus.yml'), 'utf8'),
    ) as { scrape_configs: { static_configs: { targets: string[] }[] }[] }
    const scraped = jobs.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets))
    expect(scraped).toEqual(asked)
    const key = secrets['WEIR_SCRAPE_KEY']!
    // Without the servers that are not here.
    const {
      redis: _redis,
      storage: _storage,
      tracing: _tracing,
      ...config
    } = Bun.YAML.parse(
      readFileSync(weirFolder(), 'utf8').replace('ca.crt', join(dirname(weirFolder()), 'ca.crt')),
    ) as Record<string, object>
    const server = { ...config['server'], stop_delay: '0s' }
    const weir = await startWeir({ config: { ...config, server }, env: weirEnvironment(team) })
    const ask = async (path: string, host: string, headers = {}) => {
      const url = `http://127.0.0.1:${weir.port}${path}`
      return (await fetch(url, { headers: { host, ...headers } })).status
    }
    try {
      for (const host of [...asked, NAMES.weir]) {
        expect([host, await ask('/readyz', host)]).toEqual([host, 200])
        const authorization = `Bearer ${key}`
        expect([host, await ask('/metrics', host, { authorization })]).toEqual([host, 200])
      }
      expect(await ask('/readyz', 'evil.example.com')).toBe(403)
    } finally {
      await weir.stop()
    }
    const alone = Bun.YAML.parse(readFileSync(file('container/weir.yaml'), 'utf8')) as {
      server: { allowed_hosts: string[] }
    }
    expect(alone.server.allowed_hosts).toEqual(['weir', 'host.docker.internal'])
    expect(Object.keys(laptop.services)).toEqual(['weir'])
  })

  test('the health check of Keycloak tells ready from not ready and from nothing', async () => {
    const [kind, ...command] = team.services['keycloak']!.healthcheck!.test
    expect([kind, command[0]]).toEqual(['CMD', 'bash'])
    let status = 200
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) =>
        new Response('{}', {
          status: new URL(request.url).pathname === '/health/ready' ? status : 404,
        }),
    })
    const check = async () => {
      const asked = command.map((part) =>
        part.replaceAll('$$', '$').replace('/9000', `/${server.port}`),
      )
      return (await run(asked)).code
    }
    try {
      expect(await check()).toBe(0)
      status = 503
      expect(await check()).not.toBe(0)
    } finally {
      await server.stop(true)
    }
    expect(await check()).not.toBe(0)
  })

  test('Redis is its container’s first process, and its password in no list of processes', async () => {
    const { command, environment } = team.services['redis']!
    const script = command!.at(-1)!.replaceAll('$$', '$')
    // As the container's folder and program: what it would have been started with is shown.
    const place = mkdtempSync(join(folder, 'redis-'))
    writeFileSync(join(place, 'redis-server'), '#!/bin/sh\necho $$ "$@"; cat "$1"\n', {
      mode: 0o755,
    })
    const child = Bun.spawn(['sh', '-c', script.replaceAll('/data/', `${place}/`)], {
      env: {
        PATH: `${place}:${process.env['PATH'] ?? ''}`,
        REDIS_PASSWORD: environment!['REDIS_PASSWORD']!,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [first, ...settings] = (await child.stdout.text()).trimEnd().split('\n')
    expect(first).toBe(`${child.pid} ${join(place, 'redis.conf')}`)
    expect(settings).toEqual([
      `requirepass ${secrets['REDIS_PASSWORD']!}`,
      'save ""',
      'appendonly no',
      'maxmemory 256mb',
      'maxmemory-policy noeviction',
    ])
  })

  test('promtool takes the configuration of Prometheus with its rules and its key', async () => {
    const missing = prometheusMissing()
    if (missing !== undefined) return leftOut('the configuration of Prometheus', missing)
    const { configs = [] } = team.services['prometheus']!
    const files = Object.fromEntries(
      configs.map(({ source, target }) => [
        basename(target),
        readFileSync(team.configs![source]!.file, 'utf8'),
      ]),
    )
    const { code, output } = await promtool(['check', 'config', 'prometheus.yml'], { files })
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS: prometheus.yml is valid')])
    expect(files['weir-key']).toBe(secrets['WEIR_SCRAPE_KEY']!)
  })

  test('Postgres gets its users and databases from the script, whatever the passwords', async () => {
    const missing = postgresMissing()
    if (missing !== undefined) return leftOut('the script for Postgres', missing)
    await tryDatabases(join(deploy, 'compose/databases.sh'))
  })

  test('Keycloak takes the realm, with the client that Weir is', async () => {
    const { keycloak, missing } = await findKeycloak()
    if (keycloak === undefined) return leftOut('the realm imported into Keycloak', missing)
    const weir = await weirConfig(weirEnvironment(team))
    const [issuer] = weir.auth.oidc
    const realm = JSON.parse(
      readFileSync(team.configs!['realm']!.file, 'utf8').replace(
        /\$\{(\w+)\}/g,
        (_all, name: string) => team.services['keycloak']!.environment![name]!,
      ),
    ) as Realm
    // In the one that all tests share: under a name of its own.
    realm.realm = `compose-${process.pid}`
    const client = realm.clients[0]!
    expect(client.clientId).toBe(issuer!.client_id)
    expect(client.secret).toBe(secrets['KEYCLOAK_CLIENT_SECRET']!)
    expect(client.redirectUris).toEqual([`https://${NAMES.weir}/auth/callback`])
    expect(client.attributes['backchannel.logout.url']).toBe(
      `https://${NAMES.weir}/auth/backchannel/${issuer!.id}`,
    )
    expect(realm.roles.realm.map((role) => role.name)).toEqual(Object.keys(issuer!.roles))
    await keycloak.admin('POST', '/../../realms', realm)
    try {
      const there = (await keycloak.admin(
        'GET',
        `/../${realm.realm}/clients?clientId=weir`,
      )) as Realm['clients']
      expect(there[0]).toMatchObject({
        redirectUris: client.redirectUris,
        publicClient: false,
        directAccessGrantsEnabled: false,
      })
      const groups = (await keycloak.admin('GET', `/../${realm.realm}/groups`)) as Group[]
      const roles = await Promise.all(
        groups.map(async ({ id, name }) => {
          const path = `/../${realm.realm}/groups/${id}/role-mappings/realm`
          const mapped = (await keycloak.admin('GET', path)) as Group[]
          return [name, ...mapped.map((role) => role.name)]
        }),
      )
      expect(roles).toEqual([
        ['administrators', 'weir-admins'],
        ['engineers', 'weir-members'],
      ])
      const users = await keycloak.admin('GET', `/../${realm.realm}/users`)
      expect(users).toEqual([])
    } finally {
      await keycloak.admin('DELETE', `/../${realm.realm}`)
    }
  })
})

interface Group {
  readonly id: string
  readonly name: string
}

interface Realm {
  realm: string
  readonly roles: { readonly realm: readonly { readonly name: string }[] }
  readonly clients: readonly {
    readonly clientId: string
    readonly secret: string
    readonly redirectUris: readonly string[]
    readonly attributes: Readonly<Record<string, string>>
  }[]
}

/** As the image of Postgres runs it: once, as the superuser `postgres`, over its socket. */
async function tryDatabases(script: string): Promise<void> {
  await using postgres = await startPostgres()
  await postgres.sql("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'of the superuser'")
  const at = { PGHOST: '127.0.0.1', PGPORT: String(postgres.port) }
  const superuser = { ...at, PGPASSWORD: 'of the superuser' }
  // The cluster of the tests has a user of that name already.
  const renamed = await run(
    ['psql', '-U', 'postgres', '-c', 'ALTER ROLE weir RENAME TO tests', 'postgres'],
    superuser,
  )
  expect(renamed.code).toBe(0)
  const passwords = {
    WEIR_DATABASE_PASSWORD: `it's "one" $1 \\ of`,
    KEYCLOAK_DATABASE_PASSWORD: '%s; DROP',
  }
  const ran = await run(['sh', script], { ...superuser, ...passwords, POSTGRES_USER: 'postgres' })
  expect([ran.code, ran.output]).toEqual([0, expect.any(String)])
  for (const name of ['weir', 'keycloak'] as const) {
    const PGPASSWORD =
      passwords[name === 'weir' ? 'WEIR_DATABASE_PASSWORD' : 'KEYCLOAK_DATABASE_PASSWORD']
    const asked = await run(
      ['psql', '-X', '-At', '-U', name, '-c', 'CREATE TABLE t (); SELECT current_user', name],
      { ...at, PGPASSWORD },
    )
    expect([asked.code, asked.output]).toEqual([0, `CREATE TABLE\n${name}\n`])
    const other = name === 'weir' ? 'keycloak' : 'weir'
    const refused = await run(['psql', '-X', '-U', name, '-c', 'SELECT 1', other], {
      ...at,
      PGPASSWORD,
    })
    expect(refused.output).toContain('permission denied for database')
  }
}
