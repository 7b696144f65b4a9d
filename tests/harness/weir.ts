// Starts the compiled executable the way a person would, in an empty environment and a folder of its own, and stops it.
// It must leave no process behind, not even when the test run itself is killed; and it waits for events, never for time.

import { Database } from 'bun:sqlite'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface WeirOptions {
  /** Written as the configuration file. Discovery is off unless it says otherwise. */
  readonly config?: object
  /** Added to an environment that holds PATH alone. */
  readonly env?: Readonly<Record<string, string>>
  /** Arguments after the usual ones. */
  readonly args?: readonly string[]
  /** Files put into the working folder before the start, by name. */
  readonly files?: Readonly<Record<string, string>>
}

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** One row of the request log, by its columns. */
export type LogRow = Readonly<Record<string, string | number | null>>

export interface Weir {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly dataFolder: string
  readonly configFile: string
  stdout(): string
  stderr(): string
  /** Runs another command of the executable on the same data and configuration. */
  runCli(...args: string[]): Promise<CliResult>
  /** Rows of the request log, oldest first. */
  rows(requestId?: string): LogRow[]
  /** The only row of a request, once it is there. Throws when none comes, or more than one is there. */
  row(requestId: string): Promise<LogRow>
  /** Rewrites the configuration file. */
  configure(config: object): void
  /** Resolves to the exit code when the process has ended, by whatever; its folder and its rows are still there. */
  readonly ended: Promise<number>
  /** Resolves to the exit code; its folder is removed. */
  stop(signal?: NodeJS.Signals): Promise<number>
}

const START_LIMIT_MS = 60_000
const ROW_LIMIT_MS = 30_000

const running = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The executable under test: `WEIR_EXECUTABLE`, else the one that the build makes. @throws when there is none */
export function executablePath(): string {
  const name = process.platform === 'win32' ? 'weir.exe' : 'weir'
  const given = process.env['WEIR_EXECUTABLE']
  const path = given ?? join(import.meta.dir, '..', '..', 'dist', name)
  if (existsSync(path)) return path
  throw new Error(`There is no executable at ${path}: make it with 'bun run build'.`)
}

/** Starts it and waits until it says where it listens. @throws with its output when it ends instead */
export async function startWeir(options: WeirOptions = {}): Promise<Weir> {
  const executable = executablePath()
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-'))
  const configFile = join(folder, 'weir.json')
  const dataFolder = join(folder, 'data')
  const configure = (config: object) =>
    writeFileSync(
      configFile,
      JSON.stringify({ discovery: { environment: false, local: false }, ...config }),
    )
  configure(options.config ?? {})
  for (const [name, text] of Object.entries(options.files ?? {})) {
    writeFileSync(join(folder, name), text)
  }
  const common = ['--config', configFile, '--data', dataFolder]
  const spawnOptions = {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
  }
  const child = Bun.spawn(
    [executable, 'serve', '--port', '0', ...common, ...(options.args ?? [])],
    { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  running.add(child)
  const guard = guardAgainstOrphan(child.pid)
  const out = new Gathered(child.stdout)
  const err = new Gathered(child.stderr)
  const ended = child.exited.then((code) => {
    running.delete(child)
    guard?.kill()
    return code
  })
  const said = await Promise.race([
    out.until((text) => /listens on (?:\u001b\[\d+m)?(http:\/\/[^\s\u001b]+)/.exec(text)?.[1]),
    ended.then(() => undefined),
    Bun.sleep(START_LIMIT_MS).then(() => undefined),
  ])
  if (said === undefined) {
    child.kill('SIGKILL')
    await ended
    // What it said last may still be on its way when it is gone.
    await Promise.all([out.ended, err.ended])
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`The executable did not start:\n${out.text}\n${err.text}`)
  }
  const log = new LogReader(join(dataFolder, 'weir-log.db'))
  return {
    url: said,
    port: Number(new URL(said).port),
    pid: child.pid,
    dataFolder,
    configFile,
    stdout: () => out.text,
    stderr: () => err.text,
    configure,
    ended,
    rows: (requestId) => log.rows(requestId),
    row: (requestId) => log.row(requestId),
    async runCli(...args) {
      const cli = Bun.spawn([executable, ...args, ...common], {
        ...spawnOptions,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr, code] = await Promise.all([
        new Response(cli.stdout).text(),
        new Response(cli.stderr).text(),
        cli.exited,
      ])
      return { code, stdout, stderr }
    },
    async stop(signal = 'SIGTERM') {
      log.close()
      child.kill(signal)
      const code = await ended
      await Promise.all([out.ended, err.ended])
      rmSync(folder, { recursive: true, force: true })
      return code
    },
  }
}

/** No request has more than one row. @throws naming one that has */
export function expectSingleRows(weir: Weir): void {
  const seen = new Set<unknown>()
  for (const { request_id: id } of weir.rows()) {
    if (seen.has(id)) throw new Error(`more than one log row for ${String(id)}`)
    seen.add(id)
  }
}

/** Resident memory of a process now; undefined where the system has no /proc. */
export function memoryBytes(pid: number): number | undefined {
  return process.platform === 'linux' ? memoryLine(pid, 'VmRSS') : undefined
}

/**
 * Memory from here on: what a process has grown by at its most, in bytes. The kernel keeps one highest mark for a process's whole
 * life, so it is set back first: what went before, and was given back since, doesn't count. Undefined where there is no /proc.
 */
export function watchGrowth(pid: number): (() => number) | undefined {
  const before = memoryBytes(pid)
  if (before === undefined) return undefined
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return () => memoryLine(pid, 'VmHWM') - before
}

function memoryLine(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024
}

/** A shell that waits for this process's end by the end of its input, and then ends the child too. */
function guardAgainstOrphan(pid: number): Bun.Subprocess | undefined {
  if (process.platform === 'win32') return undefined
  const guard = Bun.spawn(['/bin/sh', '-c', `cat >/dev/null; kill -9 ${pid} 2>/dev/null`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  return guard
}

/** What a child printed so far, and a way to wait for a part of it. */
class Gathered {
  text = ''
  readonly ended: Promise<void>
  private readonly waiting = new Set<() => void>()

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.read(stream)
  }

  until<T>(find: (text: string) => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>()
    const look = () => {
      const found = find(this.text)
      if (found === undefined) return
      this.waiting.delete(look)
      resolve(found)
    }
    this.waiting.add(look)
    look()
    return promise
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true })
      for (const look of this.waiting) look()
    }
  }
}

/** Reads the log store beside the running program; rows are written in groups, so a new one is waited for. */
class LogReader {
  private readonly path: string
  private database: Database | undefined

  constructor(path: string) {
    this.path = path
  }

  rows(requestId?: string): LogRow[] {
    this.database ??= new Database(this.path, { readonly: true })
    this.database.run('PRAGMA busy_timeout = 2000')
    const where = requestId === undefined ? '' : 'WHERE request_id = ?'
    return this.database
      .query<LogRow, string[]>(`SELECT * FROM requests ${where} ORDER BY sequence`)
      .all(...(requestId === undefined ? [] : [requestId]))
  }

  async row(requestId: string): Promise<LogRow> {
    const limit = performance.now() + ROW_LIMIT_MS
    for (;;) {
      const rows = this.rows(requestId)
      if (rows.length > 1) throw new Error(`${rows.length} log rows for ${requestId}`)
      if (rows[0] !== undefined) return rows[0]
      if (performance.now() > limit) throw new Error(`no log row for ${requestId}`)
      await Bun.sleep(5)
    }
  }

  close(): void {
    this.database?.close()
  }
}
