// Processes of a run: started with a small environment, waited for, asked for processor time and memory, stopped. Times and
// memory come from /proc, so from Linux alone; it ends only processes it started itself.

import { readdirSync, readFileSync } from 'node:fs'

/** /proc counts in these; sysconf(_SC_CLK_TCK) is 100 on every Linux that Bun runs on. */
const TICK_MS = 10

/** Whether processor time and memory of other processes can be read here. */
export const canMeasure = process.platform === 'linux'

export interface StartOptions {
  readonly name: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Working directory. */
  readonly folder: string
  readonly port: number
  /** Path that answers 200 once the process serves. */
  readonly readyPath: string
  /** Open files it needs. */
  readonly filesMin?: number
}

export interface Readiness {
  /** From before the start to the end of the first 200. */
  readonly elapsedMs: number
  /** Processor time of all its threads until then; 0 where that cannot be read. */
  readonly cpuMs: number
}

const READY_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000

export class Running {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly ready: Readiness
  private readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  private readonly output: Promise<string>

  constructor(
    options: StartOptions,
    child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
    output: Promise<string>,
    ready: Readiness,
  ) {
    this.name = options.name
    this.port = options.port
    this.pid = child.pid
    this.child = child
    this.output = output
    this.ready = ready
  }

  /** User and system time of all threads since the start, milliseconds in steps of ten. */
  cpuMs(): number {
    if (!canMeasure) return Number.NaN
    const text = readFileSync(`/proc/${this.pid}/stat`, 'latin1')
    // The name in parentheses may hold spaces; the numbers follow its end.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  /** Resident memory in MiB. */
  residentMib(): number {
    if (!canMeasure) return Number.NaN
    const text = readFileSync(`/proc/${this.pid}/status`, 'latin1')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) / 1024
  }

  /** Why it has ended although nobody stopped it; undefined while it runs. */
  async death(): Promise<string | undefined> {
    const { exitCode, signalCode } = this.child
    if (exitCode === null && signalCode === null) return undefined
    return `${this.name} ended by itself (${signalCode ?? exitCode}): ${(await this.output).slice(-2000)}`
  }

  /** Asks it to end, and ends it when it does not. Resolves to what is wrong with the way it ended. */
  async stop(): Promise<string | undefined> {
    const death = await this.death()
    if (death !== undefined) return death
    this.child.kill('SIGTERM')
    const forced = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const code = await this.child.exited
    clearTimeout(forced)
    if (code === 0) return undefined
    return `${this.name} did not stop cleanly (${code}): ${(await this.output).slice(-2000)}`
  }
}

/** Starts a process and waits for its first 200. @throws Error with its output when it ends or stays silent */
export async function start(options: StartOptions): Promise<Running> {
  const startedMs = performance.now()
  const child = Bun.spawn(withOpenFiles(options.command, options.filesMin ?? 0), {
    cwd: options.folder,
    env: { ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]).then((texts) => texts.join(''))
  for (;;) {
    if (await answers200(options.port, options.readyPath)) break
    const late = performance.now() - startedMs > READY_TIMEOUT_MS
    if (late) child.kill('SIGKILL')
    if (late || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${options.name} did not start: ${(await output).slice(-2000)}`)
    }
    await Bun.sleep(1)
  }
  const ready = { elapsedMs: performance.now() - startedMs, cpuMs: threadsCpuMs(child.pid) }
  return new Running(options, child, output, ready)
}

/** How many files a process may have open: what it may now, and what it may raise that to. */
export function openFiles(): { soft: number; hard: number } {
  if (!canMeasure) return { soft: Number.NaN, hard: Number.NaN }
  const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
  const number = (text: string | undefined) =>
    text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text)
  return { soft: number(line?.[1]), hard: number(line?.[2]) }
}

/** The command, behind a shell that raises its limit where the present one is too low. */
function withOpenFiles(command: readonly string[], filesMin: number): string[] {
  const { soft, hard } = openFiles()
  if (!(soft < filesMin)) return [...command]
  const limit = String(Math.min(filesMin, hard))
  return ['/bin/sh', '-c', 'ulimit -n "$1"; shift; exec "$@"', 'sh', limit, ...command]
}

/** One request on a connection of its own; resolves to false for anything but a 200. */
async function answers200(port: number, path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  try {
    await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        open(socket) {
          socket.write(
            `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`,
          )
        },
        data(socket, data) {
          resolve(data.toString('latin1', 0, 12) === 'HTTP/1.1 200')
          socket.end()
        },
        close: () => resolve(false),
        error: () => resolve(false),
      },
    })
  } catch (refused) {
    // Nobody listens yet, which is what this function is asked about.
    resolve(refused === undefined)
  }
  return await promise
}

/** Processor time of all living threads, finer than ten milliseconds. */
function threadsCpuMs(pid: number): number {
  if (!canMeasure) return Number.NaN
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0],
    )
  }
  return nanoseconds / 1e6
}
