// A real server of NVIDIA NeMo Guardrails for tests: installed once from PyPI into a cache folder, which the test command begins before
// anything else, and started on loopback with configurations that need no model for their rails. It ends with whoever started it. Where it
// cannot be had the reason is told.

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

const VERSION = '0.24.1'
const SCRIPT = join(import.meta.dir, '..', 'python', 'nemo_server.py')

/** From the question for it until it can be started, what it takes to install it included. */
const INSTALL_LIMIT_MS = 240_000
/** It imports for some seconds, and much longer where other tests want the processor too. */
const START_LIMIT_MS = 60_000

/** Names the file that says what came of the installation, in the environment of the tests. */
const STATE_VARIABLE = 'WEIR_NEMO'

interface InstalledState {
  readonly python?: string
  readonly missing?: string
}

export interface NemoServer {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** Kills it: who asks it then is refused a connection. */
  stop(): Promise<void>
  /** It answers nobody any more, though it listens, until what this returns is called. */
  pause(): () => void
}

const running = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Installs it in the background. @returns what the environment of the tests must say */
export function installNemoEarly(): Record<string, string> {
  const stateFile = join(mkdtempSync(join(tmpdir(), 'weir-nemo-')), 'state.json')
  process.on('exit', () => rmSync(join(stateFile, '..'), { recursive: true, force: true }))
  void installedOrSay().then((state) => {
    // Whole or not at all: somebody may be reading.
    writeFileSync(`${stateFile}.new`, JSON.stringify(state))
    renameSync(`${stateFile}.new`, stateFile)
  })
  return { [STATE_VARIABLE]: stateFile }
}

/**
 * Starts one whose configurations ask the model server at `modelUrl` (`…/v1`).
 * @returns why there is none, in words, where it cannot be had
 */
export async function startNemo(modelUrl: string): Promise<NemoServer | { missing: string }> {
  const stateFile = process.env[STATE_VARIABLE]
  const { missing, python } = await (stateFile === undefined
    ? installedOrSay()
    : stateIn(stateFile))
  if (python === undefined) return { missing: missing ?? 'it was not installed' }
  const folder = mkdtempSync(join(tmpdir(), 'weir-nemo-'))
  writeConfigurations(folder, modelUrl)
  const [port] = freePorts(1) as [number]
  const child = Bun.spawn([python, SCRIPT, folder, String(port)], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      PYTHONDONTWRITEBYTECODE: '1',
      NEMO_GUARDRAILS_NO_USAGE_STATS: '1',
      HF_HUB_OFFLINE: '1',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.add(child)
  // Its input ends with this process, however that goes, and then it ends the server.
  const guard = Bun.spawn(['/bin/sh', '-c', `cat >/dev/null; kill -9 ${child.pid} 2>/dev/null`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  const errors = child.stderr.text()
  const stop = async () => {
    child.kill('SIGKILL')
    await child.exited
    running.delete(child)
    guard.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  if (await isUp(url, child)) {
    return {
      url,
      stop,
      pause() {
        child.kill('SIGSTOP')
        return () => child.kill('SIGCONT')
      },
    }
  }
  await stop()
  return { missing: `it did not start: ${(await errors).slice(-500)}` }
}

async function isUp(url: string, child: Bun.Subprocess): Promise<boolean> {
  const limit = performance.now() + START_LIMIT_MS
  while (performance.now() < limit && child.exitCode === null) {
    try {
      const response = await fetch(`${url}/v1/health`)
      if (response.ok) return true
    } catch {
      // It does not listen yet.
    }
    await Bun.sleep(100)
  }
  return false
}

/** Two configurations: patterns on what comes in and goes out, and words refused by a flow in Colang on what comes in alone. */
function writeConfigurations(folder: string, modelUrl: string): void {
  const model = `  - {type: main, engine: openai, model: tiny, parameters: {base_url: "${modelUrl}", api_key: sk-local}}`
  mkdirSync(join(folder, 'patterns'))
  writeFileSync(
    join(folder, 'patterns', 'config.yml'),
    String.raw`models:
${model}
passthrough: true
rails:
  config:
    regex_detection:
      input: {patterns: ['\b\d{3}-\d{2}-\d{4}\b', '(?i)secret project']}
      output: {patterns: ['(?i)internal-only']}
  input: {flows: [regex check input]}
  output:
    flows: [regex check output]
    streaming: {enabled: true, chunk_size: 20, context_size: 5, stream_first: false}
`,
  )
  mkdirSync(join(folder, 'words'))
  writeFileSync(
    join(folder, 'words', 'config.yml'),
    `models:
${model}
passthrough: true
rails:
  input: {flows: [block words]}
`,
  )
  writeFileSync(
    join(folder, 'words', 'rails.co'),
    `define bot refuse words
  "Blocked by colang rail."

define subflow block words
  if "forbidden" in $user_message
    bot refuse words
    stop
`,
  )
}

async function stateIn(file: string): Promise<InstalledState> {
  const limit = performance.now() + INSTALL_LIMIT_MS
  while (performance.now() < limit) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as InstalledState
    await Bun.sleep(200)
  }
  return { missing: `it was not installed within ${INSTALL_LIMIT_MS / 1_000} s` }
}

async function installedOrSay(): Promise<InstalledState> {
  try {
    return await installed()
  } catch (error) {
    return { missing: String(error) }
  }
}

async function installed(): Promise<InstalledState> {
  const cache = process.env['WEIR_TEST_CACHE'] ?? join(homedir(), '.cache', 'weir-tests')
  const place = join(cache, `nemo-${VERSION}`)
  const python = join(place, 'bin', 'python')
  if (existsSync(python)) return { python }
  const base = Bun.which('python3')
  if (base === null) return { missing: 'there is no python3' }
  mkdirSync(cache, { recursive: true })
  // Made beside its place and moved there whole: a run that is stopped leaves nothing that looks finished.
  const partial = mkdtempSync(join(cache, 'nemo-'))
  try {
    const made = await run([base, '-m', 'venv', partial])
    if (made !== undefined) return { missing: `python3 -m venv failed: ${made}` }
    const pip = [join(partial, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', '--no-input']
    const flags = ['--disable-pip-version-check', '--retries', '1', '--timeout', '20']
    const failed = await run([...pip, ...flags, `nemoguardrails[server]==${VERSION}`])
    if (failed !== undefined) return { missing: `pip could not install it: ${failed}` }
    if (!existsSync(place)) renameSync(partial, place)
    return { python }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

/** Why it failed, or undefined. */
async function run(command: string[]): Promise<string | undefined> {
  const child = Bun.spawn(command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: INSTALL_LIMIT_MS,
  })
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) === 0) return undefined
  const lines = `${out}\n${error}`.split('\n').filter((line) => line.trim() !== '')
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'it said nothing'
}
