// The test command: makes what the tests need (the executable, a Python environment where there is Python), runs the unit
// tests and the end-to-end tests, says what was left out and why, and ends with the counts on one line.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildGoToolsEarly } from './harness/go-tools.ts'
import { startKeycloakEarly } from './harness/keycloak.ts'
import { installNemoEarly } from './harness/nemo.ts'

const root = join(import.meta.dir, '..')

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const environment: Record<string, string | undefined> = { ...process.env, WEIR_MATRIX: undefined }

/** Far above what any test needs, even where ten things run beside it; what waits for a server states its own limit. */
const TEST_TIMEOUT_MS = '60000'

/** Rows of the matrix by client: for each provider how many scenarios passed, and of how many. */
const matrix = new Map<string, Map<string, string>>()

/** Reasons of what is left out, told above the closing line. */
const leftOut: string[] = []

/** The tests that failed by name, with their files and the last lines of what they printed: told there too, as it is far above. */
const failures = new Map<string, { readonly path: string; readonly lines: readonly string[] }>()
const FAILURE_LINES_MAX = 25

function useRecordings(): void {
  const beside = join(root, '..', 'shared', 'recordings')
  if (environment['WEIR_RECORDINGS'] === undefined && existsSync(beside)) {
    environment['WEIR_RECORDINGS'] = beside
  }
  if (environment['WEIR_RECORDINGS'] === undefined) {
    leftOut.push('checks over recorded provider traffic: WEIR_RECORDINGS names no folder')
  }
}

/** Runs a command with its output shown; resolves to its exit code. */
async function run(command: string[]): Promise<number> {
  const child = Bun.spawn(command, {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await child.exited
}

/** Runs `bun test` on a folder, shows its output and reads the counts from its summary. */
async function test(folder: string, ...more: string[]): Promise<Counts> {
  const child = Bun.spawn(
    [process.execPath, 'test', folder, '--timeout', TEST_TIMEOUT_MS, ...more],
    {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const [out, error] = await Promise.all([
    tee(child.stdout, (text) => process.stdout.write(text)),
    tee(child.stderr, (text) => process.stderr.write(text)),
  ])
  const code = await child.exited
  const counts = readCounts(`${out}\n${error}`)
  // A run that broke before its summary, or outside any test, is a failure that no count shows.
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  readFailures(error)
  for (const line of out.split('\n')) {
    const reason = /^left out: (.+)$/.exec(line)?.[1]
    if (reason !== undefined) leftOut.push(reason)
    readCell(line)
  }
  return counts
}

function readFailures(error: string): void {
  let path = ''
  let lines: string[] = []
  for (const line of error.split('\n')) {
    path = /^(\S+\.test\.tsx?):$/.exec(line)?.[1] ?? path
    const [, verdict, name] = /^\((pass|fail|skip|todo)\) (.+)$/.exec(line) ?? []
    if (name === undefined) {
      lines.push(line)
      continue
    }
    // It is told again at the end, under no file.
    if (verdict === 'fail' && !failures.has(name)) {
      failures.set(name, { path, lines: lines.slice(-FAILURE_LINES_MAX) })
    }
    lines = []
  }
}

/** One cell: `matrix: client × provider: 27 of 29 passed, 1 without (…)`. */
function readCell(line: string): void {
  const [, client, provider, passed, all, without] =
    /^matrix: (.+) × (.+?): (\d+) of (\d+) passed, (\d+) without/.exec(line) ?? []
  if (client === undefined || provider === undefined) return
  const row = matrix.get(client) ?? new Map<string, string>()
  const gone = without === '0' ? '' : `-${without}`
  matrix.set(client, row.set(provider, `${passed === all ? '' : `${passed}/`}${all}${gone}`))
}

/** Clients down, providers across; `27-2` is 27 that passed and 2 that the client or the provider has no part in. */
function printMatrix(): void {
  const providers = [...new Set([...matrix.values()].flatMap((row) => [...row.keys()]))]
  const names = [...matrix.keys()]
  const first = Math.max(0, ...names.map((name) => name.length))
  const widths = providers.map((name) => Math.max(name.length, 7))
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(first)}  ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')}\n`
  process.stdout.write(`\nClient × provider (scenarios passed - without a part in it):\n`)
  process.stdout.write(line('', providers))
  for (const name of names) {
    process.stdout.write(
      line(
        name,
        providers.map((provider) => matrix.get(name)?.get(provider) ?? ''),
      ),
    )
  }
}

/** Of the stores: those that judge by what is in them alone. */
const CALM_STORES =
  /^src\/storage\/(?:budget-postgres|content-log|copy|kept-sealing|postgres-guardrails|storage)\./

/** Those of the stores and of the whole watch the clock and the memory; the others wait for programs, two at a time. */
function systemRuns(): (readonly [string, ...string[]])[] {
  const files = [...new Bun.Glob(`src/**/*${SYSTEM}`).scanSync(root)].toSorted()
  const isPatient = (path: string) =>
    /^src\/(?:cli|docs|dialects|guide|release)\//.test(path) || CALM_STORES.test(path)
  const exact = (path: string) => `./${path}`
  const [first, ...patient] = files.filter(isPatient).map(exact)
  const [other, ...watching] = files.filter((path) => !isPatient(path)).map(exact)
  if (first === undefined || other === undefined) throw new Error('There are no system tests.')
  return [
    [first, ...patient, '--parallel=2', TIMINGS],
    [other, ...watching],
  ]
}

async function tee(
  stream: ReadableStream<Uint8Array>,
  write: (text: string) => unknown,
): Promise<string> {
  const decoder = new TextDecoder()
  let all = ''
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true })
    all += text
    write(text)
  }
  return all
}

function readCounts(output: string): Counts {
  const count = (word: string) =>
    Number(new RegExp(`^ *(\\d+) ${word}$`, 'm').exec(output)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') }
}

useRecordings()
// First of all: it takes longest to start, and the unit tests need none.
Object.assign(environment, startKeycloakEarly())
Object.assign(environment, buildGoToolsEarly())
Object.assign(environment, installNemoEarly())
const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
if ((await run([process.execPath, 'build.ts'])) !== 0) {
  process.stdout.write('the executable could not be built\n\ntests: 0 passed, 1 failed\n')
  process.exit(1)
}
environment['WEIR_EXECUTABLE'] = join(
  root,
  'dist',
  process.platform === 'win32' ? 'weir.exe' : 'weir',
)
// The unit tests share nothing; those that start other programs share a machine, and some watch its memory and its clock, or stop what others share: they run alone.
const SYSTEM = '.system.test.ts'
const ALONE = [
  'tests/faults',
  'tests/hostile',
  'tests/keycloak',
  'tests/limits',
  'tests/newcomer',
  'tests/overload',
  'tests/soak',
  'tests/stalled-readers',
  'tests/stopping',
  'tests/surviving',
  'tests/topology',
] as const
// What takes longest begins first, so that no core is left with it at the end: how long each took once (`--update-timings` tells anew).
const TIMINGS = '--timings=tests/timings.json'
// The rest take turns: a client, an agent or a browser that waits for the executable leaves half of two cores idle.
const RUNS: readonly (readonly [string, ...string[]])[] = [
  ['src', '--parallel=3', `--path-ignore-patterns=**/*${SYSTEM}`],
  ...systemRuns(),
  ['tests', '--parallel=2', TIMINGS, ...ALONE.map((start) => `--path-ignore-patterns=${start}*`)],
  [...ALONE],
]
for (const [folder, ...more] of RUNS) {
  const result = await test(folder, ...more)
  counts.passed += result.passed
  counts.failed += result.failed
  counts.skipped += result.skipped
}
if (matrix.size > 0) printMatrix()
if (leftOut.length > 0) {
  process.stdout.write(
    `\nLeft out:\n${[...new Set(leftOut)].map((reason) => `  ${reason}`).join('\n')}\n`,
  )
}
if (failures.size > 0) {
  process.stdout.write(
    `\nFailed:\n${[...failures]
      .map(([name, { path, lines }]) => `${lines.join('\n')}\n  ${path}: ${name}`)
      .join('\n')}\n`,
  )
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
process.stdout.write(`\ntests: ${counts.passed} passed, ${counts.failed} failed${skipped}\n`)
process.exit(counts.failed > 0 ? 1 : 0)
