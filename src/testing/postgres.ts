// A real PostgreSQL server for tests, on a free port of 127.0.0.1 with a password (scram), that can be stopped, killed and started
// again on the same port. One cluster serves a whole test file, one database each test. It leaves no process and no folder behind,
// not even when the test run is killed.

import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

/** How a server ends: waits for its clients, ends their connections, or as in a crash. */
export type StopMode = 'smart' | 'fast' | 'immediate'

export interface TestPostgres {
  readonly port: number
  readonly user: string
  readonly password: string
  /** Postmaster's process id now; changes with `restart`. */
  readonly pid: number
  /** With the password in it; of the database `postgres` unless another is named. */
  url(database?: string): string
  /** An empty database of a name not used before, or a copy of another that nobody is connected to; with its URL. */
  createDatabase(template?: string): Promise<{ readonly name: string; readonly url: string }>
  /** Runs SQL as the superuser, by psql; rows as lines, columns parted by `|`. @throws with what psql says */
  sql(text: string, database?: string): Promise<string>
  /** Resolves when it has ended; nothing happens where it does not run. */
  stop(mode?: StopMode): Promise<void>
  /** On the same port and data; resolves when it takes connections. `mode` as in `stop`. */
  restart(mode?: StopMode): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface TestPostgresOptions {
  /** Files that settings may name (a certificate), by name: put beside the cluster, for its user alone. */
  readonly files?: Readonly<Record<string, string>>
  /** Settings of the server, as `max_connections: '12'`. */
  readonly settings?: Readonly<Record<string, string>>
}

const ROOT = '/usr/lib/postgresql'
const USER = 'weir'
// Characters that a URL must escape, so that every test proves they are.
const PASSWORD = 'p@ss:w/rd #1%'
const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const
const START_LIMIT_MS = 120_000
/** As most servers sort: `:` stands behind `;` there, and `a` before `B`. Asks for version 15. */
const SORTED_BY_LANGUAGE = ['--locale-provider=icu', '--icu-locale=en-US'] as const
/** How often another port is tried: somebody may take a free one before the server does. */
const START_TRIES_MAX = 3

const running = new Set<() => void>()
process.on('exit', () => {
  for (const end of running) end()
})

/** Why no server can be started here, in words for the person who runs the tests; undefined when one can. */
export function postgresMissing(): string | undefined {
  if (programsFolder() === undefined) return `no PostgreSQL server under ${ROOT}`
  if (runAs() === undefined) return 'PostgreSQL cannot run as root, and there is no user for it'
  return undefined
}

/** Makes a cluster and starts it. @throws with the reason where that cannot be done */
export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const programs = programsFolder()
  const account = runAs()
  if (programs === undefined || account === undefined) throw new Error(postgresMissing())
  const folder = mkdtempSync(join(tmpdir(), 'weir-pg-'))
  const cluster = join(folder, 'c')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD)
  for (const each of [folder, passwordFile]) chownSync(each, account.uid, account.gid)
  const initdb = Bun.spawnSync(
    [
      ...account.prefix,
      join(programs, 'initdb'),
      '-D',
      cluster,
      '-U',
      USER,
      '-A',
      'scram-sha-256',
      '--pwfile',
      passwordFile,
      '--no-sync',
      '-E',
      'UTF8',
      '--locale=C',
      ...SORTED_BY_LANGUAGE,
    ],
    { stdin: 'ignore', cwd: tmpdir() },
  )
  if (initdb.exitCode !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`initdb: ${initdb.stderr.toString()}`)
  }
  for (const [name, text] of Object.entries(options.files ?? {})) {
    const path = join(cluster, name)
    writeFileSync(path, text, { mode: 0o600 })
    chownSync(path, account.uid, account.gid)
  }
  const server = new Server({
    account,
    programs,
    folder,
    cluster,
    settings: options.settings ?? {},
  })
  await server.start()
  return server
}

/**
 * A copy of a server that follows it and may be read (a hot standby). It takes its place with `SELECT pg_promote()`.
 * @throws with the reason where that cannot be done
 */
export async function startStandby(
  primary: TestPostgres,
  options: Pick<TestPostgresOptions, 'settings'> = {},
): Promise<TestPostgres> {
  const programs = programsFolder()
  const account = runAs()
  if (programs === undefined || account === undefined) throw new Error(postgresMissing())
  const folder = mkdtempSync(join(tmpdir(), 'weir-pg-'))
  const cluster = join(folder, 'c')
  chownSync(folder, account.uid, account.gid)
  const where = ['-h', '127.0.0.1', '-p', `${primary.port}`, '-U', primary.user, '-D', cluster]
  const copy = Bun.spawn(
    // A checkpoint at once, the stream beside the copy, and the settings of a standby written into it.
    [
      ...account.prefix,
      join(programs, 'pg_basebackup'),
      ...where,
      '-c',
      'fast',
      '-X',
      'stream',
      '-R',
      '-N',
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PGPASSWORD: primary.password, PATH: process.env['PATH'] ?? '' },
      cwd: tmpdir(),
    },
  )
  const said = await new Response(copy.stderr).text()
  if ((await copy.exited) !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`pg_basebackup: ${said}`)
  }
  const server = new Server({
    account,
    programs,
    folder,
    cluster,
    settings: options.settings ?? {},
  })
  await server.start()
  return server
}

interface Account {
  readonly prefix: readonly string[]
  readonly uid: number
  readonly gid: number
}

interface ServerOptions {
  readonly account: Account
  readonly programs: string
  readonly folder: string
  readonly cluster: string
  readonly settings: Readonly<Record<string, string>>
}

type Child = Bun.Subprocess<'ignore', 'ignore', 'pipe'>

class Server implements TestPostgres {
  port = 0
  readonly user = USER
  readonly password = PASSWORD
  private readonly options: ServerOptions
  private child: Child | undefined
  private guard: Bun.Subprocess | undefined
  private databases = 0
  private readonly endNow: () => void

  constructor(options: ServerOptions) {
    this.options = options
    this.endNow = () => {
      this.child?.kill('SIGQUIT')
      rmSync(options.folder, { recursive: true, force: true })
    }
    running.add(this.endNow)
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  url(database = 'postgres'): string {
    const password = encodeURIComponent(PASSWORD)
    return `postgres://${USER}:${password}@127.0.0.1:${this.port}/${database}`
  }

  async createDatabase(template = 'template1'): Promise<{ name: string; url: string }> {
    this.databases += 1
    const name = `test_${this.databases}`
    const deadlineMs = performance.now() + START_LIMIT_MS
    for (;;) {
      try {
        await this.sql(`CREATE DATABASE ${name} TEMPLATE ${template}`)
        return { name, url: this.url(name) }
      } catch (error) {
        // Whoever has closed a connection to the template is there for another while, on a busy machine longer than the server waits.
        const isInUse = error instanceof Error && error.message.includes('being accessed by other')
        if (!isInUse || performance.now() > deadlineMs) throw error
      }
    }
  }

  async sql(text: string, database = 'postgres'): Promise<string> {
    const options = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1']
    const child = Bun.spawn(
      [
        join(this.options.programs, 'psql'),
        '-h',
        '127.0.0.1',
        '-p',
        `${this.port}`,
        '-U',
        USER,
        '-d',
        database,
        ...options,
      ],
      {
        stdin: new TextEncoder().encode(text),
        stdout: 'pipe',
        stderr: 'pipe',
        env: { PGPASSWORD: PASSWORD, PATH: process.env['PATH'] ?? '' },
        cwd: tmpdir(),
      },
    )
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    if (code !== 0) throw new Error(`psql: ${err}`)
    return out.trim()
  }

  /** On the port it had, or on a free one. */
  async start(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const isNew = this.port === 0
      if (isNew) this.port = freePort()
      const said = await this.spawn()
      if (said === undefined) return
      if (!isNew || tries >= START_TRIES_MAX) {
        await this[Symbol.asyncDispose]()
        throw new Error(`PostgreSQL did not start:\n${said}`)
      }
      this.port = 0
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const { child } = this
    if (child === undefined) return
    child.kill(SIGNALS[mode])
    await child.exited
    this.child = undefined
    this.guard?.kill()
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate')
    running.delete(this.endNow)
    rmSync(this.options.folder, { recursive: true, force: true })
  }

  /** Resolves once it takes connections; to what it said when it ended instead. */
  private async spawn(): Promise<string | undefined> {
    const { account, cluster, folder, programs, settings } = this.options
    const all = {
      listen_addresses: '127.0.0.1',
      port: `${this.port}`,
      unix_socket_directories: '',
      fsync: 'off',
      log_min_messages: 'warning',
      ...settings,
    }
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const command = [...account.prefix, join(programs, 'postgres'), '-D', cluster, ...flags]
    const child = Bun.spawn(command, { stdio: ['ignore', 'ignore', 'pipe'], cwd: tmpdir() })
    child.unref()
    this.child = child
    this.guard = guardAgainstOrphan(child.pid, folder)
    const said = new Said(child.stderr)
    const { promise: late, resolve: isLate } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => isLate(false), START_LIMIT_MS)
    const ended = child.exited.then(() => false)
    const isUp = await Promise.race([said.ready.then(() => true), ended, late])
    clearTimeout(timer)
    if (isUp) return undefined
    await this.stop('immediate')
    return said.text
  }
}

/** What a server prints; read to its end, so that it is never held up. */
class Said {
  text = ''
  readonly ready: Promise<void>

  constructor(stream: ReadableStream<Uint8Array>) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    void this.read(stream, resolve)
  }

  private async read(stream: ReadableStream<Uint8Array>, isReady: () => void): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      // Bounded: a test that provokes ten thousand errors is not to be remembered for it.
      this.text = `${this.text}${decoder.decode(chunk, { stream: true })}`.slice(-20_000)
      if (/ready to accept (read-only )?connections/.test(this.text)) isReady()
    }
  }
}

/** The newest installed server's programs. */
function programsFolder(): string | undefined {
  if (!existsSync(ROOT)) return undefined
  const versions = readdirSync(ROOT).toSorted((left, right) => Number(right) - Number(left))
  return versions
    .map((version) => join(ROOT, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
}

function numberOf(command: readonly string[]): number | undefined {
  const { exitCode, stdout } = Bun.spawnSync([...command], { stdin: 'ignore', cwd: tmpdir() })
  return exitCode === 0 ? Number(stdout.toString().trim()) : undefined
}

/** Postgres refuses to run as root, so there it runs as its own user; undefined when it cannot run here. */
function runAs(): Account | undefined {
  const uid = process.getuid?.() ?? -1
  if (uid !== 0) return { prefix: [], uid, gid: process.getgid?.() ?? -1 }
  const postgres = numberOf(['id', '-u', 'postgres'])
  const group = numberOf(['id', '-g', 'postgres'])
  if (postgres === undefined || group === undefined || Bun.which('setpriv') === null)
    return undefined
  const prefix = ['setpriv', `--reuid=${postgres}`, `--regid=${group}`, '--clear-groups']
  return { prefix, uid: postgres, gid: group }
}

/** A shell that waits for this process's end by the end of its input, and then ends the server and takes its folder away. */
function guardAgainstOrphan(pid: number, folder: string): Bun.Subprocess {
  const script = `cat >/dev/null; kill -QUIT ${pid} 2>/dev/null; sleep 1; rm -rf "$1"`
  const guard = Bun.spawn(['/bin/sh', '-c', script, 'guard', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  return guard
}
