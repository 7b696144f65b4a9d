// Builds the image of deploy/Dockerfile with buildah and runs it as a container engine would: its own process, mount and network namespaces,
// the user it names, no way to more rights, its root read-only, its own first process. No registry is asked for anything, so the image that
// the Dockerfile begins with is made here under the same name: a STAND-IN for Alpine with the real loader of musl and busybox (Debian packages),
// the real libstdc++ and libgcc_s for musl (as a wheel on PyPI carries them), and an `apk` that installs nothing: it only says whether what
// is asked for is there. What the final image holds, how it is configured and that it runs is therefore tried; Alpine's packages are not.

import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
} from 'node:fs'
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { thirdPartyLicences } from '../../src/release/licences.ts'
import { pythonEnvironment } from './python.ts'

const REPOSITORY = join(import.meta.dir, '..', '..')
const DOCKERFILE = join(REPOSITORY, 'deploy', 'Dockerfile')
const IMAGE = 'localhost/weir:tested'

/** Debian 12's loader is older than the relocations (DT_RELR) that these libraries use: 1.2.4 of musl was the first to know them. */
const SUITE = 'trixie'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
/** The smallest wheel found that has both libraries inside. */
const WHEEL = 'contourpy==1.4.0'
const PARTS_VERSION = `${SUITE}-${WHEEL.replace('==', '-')}`

const FETCH_LIMIT_MS = 180_000
const BUILD_LIMIT_MS = 180_000
const START_LIMIT_MS = 60_000

const TOOLS = ['buildah', 'unshare', 'nsenter', 'setpriv', 'mount', 'apt-get', 'dpkg-deb'] as const

/** What the image says of itself, as an engine reads it. */
export interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly Volumes: Readonly<Record<string, object>>
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Labels: Readonly<Record<string, string>>
  readonly Healthcheck?: { readonly Test: readonly string[]; readonly Timeout: number }
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

export interface Container {
  /** Of its first process, outside. */
  readonly pid: number
  output(): string
  /** Runs a program of the image in it, as `docker exec` does. */
  exec(command: readonly string[]): Promise<Ran>
  /** Asks it over its own network. */
  ask(
    path: string,
    init?: {
      readonly method?: string
      readonly headers?: Record<string, string>
      readonly body?: string
    },
  ): Promise<{ status: number; text: string }>
  /** Resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>
}

export interface Image {
  readonly config: ImageConfig
  /** Where its files lie. */
  readonly root: string
  /** Starts it with a volume, and variables beside its own, and waits until it listens. @throws with its output */
  start(volume: string, environment?: Readonly<Record<string, string>>): Promise<Container>
  /** A new volume, as an engine makes one from the image. */
  volume(): string
  remove(): Promise<void>
}

/** The image built from the sources as they are, or why it cannot be. */
export async function buildImage(): Promise<{ image: Image } | { missing: string }> {
  const missing = unfit()
  if (missing !== undefined) return { missing }
  const parts = await muslParts()
  if ('missing' in parts) return parts
  const work = mkdtempSync(join(tmpdir(), 'weir-image-'))
  try {
    const buildah = (...args: string[]) => buildahIn(work, args)
    const base = /^FROM (\S+) AS parts$/m.exec(readFileSync(DOCKERFILE, 'utf8'))?.[1]
    if (base === undefined) throw new Error('deploy/Dockerfile begins with no image `AS parts`')
    makeBase(join(work, 'base'), parts.folder)
    await makeContext(join(work, 'context'))
    const built = ['--pull-never', '--format', 'docker']
    await buildah('bud', '-q', '-t', base, join(work, 'base'))
    await buildah(
      'bud',
      '-q',
      ...built,
      '--build-arg',
      'REVISION=tested',
      '-f',
      DOCKERFILE,
      '-t',
      IMAGE,
      join(work, 'context'),
    )
    const { Docker } = JSON.parse(await buildah('inspect', '--type', 'image', IMAGE)) as {
      Docker: { config: ImageConfig }
    }
    const container = (await buildah('from', '--pull-never', IMAGE)).trim()
    const root = (await buildah('mount', container)).trim()
    return { image: imageAt(work, root, Docker.config, parts.folder) }
  } catch (error) {
    rmSync(work, { recursive: true, force: true })
    throw error
  }
}

function unfit(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'it is tried on Linux, x64'
  const absent = TOOLS.filter((name) => Bun.which(name) === null)
  if (absent.length > 0) return `${absent.join(', ')} not installed (Debian: buildah, util-linux)`
  if (process.getuid?.() !== 0) return 'only root may give a process a root folder of its own'
  const probe = Bun.spawnSync([
    'unshare',
    '--mount',
    '--pid',
    '--net',
    '--fork',
    'mount',
    '-t',
    'proc',
    'proc',
    '/proc',
  ])
  return probe.exitCode === 0 ? undefined : 'this machine gives no namespaces to its users'
}

async function buildahIn(work: string, args: readonly string[]): Promise<string> {
  const store = [
    '--root',
    join(work, 'store'),
    '--runroot',
    join(work, 'run'),
    '--storage-driver',
    'vfs',
  ]
  const ran = await run(['buildah', ...store, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: work, BUILDAH_ISOLATION: 'chroot', TMPDIR: work },
    limitMs: BUILD_LIMIT_MS,
  })
  if (ran.code !== 0) throw new Error(`buildah ${args[0] ?? ''}: ${ran.error.slice(-2_000)}`)
  return ran.out
}

/** Loader, libraries and busybox, in the cache. */
async function muslParts(): Promise<{ folder: string } | { missing: string }> {
  const cache = process.env['WEIR_TEST_CACHE'] ?? join(homedir(), '.cache', 'weir-tests')
  const folder = join(cache, `musl-parts-${PARTS_VERSION}`)
  if (existsSync(folder)) return { folder }
  if (!existsSync(KEYRING))
    return { missing: 'no keyring of Debian to fetch the loader of musl with' }
  const environment = await pythonEnvironment('hadolint')
  if ('reason' in environment) return { missing: environment.reason }
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'fetch-'))
  try {
    const failed = (await fetchPackages(work)) ?? (await fetchLibraries(work, environment.python))
    if (failed !== undefined) return { missing: failed }
    const made = join(work, 'parts')
    mkdirSync(made)
    cpSync(findFile(work, /\/x86_64-linux-musl\/libc\.so$/), join(made, 'ld-musl-x86_64.so.1'))
    cpSync(findFile(work, /\/bin\/busybox$/), join(made, 'busybox'))
    cpSync(findFile(work, /\/libgcc_s-[^/]+\.so\.1$/), join(made, 'libgcc_s.so.1'))
    writeFileSync(
      join(made, 'libstdc++.so.6'),
      withUsualName(readFileSync(findFile(work, /\/libstdc\+\+-[^/]+$/))),
    )
    renameSync(made, folder)
    return { folder }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** With lists and packages of its own: nothing of this machine's is touched, and nothing is installed. */
async function fetchPackages(work: string): Promise<string | undefined> {
  for (const name of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(work, name), { recursive: true })
  writeFileSync(
    join(work, 'sources.list'),
    `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${SUITE} main\n`,
  )
  const options = [
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ].flatMap((option) => ['-o', option])
  for (const command of [['update'], ['download', 'musl', 'busybox-static']]) {
    const ran = await run(['apt-get', '-q', ...options, ...command], {
      cwd: work,
      limitMs: FETCH_LIMIT_MS,
    })
    if (ran.code !== 0)
      return `musl could not be fetched: ${ran.error.trim().split('\n').at(-1) ?? ''}`
  }
  for (const name of readdirSync(work).filter((each) => each.endsWith('.deb'))) {
    const ran = await run(['dpkg-deb', '-x', name, 'packages'], {
      cwd: work,
      limitMs: FETCH_LIMIT_MS,
    })
    if (ran.code !== 0) return ran.error
  }
  return undefined
}

async function fetchLibraries(work: string, python: string): Promise<string | undefined> {
  const fetched = await run(
    [
      python,
      '-m',
      'pip',
      'download',
      '-q',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      '--platform',
      'musllinux_1_2_x86_64',
      '--python-version',
      '3.12',
      '-d',
      'wheels',
      WHEEL,
    ],
    { cwd: work, limitMs: FETCH_LIMIT_MS },
  )
  if (fetched.code !== 0)
    return `libstdc++ for musl could not be fetched: ${fetched.error.trim().split('\n').at(-1) ?? ''}`
  const [wheel = ''] = readdirSync(join(work, 'wheels'))
  const unpacked = await run([python, '-m', 'zipfile', '-e', join('wheels', wheel), 'wheel'], {
    cwd: work,
    limitMs: FETCH_LIMIT_MS,
  })
  return unpacked.code === 0 ? undefined : unpacked.error
}

/** The wheel's maker gave libgcc_s a name of its own and wrote that into libstdc++; it is put back, which is shorter. */
function withUsualName(library: Buffer): Buffer {
  const text = library.toString('latin1')
  return Buffer.from(
    text.replace(/libgcc_s-[0-9a-f]+\.so\.1\0/, (name) =>
      'libgcc_s.so.1'.padEnd(name.length, '\0'),
    ),
    'latin1',
  )
}

function findFile(folder: string, pattern: RegExp): string {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .find((path) => pattern.test(path))
  if (found === undefined) throw new Error(`nothing in what was fetched is called ${pattern}`)
  return found
}

/** Says whether each package that is asked for is there. */
const APK = `#!/bin/sh
set -eu
[ "$1" = add ]
shift
for name in "$@"; do
  case "$name" in
    --no-cache) ;;
    ca-certificates-bundle) [ -f /etc/ssl/certs/ca-certificates.crt ] ;;
    libgcc) [ -f /usr/lib/libgcc_s.so.1 ] ;;
    libstdc++) [ -f /usr/lib/libstdc++.so.6 ] ;;
    *) echo "no package $name here" >&2; exit 1 ;;
  esac
done
`

function makeBase(folder: string, parts: string): void {
  const root = join(folder, 'root')
  for (const name of ['bin', 'sbin', 'lib', 'usr/lib', 'etc/ssl/certs', 'tmp']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  cpSync(join(parts, 'busybox'), join(root, 'bin/busybox'))
  chmodSync(join(root, 'bin/busybox'), 0o755)
  for (const name of ['sh', 'cp', 'mkdir', 'chmod', 'echo', 'uname'])
    symlinkSync('busybox', join(root, 'bin', name))
  cpSync(join(parts, 'ld-musl-x86_64.so.1'), join(root, 'lib/ld-musl-x86_64.so.1'))
  chmodSync(join(root, 'lib/ld-musl-x86_64.so.1'), 0o755)
  symlinkSync('ld-musl-x86_64.so.1', join(root, 'lib/libc.musl-x86_64.so.1'))
  for (const name of ['libgcc_s.so.1', 'libstdc++.so.6'])
    cpSync(join(parts, name), join(root, 'usr/lib', name))
  // Not what a real one holds: that the file is handed on is what can be tried here.
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), '# authorities\n')
  writeFileSync(join(root, 'sbin/apk'), APK, { mode: 0o755 })
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY root/ /\n')
}

/** What `.dockerignore` lets through, with an executable made now, or the one that `WEIR_MUSL_EXECUTABLE` names. */
async function makeContext(folder: string): Promise<void> {
  const given = process.env['WEIR_MUSL_EXECUTABLE']
  if (given !== undefined) {
    mkdirSync(join(folder, 'dist'), { recursive: true })
    cpSync(given, join(folder, 'dist/weir-linux-x64-musl'))
  } else await buildExecutable(join(folder, 'dist'))
  writeFileSync(join(folder, 'dist/THIRD-PARTY-LICENSES.md'), await thirdPartyLicences(REPOSITORY))
  for (const name of ['.dockerignore', 'LICENSE', 'deploy/container']) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    cpSync(join(REPOSITORY, name), join(folder, name), { recursive: true })
  }
}

async function buildExecutable(folder: string): Promise<void> {
  const built = await run(
    [process.execPath, 'build.ts', '--target', 'linux-x64-musl', '--out', folder],
    { cwd: REPOSITORY, limitMs: BUILD_LIMIT_MS },
  )
  if (built.code !== 0)
    throw new Error(`the executable for musl could not be built: ${built.error}`)
}

const running = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function imageAt(work: string, root: string, config: ImageConfig, parts: string): Image {
  const [user = '', group = user] = config.User.split(':')
  return {
    config,
    root,
    volume() {
      const folder = mkdtempSync(join(work, 'volume-'))
      chownSync(folder, Number(user), Number(group))
      return folder
    },
    start: (volume, environment = {}) =>
      startContainer({ root, config, parts, volume, user, group, environment }),
    async remove() {
      await buildahIn(work, ['umount', '--all'])
      rmSync(work, { recursive: true, force: true })
    },
  }
}

/** What an engine does before the first process: the mounts, the network, and then the root that cannot be written. */
const PREPARE = `set -eu
root=$1 volume=$2 busybox=$3; shift 3
mkdir -p "$root/proc" "$root/dev"
mount --bind "$root" "$root"
mount --bind "$volume" "$root/data"
mount -t proc proc "$root/proc"
: >>"$root/dev/null"
mount --bind /dev/null "$root/dev/null"
"$busybox" ifconfig lo up
mount -o remount,bind,ro "$root"
exec setpriv --clear-groups --no-new-privs "$@"
`

interface Start {
  readonly root: string
  readonly config: ImageConfig
  readonly parts: string
  readonly volume: string
  readonly user: string
  readonly group: string
  readonly environment: Readonly<Record<string, string>>
}

async function startContainer(start: Start): Promise<Container> {
  const { config, group, parts, root, user, volume } = start
  const variables = [
    ...config.Env,
    ...Object.entries(start.environment).map(([name, value]) => `${name}=${value}`),
  ]
  const enter = [
    Bun.which('unshare')!,
    `--root=${root}`,
    `--wd=${config.WorkingDir}`,
    '--setgid',
    group,
    '--setuid',
    user,
  ]
  const child = Bun.spawn(
    [
      'unshare',
      '--mount',
      '--pid',
      '--net',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      PREPARE,
      'sh',
      root,
      volume,
      join(parts, 'busybox'),
      Bun.which('env')!,
      '-i',
      ...variables,
      ...enter,
      ...config.Entrypoint,
      ...config.Cmd,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  running.add(child)
  let said = ''
  const listening = Promise.withResolvers<void>()
  const gather = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      said += decoder.decode(chunk, { stream: true })
      if (said.includes('Try it:')) listening.resolve()
    }
  }
  const ended = Promise.all([child.exited, gather(child.stdout), gather(child.stderr)])
  const gone = ended.then(() => 'gone')
  const state = await Promise.race([
    listening.promise,
    gone,
    Bun.sleep(START_LIMIT_MS).then(() => 'late'),
  ])
  if (state !== undefined) {
    child.kill('SIGKILL')
    await ended
    throw new Error(`the container did not start (${state}):\n${said}`)
  }
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
  return {
    pid,
    output: () => said,
    exec: (command) =>
      run(
        ['nsenter', '-t', String(pid), '-m', '-n', '-r', '-w', '-S', user, '-G', group, ...command],
        {
          // Only what the container has: the program is found there by its whole path.
          env: Object.fromEntries(
            variables.map((each) => [
              each.slice(0, each.indexOf('=')),
              each.slice(each.indexOf('=') + 1),
            ]),
          ),
          limitMs: START_LIMIT_MS,
        },
      ),
    ask: (path, init = {}) => askInside(pid, path, init),
    async stop(signal = 'SIGTERM') {
      process.kill(pid, signal)
      const [code] = await ended
      running.delete(child)
      return code
    },
  }
}

const ASK = `const [path, init] = JSON.parse(process.argv[2])
const response = await fetch('http://127.0.0.1:9347' + path, init)
process.stdout.write(JSON.stringify({ status: response.status, text: await response.text() }))`

/** From a process of ours in the container's network: nothing of it is reached from outside. */
async function askInside(
  pid: number,
  path: string,
  init: object,
): Promise<{ status: number; text: string }> {
  const script = join(tmpdir(), `weir-ask-${process.pid}.mjs`)
  writeFileSync(script, ASK)
  const ran = await run(
    ['nsenter', '-t', String(pid), '-n', process.execPath, script, JSON.stringify([path, init])],
    { limitMs: START_LIMIT_MS },
  )
  rmSync(script, { force: true })
  if (ran.code !== 0) throw new Error(`${path}: ${ran.error}`)
  return JSON.parse(ran.out) as { status: number; text: string }
}

async function run(
  command: readonly string[],
  options: {
    readonly cwd?: string
    readonly env?: Record<string, string>
    readonly limitMs: number
  },
): Promise<Ran> {
  const { limitMs, ...rest } = options
  const [program = '', ...args] = command
  const child = Bun.spawn([Bun.which(program) ?? program, ...args], {
    ...rest,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
  })
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { code: await child.exited, out, error }
}
