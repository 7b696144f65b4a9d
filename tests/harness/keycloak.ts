// A real Keycloak for tests: fetched once from Maven Central into a cache folder, started with a realm of ours that lives in memory, and
// ended with whoever started it, however that ends. It takes up to two minutes, so the test command starts it before anything else.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './background.ts'

/** The newest that is known to work, and one to fall back to. */
const VERSIONS = ['26.7.3', '26.5.0']
const REALM_FILE = join(import.meta.dir, '..', 'keycloak', 'realm.json')
const ADMIN_PASSWORD = 'admin-of-a-test'

/** From the question for it until it answers, what it takes to fetch it included. */
const LIMIT_MS = 180_000

export interface Keycloak {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** As its tokens say it. */
  readonly issuer: string
  /** Asks its admin API about the realm: `/users?username=alice`. @throws for any answer but 2xx */
  admin(method: string, path: string, body?: unknown): Promise<unknown>
  /** It answers nobody any more, as an identity provider that is away, until what this returns is called. */
  pause(): () => void
}

export type KeycloakFound =
  | { readonly keycloak: Keycloak; readonly missing?: undefined }
  | { readonly keycloak?: undefined; readonly missing: string }

/** What a test command tells its tests of the Keycloak it has started. */
interface StartedState {
  readonly url?: string
  readonly pid?: number
  readonly missing?: string
}

/** Names the file with the state, in the environment of the tests. */
const STATE_VARIABLE = 'WEIR_KEYCLOAK'

/**
 * The one that the test command has started, else one of this process's own.
 * @returns why there is none, in words, where it cannot be had
 */
export async function findKeycloak(): Promise<KeycloakFound> {
  const stateFile = process.env[STATE_VARIABLE]
  const state = stateFile === undefined ? await startOrSay() : await stateIn(stateFile)
  const { missing, pid, url } = state
  if (url === undefined || pid === undefined)
    return { missing: missing ?? 'Keycloak did not start' }
  return { keycloak: keycloakAt(url, pid) }
}

/** Starts one in the background for all tests of a run; what comes of it stands in a file. @returns what the environment must say */
export function startKeycloakEarly(): Record<string, string> {
  const stateFile = join(mkdtempSync(join(tmpdir(), 'weir-keycloak-')), 'state.json')
  process.on('exit', () => rmSync(join(stateFile, '..'), { recursive: true, force: true }))
  const write = (state: StartedState) => {
    // Whole or not at all: somebody may be reading.
    writeFileSync(`${stateFile}.new`, JSON.stringify(state))
    renameSync(`${stateFile}.new`, stateFile)
  }
  void startOrSay().then(write)
  return { [STATE_VARIABLE]: stateFile }
}

async function stateIn(file: string): Promise<StartedState> {
  const limit = performance.now() + LIMIT_MS
  while (performance.now() < limit) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as StartedState
    await Bun.sleep(200)
  }
  return { missing: `it did not start within ${LIMIT_MS / 1_000} s` }
}

/** Whatever keeps it from starting is a reason to tell, and no end of the tests. */
async function startOrSay(): Promise<StartedState> {
  try {
    return await startState()
  } catch (error) {
    return { missing: String(error) }
  }
}

async function startState(): Promise<StartedState> {
  const limit = performance.now() + LIMIT_MS
  const unfit = await unfitMachine()
  if (unfit !== undefined) return { missing: unfit }
  const folder = await install(limit)
  if ('missing' in folder) return folder
  return await start(folder.folder, limit)
}

async function unfitMachine(): Promise<string | undefined> {
  if (process.platform === 'win32') return 'Keycloak is started by a shell script'
  if (Bun.which('java') === null) return 'there is no Java (Debian: openjdk-17-jre-headless)'
  const { stderr } = Bun.spawnSync(['java', '-version'])
  const version = Number(/version "(\d+)/.exec(stderr.toString())?.[1] ?? 0)
  return version >= 17 ? undefined : `Java ${version} is too old: Keycloak needs 17`
}

function cacheFolder(): string {
  return process.env['WEIR_TEST_CACHE'] ?? join(homedir(), '.cache', 'weir-tests')
}

/** The folder of a version that is there, or that could be fetched. */
async function install(limit: number): Promise<{ folder: string } | { missing: string }> {
  const cache = cacheFolder()
  const known = VERSIONS.map((version) => join(cache, `keycloak-${version}`)).find(isWhole)
  if (known !== undefined) return { folder: known }
  if (Bun.which('mvn') === null) return { missing: 'there is no mvn to fetch Keycloak with' }
  if (Bun.which('unzip') === null) return { missing: 'there is no unzip' }
  mkdirSync(cache, { recursive: true })
  let reason = ''
  for (const version of VERSIONS) {
    const failed = await fetchVersion(version, cache, limit)
    if (failed === undefined) return { folder: join(cache, `keycloak-${version}`) }
    reason = failed
  }
  return { missing: `Keycloak could not be fetched from Maven Central (${reason})` }
}

function isWhole(folder: string): boolean {
  return existsSync(join(folder, 'bin', 'kc.sh')) && existsSync(join(folder, 'lib', 'quarkus'))
}

/** Why it failed, or undefined. */
async function fetchVersion(
  version: string,
  cache: string,
  limit: number,
): Promise<string | undefined> {
  const work = mkdtempSync(join(cache, 'fetch-'))
  try {
    const artifact = `org.keycloak:keycloak-quarkus-dist:${version}:zip`
    const fetched = await run(
      ['mvn', '-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${work}`],
      work,
      limit,
    )
    if (fetched !== undefined) return fetched
    const zip = join(work, `keycloak-quarkus-dist-${version}.zip`)
    const unpacked = await run(['unzip', '-q', zip, '-d', work], work, limit)
    if (unpacked !== undefined) return unpacked
    // In one step: another test run must never find half of it.
    renameSync(join(work, `keycloak-${version}`), join(cache, `keycloak-${version}`))
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function run(command: string[], cwd: string, limit: number): Promise<string | undefined> {
  const child = Bun.spawn(command, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: Math.max(1, Math.ceil(limit - performance.now())),
  })
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) === 0) return undefined
  const line = `${out}\n${error}`.split('\n').find((each) => each.includes('ERROR'))
  return (line ?? `${command[0]} ended with ${child.exitCode ?? child.signalCode}`).slice(0, 200)
}

async function start(folder: string, limit: number): Promise<StartedState> {
  const imports = join(folder, 'data', 'import')
  rmSync(imports, { recursive: true, force: true })
  mkdirSync(imports, { recursive: true })
  writeFileSync(join(imports, 'realm.json'), readFileSync(REALM_FILE))
  const [port = 0, management = 0] = freePorts(2)
  const child = Bun.spawn(
    [
      join(folder, 'bin', 'kc.sh'),
      'start-dev',
      // In memory: every run begins with the realm as it is in the file, and two runs do not meet.
      '--db=dev-mem',
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
      `--http-management-port=${management}`,
      '--import-realm',
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
        KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN_PASSWORD,
        JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: the script and the server behind it end together.
      detached: true,
    },
  )
  const { pid } = child
  process.on('exit', () => endGroup(pid))
  guardAgainstOrphan(pid)
  const said: string[] = []
  void gather(child.stdout, said)
  void gather(child.stderr, said)
  const url = `http://127.0.0.1:${port}`
  while (performance.now() < limit && child.exitCode === null) {
    if (await answers(`${url}/realms/team`)) return { url, pid }
    await Bun.sleep(250)
  }
  endGroup(pid)
  const why =
    child.exitCode === null
      ? `it did not start within ${LIMIT_MS / 1_000} s`
      : `it ended with ${child.exitCode}`
  return { missing: `${why}: ${said.join('').trim().split('\n').at(-1)?.slice(0, 200) ?? ''}` }
}

async function gather(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    into.push(decoder.decode(chunk, { stream: true }))
    if (into.length > 200) into.splice(0, 100)
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.body?.cancel()
    return response.ok
  } catch {
    // Not yet: a server says to nobody that it listens.
    return false
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** Its input ends with this process, however that goes, and then it ends the server. */
function guardAgainstOrphan(pid: number): void {
  const guard = Bun.spawn(['/bin/sh', '-c', `cat >/dev/null; kill -9 -${pid} 2>/dev/null`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
}

function keycloakAt(url: string, pid: number): Keycloak {
  const realm = `${url}/admin/realms/team`
  return {
    url,
    issuer: `${url}/realms/team`,
    async admin(method, path, body) {
      const token = await adminToken(url)
      const response = await fetch(`${realm}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text === '' ? undefined : (JSON.parse(text) as unknown)
    },
    pause() {
      process.kill(-pid, 'SIGSTOP')
      return () => process.kill(-pid, 'SIGCONT')
    },
  }
}

async function adminToken(url: string): Promise<string> {
  const response = await fetch(`${url}/realms/master/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'password',
      client_id: 'admin-cli',
      username: 'admin',
      password: ADMIN_PASSWORD,
    }),
  })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  if (token === undefined)
    throw new Error(`Keycloak gives its administrator no token: ${response.status}`)
  return token
}
