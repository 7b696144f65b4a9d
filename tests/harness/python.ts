// Python for the end-to-end tests: an environment of its own for each list of requirements, made once and kept in the
// ignored cache folder, and the programs run in it. Where it cannot be made the reason is told, never an exception.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const repository = join(import.meta.dir, '..', '..')

/** Scripts and requirements. */
export const pythonFolder = join(repository, 'tests', 'python')

/** Making an environment downloads some 170 MB where nothing is cached. */
const SETUP_TIMEOUT_MS = 10 * 60_000
const STOP_TIMEOUT_MS = 5_000

const REQUIREMENTS = {
  clients: 'requirements.txt',
  frameworks: 'requirements-frameworks.txt',
  'model-server': 'requirements-model-server.txt',
  aider: 'requirements-aider.txt',
  llm: 'requirements-llm.txt',
  fuzz: 'requirements-fuzz.txt',
  hadolint: 'requirements-hadolint.txt',
  kubernetes: 'requirements-kubernetes.txt',
} as const

/** An interpreter with everything of one list installed, or why there is none. */
export type PythonEnvironment = { readonly python: string } | { readonly reason: string }

/**
 * The environment of a list, made when it is not there yet. Its folder is named by what is in it: a changed list or another
 * Python gets a new one.
 */
export async function pythonEnvironment(
  name: keyof typeof REQUIREMENTS,
): Promise<PythonEnvironment> {
  const base = await findPython()
  if (base === undefined) return { reason: 'no python3 of version 3.10 or newer was found' }
  const requirements = join(pythonFolder, REQUIREMENTS[name])
  const hash = createHash('sha256')
    .update(readFileSync(requirements))
    .update(base.version)
    .digest('hex')
    .slice(0, 16)
  const folder = join(repository, '.cache', `python-${hash}`)
  if (!existsSync(interpreter(folder))) {
    const reason = await install(base.command, requirements, folder)
    if (reason !== undefined) return { reason }
  }
  return { python: interpreter(folder) }
}

/** Made beside its place and moved there whole: a run that is stopped leaves nothing that looks finished. */
async function install(
  base: string,
  requirements: string,
  folder: string,
): Promise<string | undefined> {
  const partial = `${folder}.${process.pid}`
  mkdirSync(dirname(folder), { recursive: true })
  try {
    const made = await run([base, '-m', 'venv', partial])
    if (made.code !== 0) return `python3 -m venv failed: ${lastLine(made)}`
    const installed = await run([
      interpreter(partial),
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      // Where there is no network this is to be known soon.
      '--retries',
      '1',
      '--timeout',
      '20',
      // A package built from source takes longer than the tests: only wheels.
      '--only-binary',
      ':all:',
      '--requirement',
      requirements,
    ])
    if (installed.code !== 0) return `pip could not install the packages: ${lastLine(installed)}`
    // Another run may have been faster; its folder holds the same.
    if (!existsSync(interpreter(folder))) renameSync(partial, folder)
    return undefined
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

function interpreter(folder: string): string {
  return process.platform === 'win32'
    ? join(folder, 'Scripts', 'python.exe')
    : join(folder, 'bin', 'python')
}

async function findPython(): Promise<{ command: string; version: string } | undefined> {
  for (const name of ['python3', 'python']) {
    const command = Bun.which(name)
    if (command === null) continue
    const asked = await run([command, '-c', 'import sys; print(sys.version_info[:3])'])
    const [, major, minor] = /^\((\d+), (\d+), \d+\)/.exec(asked.out) ?? []
    if (asked.code === 0 && Number(major) === 3 && Number(minor) >= 10) {
      return { command, version: asked.out }
    }
  }
  return undefined
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

async function run(command: string[]): Promise<Ran> {
  const child = Bun.spawn(command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SETUP_TIMEOUT_MS,
  })
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, out, error }
}

function lastLine({ out, error, code }: Ran): string {
  const lines = `${out}\n${error}`.split('\n').filter((line) => line.trim() !== '')
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? `exit code ${code}`
}

export interface PythonResult {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Runs a script of the Python folder to its end, with nothing of this process's environment but what is given. */
export async function runPython(
  python: string,
  script: string,
  options: { args?: string[]; env?: Record<string, string>; timeoutMs: number },
): Promise<PythonResult> {
  const child = Bun.spawn([python, join(pythonFolder, script), ...(options.args ?? [])], {
    env: { PYTHONDONTWRITEBYTECODE: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  })
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, out, error }
}

export interface PythonServer {
  /** The first line it printed. */
  readonly firstLine: string
  /** Closes its standard input, which it takes as the word to end. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a script that serves until its standard input closes, and waits for its first line.
 * @throws Error with what it wrote to standard error when it ends before that
 */
export async function startPython(
  python: string,
  script: string,
  args: string[],
): Promise<PythonServer> {
  const child = Bun.spawn([python, join(pythonFolder, script), ...args], {
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const errors = child.stderr.text()
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('\n')) {
    const { done, value } = await lines.read()
    if (done) {
      await child.exited
      throw new Error(`${script} ended with ${child.exitCode}: ${(await errors).slice(-2_000)}`)
    }
    text += value
  }
  const stop = async () => {
    await child.stdin.end()
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await child.exited
    clearTimeout(killer)
    await errors
  }
  return { firstLine: text.slice(0, text.indexOf('\n')), stop, [Symbol.asyncDispose]: stop }
}

export interface PythonForks extends AsyncDisposable {
  /** Runs the program once more, in a new process; one after another. */
  run(args: string[]): Promise<PythonResult>
}

/**
 * Makes a program of Python ready to be run many times, as `python -m NAME` would: what it imports is imported once (`forks.py`).
 * @param modules what is imported first
 * @param options.cwd is also where what it prints is kept for a moment
 */
export function startForks(
  python: string,
  [name, ...modules]: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): PythonForks {
  const script = join(pythonFolder, 'forks.py')
  const child = Bun.spawn([python, script, name, ...modules], {
    ...options,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const errors = child.stderr.text()
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const line = async (): Promise<string> => {
    while (!text.includes('\n')) {
      const { done, value } = await lines.read()
      if (done) throw new Error(`${name} cannot be run: ${(await errors).slice(-2_000)}`)
      text += value
    }
    const end = text.indexOf('\n')
    const first = text.slice(0, end)
    text = text.slice(end + 1)
    return first
  }
  const ready = line()
  // Told to whoever runs it.
  ready.catch(() => undefined)
  let before: Promise<unknown> = ready
  const [out, error] = ['out', 'error'].map((end) => join(options.cwd, `${name}.${end}`))
  const once = async (args: string[]): Promise<PythonResult> => {
    await ready
    child.stdin.write(`${JSON.stringify({ args, out, error })}\n`)
    await child.stdin.flush()
    const code = Number(await line())
    return { code, out: readFileSync(out!, 'utf8'), error: readFileSync(error!, 'utf8') }
  }
  return {
    run(args) {
      const result = before.then(() => once(args))
      before = result.catch(() => undefined)
      return result
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end()
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await child.exited
      clearTimeout(killer)
    },
  }
}
