// Real programs that the tests run and that come as Go modules alone: each is built once, in the background, one after the other, into
// the cache, and found there by every later run. The module's checksums vouch for what it is made of. A machine without Go has none of
// what is not in its cache; then the reason is told, never an exception.

import {
  cpSync,
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

const tests = join(import.meta.dir, '..')

interface Recipe {
  readonly version: string
  /** Seconds on a machine that does other things meanwhile; the ones that take least come first. */
  readonly limitMs: number
  /** Leaves the program in the folder under its own name. @returns why it could not, or undefined */
  build(make: Make): Promise<string | undefined>
}

interface Make {
  readonly folder: string
  go(...args: readonly string[]): Promise<Ran>
  run(cwd: string, ...args: readonly string[]): Promise<Ran>
}

interface Ran {
  readonly code: number
  readonly output: string
}

const RECIPES = {
  // The OpenTelemetry collector's own receivers, from the module that Jaeger is made of.
  'otlp-receiver': {
    version: '1.76.0',
    limitMs: 240_000,
    build: async ({ folder, go }) => {
      const source = await sourceOf(go, 'github.com/jaegertracing/jaeger@v1.76.0')
      if ('reason' in source) return source.reason
      for (const name of ['go.mod', 'go.sum']) {
        // Not as they are: files of the module cache may not be written.
        writeFileSync(join(folder, name), readFileSync(join(source.folder, name)))
      }
      mkdirSync(join(folder, 'receiver'))
      cpSync(join(tests, 'collector', 'main.go'), join(folder, 'receiver', 'main.go'))
      return reasonOf(await go(...BUILD.slice(1), '-o', 'otlp-receiver', './receiver'))
    },
  },
  actionlint: {
    version: '1.7.12',
    limitMs: 240_000,
    build: async ({ go }) =>
      reasonOf(await go(...INSTALL, 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12')),
  },
  // Docker Compose's own reader of its files.
  'compose-check': {
    version: '2.16.2',
    limitMs: 240_000,
    build: async ({ folder, run }) => {
      const source = join(folder, 'source')
      cpSync(join(tests, 'compose'), source, { recursive: true })
      return reasonOf(await run(source, ...BUILD, '-o', join(folder, 'compose-check'), '.'))
    },
  },
  versitygw: {
    version: '1.8.0',
    limitMs: 10 * 60_000,
    build: async ({ go }) =>
      reasonOf(await go(...INSTALL, 'github.com/versity/versitygw/cmd/versitygw@v1.8.0')),
  },
  helm: {
    version: '3.22.0',
    limitMs: 15 * 60_000,
    build: async ({ go }) => reasonOf(await go(...INSTALL, 'helm.sh/helm/v3/cmd/helm@v3.22.0')),
  },
  // Its module lacks the dashboard's files, which nobody here looks at.
  traefik: {
    version: '3.5.0',
    limitMs: 15 * 60_000,
    build: async ({ folder, go, run }) => {
      const found = await sourceOf(go, 'github.com/traefik/traefik/v3@v3.5.0')
      if ('reason' in found) return found.reason
      const source = join(folder, 'source')
      // The files of the module cache may not be written, and neither may copies of them.
      await run(folder, 'cp', '-r', '--no-preserve=mode', found.folder, source)
      mkdirSync(join(source, 'webui', 'static'), { recursive: true })
      writeFileSync(join(source, 'webui', 'static', 'index.html'), '<!doctype html>')
      return reasonOf(
        await run(source, ...BUILD, '-mod=mod', '-o', join(folder, 'traefik'), './cmd/traefik'),
      )
    },
  },
} as const satisfies Record<string, Recipe>

export type GoTool = keyof typeof RECIPES

/** Where the program is, or why it is not there. */
export type FoundTool = { readonly path: string } | { readonly missing: string }

/** One thing at a time, as tests that watch the clock run meanwhile. */
const BUILD = ['go', 'build', '-p=1', '-trimpath', '-ldflags=-s -w'] as const
const INSTALL = ['install', '-p=1', '-trimpath', '-ldflags=-s -w'] as const

/** Names the folder of files that say what came of each build, in the environment of the tests. */
const STATES_VARIABLE = 'WEIR_GO_TOOLS'

/** How often a file is looked for that another process writes. */
const LOOK_MS = 200

/** Builds what is not in the cache, in the background. @returns what the environment of the tests must say */
export function buildGoToolsEarly(): Record<string, string> {
  const states = mkdtempSync(join(tmpdir(), 'weir-go-tools-'))
  process.on('exit', () => rmSync(states, { recursive: true, force: true }))
  void buildAll(states)
  return { [STATES_VARIABLE]: states }
}

async function buildAll(states: string): Promise<void> {
  for (const tool of Object.keys(RECIPES) as GoTool[]) {
    const found = await builtOrSay(tool)
    const file = join(states, `${tool}.json`)
    writeFileSync(`${file}.new`, JSON.stringify(found))
    renameSync(`${file}.new`, file)
  }
}

/** Waits for what was begun early; without that the program is built now. */
export async function goTool(tool: GoTool): Promise<FoundTool> {
  const states = process.env[STATES_VARIABLE]
  if (states === undefined) return await builtOrSay(tool)
  const file = join(states, `${tool}.json`)
  // Those before it in the row may still be built.
  const limitMs = Object.values(RECIPES).reduce((sum, recipe) => sum + recipe.limitMs, 0)
  const end = performance.now() + limitMs
  while (performance.now() < end) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as FoundTool
    await Bun.sleep(LOOK_MS)
  }
  return { missing: `${tool} was not built within ${limitMs / 60_000} minutes` }
}

/** How long a test may have to wait for it. */
export function goToolLimitMs(tool: GoTool): number {
  return RECIPES[tool].limitMs
}

/** Folder of what is kept between runs. */
export function testCacheFolder(): string {
  return process.env['WEIR_TEST_CACHE'] ?? join(homedir(), '.cache', 'weir-tests')
}

async function builtOrSay(tool: GoTool): Promise<FoundTool> {
  try {
    return await built(tool)
  } catch (error) {
    return { missing: `${tool}: ${String(error)}` }
  }
}

async function built(tool: GoTool): Promise<FoundTool> {
  const recipe: Recipe = RECIPES[tool]
  const cache = testCacheFolder()
  const path = join(cache, `${tool}-${recipe.version}`, tool)
  if (existsSync(path)) return { path }
  const go = Bun.which('go', { PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin` })
  if (go === null) return { missing: `${tool}: there is no Go to build it with` }
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'build-'))
  const end = performance.now() + recipe.limitMs
  const run = async (cwd: string, ...args: readonly string[]) =>
    await nicely(
      args.map((arg) => (arg === 'go' ? go : arg)),
      { cwd, end, folder },
    )
  try {
    const reason = await recipe.build({
      folder,
      run,
      go: (...args) => run(folder, 'go', ...args),
    })
    if (reason !== undefined) return { missing: `${tool} could not be built: ${reason}` }
    mkdirSync(join(path, '..'), { recursive: true })
    // In one step: another run must never find half of it.
    renameSync(join(folder, tool), path)
    return { path }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function nicely(
  command: readonly string[],
  { cwd, end, folder }: { cwd: string; end: number; folder: string },
): Promise<Ran> {
  const nice = Bun.which('nice') === null ? [] : ['nice', '-n', '19']
  const child = Bun.spawn([...nice, ...command], {
    cwd,
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-buildvcs=false' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: Math.max(1, Math.ceil(end - performance.now())),
    killSignal: 'SIGKILL',
  })
  const [out, error, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { code, output: code === 0 ? out : `${out}${error}` }
}

/** The folder of a module in the module cache. */
async function sourceOf(
  go: Make['go'],
  module: string,
): Promise<{ readonly folder: string } | { readonly reason: string }> {
  const fetched = await go('mod', 'download', '-json', module)
  if (fetched.code !== 0) return { reason: `its source could not be fetched: ${last(fetched)}` }
  return { folder: (JSON.parse(fetched.output) as { Dir: string }).Dir }
}

function reasonOf(ran: Ran): string | undefined {
  return ran.code === 0 ? undefined : last(ran)
}

function last({ output }: Ran): string {
  return (output.trim().split('\n').at(-1) ?? '').slice(0, 200)
}
